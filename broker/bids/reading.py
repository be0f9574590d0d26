"""What a team sees of its own bids: the one place that reads them, always for an actor.

To everybody else there is nothing here, before the close and after it; what a round made of a bid
stands on its receipt (broker/dashboards/receipts.py), for everybody once it is published.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import Select, and_, select
from sqlmodel import Session, col

from broker.access import Action, Actor, nothing_here, require
from broker.audit import ActorId
from broker.bids.drafts import BidDraft, draft_from, numbered
from broker.bids.submissions import SubmissionReceipt
from broker.bids.tables import BidVersionRow, TeamBidRow
from broker.dashboards.sources import PUBLISHED_RUN
from broker.errors import NotFound
from broker.people.tables import PersonRow
from broker.rounds import find_round
from broker.states import BidState, RoundState
from broker.tables import AwardRow, DeclineRow, RoundRow, TeamRow

MOST_LISTED = 200
"""How many bids one list holds; the next ones are asked for."""


class Standing(StrEnum):
    """What became of a bid, in the words of its team."""

    DRAFT = "draft"
    SUBMITTED = "submitted"
    WON = "won"
    PART_WON = "part-won"
    DECLINED = "declined"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True, slots=True)
class BidRound:
    """The round of a bid, as far as its team needs it."""

    id: str
    key: str
    name: str
    state: RoundState
    starts_on: dt.date
    days: int
    closes_at: dt.datetime | None

    @property
    def ends_on(self) -> dt.date:
        """The last day of the sprint."""
        return self.starts_on + dt.timedelta(days=self.days - 1)

    def takes_bids(self, at: dt.datetime) -> bool:
        """Say whether a bid could be submitted, edited or withdrawn at a moment."""
        is_in_time = self.closes_at is None or at < self.closes_at
        return self.state is RoundState.OPEN and is_in_time


@dataclass(frozen=True, slots=True)
class WonAward:
    """What the published result gave to the bid. Units: payment is of the whole award."""

    alternative: int
    start: dt.date
    lots: int
    payment_credits: int


@dataclass(frozen=True, slots=True)
class BidVersion:
    """A bid as it was written once; `author` is empty where a program wrote it."""

    version: int
    state: BidState
    draft: BidDraft
    written_by: ActorId
    author: str
    written_at: dt.datetime
    commitment: str | None


@dataclass(frozen=True, slots=True)
class TeamBid:
    """A team's bid as it stands: its latest version, and what became of it."""

    id: str
    key: str
    team_id: str
    team_key: str
    team_name: str
    round: BidRound
    state: BidState
    standing: Standing
    latest: BidVersion
    award: WonAward | None

    @property
    def version(self) -> int:
        """The number of the latest version, to be named by whoever changes it."""
        return self.latest.version

    @property
    def draft(self) -> BidDraft:
        """What the bid says now."""
        return self.latest.draft

    @property
    def is_decided(self) -> bool:
        """Whether there is a receipt of the decision."""
        return self.standing in {Standing.WON, Standing.PART_WON, Standing.DECLINED}


def list_bids(
    session: Session,
    actor: Actor,
    team_id: str,
    *,
    round_key: str | None = None,
    offset: int = 0,
    limit: int = MOST_LISTED,
) -> tuple[TeamBid, ...]:
    """Return a team's bids, of the latest sprint first and in it the last written one first.

    Raises: NotFound if the asker is not of the team, or if there is no such round.
    """
    require(actor, Action.READ_TEAM_BIDS, team_id=team_id)
    wanted = _bids().where(col(TeamBidRow.team_id) == team_id)
    if round_key is not None:
        wanted = wanted.where(col(RoundRow.id) == find_round(session, round_key).id)
    order = (
        col(RoundRow.starts_on).desc(),
        col(BidVersionRow.written_at).desc(),
        col(TeamBidRow.id),
    )
    rows = session.execute(wanted.order_by(*order).offset(offset).limit(limit))
    return tuple(_team_bid(row) for row in rows)


def find_bid(session: Session, actor: Actor, bid_id: str) -> TeamBid:
    """Return a bid of one of the asker's teams.

    Raises: NotFound, in the same words whether there is no such bid or it is another team's.
    """
    own = col(TeamBidRow.id) == bid_id, col(TeamBidRow.team_id).in_(sorted(actor.teams))
    row = session.execute(_bids().where(*own)).first()
    require(actor, Action.READ_TEAM_BIDS, team_id=row[0].team_id if row else None)
    if row is None:
        raise nothing_here()
    return _team_bid(row)


def history_of(session: Session, actor: Actor, bid_id: str) -> tuple[BidVersion, ...]:
    """Return everything that was ever written in a bid, the last version first.

    Raises: NotFound as `find_bid`.
    """
    return versions_of(session, find_bid(session, actor, bid_id))


def versions_of(session: Session, bid: TeamBid) -> tuple[BidVersion, ...]:
    """Return everything that was ever written in a bid that its reader has found before."""
    written = (
        select(BidVersionRow, col(PersonRow.name))
        .outerjoin(PersonRow, col(PersonRow.id) == col(BidVersionRow.written_by))
        .where(col(BidVersionRow.bid_id) == bid.id)
        .order_by(col(BidVersionRow.version).desc())
    )
    return tuple(_version(row, name) for row, name in session.execute(written))


def receipt_of_submission(
    session: Session, actor: Actor, bid_id: str, version: int | None = None
) -> SubmissionReceipt:
    """Return the receipt of a version that was handed in, of the last one where none is named.

    Raises: NotFound as `find_bid`, or if that version is a draft.
    """
    bid = find_bid(session, actor, bid_id)
    wanted = select(BidVersionRow).where(
        col(BidVersionRow.bid_id) == bid.id, col(BidVersionRow.commitment).is_not(None)
    )
    if version is not None:
        wanted = wanted.where(col(BidVersionRow.version) == version)
    row = session.scalars(wanted.order_by(col(BidVersionRow.version).desc())).first()
    if row is None:
        raise NotFound(
            f"Bid {bid.key} has no receipt of submission.", hint="It is a draft.", bid=bid_id
        )
    return receipt_of(bid.key, row)


def receipt_of(bid_key: str, row: BidVersionRow) -> SubmissionReceipt:
    """Return the receipt of a stored version."""
    return SubmissionReceipt(
        bid_id=row.bid_id,
        bid_key=bid_key,
        round_key=json.loads(row.document)["round_key"],
        version=row.version,
        state=BidState(row.state),
        submitted_at=row.written_at,
        salt=row.salt or "",
        document=row.document,
        commitment=row.commitment or "",
    )


def of_bids(*wanted: Any) -> Select[Any]:
    """Ask something of bids with the latest version of each, and what a published run made of it.

    Whoever asks says whose bids: nothing here is restricted to a team.
    """
    latest = and_(
        col(BidVersionRow.bid_id) == col(TeamBidRow.id),
        col(BidVersionRow.version) == col(TeamBidRow.version),
    )
    run_id = PUBLISHED_RUN.c.run_id
    awarded = and_(col(AwardRow.run_id) == run_id, col(AwardRow.bid_id) == col(TeamBidRow.id))
    declined = and_(col(DeclineRow.run_id) == run_id, col(DeclineRow.bid_id) == col(TeamBidRow.id))
    return (
        select(*wanted)
        .select_from(TeamBidRow)
        .join(RoundRow, col(RoundRow.id) == col(TeamBidRow.round_id))
        .join(TeamRow, col(TeamRow.id) == col(TeamBidRow.team_id))
        .join(BidVersionRow, latest)
        .outerjoin(PersonRow, col(PersonRow.id) == col(BidVersionRow.written_by))
        .outerjoin(PUBLISHED_RUN, PUBLISHED_RUN.c.round_id == col(RoundRow.id))
        .outerjoin(AwardRow, awarded)
        .outerjoin(DeclineRow, declined)
    )


def _bids() -> Select[Any]:
    found = of_bids(TeamBidRow, RoundRow, TeamRow, BidVersionRow).add_columns(
        col(PersonRow.name), AwardRow, col(DeclineRow.bid_id)
    )
    return found.execution_options(populate_existing=True)


def _team_bid(line: Sequence[Any]) -> TeamBid:
    head, row, team, version, author, award, declined = line
    latest = _version(version, author)
    state = BidState(head.state)
    return TeamBid(
        id=head.id,
        key=head.key,
        team_id=team.id,
        team_key=team.key,
        team_name=team.name,
        round=round_of(row),
        state=state,
        standing=_standing(state, latest.draft, award, declined),
        latest=latest,
        award=award and WonAward(award.alternative, award.start, award.lots, award.payment_credits),
    )


def round_of(row: RoundRow) -> BidRound:
    """Return a round as far as bidders need it."""
    state = RoundState(row.state)
    return BidRound(row.id, row.key, row.name, state, row.starts_on, row.days, row.closes_at)


def _version(row: BidVersionRow, author: str | None) -> BidVersion:
    return BidVersion(
        version=row.version,
        state=BidState(row.state),
        draft=stored_draft(row.document),
        written_by=ActorId(row.written_by),
        author=author or "",
        written_at=row.written_at,
        commitment=row.commitment,
    )


def stored_draft(document: str) -> BidDraft:
    """Return what a stored version says."""
    bid: Mapping[str, Any] = json.loads(document)["bid"]
    return draft_from(bid)


def _standing(
    state: BidState, draft: BidDraft, award: AwardRow | None, declined: str | None
) -> Standing:
    if state is not BidState.SUBMITTED:
        return Standing(state.value)
    if award is not None:
        return Standing.WON if award.lots == _most_lots(draft, award) else Standing.PART_WON
    return Standing.DECLINED if declined else Standing.SUBMITTED


def _most_lots(draft: BidDraft, award: AwardRow) -> int | None:
    lots = (one.max_lots for number, one in numbered(draft) if number == award.alternative)
    return next(lots, None)
