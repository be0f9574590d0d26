"""What a draft is looked at against: its round, its team and what the team can spend, the policy.

One query each for the team, its other bids, the pools and the policy; of bids only those of the
team itself are touched, so that not even the time it takes tells of others. findings.py and
estimates.py say what follows.

Units: points are value score points, each bid at the most that any policy makes of it.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import ColumnElement, ScalarSelect, Select, and_, exists, func, or_, select
from sqlmodel import Session, col

from allocation.problem import Tier
from broker.bids.tables import TeamBidRow
from broker.directory import Directory
from broker.ledger.tables import AccountKind, AccountRow
from broker.policy.documents import MOST_PERCENT, Policy
from broker.policy.rules import AskedPool
from broker.policy.tables import BidPledgeRow
from broker.policy.versions import policy_in_force
from broker.pools.data_terms import DataTerms
from broker.pools.definitions import DATA
from broker.pools.terms_in_force import terms_at
from broker.spot.tables import DailyRoundRow
from broker.states import RoundState
from broker.tables import (
    AlternativeRow,
    CapacityRow,
    PoolRow,
    RoundPoolRow,
    RoundRow,
    RoundTeamRow,
    TeamRow,
)
from broker.texts import LARGEST_ROUND_VALUE

KEPT_FOR_BIDS = LARGEST_ROUND_VALUE // 2
"""The points that bids which are placed here may come to; the rest is kept for folders' bids."""


@dataclass(frozen=True, slots=True)
class OfferedPool:
    """A pool as a round offers it. Units: the reserve price is per unit and day.

    `best_day_units` are all units, reserved and spot, of its best day.
    A data pool that the market defines has terms.
    """

    id: str
    asked: AskedPool
    reserve_price_credits: int
    kind: str = ""
    unit: str = ""
    best_day_units: int = 0
    terms: DataTerms | None = None


@dataclass(frozen=True, slots=True)
class Desk:
    """Where a team writes a bid. Shape: pools by key.

    Every team has an equal share of the points that a round can hold, whatever the others bid: a
    common limit would tell how much of it others have used. `available_credits` are what the team
    can spend, `committed_credits` what its other bids cost at most, `other_bids` how many others it
    has submitted in this round, `tiers` what may be asked for.
    """

    round: RoundRow
    team_id: str
    team_key: str
    is_bidder: bool
    pools: Mapping[str, OfferedPool]
    policy: Policy | None
    policy_version: int | None
    share_points: int
    other_points: int
    available_credits: int
    committed_credits: int
    team_name: str = ""
    other_bids: int = 0
    tiers: tuple[Tier, ...] = tuple(Tier)

    @property
    def directory(self) -> Directory:
        """The ids that rows of a bid of this team need."""
        pool_ids = {key: pool.id for key, pool in self.pools.items()}
        return Directory(self.round.id, pool_ids, {self.team_key: self.team_id})


def open_desk(
    session: Session,
    row: RoundRow,
    who: ColumnElement[bool],
    at: dt.datetime,
    bid_id: str | None = None,
) -> Desk | None:
    """Return where a team writes a bid, which does not count among its others; None if no team."""
    team = session.execute(_team(row, who)).first()
    if team is None:
        return None
    team_id, team_key, team_name, credits_, balance, bidders, is_daily = team
    in_force = policy_in_force(session, at)
    is_imported = row.imported_sha256 is not None and not is_daily
    own = session.execute(_own_bids(row, team_id, bid_id)).all()
    here = [points for round_id, is_placed, points, _ in own if round_id == row.id and is_placed]
    return Desk(
        round=row,
        team_id=team_id,
        team_key=team_key,
        is_bidder=credits_ is not None,
        pools=_pools(session, row, at),
        policy=in_force.policy if in_force else None,
        policy_version=in_force.version if in_force else None,
        share_points=KEPT_FOR_BIDS // max(1, bidders),
        other_points=sum(here),
        available_credits=(credits_ if is_imported else balance) or 0,
        committed_credits=sum(
            offer for round_id, _, _, offer in own if round_id == row.id or not is_imported
        ),
        team_name=team_name,
        other_bids=len(here),
        tiers=(Tier.SPOT,) if is_daily else tuple(Tier),
    )


def _team(row: RoundRow, who: ColumnElement[bool]) -> Select[str, str, str, int, int, int, bool]:
    bidders = (
        select(func.count()).select_from(RoundTeamRow).where(col(RoundTeamRow.round_id) == row.id)
    )
    invited = and_(
        col(RoundTeamRow.team_id) == col(TeamRow.id), col(RoundTeamRow.round_id) == row.id
    )
    available = and_(
        col(AccountRow.team_id) == col(TeamRow.id), col(AccountRow.kind) == AccountKind.AVAILABLE
    )
    return (
        select(
            col(TeamRow.id),
            col(TeamRow.key),
            col(TeamRow.name),
            col(RoundTeamRow.credits),
            col(AccountRow.balance_credits),
            bidders.scalar_subquery(),
            exists().where(col(DailyRoundRow.round_id) == row.id),
        )
        .outerjoin(RoundTeamRow, invited)
        .outerjoin(AccountRow, available)
        .where(who)
    )


def _own_bids(row: RoundRow, team_id: str, bid_id: str | None) -> Select[str, bool, int, int]:
    """Look up a team's other bids in rounds that are open, and what each comes to at most."""
    offer = col(AlternativeRow.offer_credits_per_lot)
    most = offer * MOST_PERCENT // 100 * col(AlternativeRow.max_lots)
    return (
        select(
            col(TeamBidRow.round_id),
            col(BidPledgeRow.bid_id).is_not(None),
            func.max(most),
            func.max(offer * col(AlternativeRow.max_lots)),
        )
        .join(RoundRow, col(RoundRow.id) == col(TeamBidRow.round_id))
        .join(AlternativeRow, col(AlternativeRow.bid_id) == col(TeamBidRow.id))
        .outerjoin(BidPledgeRow, col(BidPledgeRow.bid_id) == col(TeamBidRow.id))
        .where(
            or_(col(RoundRow.state) == RoundState.OPEN, col(RoundRow.id) == row.id),
            col(TeamBidRow.team_id) == team_id,
            col(TeamBidRow.id) != (bid_id or ""),
        )
        .group_by(col(TeamBidRow.id), col(TeamBidRow.round_id), col(BidPledgeRow.bid_id))
    )


def _pools(session: Session, row: RoundRow, at: dt.datetime) -> dict[str, OfferedPool]:
    offered = (
        select(
            col(PoolRow.id),
            col(PoolRow.key),
            col(PoolRow.name),
            col(PoolRow.classification),
            col(RoundPoolRow.reserve_price_credits),
            col(RoundPoolRow.kind),
            col(RoundPoolRow.unit),
            _best_day_units(),
        )
        .join(RoundPoolRow, col(RoundPoolRow.pool_id) == col(PoolRow.id))
        .where(col(RoundPoolRow.round_id) == row.id)
    )
    rows = session.execute(offered).all()
    terms = terms_at(session, at) if any(line.kind == DATA for line in rows) else {}
    return {
        key: OfferedPool(
            id_, AskedPool(key, name, classification), price, kind, unit, best or 0, terms.get(key)
        )
        for id_, key, name, classification, price, kind, unit, best in rows
    }


def _best_day_units() -> ScalarSelect[int]:
    units = col(CapacityRow.reserved_units) + col(CapacityRow.spot_units)
    return (
        select(func.max(units))
        .where(
            col(CapacityRow.round_id) == col(RoundPoolRow.round_id),
            col(CapacityRow.pool_id) == col(RoundPoolRow.pool_id),
        )
        .correlate(RoundPoolRow)
        .scalar_subquery()
    )
