"""Bids: what a team may ask for in an open round, and how it is stored.

A bid is checked whole against its round before anything is written; all findings come at once. What
an offer counts for is never handed in: the policy says it, as an estimate until the close fixes it.
Until the close nothing about a bid enters the main audit log, because its mere presence there
would tell other teams something; the close enters the hash of all of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from sqlalchemy import case, func, insert, select
from sqlmodel import Session, col

from allocation.problem import Alternative, Bid, BidKey, Item, TeamKey
from broker.audit import Change
from broker.directory import Directory, directory_of
from broker.errors import InvalidBid
from broker.policy.documents import MOST_PERCENT
from broker.policy.freezing import pledge_columns
from broker.policy.pledges import NO_PLEDGE, Pledge, findings_in_pledge
from broker.policy.scores import scored
from broker.policy.tables import BidPledgeRow
from broker.policy.versions import policy_in_force
from broker.rounds import find_round, lock_open_round
from broker.tables import AlternativeRow, BidRow, ItemRow, RoundRow
from broker.texts import (
    LARGEST_NUMBER,
    LARGEST_ROUND_VALUE,
    LARGEST_UNITS,
    findings_in_key,
    findings_in_number,
    findings_in_text,
)


@dataclass(frozen=True, slots=True)
class PlaceBid:
    """A team's wish to bid in a round, as it was entered: nothing in it is checked yet.

    The value scores of its alternatives are not looked at.
    """

    round_key: str
    bid_key: str
    team_key: str
    title: str
    alternatives: tuple[Alternative, ...]
    pledge: Pledge = NO_PLEDGE


def place_bid(session: Session, wish: PlaceBid, change: Change) -> str:
    """Put a bid into an open round and return its id.

    Raises: NotFound, Refused if the round takes no bids now, InvalidBid with every finding.
    """
    row = lock_open_round(session, find_round(session, wish.round_key).id, change.at)
    directory = directory_of(session, row)
    in_force = policy_in_force(session, change.at)
    policy = in_force.policy if in_force else None
    findings = [
        *findings_in_bid(wish, row, directory),
        *findings_in_pledge(wish.pledge, policy, row.starts_on),
        *_findings_among_bids(session, wish, row),
    ]
    if findings:
        raise InvalidBid(wish.bid_key[:64], findings)
    ways = scored(policy, wish.team_key, wish.pledge, wish.alternatives)
    bid = Bid(BidKey(wish.bid_key), TeamKey(wish.team_key), ways, change.at)
    bid_id = store_bids(session, directory, [bid], {bid.key: wish.title})[bid.key]
    session.execute(insert(BidPledgeRow), [pledge_columns(bid_id, wish.pledge)])
    return bid_id


def findings_in_bid(wish: PlaceBid, row: RoundRow, directory: Directory) -> Iterator[str]:
    """Say everything that is wrong with a bid by itself, in sentences of its round."""
    yield from findings_in_key("bid", wish.bid_key)
    yield from findings_in_text("title", wish.title)
    if wish.team_key not in directory.team_ids:
        yield f"team: {wish.team_key[:64]!r} does not bid in round {row.key}."
    if not wish.alternatives:
        yield "alternatives: a bid needs at least one."
    numbers = [alternative.number for alternative in wish.alternatives]
    if len(set(numbers)) < len(numbers):
        yield "alternatives: two have the same number; give each a number of its own."
    for alternative in wish.alternatives:
        where = f"alternative {alternative.number}"
        yield from _findings_in_lots(where, alternative)
        yield from _findings_in_window(where, alternative, row)
        for item in alternative.items:
            yield from _findings_in_item(
                f"{where}, {item.pool_key[:64]}", alternative, item, directory
            )


def store_bids(
    session: Session, directory: Directory, bids: Iterable[Bid], titles: Mapping[BidKey, str]
) -> dict[BidKey, str]:
    """Write bids that were checked into an open round, and return the id of each."""
    placed = tuple(bids)
    ids = {bid.key: str(uuid4()) for bid in placed}
    if not ids:
        return ids
    session.execute(
        insert(BidRow),
        [
            {
                "id": ids[bid.key],
                "round_id": directory.round_id,
                "team_id": directory.team_ids[bid.team_key],
                "key": bid.key,
                "title": titles[bid.key],
                "submitted_at": bid.submitted_at,
            }
            for bid in placed
        ],
    )
    session.execute(
        insert(AlternativeRow),
        [_alternative(ids[bid.key], option) for bid in placed for option in bid.alternatives],
    )
    session.execute(
        insert(ItemRow),
        [
            _item(ids[bid.key], option, position, directory.pool_ids[item.pool_key], item)
            for bid in placed
            for option in bid.alternatives
            for position, item in enumerate(option.items, 1)
        ],
    )
    return ids


def _findings_among_bids(session: Session, wish: PlaceBid, row: RoundRow) -> Iterator[str]:
    """Say what is wrong with a bid beside the others of its round."""
    same = select(BidRow).where(col(BidRow.round_id) == row.id, col(BidRow.key) == wish.bid_key)
    if session.scalars(same).first():
        yield f"bid: {wish.bid_key} is taken; give the bid another key."
    largest = max((_most_points(one) for one in wish.alternatives), default=0)
    if _value_of_others(session, row) + largest > LARGEST_ROUND_VALUE:
        yield "alternatives: the round's bids together exceed the largest value that is exact."


def _value_of_others(session: Session, row: RoundRow) -> int:
    """Return the sum of the largest value that every bid in the round can come to."""
    score = col(AlternativeRow.value_score_per_lot)
    most = col(AlternativeRow.offer_credits_per_lot) * MOST_PERCENT // 100
    value = case((score > most, score), else_=most) * col(AlternativeRow.max_lots)
    per_bid = (
        select(func.max(value).label("largest"))
        .join(BidRow, col(BidRow.id) == col(AlternativeRow.bid_id))
        .where(col(BidRow.round_id) == row.id)
        .group_by(col(AlternativeRow.bid_id))
        .subquery()
    )
    return session.scalar(select(func.sum(per_bid.c.largest))) or 0


def _findings_in_lots(where: str, alternative: Alternative) -> Iterator[str]:
    lots = alternative.max_lots
    yield from findings_in_number("alternative", alternative.number, 1)
    yield from findings_in_number(f"{where}, min lots", alternative.min_lots, 1)
    if lots < alternative.min_lots:
        yield f"{where}, max lots: {lots} is below min lots {alternative.min_lots}."
    offer = alternative.offer_credits_per_lot
    yield from findings_in_number(f"{where}, offer", offer, 1)
    if offer * lots > LARGEST_NUMBER:
        yield f"{where}, offer: {offer} × {lots} lots is more than {LARGEST_NUMBER}."
    elif _most_points(alternative) > LARGEST_NUMBER:
        yield (
            f"{where}, offer: {offer} × {lots} lots could count for more than {LARGEST_NUMBER} "
            "points under a policy; offer at most half."
        )


def _most_points(alternative: Alternative) -> int:
    """Return what an alternative counts for at most, whatever policy the close fixes."""
    return alternative.offer_credits_per_lot * MOST_PERCENT // 100 * alternative.max_lots


def _findings_in_window(where: str, alternative: Alternative, row: RoundRow) -> Iterator[str]:
    if not alternative.items:
        yield f"{where}: it needs at least one item."
        return
    first, last = alternative.earliest_start, alternative.latest_start
    if not row.starts_on <= first <= last:
        yield f"{where}, start: {first} to {last} is no window from {row.starts_on} on."
    days_left = row.days - (last - row.starts_on).days
    if alternative.span_days > days_left:
        yield f"{where}, start: {last} leaves {days_left} days for {alternative.span_days}."


def _findings_in_item(
    where: str, alternative: Alternative, item: Item, directory: Directory
) -> Iterator[str]:
    if item.pool_key not in directory.pool_ids:
        yield f"{where}: this round offers no such pool."
    yield from findings_in_number(f"{where}, offset days", item.offset_days, 0)
    yield from findings_in_number(f"{where}, days", item.days, 1)
    yield from findings_in_number(f"{where}, units per lot", item.units_per_lot, 1)
    if item.units_per_lot * alternative.max_lots > LARGEST_UNITS:
        units = f"{item.units_per_lot} units × {alternative.max_lots} lots"
        yield f"{where}: {units} is more than {LARGEST_UNITS}."


def _alternative(bid_id: str, alternative: Alternative) -> dict[str, Any]:
    return {
        "bid_id": bid_id,
        "number": alternative.number,
        "tier": alternative.tier.value,
        "offer_credits_per_lot": alternative.offer_credits_per_lot,
        "value_score_per_lot": alternative.value_score_per_lot,
        "min_lots": alternative.min_lots,
        "max_lots": alternative.max_lots,
        "earliest_start": alternative.earliest_start,
        "latest_start": alternative.latest_start,
    }


def _item(
    bid_id: str, alternative: Alternative, position: int, pool_id: str, item: Item
) -> dict[str, Any]:
    return {
        "bid_id": bid_id,
        "number": alternative.number,
        "position": position,
        "pool_id": pool_id,
        "offset_days": item.offset_days,
        "days": item.days,
        "units_per_lot": item.units_per_lot,
    }
