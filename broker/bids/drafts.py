"""A bid as a team writes it: complete or not, without names of the database.

Pure. A form, a file or a program fills these; what is missing is None or empty. findings.py says
what keeps a draft from being submitted.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from allocation.problem import Alternative, Item, PoolKey, Tier
from allocation.wire import Document
from broker.policy.pledges import Pledge


@dataclass(frozen=True, slots=True)
class DraftItem:
    """One pool of an alternative."""

    pool_key: str = ""
    offset_days: int | None = 0
    days: int | None = None
    units_per_lot: int | None = None


@dataclass(frozen=True, slots=True)
class DraftAlternative:
    """One way to serve the bid. `number` is None for its place in the list, the first being 1."""

    tier: Tier | None = Tier.RESERVED
    earliest_start: dt.date | None = None
    latest_start: dt.date | None = None
    min_lots: int | None = 1
    max_lots: int | None = 1
    offer_credits_per_lot: int | None = None
    items: tuple[DraftItem, ...] = ()
    number: int | None = None

    @property
    def span_days(self) -> int | None:
        """How many days from the start until the last item ends; None while that is open."""
        ends = [(item.offset_days, item.days) for item in self.items]
        whole = [offset + days for offset, days in ends if offset is not None and days is not None]
        return max(whole) if whole and len(whole) == len(ends) else None

    @property
    def largest_offer_credits(self) -> int | None:
        """What the alternative costs at most."""
        if self.offer_credits_per_lot is None or self.max_lots is None:
            return None
        return self.offer_credits_per_lot * self.max_lots


@dataclass(frozen=True, slots=True)
class BidDraft:
    """What a team asks for and pledges, as far as it is written.

    Theme, accountable owner, success measure and end are what makes a bid ready; the purpose is
    that of the data which it asks for.
    """

    title: str = ""
    alternatives: tuple[DraftAlternative, ...] = ()
    theme_key: str | None = None
    owner_after_award: str = ""
    success_measure: str = ""
    ends_on: dt.date | None = None
    purpose: str = ""

    @property
    def pledge(self) -> Pledge:
        """What the team pledges, as the policy looks at it."""
        return Pledge(
            self.theme_key,
            self.owner_after_award,
            self.success_measure,
            self.ends_on,
            self.purpose,
        )

    @property
    def largest_offer_credits(self) -> int:
        """What the bid costs at most: the largest offer of its alternatives."""
        return max((one.largest_offer_credits or 0 for one in self.alternatives), default=0)

    @property
    def pool_keys(self) -> frozenset[str]:
        """Every pool that the bid names."""
        return frozenset(
            item.pool_key for one in self.alternatives for item in one.items if item.pool_key
        )


def numbered(draft: BidDraft) -> tuple[tuple[int, DraftAlternative], ...]:
    """Return the alternatives of a draft with their numbers, in the order in which they stand."""
    return tuple(
        (place if one.number is None else one.number, one)
        for place, one in enumerate(draft.alternatives, 1)
    )


def renumbered(draft: BidDraft) -> BidDraft:
    """Return a draft whose alternatives are numbered by the places in which they stand."""
    alternatives = tuple(replace(one, number=None) for one in draft.alternatives)
    return replace(draft, alternatives=alternatives)


def latest_start_that_fits(
    alternative: DraftAlternative, starts_on: dt.date, days: int
) -> dt.date | None:
    """Return the last day on which an alternative can start and still end in its sprint."""
    span = alternative.span_days
    if span is None or not 1 <= span <= days:
        return None
    return starts_on + dt.timedelta(days=days - span)


# --- from one sprint to another --------------------------------------------------------------


def moved(draft: BidDraft, from_: dt.date, to: dt.date, days: int) -> BidDraft:
    """Return a draft of a sprint that began on one day for the sprint that begins on another.

    Windows keep their place in the sprint; where the new one is shorter, they end where a start
    still fits.
    """
    shift = (to - from_).days
    alternatives = tuple(_moved(one, shift, to, days) for one in draft.alternatives)
    return replace(draft, alternatives=alternatives, ends_on=_shifted(draft.ends_on, shift))


def _moved(one: DraftAlternative, shift: int, starts_on: dt.date, days: int) -> DraftAlternative:
    last = latest_start_that_fits(one, starts_on, days)
    return replace(
        one,
        earliest_start=_not_after(_shifted(one.earliest_start, shift), last),
        latest_start=_not_after(_shifted(one.latest_start, shift), last),
    )


def _shifted(day: dt.date | None, days: int) -> dt.date | None:
    if day is None:
        return None
    return dt.date.fromordinal(min(max(day.toordinal() + days, 1), dt.date.max.toordinal()))


def _not_after(day: dt.date | None, last: dt.date | None) -> dt.date | None:
    return min(day, last) if day and last else day


# --- to and from the market's own words ------------------------------------------------------


def draft_of(title: str, alternatives: Iterable[Alternative], pledge: Pledge) -> BidDraft:
    """Return what a complete bid asks for as a draft."""
    return BidDraft(
        title=title,
        alternatives=tuple(_draft_alternative(one) for one in alternatives),
        theme_key=pledge.theme_key,
        owner_after_award=pledge.owner_after_award,
        success_measure=pledge.success_measure,
        ends_on=pledge.ends_on,
        purpose=pledge.purpose,
    )


def _draft_alternative(one: Alternative) -> DraftAlternative:
    items = (DraftItem(i.pool_key, i.offset_days, i.days, i.units_per_lot) for i in one.items)
    return DraftAlternative(
        tier=one.tier,
        earliest_start=one.earliest_start,
        latest_start=one.latest_start,
        min_lots=one.min_lots,
        max_lots=one.max_lots,
        offer_credits_per_lot=one.offer_credits_per_lot,
        items=tuple(items),
        number=one.number,
    )


def alternatives_of(draft: BidDraft) -> tuple[Alternative, ...]:
    """Return the alternatives of a draft in which nothing is missing, each counting as offered."""
    return tuple(_alternative(number, one) for number, one in numbered(draft))


def _alternative(number: int, one: DraftAlternative) -> Alternative:
    offer = _there(one.offer_credits_per_lot)
    items = tuple(
        Item(PoolKey(i.pool_key), _there(i.offset_days), _there(i.days), _there(i.units_per_lot))
        for i in one.items
    )
    return Alternative(
        number=number,
        tier=_there(one.tier),
        offer_credits_per_lot=offer,
        value_score_per_lot=offer,
        min_lots=_there(one.min_lots),
        max_lots=_there(one.max_lots),
        earliest_start=_there(one.earliest_start),
        latest_start=_there(one.latest_start),
        items=items,
    )


def _there(value: Any) -> Any:
    if value is None:
        raise ValueError("A draft is incomplete; look at its findings first.")
    return value


# --- as documents ----------------------------------------------------------------------------


def draft_document(draft: BidDraft) -> Document:
    """Return a draft as it is stored and committed to: plain values, days in ISO form."""
    document: Document = _plain(asdict(draft))
    return document


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _plain(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    return value.isoformat() if isinstance(value, dt.date) else value


def draft_from(document: Mapping[str, Any]) -> BidDraft:
    """Return the draft that `draft_document` wrote."""
    alternatives = tuple(_alternative_from(one) for one in document["alternatives"])
    return BidDraft(
        **{**document, "alternatives": alternatives, "ends_on": _day(document["ends_on"])}
    )


def _alternative_from(document: Mapping[str, Any]) -> DraftAlternative:
    return DraftAlternative(
        **{
            **document,
            "tier": Tier(document["tier"]) if document["tier"] else None,
            "earliest_start": _day(document["earliest_start"]),
            "latest_start": _day(document["latest_start"]),
            "items": tuple(DraftItem(**item) for item in document["items"]),
        }
    )


def _day(text: str | None) -> dt.date | None:
    return dt.date.fromisoformat(text) if text else None
