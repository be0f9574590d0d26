"""What needs somebody, in a sentence with the place where it is done."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

from flask import url_for

from broker.bids.reading import Standing
from broker.dashboards.my_market import MyMarket, Need, NeedKind
from web.filters import units_of, until


@dataclass(frozen=True, slots=True)
class Call:
    """A sentence about what waits, and the link that leads there."""

    sentence: str
    word: str
    url: str


def calls_of(mine: MyMarket, now: dt.datetime) -> tuple[Call, ...]:
    """Return what needs whoever asks, the most pressing first."""
    return tuple(_call(need, now) for need in mine.needs)


def _call(need: Need, now: dt.datetime) -> Call:
    there, word = _place(need)
    return Call(_sentence(need, now), word, there)


def _sentence(need: Need, now: dt.datetime) -> str:
    where = need.round.name if need.round else ""
    closes = need.round.closes_at if need.round else None
    due = f"closes {until(closes, now)}" if closes else "is open"
    drafts, bids = units_of(need.count, "draft"), units_of(need.count, "bid")
    awards = units_of(need.count, "award")
    stand = "stands" if need.count == 1 else "stand"
    return {
        NeedKind.SUBMIT_DRAFTS: f"{drafts} {stand} outside {where}, which {due}.",
        NeedKind.PLACE_FIRST_BID: f"Your team has no bid in {where} yet, which {due}.",
        NeedKind.COMPLETE_PLEDGES: f"{bids} in {where} could name success measure, owner or end.",
        NeedKind.REPORT_DELIVERIES: f"{awards} ended without a word on what came of them.",
        NeedKind.DECIDE_DELIVERIES: f"{awards} of others wait for you to say what came of them.",
        NeedKind.READ_NOTICES: f"{units_of(need.count, 'notice')} you have not read.",
    }[need.kind]


def _place(need: Need) -> tuple[str, str]:
    """Return where it is done, and the word for it."""
    here: dict[str, Any] = {"round": need.round.name} if need.round else {}
    if need.kind is NeedKind.PLACE_FIRST_BID:
        return url_for("filling.new", round=need.round.key if need.round else None), "Place a bid"
    if need.kind is NeedKind.SUBMIT_DRAFTS:
        return url_for("bids.index", state=Standing.DRAFT.value, **here), "See the drafts"
    if need.kind is NeedKind.COMPLETE_PLEDGES:
        return url_for("bids.index", state=Standing.SUBMITTED.value, **here), "See the bids"
    if need.kind is NeedKind.READ_NOTICES:
        return url_for("notices.index"), "Read them"
    word = "Report" if need.kind is NeedKind.REPORT_DELIVERIES else "Look at them"
    return url_for("deliveries.index"), word
