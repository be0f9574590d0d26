"""What a team does with a bid: draft it, submit it, edit it until the close, withdraw it.

Every step is a version that stays, with who and when. Whoever changes a bid names the version that
they saw; where it is not the latest one any more, nothing is written and both are shown. Nothing
enters the main audit log before the close: the versions are the log of a bid.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar, NoReturn
from uuid import uuid4

from sqlalchemy import insert, update
from sqlmodel import Session, col

from broker.access import Action, Actor, nothing_here, require
from broker.bids.desks import Desk, open_desk
from broker.bids.drafts import BidDraft, moved, renumbered
from broker.bids.findings import Finding, InvalidDraft, findings_in_draft, findings_in_shape
from broker.bids.placing import (
    entered_bid,
    remove_rows,
    version_columns,
    write_rows,
)
from broker.bids.reading import TeamBid, find_bid, list_bids
from broker.bids.submissions import Submission
from broker.bids.tables import BidVersionRow, TeamBidRow
from broker.errors import Refused
from broker.rounds import find_round, lock_open_round
from broker.states import BidState, changes_one, sources_of
from broker.tables import RoundRow, TeamRow

KEY_ROOM = 51
"""How much of a team's key begins the keys of its bids; the rest is drawn."""


@dataclass(frozen=True, slots=True)
class BidWish:
    """What somebody wants to keep or to submit for a team in a round.

    Without an id it is a new bid. With one, `expected_version` is the version that was seen.
    """

    team_id: str
    round_key: str
    draft: BidDraft
    bid_id: str | None = None
    expected_version: int | None = None


class VersionConflict(Refused):
    """Somebody wrote a newer version meanwhile. Nothing was written; both versions are here.

    `mine` is what was handed in and `theirs` the bid as it stands now.
    """

    code: ClassVar[str] = "version-conflict"

    def __init__(self, theirs: TeamBid, mine: BidDraft | None, expected_version: int) -> None:
        self.theirs = theirs
        self.mine = mine
        who = f" by {theirs.latest.author}" if theirs.latest.author else ""
        super().__init__(
            f"Bid {theirs.key} was changed{who} meanwhile: you saw version {expected_version}, "
            f"and version {theirs.version} is the latest.",
            hint="Compare both, then save yours over the latest version or keep that one.",
            bid=theirs.id,
            expected_version=expected_version,
            version=theirs.version,
        )


# --- what a team does ------------------------------------------------------------------------


def check_draft(
    session: Session, actor: Actor, wish: BidWish, at: dt.datetime
) -> tuple[Finding, ...]:
    """Return everything that keeps a draft from being submitted; nothing is written.

    Raises: NotFound, NotAllowed.
    """
    require(actor, Action.PLACE_BID, team_id=wish.team_id)
    row = find_round(session, wish.round_key)
    return tuple(findings_in_draft(wish.draft, desk_of(session, wish, row, at)))


def save_draft(session: Session, actor: Actor, wish: BidWish, at: dt.datetime) -> TeamBid:
    """Keep a draft, complete or not, for the team's eyes only; it may change its round.

    Raises: NotFound, NotAllowed; InvalidDraft if it cannot be kept at all; VersionConflict; Refused
    if it is submitted or withdrawn already.
    """
    require(actor, Action.PLACE_BID, team_id=wish.team_id)
    _refuse(wish, findings_in_shape(wish.draft))
    row = find_round(session, wish.round_key)
    return _write(session, actor, wish, row, BidState.DRAFT, at)


def submit_bid(session: Session, actor: Actor, wish: BidWish, at: dt.datetime) -> TeamBid:
    """Put a draft, or what never was one, into an open round.

    Raises: NotFound, NotAllowed; TooLate, Refused; InvalidDraft with a finding per field;
    VersionConflict.
    """
    require(actor, Action.PLACE_BID, team_id=wish.team_id)
    return _enter(session, actor, wish, BidState.DRAFT, at)


def edit_bid(
    session: Session,
    actor: Actor,
    bid_id: str,
    draft: BidDraft,
    expected_version: int,
    at: dt.datetime,
) -> TeamBid:
    """Change a submitted bid while its round is open. Raises: as `submit_bid`."""
    bid = _own_bid(session, actor, bid_id)
    wish = BidWish(bid.team_id, bid.round.key, draft, bid_id, expected_version)
    return _enter(session, actor, wish, BidState.SUBMITTED, at)


def withdraw_bid(
    session: Session, actor: Actor, bid_id: str, expected_version: int, at: dt.datetime
) -> TeamBid:
    """Take a bid out of its open round, or put a draft aside; its history stays.

    Raises: NotFound, NotAllowed; TooLate, Refused; VersionConflict.
    """
    bid = _own_bid(session, actor, bid_id)
    row = find_round(session, bid.round.key)
    if bid.state is BidState.SUBMITTED:
        row = lock_open_round(session, row.id, at)
    wish = BidWish(bid.team_id, row.key, bid.draft, bid_id, expected_version)
    written = _write(session, actor, wish, row, BidState.WITHDRAWN, at)
    remove_rows(session, bid_id)
    return written


def clone_draft(session: Session, actor: Actor, bid_id: str, round_key: str) -> BidDraft:
    """Return what a bid says, with its days moved to the sprint of another round.

    Raises: NotFound, NotAllowed.
    """
    bid = _own_bid(session, actor, bid_id)
    row = find_round(session, round_key)
    return _cloned(bid, row)


def clone_bids(
    session: Session,
    actor: Actor,
    team_id: str,
    from_round: str,
    to_round: str,
    at: dt.datetime,
) -> tuple[TeamBid, ...]:
    """Draft for a round what a team had submitted for another one, with the days moved.

    Raises: NotFound, NotAllowed.
    """
    require(actor, Action.PLACE_BID, team_id=team_id)
    row = find_round(session, to_round)
    submitted = [
        bid
        for bid in list_bids(session, actor, team_id, round_key=from_round)
        if bid.state is BidState.SUBMITTED
    ]
    wishes = (BidWish(team_id, to_round, _cloned(bid, row)) for bid in submitted)
    return tuple(_write(session, actor, wish, row, BidState.DRAFT, at) for wish in wishes)


def _cloned(bid: TeamBid, row: RoundRow) -> BidDraft:
    draft = moved(bid.draft, bid.round.starts_on, row.starts_on, row.days)
    return renumbered(draft)


def _own_bid(session: Session, actor: Actor, bid_id: str) -> TeamBid:
    """Return a bid that an actor may change."""
    bid = find_bid(session, actor, bid_id)
    require(actor, Action.PLACE_BID, team_id=bid.team_id)
    return bid


# --- what is checked -------------------------------------------------------------------------


def desk_of(session: Session, wish: BidWish, row: RoundRow, at: dt.datetime) -> Desk:
    """Return where a team writes a bid. Raises: NotFound if there is no such team."""
    desk = open_desk(session, row, col(TeamRow.id) == wish.team_id, at, wish.bid_id)
    if desk is None:
        raise nothing_here()
    return desk


def _refuse(wish: BidWish, findings: Iterable[Finding]) -> None:
    found = tuple(findings)
    if found:
        raise InvalidDraft(wish.draft.title[:64], found)


# --- what is written -------------------------------------------------------------------------


def _enter(
    session: Session, actor: Actor, wish: BidWish, from_: BidState, at: dt.datetime
) -> TeamBid:
    """Write a submitted version and the rows that the close freezes."""
    row = lock_open_round(session, find_round(session, wish.round_key).id, at)
    desk = desk_of(session, wish, row, at)
    _refuse(wish, findings_in_draft(wish.draft, desk))
    written = _write(session, actor, wish, row, BidState.SUBMITTED, at, from_=from_)
    remove_rows(session, written.id)
    entered = entered_bid(desk, written.id, written.key, wish.draft, at)
    write_rows(session, desk.directory, [entered])
    return written


def _write(
    session: Session,
    actor: Actor,
    wish: BidWish,
    row: RoundRow,
    state: BidState,
    at: dt.datetime,
    *,
    from_: BidState | None = None,
) -> TeamBid:
    """Write the next version of a bid, or the first one, and return the bid as it stands."""
    bid_id = wish.bid_id
    if bid_id is None:
        bid_id = _begin(session, wish, row, state)
    else:
        _advance(session, actor, wish, row, state, from_)
    head = session.get_one(TeamBidRow, bid_id, populate_existing=True)
    team_key = session.get_one(TeamRow, wish.team_id).key
    submission = Submission(row.key, team_key, head.key, head.version, state, at, wish.draft)
    session.execute(insert(BidVersionRow), [version_columns(bid_id, submission, actor.id, at)])
    return find_bid(session, actor, bid_id)


def _begin(session: Session, wish: BidWish, row: RoundRow, state: BidState) -> str:
    """Write where a new bid stands, under a key that says nothing about anybody else's."""
    team = session.get(TeamRow, wish.team_id)
    if team is None:
        raise nothing_here()
    bid_id = str(uuid4())
    columns = {
        "id": bid_id,
        "round_id": row.id,
        "team_id": wish.team_id,
        "key": f"{team.key[:KEY_ROOM]}-{bid_id[-12:]}",
        "state": state,
        "version": 1,
    }
    session.execute(insert(TeamBidRow), [columns])
    return bid_id


def _advance(
    session: Session,
    actor: Actor,
    wish: BidWish,
    row: RoundRow,
    state: BidState,
    from_: BidState | None,
) -> None:
    """Count the version up if it still is the one that was seen."""
    expected = wish.expected_version or 0
    sources = [from_.value] if from_ else sources_of(state)
    seen = (
        col(TeamBidRow.id) == wish.bid_id,
        col(TeamBidRow.team_id) == wish.team_id,
        col(TeamBidRow.version) == expected,
        col(TeamBidRow.state).in_(sources),
    )
    columns = {"version": expected + 1, "state": state, "round_id": row.id}
    if not changes_one(session, update(TeamBidRow).where(*seen).values(**columns)):
        _explain(session, actor, wish, state)


def _explain(session: Session, actor: Actor, wish: BidWish, state: BidState) -> NoReturn:
    """Say why a bid could not be changed. Raises: NotFound, VersionConflict, Refused."""
    bid = find_bid(session, actor, wish.bid_id or "")
    if bid.team_id != wish.team_id:
        raise nothing_here()
    if bid.version != wish.expected_version:
        raise VersionConflict(bid, wish.draft, wish.expected_version or 0)
    raise Refused(
        f"Bid {bid.key} is {bid.state} and cannot become {state} this way.",
        hint="Start a new bid from it.",
        bid=bid.id,
    )
