"""What the pages about bids show: one frozen object for each, so that templates compute nothing."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from flask import url_for

from broker.access import Action, Actor, may
from broker.bids.drafts import BidDraft
from broker.bids.reading import BidRound, BidVersion, Standing, TeamBid
from broker.bids.templates import BidTemplate
from broker.dashboards.bid_desk import BidDesk, PoolChoice, TeamChoice
from broker.dashboards.briefs import RoundBrief
from broker.dashboards.listings import Row
from broker.proofs.receipts import Enclosed
from broker.states import BidState, RoundState
from web.bid_forms import FieldFinding, TypedBid
from web.bid_guesses import Guess
from web.filters import instant, until


@dataclass(frozen=True, slots=True)
class Step:
    """Something that a reader can do from here; `look` is the class of its button."""

    word: str
    url: str
    look: str = "quiet"


@dataclass(frozen=True, slots=True)
class Start:
    """What a new bid can start from; `value` is what the address says."""

    value: str
    words: str


@dataclass(frozen=True)
class BidForm:
    """The form of a bid, with what was typed into it and what is wrong with that.

    `carried` are the fields that no one sees; `focus` names the field that takes the focus.
    """

    heading: str
    action: str
    estimate_url: str
    now: dt.datetime
    desk: BidDesk
    typed: TypedBid
    draft: BidDraft
    guess: Guess
    findings: tuple[FieldFinding, ...] = ()
    refusal: str = ""
    said: str = ""
    focus: str = ""
    starts: tuple[tuple[str, tuple[Start, ...]], ...] = ()
    is_copy: bool = False
    bid: TeamBid | None = None
    version: str = ""

    @property
    def round(self) -> BidRound:
        """The round that the bid is for."""
        return self.desk.round

    @property
    def is_submitted(self) -> bool:
        """Whether the bid is in the round already, and the form only changes it."""
        return self.bid is not None and self.bid.state == "submitted"

    @property
    def carried(self) -> tuple[tuple[str, str], ...]:
        """The fields that a form sends without showing them."""
        place = (("round", self.round.key), ("team", self.desk.team.key))
        return (*place, ("version", self.version)) if self.version else place

    @property
    def pools(self) -> tuple[tuple[str, tuple[PoolChoice, ...]], ...]:
        """The pools to choose from, by kind."""
        return self.desk.pools_by_kind

    @property
    def pool_words(self) -> Mapping[str, PoolChoice]:
        """The pools by key."""
        return {pool.key: pool for pool in self.desk.pools}

    @property
    def theme_words(self) -> Mapping[str, str]:
        """The names of the themes by key."""
        return {theme.key: theme.name for theme in self.desk.themes}

    @cached_property
    def texts(self) -> Mapping[str, str]:
        """What was typed, by field."""
        return dict(self.typed.fields())

    def text(self, name: str) -> str:
        """Return what was typed into a field."""
        return self.texts.get(name, "")

    def errors(self, name: str) -> tuple[str, ...]:
        """Return what is wrong with a field."""
        return tuple(one.words for one in self.findings if one.field == name)


@dataclass(frozen=True, slots=True)
class Written:
    """A version of a bid in its history, and in what it differs from the one before."""

    version: int
    state: str
    by: str
    at: dt.datetime
    changes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class BidScreen:
    """A bid for its team: what it says, what happens next, what was ever written in it."""

    bid: TeamBid
    desk: BidDesk
    now: dt.datetime
    steps: tuple[Step, ...]
    guess: Guess | None
    history: tuple[Written, ...]
    can_keep_template: bool
    enclosed: Enclosed | None
    """Where its receipt stands in the sealed log of a round that is closed."""

    @property
    def title(self) -> str:
        """What the bid is called."""
        return title_of(self.bid)

    @property
    def next_step(self) -> str:
        """What the bid waits for."""
        return next_step_of(self.bid, self.now)

    @property
    def round(self) -> BidRound:
        """The round of the bid."""
        return self.desk.round

    @property
    def team(self) -> TeamChoice:
        """The team that bids."""
        return self.desk.team

    @property
    def pools(self) -> Mapping[str, PoolChoice]:
        """The pools by key."""
        return {pool.key: pool for pool in self.desk.pools}

    @property
    def themes(self) -> Mapping[str, str]:
        """The names of the themes by key."""
        return {theme.key: theme.name for theme in self.desk.themes}


@dataclass(frozen=True, slots=True)
class TemplateLine:
    """A template in the list: new bids that could start from it, and whether it may be removed."""

    template: BidTemplate
    steps: tuple[Step, ...]
    may_remove: bool


def template_line(
    actor: Actor, template: BidTemplate, bid_in: Sequence[RoundBrief]
) -> TemplateLine:
    """Return a template with what its reader may do with it."""
    may_place = may(actor, Action.PLACE_BID, team_id=template.team_id)
    start: dict[str, Any] = {"from": f"template-{template.id}", "team": template.team_key}
    steps = (
        Step(f"New bid in {one.name}", url_for("filling.new", round=one.key, **start))
        for one in bid_in
    )
    return TemplateLine(template, tuple(steps) if may_place else (), may_place)


def title_of(bid: TeamBid) -> str:
    """Return what a bid is called; a draft may have no title yet."""
    return bid.draft.title or "Draft without a title"


# --- what changed from one version to the next ---------------------------------------------


def history_of_versions(versions: tuple[BidVersion, ...]) -> tuple[Written, ...]:
    """Return the versions of a bid, newest first, each with what changed in it."""
    before = (*versions[1:], None)
    return tuple(
        Written(
            one.version,
            one.state,
            one.author or one.written_by,
            one.written_at,
            _changes(one, older),
        )
        for one, older in zip(versions, before, strict=True)
    )


def _changes(one: BidVersion, older: BidVersion | None) -> tuple[str, ...]:
    if older is None:
        return ("first version",)
    said = tuple(
        f"{label}: {old or 'nothing'} → {new or 'nothing'}"
        for label, old, new in differences(older.draft, one.draft)
    )
    return said or (() if one.state == older.state else (str(one.state.value),))


def differences(old: BidDraft, new: BidDraft) -> tuple[tuple[str, str, str], ...]:
    """Return in which fields two drafts differ: what the field is called, and both texts."""
    before, after = _labelled(old), _labelled(new)
    labels = dict.fromkeys((*before, *after))
    return tuple(
        (label, before.get(label, ""), after.get(label, ""))
        for label in labels
        if before.get(label, "") != after.get(label, "")
    )


def _labelled(draft: BidDraft) -> dict[str, str]:
    """Return every field of a draft by what it is called."""
    texts = {
        "title": draft.title,
        "success measure": draft.success_measure,
        "accountable owner": draft.owner_after_award,
        "end": _text(draft.ends_on),
        "theme": draft.theme_key or "",
        "purpose of the data": draft.purpose,
    }
    for number, one in enumerate(draft.alternatives, 1):
        where = f"alternative {number}, " if len(draft.alternatives) > 1 else ""
        texts |= {
            f"{where}tier": _text(one.tier and one.tier.value),
            f"{where}offer": _text(one.offer_credits_per_lot),
            f"{where}lots": f"{_text(one.min_lots)} to {_text(one.max_lots)}",
            f"{where}start": f"{_text(one.earliest_start)} to {_text(one.latest_start)}",
            f"{where}pools": ", ".join(
                f"{_text(item.units_per_lot)} × {item.pool_key}, {_text(item.days)} days"
                + (f" after {item.offset_days}" if item.offset_days else "")
                for item in one.items
            ),
        }
    return texts


def _text(value: object | None) -> str:
    return "" if value is None else str(value)


# --- what somebody can do with a bid -------------------------------------------------------


def steps_of(
    bid: TeamBid, at: dt.datetime, bid_in: tuple[RoundBrief, ...], *, may_place: bool
) -> tuple[Step, ...]:
    """Return where a reader can go from a bid; who only reads can only see its receipt."""
    receipt = Step("See the receipt", url_for("receipts.show", receipt_id=bid.id), "primary")
    again = tuple(
        Step(f"Bid again in {brief.name}", _again(bid, brief))
        for brief in bid_in
        if not (brief.key == bid.round.key and bid.standing in {Standing.DRAFT, Standing.SUBMITTED})
    )
    own = _changes_of(bid, at) if may_place else ()
    return (*((receipt,) if bid.is_decided else ()), *own, *(again if may_place else ()))


def _again(bid: TeamBid, brief: RoundBrief) -> str:
    asked: dict[str, Any] = {"round": brief.key, "team": bid.team_key, "from": f"bid-{bid.id}"}
    return url_for("filling.new", **asked)


def _changes_of(bid: TeamBid, at: dt.datetime) -> tuple[Step, ...]:
    edit, away = (
        url_for(f"{page}", bid_id=bid.id) for page in ("filling.edit", "bids.ask_withdraw")
    )
    if bid.state is BidState.DRAFT:
        review = url_for("filling.review", bid_id=bid.id)
        return Step("Go on", edit, "primary"), Step("Review", review), Step("Put aside", away)
    if bid.state is BidState.SUBMITTED and bid.round.takes_bids(at):
        return Step("Change", edit, "primary"), Step("Withdraw", away, "danger")
    return ()


def row_steps(actor: Actor, row: Row) -> tuple[Step, ...]:
    """Return where a reader can go from a row of the list."""
    here = {"bid_id": row["bid_id"]}
    if row["state"] in RESULTS:
        return (Step("Receipt", url_for("receipts.show", receipt_id=row["bid_id"])),)
    is_own = may(actor, Action.PLACE_BID, team_id=row["team_id"])
    if not is_own or row["round_state"] not in {RoundState.SCHEDULED, RoundState.OPEN}:
        return ()
    if row["state"] not in {Standing.DRAFT, Standing.SUBMITTED}:
        return ()
    word = "Go on" if row["state"] == Standing.DRAFT else "Change"
    return (
        Step(word, url_for("filling.edit", **here)),
        Step("Withdraw", url_for("bids.ask_withdraw", **here)),
    )


def next_step_of(bid: TeamBid, at: dt.datetime) -> str:
    """Say in a sentence what a bid waits for."""
    closes = bid.round.closes_at
    due = f"closes {until(closes, at)}, on {instant(closes)}" if closes else "is open"
    if bid.standing is Standing.DRAFT:
        return f"A draft takes no part: submit it before {bid.round.name} closes."
    if bid.standing is Standing.WITHDRAWN:
        return "It takes no part any more; you can bid again with what it says."
    if bid.is_decided:
        return RESULTS[bid.standing]
    if bid.round.takes_bids(at):
        return f"It takes part. {bid.round.name} {due}; until then you can change or withdraw it."
    return f"{bid.round.name} is closed and the bid is frozen; the result comes with a receipt."


RESULTS: Mapping[Standing, str] = {
    Standing.WON: "It won all that it asked for. The receipt says what it pays and why.",
    Standing.PART_WON: "It won a part of its lots. The receipt says what it pays and why.",
    Standing.DECLINED: "It was declined. The receipt says why, and what would have won.",
}


@dataclass(frozen=True, slots=True)
class ConflictScreen:
    """Two versions of a bid that were written at the same time, and where they differ."""

    bid: TeamBid
    newest: Written
    differences: tuple[tuple[str, str, str], ...]


def conflict_of(theirs: TeamBid, mine: BidDraft) -> ConflictScreen:
    """Compare the bid as it stands with what somebody else wanted to write."""
    newest = history_of_versions((theirs.latest,))[0]
    return ConflictScreen(theirs, newest, differences(theirs.draft, mine))
