"""How a checked bid enters an open round: rows that the close freezes, a version that stays.

Everything that ends up in a round goes through `enter_bids`: bids of teams (writing.py), of whoever
brings in the bids of all teams under keys of their own (`place_bid`) and of folders of files
(`store_bids`). What an
offer counts for is never handed in: the policy says it, as an estimate until the close fixes it.
Until the close nothing about a bid enters the main audit log, because its mere presence there
would tell other teams something; the close enters the hash of all of them.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any
from uuid import uuid4

from sqlalchemy import delete, insert, select
from sqlmodel import Session, col

from allocation.problem import Alternative, Bid, BidKey, Item, TeamKey
from broker.access import Action, Actor, require
from broker.audit import ActorId, Change
from broker.bids.desks import Desk, open_desk
from broker.bids.drafts import BidDraft, alternatives_of, draft_of
from broker.bids.findings import Finding, InvalidDraft, findings_in_draft, not_bidding
from broker.bids.submissions import Submission, commitment_to, draw_salt, submission_text
from broker.bids.tables import BidVersionRow, TeamBidRow
from broker.directory import Directory
from broker.policy.freezing import pledge_columns
from broker.policy.pledges import NO_PLEDGE, Pledge
from broker.policy.scores import scored
from broker.policy.tables import BidPledgeRow, BidPurposeRow
from broker.rounds import find_round, lock_open_round
from broker.states import BidState
from broker.tables import AlternativeRow, BidRow, ItemRow, RoundRow, TeamRow
from broker.texts import findings_in_key

AT_ONCE = 2000
"""How many bids of a folder are written in one go."""


@dataclass(frozen=True, slots=True)
class PlaceBid:
    """A team's wish to bid in a round under a given key: nothing in it is checked yet.

    The value scores of its alternatives are not looked at.
    """

    round_key: str
    bid_key: str
    team_key: str
    title: str
    alternatives: tuple[Alternative, ...]
    pledge: Pledge = NO_PLEDGE


@dataclass(frozen=True, slots=True)
class EnteredBid:
    """A bid that was checked, on its way into a round; without a pledge it came from a folder."""

    id: str
    version: int
    team_id: str
    bid: Bid
    title: str
    pledge: Pledge | None


def place_bid(session: Session, actor: Actor, wish: PlaceBid, at: dt.datetime) -> str:
    """Put a bid into an open round under a key of the caller's and return its id.

    Only for who brings the bids of all teams in: that a key is taken tells of another team's bid.
    A team, and a program of a team, submits (writing.py), and its keys are drawn.

    Raises: NotAllowed; NotFound, Refused if the round takes no bids now, InvalidBid with every
    finding.
    """
    require(actor, Action.BRING_BIDS)
    change = Change(actor.id, at)
    row = lock_open_round(session, find_round(session, wish.round_key).id, at)
    desk = open_desk(session, row, col(TeamRow.key) == wish.team_key, at)
    draft = draft_of(wish.title, wish.alternatives, wish.pledge)
    found = [
        *_findings_in_key(session, wish, row),
        *(findings_in_draft(draft, desk) if desk else [not_bidding(wish.team_key, row)]),
    ]
    if desk is None or found:
        raise InvalidDraft(wish.bid_key[:64], found)
    entered = entered_bid(desk, str(uuid4()), wish.bid_key, draft, change.at)
    enter_bids(session, desk.directory, row.key, [entered], change)
    return entered.id


def entered_bid(
    desk: Desk, bid_id: str, bid_key: str, draft: BidDraft, at: dt.datetime, version: int = 1
) -> EnteredBid:
    """Return a draft without findings as a bid, each offer with the score that it has for now."""
    ways = scored(desk.policy, desk.team_key, draft.pledge, alternatives_of(draft))
    bid = Bid(BidKey(bid_key), TeamKey(desk.team_key), ways, at)
    return EnteredBid(bid_id, version, desk.team_id, bid, draft.title, draft.pledge)


def store_bids(
    session: Session,
    directory: Directory,
    bids: Iterable[Bid],
    titles: Mapping[BidKey, str],
    change: Change,
) -> dict[BidKey, str]:
    """Write the bids of a folder, which was checked, into an open round; return their ids."""
    placed = [
        EnteredBid(str(uuid4()), 1, directory.team_ids[bid.team_key], bid, titles[bid.key], None)
        for bid in bids
    ]
    round_key = session.get_one(RoundRow, directory.round_id).key
    waiting = iter(placed)
    while some := list(islice(waiting, AT_ONCE)):
        enter_bids(session, directory, round_key, some, change)
    return {one.bid.key: one.id for one in placed}


def enter_bids(
    session: Session,
    directory: Directory,
    round_key: str,
    entered: Sequence[EnteredBid],
    change: Change,
) -> None:
    """Write checked bids that nobody wrote before: where they stand, their version, their rows."""
    heads = [
        {
            "id": one.id,
            "round_id": directory.round_id,
            "team_id": one.team_id,
            "key": one.bid.key,
            "state": BidState.SUBMITTED,
            "version": one.version,
        }
        for one in entered
    ]
    if heads:
        session.execute(insert(TeamBidRow), heads)
    write_versions(session, round_key, entered, change)
    write_rows(session, directory, entered)


def write_versions(
    session: Session, round_key: str, entered: Sequence[EnteredBid], change: Change
) -> None:
    """Keep what was submitted, with a commitment to each."""
    if not entered:
        return
    versions = [
        version_columns(one.id, submission_of(round_key, one), change.actor, change.at)
        for one in entered
    ]
    session.execute(insert(BidVersionRow), versions)


def submission_of(round_key: str, one: EnteredBid) -> Submission:
    """Return what a bidder commits to with a bid that is submitted."""
    draft = draft_of(one.title, one.bid.alternatives, one.pledge or NO_PLEDGE)
    return Submission(
        round_key=round_key,
        team_key=one.bid.team_key,
        bid_key=one.bid.key,
        version=one.version,
        state=BidState.SUBMITTED,
        submitted_at=one.bid.submitted_at,
        draft=draft,
    )


def version_columns(
    bid_id: str, submission: Submission, written_by: ActorId, at: dt.datetime
) -> dict[str, Any]:
    """Return a version as it is stored; a draft commits to nothing."""
    document = submission_text(submission)
    salt = None if submission.state is BidState.DRAFT else draw_salt()
    return {
        "bid_id": bid_id,
        "version": submission.version,
        "state": submission.state,
        "title": submission.draft.title,
        "document": document,
        "written_by": written_by,
        "written_at": at,
        "salt": salt,
        "commitment": salt and commitment_to(document, salt),
    }


def write_rows(session: Session, directory: Directory, entered: Sequence[EnteredBid]) -> None:
    """Write what the close will freeze of bids that have no rows in the round."""
    for table, rows in (
        (BidRow, [_bid(directory, one) for one in entered]),
        (AlternativeRow, [line for one in entered for line in _alternatives(one)]),
        (ItemRow, [line for one in entered for line in _items(directory, one)]),
        (BidPledgeRow, [pledge_columns(o.id, o.pledge) for o in entered if o.pledge is not None]),
        (BidPurposeRow, list(_purposes(entered))),
    ):
        if rows:
            session.execute(insert(table), rows)


def remove_rows(session: Session, bid_id: str) -> None:
    """Take a bid out of its round; its versions stay."""
    for table in (ItemRow, AlternativeRow, BidPurposeRow, BidPledgeRow):
        session.execute(delete(table).where(col(table.bid_id) == bid_id))
    session.execute(delete(BidRow).where(col(BidRow.id) == bid_id))


def _findings_in_key(session: Session, wish: PlaceBid, row: RoundRow) -> Iterator[Finding]:
    for sentence in findings_in_key("bid", wish.bid_key):
        yield Finding("bid_key", sentence)
    same = select(BidRow).where(col(BidRow.round_id) == row.id, col(BidRow.key) == wish.bid_key)
    if session.scalars(same).first():
        yield Finding("bid_key", f"bid: {wish.bid_key} is taken; give the bid another key.")


def _bid(directory: Directory, one: EnteredBid) -> dict[str, Any]:
    return {
        "id": one.id,
        "round_id": directory.round_id,
        "team_id": one.team_id,
        "key": one.bid.key,
        "title": one.title,
        "submitted_at": one.bid.submitted_at,
    }


def _purposes(entered: Sequence[EnteredBid]) -> Iterator[dict[str, Any]]:
    for one in entered:
        if one.pledge is not None and one.pledge.purpose:
            yield {"bid_id": one.id, "purpose": one.pledge.purpose}


def _alternatives(one: EnteredBid) -> Iterator[dict[str, Any]]:
    return (_alternative(one.id, way) for way in one.bid.alternatives)


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


def _items(directory: Directory, one: EnteredBid) -> Iterator[dict[str, Any]]:
    for way in one.bid.alternatives:
        for position, item in enumerate(way.items, 1):
            yield _item(one.id, way.number, position, directory.pool_ids[item.pool_key], item)


def _item(bid_id: str, number: int, position: int, pool_id: str, item: Item) -> dict[str, Any]:
    return {
        "bid_id": bid_id,
        "number": number,
        "position": position,
        "pool_id": pool_id,
        "offset_days": item.offset_days,
        "days": item.days,
        "units_per_lot": item.units_per_lot,
    }
