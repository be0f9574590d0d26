"""Screen 5, my bids: what the teams of whoever asks wrote, and what became of it.

A team sees its own bids here and nobody else's, before the close and after it. What a bid says
stands in broker/bids/reading.py; here is the list that people sort, filter and take away.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, case, func, select
from sqlmodel import Session

from broker.access import Action, Actor, may, nothing_here, require
from broker.bids.reading import Standing
from broker.bids.tables import BidVersionRow, TeamBidRow
from broker.dashboards.bid_desk import open_rounds
from broker.dashboards.briefs import RoundBrief
from broker.dashboards.listings import (
    Column,
    Kind,
    Listing,
    Question,
    Subject,
    Table,
    list_rows,
)
from broker.dashboards.sources import (
    ALTERNATIVE,
    AWARD,
    DECLINE,
    PUBLISHED_RUN,
    ROUND,
    TEAM,
)
from broker.people.tables import PersonRow
from broker.states import BidState

BID = TeamBidRow.metadata.tables[TeamBidRow.__tablename__]
VERSION = BidVersionRow.metadata.tables[BidVersionRow.__tablename__]
PERSON = PersonRow.metadata.tables[PersonRow.__tablename__]
COLUMNS = (
    Column("title", "Bid", filtered=True, names=Subject.BID, reference="bid_id"),
    Column("state", "State", Kind.CHOICE, choices=tuple(Standing), filtered=True),
    Column("round", "Round", filtered=True, names=Subject.ROUND, reference="round_key"),
    Column("team", "Team", filtered=True),
    Column("offer_credits", "Largest offer", Kind.COUNT, "credits"),
    Column("payment_credits", "Payment", Kind.COUNT, "credits"),
    Column("version", "Version", Kind.COUNT, shown=False),
    Column("written_at", "Last change", Kind.INSTANT),
    Column("author", "by", filtered=True),
    Column("bid_key", "Bid key", Kind.KEY, shown=False),
    Column("round_key", "Round key", Kind.KEY, shown=False),
    Column("round_state", "Round state", Kind.KEY, shown=False),
    Column("team_key", "Team key", Kind.KEY, shown=False),
    Column("bid_id", "Bid id", Kind.KEY, shown=False),
)


@dataclass(frozen=True, slots=True)
class Clone:
    """What a team submitted for its last round, to be drafted for a round that is open."""

    team_key: str
    team: str
    from_key: str
    from_name: str
    to: RoundBrief
    count: int


@dataclass(frozen=True, slots=True)
class MyBids:
    """The bids of somebody's teams. Shape: `bids` is one page; `bid_in` the rounds open to them."""

    bids: Listing
    bid_in: tuple[RoundBrief, ...]
    clones: tuple[Clone, ...]


@dataclass(frozen=True, slots=True)
class BidCount:
    """How many bids of a round stand where."""

    round_key: str
    standing: Standing
    count: int


def my_bids(session: Session, actor: Actor, at: dt.datetime, question: Question) -> MyBids:
    """Return the bids of the teams of whoever asks."""
    bid_in = open_rounds(session, at) if leads(actor) else ()
    clones = _clones(session, actor, bid_in[0]) if bid_in else ()
    return MyBids(list_rows(session, bid_table(actor), question), bid_in, clones)


def _clones(session: Session, actor: Actor, to: RoundBrief) -> tuple[Clone, ...]:
    """Return the newest earlier round of each team that somebody leads, with its bids counted."""
    rows = session.execute(
        select(TEAM.c.key, TEAM.c.name, ROUND.c.key, ROUND.c.name, func.count())
        .select_from(BID)
        .join(ROUND, ROUND.c.id == BID.c.round_id)
        .join(TEAM, TEAM.c.id == BID.c.team_id)
        .where(BID.c.team_id.in_(leads(actor)), BID.c.state == BidState.SUBMITTED)
        .where(ROUND.c.starts_on < to.starts_on)
        .group_by(TEAM.c.key, TEAM.c.name, ROUND.c.key, ROUND.c.name, ROUND.c.starts_on)
        .order_by(ROUND.c.starts_on)
    )
    newest = {
        key: Clone(key, team, from_key, from_name, to, count)
        for key, team, from_key, from_name, count in rows
    }
    return tuple(newest.values())


def leads(actor: Actor) -> tuple[str, ...]:
    """Return the ids of the teams for which somebody may bid."""
    return tuple(team for team in sorted(actor.teams) if may(actor, Action.PLACE_BID, team_id=team))


def led_team_id(session: Session, actor: Actor, key: str) -> str:
    """Return the id of the team that somebody bids for: the one that is named, else their first.

    Raises: NotFound, NotAllowed.
    """
    led = leads(actor)
    if not led:
        require(actor, Action.PLACE_BID, team_id=next(iter(actor.teams), None))
    if not key:
        return led[0]
    for id_ in session.scalars(select(TEAM.c.id).where(TEAM.c.key == key, TEAM.c.id.in_(led))):
        return str(id_)
    raise nothing_here()


def bid_table(actor: Actor) -> Table:
    """Return the table of all bids of an actor's teams, the latest sprint first."""
    order = ("-starts_on", "-written_at", "bid_id")
    columns = tuple(
        replace(one, shown=one.shown and (one.key != "team" or len(actor.teams) > 1))
        for one in COLUMNS
    )
    return Table("my_bids", "Bids of my teams", columns, _rows(actor), order)


def count_standings(
    session: Session, actor: Actor, round_ids: Sequence[str]
) -> tuple[BidCount, ...]:
    """Return how many bids of an actor's teams stand where in some rounds."""
    rows = _rows(actor).where(BID.c.round_id.in_(round_ids)).subquery()
    counted = select(rows.c.round_key, rows.c.state, func.count()).group_by(
        rows.c.round_key, rows.c.state
    )
    return tuple(
        BidCount(key, Standing(state), count) for key, state, count in session.execute(counted)
    )


def _rows(actor: Actor) -> Select[Any]:
    latest = and_(VERSION.c.bid_id == BID.c.id, VERSION.c.version == BID.c.version)
    awarded = and_(AWARD.c.run_id == PUBLISHED_RUN.c.run_id, AWARD.c.bid_id == BID.c.id)
    declined = and_(DECLINE.c.run_id == PUBLISHED_RUN.c.run_id, DECLINE.c.bid_id == BID.c.id)
    chosen = and_(
        ALTERNATIVE.c.bid_id == AWARD.c.bid_id, ALTERNATIVE.c.number == AWARD.c.alternative
    )
    return (
        select(
            VERSION.c.title,
            _standing().label("state"),
            ROUND.c.name.label("round"),
            TEAM.c.name.label("team"),
            _largest_offer().label("offer_credits"),
            AWARD.c.payment_credits,
            BID.c.version,
            VERSION.c.written_at,
            func.coalesce(PERSON.c.name, "").label("author"),
            BID.c.key.label("bid_key"),
            ROUND.c.key.label("round_key"),
            ROUND.c.state.label("round_state"),
            TEAM.c.key.label("team_key"),
            BID.c.id.label("bid_id"),
            ROUND.c.starts_on,
            ROUND.c.closes_at,
            BID.c.team_id,
        )
        .select_from(BID)
        .join(ROUND, ROUND.c.id == BID.c.round_id)
        .join(TEAM, TEAM.c.id == BID.c.team_id)
        .join(VERSION, latest)
        .outerjoin(PERSON, PERSON.c.id == VERSION.c.written_by)
        .outerjoin(PUBLISHED_RUN, PUBLISHED_RUN.c.round_id == ROUND.c.id)
        .outerjoin(AWARD, awarded)
        .outerjoin(ALTERNATIVE, chosen)
        .outerjoin(DECLINE, declined)
        .where(BID.c.team_id.in_(sorted(actor.teams)))
    )


def _standing() -> ColumnElement[str]:
    """Return the words of `reading.Standing` for a row."""
    return case(
        (BID.c.state != BidState.SUBMITTED, BID.c.state),
        (AWARD.c.lots == ALTERNATIVE.c.max_lots, Standing.WON.value),
        (AWARD.c.lots.is_not(None), Standing.PART_WON.value),
        (DECLINE.c.bid_id.is_not(None), Standing.DECLINED.value),
        else_=Standing.SUBMITTED.value,
    )


def _largest_offer() -> ColumnElement[int]:
    """Return what a submitted bid costs at most; nothing for a draft."""
    way = ALTERNATIVE.alias("way")
    return (
        select(func.max(way.c.offer_credits_per_lot * way.c.max_lots))
        .where(way.c.bid_id == BID.c.id)
        .correlate(BID)
        .scalar_subquery()
    )
