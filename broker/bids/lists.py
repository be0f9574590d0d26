"""A team's own bids by the many: the rows of a list, and how many stand where. Always for an actor.

What one bid says stands in reading.py. Nothing here is asked about a team that the actor is not of.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, case, func, or_, select
from sqlalchemy.orm import aliased
from sqlmodel import Session, col

from broker.access import Action, Actor, may
from broker.bids.reading import Standing, of_bids
from broker.bids.tables import BidVersionRow, TeamBidRow
from broker.people.tables import PersonRow
from broker.policy.tables import BidPledgeRow
from broker.states import BidState
from broker.tables import AlternativeRow, AwardRow, DeclineRow, RoundRow, TeamRow


@dataclass(frozen=True, slots=True)
class BidCount:
    """How many bids of a round stand where."""

    round_key: str
    standing: Standing
    count: int


@dataclass(frozen=True, slots=True)
class EarlierBids:
    """How many bids a team had submitted for its last round before a day."""

    team_key: str
    team: str
    round_key: str
    round: str
    count: int


def leads(actor: Actor) -> tuple[str, ...]:
    """Return the ids of the teams for which somebody may bid."""
    return tuple(team for team in sorted(actor.teams) if may(actor, Action.PLACE_BID, team_id=team))


def bid_rows(actor: Actor) -> Select[Any]:
    """Return the question for all bids of an actor's teams, one row each."""
    chosen = and_(
        col(AlternativeRow.bid_id) == col(AwardRow.bid_id),
        col(AlternativeRow.number) == col(AwardRow.alternative),
    )
    return (
        of_bids(
            col(BidVersionRow.title),
            _standing().label("state"),
            col(RoundRow.name).label("round"),
            col(TeamRow.name).label("team"),
            _largest_offer().label("offer_credits"),
            col(AwardRow.payment_credits),
            col(TeamBidRow.version),
            col(BidVersionRow.written_at),
            func.coalesce(col(PersonRow.name), "").label("author"),
            col(TeamBidRow.key).label("bid_key"),
            col(RoundRow.key).label("round_key"),
            col(RoundRow.state).label("round_state"),
            col(TeamRow.key).label("team_key"),
            col(TeamBidRow.id).label("bid_id"),
            col(RoundRow.starts_on),
            col(RoundRow.closes_at),
            col(TeamBidRow.team_id),
            col(TeamBidRow.round_id),
        )
        .outerjoin(AlternativeRow, chosen)
        .where(col(TeamBidRow.team_id).in_(sorted(actor.teams)))
    )


def count_standings(
    session: Session, actor: Actor, round_ids: Sequence[str]
) -> tuple[BidCount, ...]:
    """Return how many bids of an actor's teams stand where in some rounds."""
    rows = bid_rows(actor).where(col(TeamBidRow.round_id).in_(round_ids)).subquery()
    counted = select(rows.c.round_key, rows.c.state, func.count()).group_by(
        rows.c.round_key, rows.c.state
    )
    return tuple(
        BidCount(key, Standing(state), count) for key, state, count in session.execute(counted)
    )


def count_earlier(session: Session, actor: Actor, before: dt.date) -> tuple[EarlierBids, ...]:
    """Return the last round before a day of each team that somebody leads, its bids counted."""
    named = (col(TeamRow.key), col(TeamRow.name), col(RoundRow.key), col(RoundRow.name))
    rows = session.execute(
        select(*named, func.count())
        .select_from(TeamBidRow)
        .join(RoundRow, col(RoundRow.id) == col(TeamBidRow.round_id))
        .join(TeamRow, col(TeamRow.id) == col(TeamBidRow.team_id))
        .where(col(TeamBidRow.team_id).in_(leads(actor)))
        .where(col(TeamBidRow.state) == BidState.SUBMITTED, col(RoundRow.starts_on) < before)
        .group_by(*named, col(RoundRow.starts_on))
        .order_by(col(RoundRow.starts_on))
    )
    newest = {row[0]: EarlierBids(*row) for row in rows}
    return tuple(newest.values())


def count_unready(session: Session, actor: Actor, round_id: str) -> int:
    """Count the bids that somebody's teams have in a round without a fact of readiness."""
    lacking = or_(
        col(BidPledgeRow.owner_after_award) == "",
        col(BidPledgeRow.success_measure) == "",
        col(BidPledgeRow.ends_on).is_(None),
    )
    found = (
        select(func.count())
        .select_from(TeamBidRow)
        .join(BidPledgeRow, col(BidPledgeRow.bid_id) == col(TeamBidRow.id))
        .where(col(TeamBidRow.team_id).in_(leads(actor)), col(TeamBidRow.round_id) == round_id)
        .where(lacking)
    )
    return session.scalar(found) or 0


def _standing() -> ColumnElement[str]:
    """Return the words of `Standing` for a row."""
    return case(
        (col(TeamBidRow.state) != BidState.SUBMITTED, col(TeamBidRow.state)),
        (col(AwardRow.lots) == col(AlternativeRow.max_lots), Standing.WON.value),
        (col(AwardRow.lots).is_not(None), Standing.PART_WON.value),
        (col(DeclineRow.bid_id).is_not(None), Standing.DECLINED.value),
        else_=Standing.SUBMITTED.value,
    )


def _largest_offer() -> ColumnElement[int]:
    """Return what a submitted bid costs at most; nothing for a draft."""
    way = aliased(AlternativeRow)
    return (
        select(func.max(col(way.offer_credits_per_lot) * col(way.max_lots)))
        .where(col(way.bid_id) == col(TeamBidRow.id))
        .correlate(TeamBidRow)
        .scalar_subquery()
    )
