"""What keeps a draft from being submitted: one finding per field, all of them at once.

Paths name fields of drafts.py (`alternatives.0.items.1.units_per_lot`); sentences count from 1, as
people do. Nothing here looks at the bids of another team. placing.py and writing.py ask here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import ClassVar

from broker.bids.desks import Desk
from broker.bids.drafts import BidDraft, DraftAlternative, DraftItem, numbered
from broker.errors import InvalidBid
from broker.policy.documents import MOST_PERCENT
from broker.policy.pledges import findings_in_pledge
from broker.tables import RoundRow
from broker.texts import (
    LARGEST_NUMBER,
    LARGEST_UNITS,
    findings_in_number,
    findings_in_text,
)

MOST_ALTERNATIVES, MOST_ITEMS = 100, 100
"""How long the lists of a draft may be."""
PLEDGED_FIELDS = {
    "owner after the award": "owner_after_award",
    "success measure": "success_measure",
    "end": "ends_on",
    "theme": "theme_key",
    "purpose": "purpose",
}
"""The field of every text with which a finding about a pledge begins."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What is wrong with one field of a draft, in a sentence that says what to do."""

    path: str
    sentence: str

    def __str__(self) -> str:
        """Return the sentence."""
        return self.sentence


class InvalidDraft(InvalidBid):
    """A draft cannot be stored or submitted as it is; `found` names the fields."""

    code: ClassVar[str] = "invalid-draft"

    def __init__(self, key: str, found: Iterable[Finding]) -> None:
        self.found = tuple(found)
        super().__init__(key, [finding.sentence for finding in self.found])


def findings_in_shape(draft: BidDraft) -> Iterator[Finding]:
    """Say what keeps a draft from being kept at all, complete or not."""
    for path, what, text in _texts(draft):
        yield from _at(path, findings_in_text(what, text))
    if len(draft.alternatives) > MOST_ALTERNATIVES:
        yield Finding("alternatives", f"alternatives: a bid holds at most {MOST_ALTERNATIVES}.")
    for place, one in enumerate(draft.alternatives):
        if len(one.items) > MOST_ITEMS:
            sentence = f"alternative {place + 1}: it holds at most {MOST_ITEMS} items."
            yield Finding(f"alternatives.{place}.items", sentence)
        for position, item in enumerate(one.items):
            path = f"alternatives.{place}.items.{position}.pool_key"
            yield from _at(path, findings_in_text(f"alternative {place + 1}, pool", item.pool_key))


def findings_in_draft(draft: BidDraft, desk: Desk) -> Iterator[Finding]:
    """Say everything that keeps a draft from being a bid of its team in its round."""
    if not desk.is_bidder:
        yield not_bidding(desk.team_key, desk.round)
    yield from findings_in_shape(draft)
    yield from _findings_in_pledge(draft, desk)
    if not draft.title.strip():
        yield Finding("title", "title: is empty; say what the capacity is for.")
    if not draft.alternatives:
        yield Finding("alternatives", "alternatives: a bid needs at least one.")
    if len({number for number, _ in numbered(draft)}) < len(draft.alternatives):
        sentence = "alternatives: two have the same number; give each a number of its own."
        yield Finding("alternatives", sentence)
    yield from _findings_in_share(draft, desk)
    yield from _findings_in_purpose(draft, desk)
    for place, (number, one) in enumerate(numbered(draft)):
        path = f"alternatives.{place}"
        yield from _at(f"{path}.number", findings_in_number("alternative", number, 1))
        yield from _findings_in_alternative(path, f"alternative {number}", one, desk)


def not_bidding(team_key: str, row: RoundRow) -> Finding:
    """Return the finding about a team that a round does not know."""
    return Finding("team", f"team: {team_key[:64]!r} does not bid in round {row.key}.")


def _findings_in_share(draft: BidDraft, desk: Desk) -> Iterator[Finding]:
    """Say whether the team's bids would count for more than its share of what stays exact."""
    largest = max((most_points(one) for one in draft.alternatives), default=0)
    if desk.other_points + largest > desk.share_points:
        sentence = (
            "alternatives: the team's bids together exceed the largest value that is exact; "
            "offer less."
        )
        yield Finding("alternatives", sentence)


def _findings_in_purpose(draft: BidDraft, desk: Desk) -> Iterator[Finding]:
    """Say for which of its data pools a bid has no purpose that is allowed there."""
    for key in sorted(draft.pool_keys & desk.pools.keys()):
        pool = desk.pools[key]
        if pool.terms is not None and not pool.terms.allows(draft.purpose):
            said = (
                f"{draft.purpose[:80]!r} is none of"
                if draft.purpose
                else "is missing; choose one of"
            )
            allowed = ", ".join(pool.terms.purposes)
            yield Finding(
                "purpose", f"purpose: {said} what {pool.asked.name} may be used for: {allowed}."
            )


def _findings_in_length(
    path: str, where: str, one: DraftAlternative, desk: Desk
) -> Iterator[Finding]:
    """Say which data pools an alternative would use for longer than they may be used at once."""
    for position, item in enumerate(one.items):
        pool = desk.pools.get(item.pool_key)
        longest = pool.terms.longest_days if pool and pool.terms else None
        days = _days_of(item.pool_key, one)
        if longest is not None and days > longest:
            sentence = (
                f"{where}, {item.pool_key}, days: {days} in all, and it may be used for at most "
                f"{longest} days at once."
            )
            yield Finding(f"{path}.items.{position}.days", sentence)


def _days_of(pool_key: str, one: DraftAlternative) -> int:
    """Return the days from the first to the last on which an alternative uses a pool."""
    spans = [
        (item.offset_days or 0, (item.offset_days or 0) + (item.days or 0))
        for item in one.items
        if item.pool_key == pool_key
    ]
    return max(end for _, end in spans) - min(start for start, _ in spans)


def _texts(draft: BidDraft) -> Iterator[tuple[str, str, str]]:
    yield "title", "title", draft.title
    yield "owner_after_award", "owner after the award", draft.owner_after_award
    yield "success_measure", "success measure", draft.success_measure
    yield "theme_key", "theme", draft.theme_key or ""
    yield "purpose", "purpose", draft.purpose


def _findings_in_pledge(draft: BidDraft, desk: Desk) -> Iterator[Finding]:
    known = {finding.sentence for finding in findings_in_shape(draft)}
    for sentence in findings_in_pledge(draft.pledge, desk.policy, desk.round.starts_on):
        if sentence not in known:
            yield Finding(PLEDGED_FIELDS[sentence.partition(":")[0]], sentence)


def _findings_in_alternative(
    path: str, where: str, one: DraftAlternative, desk: Desk
) -> Iterator[Finding]:
    if one.tier is None:
        yield Finding(f"{path}.tier", f"{where}, tier: is missing; choose reserved or spot.")
    elif one.tier not in desk.tiers:
        sentence = f"{where}, tier: a daily round hands out spot capacity only; choose spot."
        yield Finding(f"{path}.tier", sentence)
    yield from _findings_in_lots(path, where, one)
    yield from _findings_in_offer(path, where, one)
    if not one.items:
        yield Finding(f"{path}.items", f"{where}: it needs at least one item.")
        return
    yield from _findings_in_window(path, where, one, desk.round)
    yield from _findings_in_length(path, where, one, desk)
    for position, item in enumerate(one.items):
        yield from _findings_in_item(f"{path}.items.{position}", where, one, item, desk)


def _findings_in_lots(path: str, where: str, one: DraftAlternative) -> Iterator[Finding]:
    yield from _number(f"{path}.min_lots", f"{where}, min lots", one.min_lots)
    if one.max_lots is None:
        yield from _number(f"{path}.max_lots", f"{where}, max lots", None)
    elif one.max_lots < (one.min_lots or 1):
        sentence = f"{where}, max lots: {one.max_lots} is below min lots {one.min_lots or 1}."
        yield Finding(f"{path}.max_lots", sentence)


def _findings_in_offer(path: str, where: str, one: DraftAlternative) -> Iterator[Finding]:
    path, where = f"{path}.offer_credits_per_lot", f"{where}, offer"
    offer = one.offer_credits_per_lot
    yield from _number(path, where, offer)
    largest = one.largest_offer_credits
    if largest is None:
        return
    if largest > LARGEST_NUMBER:
        sentence = f"{where}: {offer} × {one.max_lots} lots is more than {LARGEST_NUMBER}."
        yield Finding(path, sentence)
    elif most_points(one) > LARGEST_NUMBER:
        sentence = (
            f"{where}: {offer} × {one.max_lots} lots could count for more than {LARGEST_NUMBER} "
            "points under a policy; offer at most half."
        )
        yield Finding(path, sentence)


def most_points(one: DraftAlternative) -> int:
    """Return what an alternative counts for at most, whatever policy the close fixes."""
    return (one.offer_credits_per_lot or 0) * MOST_PERCENT // 100 * (one.max_lots or 0)


def _findings_in_window(
    path: str, where: str, one: DraftAlternative, row: RoundRow
) -> Iterator[Finding]:
    first, last = one.earliest_start, one.latest_start
    for name, words, day in (
        ("earliest_start", "earliest start", first),
        ("latest_start", "latest start", last),
    ):
        if day is None:
            yield Finding(f"{path}.{name}", f"{where}, {words}: is missing; name a day.")
    if first is None or last is None:
        return
    if not row.starts_on <= first <= last:
        field = "earliest_start" if first < row.starts_on else "latest_start"
        sentence = f"{where}, start: {first} to {last} is no window from {row.starts_on} on."
        yield Finding(f"{path}.{field}", sentence)
    days_left = row.days - (last - row.starts_on).days
    if one.span_days is not None and one.span_days > days_left:
        sentence = f"{where}, start: {last} leaves {days_left} days for {one.span_days}."
        yield Finding(f"{path}.latest_start", sentence)


def _findings_in_item(
    path: str, where: str, one: DraftAlternative, item: DraftItem, desk: Desk
) -> Iterator[Finding]:
    where = f"{where}, {item.pool_key[:64]}" if item.pool_key else where
    if not item.pool_key:
        yield Finding(f"{path}.pool_key", f"{where}, pool: is missing; choose one.")
    elif item.pool_key not in desk.pools:
        yield Finding(f"{path}.pool_key", f"{where}: this round offers no such pool.")
    yield from _number(f"{path}.offset_days", f"{where}, offset days", item.offset_days, 0)
    yield from _number(f"{path}.days", f"{where}, days", item.days)
    units = f"{path}.units_per_lot"
    yield from _number(units, f"{where}, units per lot", item.units_per_lot)
    if (item.units_per_lot or 0) * (one.max_lots or 0) > LARGEST_UNITS:
        asked = f"{item.units_per_lot} units × {one.max_lots} lots"
        yield Finding(units, f"{where}: {asked} is more than {LARGEST_UNITS}.")


def _number(path: str, what: str, number: int | None, least: int = 1) -> Iterator[Finding]:
    if number is None:
        yield Finding(path, f"{what}: is missing; write a whole number from {least} on.")
    else:
        yield from _at(path, findings_in_number(what, number, least))


def _at(path: str, sentences: Iterable[str]) -> Iterator[Finding]:
    return (Finding(path, sentence) for sentence in sentences)
