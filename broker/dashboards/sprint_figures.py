"""What decided sprints came to, from the figures that workers kept: value, fairness, scarcity.

All of it is as the market decided, before anybody overrode it. Nothing here reads a bid or an
award, so two years cost as little as one sprint.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Float, and_, cast, func, select
from sqlmodel import Session

from broker.dashboards.briefs import RoundBrief
from broker.dashboards.disclosures import shown_team, shown_team_key
from broker.dashboards.listings import Column, Kind, Subject, Table
from broker.dashboards.sources import MARKET_RUN, POOL, ROUND, ROUND_POOL, TEAM
from broker.dashboards.use import KINDS
from broker.figures.tables import PoolFigureRow, RoundFigureRow, TeamFigureRow

ROUND_FIGURE = RoundFigureRow.metadata.tables[RoundFigureRow.__tablename__]
POOL_FIGURE = PoolFigureRow.metadata.tables[PoolFigureRow.__tablename__]
TEAM_FIGURE = TeamFigureRow.metadata.tables[TeamFigureRow.__tablename__]
MILLION = 10**6
SPRINT_COLUMNS = (
    Column("round_key", "Round key", Kind.KEY, shown=False),
    Column("round_name", "Sprint", filtered=True, names=Subject.ROUND, reference="round_key"),
    Column("starts_on", "Starts", Kind.DAY),
    Column("bids", "Bids", Kind.COUNT),
    Column("awards", "Awarded", Kind.COUNT),
    Column("value", "Value", Kind.COUNT, "points"),
    Column("greedy_value", "Greedy", Kind.COUNT, "points"),
    Column("first_come_value", "First come", Kind.COUNT, "points"),
    Column("first_come_ratio", "Against first come", Kind.TIMES),
    Column("fairness_ratio", "Fairness", Kind.SHARE, "Jain's index"),
    Column("wait_minutes", "Ask to answer", Kind.MINUTES, "median"),
)
TEAM_COLUMNS = (
    Column("team_key", "Team key", Kind.KEY, shown=False),
    Column("team", "Team", filtered=True),
    Column("bids", "Bids", Kind.COUNT),
    Column("awards", "Awarded", Kind.COUNT),
    Column("credits_ratio", "Share of credits", Kind.SHARE, "of all at the close"),
    Column("value_ratio", "Share of value", Kind.SHARE, "of all awards"),
    Column("return_ratio", "Value per credit", Kind.TIMES, "of the mean"),
)
SCARCITY_COLUMNS = (
    Column("pool_key", "Pool key", Kind.KEY, shown=False),
    Column("pool", "Pool", filtered=True, names=Subject.POOL, reference="pool_key"),
    Column("kind", "Kind", Kind.CHOICE, choices=KINDS, filtered=True),
    Column("unit", "Unit"),
    Column("reserved_scarcity", "A reserved unit", Kind.MICROCREDITS, "points"),
    Column("spot_scarcity", "A spot unit", Kind.MICROCREDITS, "points"),
    Column("scarcest_on", "Scarcest day", Kind.DAY),
    Column("wanted_ratio", "Wanted", Kind.TIMES),
)


POOL_SPRINT_COLUMNS = (
    Column("pool_key", "Pool key", Kind.KEY, shown=False),
    Column("pool", "Pool", filtered=True, names=Subject.POOL, reference="pool_key"),
    Column("kind", "Kind", Kind.CHOICE, choices=KINDS, filtered=True, shown=False),
    Column("unit", "Unit"),
    Column("round_key", "Round key", Kind.KEY, shown=False),
    Column("starts_on", "Sprint starts", Kind.DAY, filtered=True),
    Column("reserved_unit_days", "Reserved units × days", Kind.COUNT),
    Column("spot_unit_days", "Spot units × days", Kind.COUNT),
    Column("held_unit_days", "Held before", Kind.COUNT),
    Column("reserved_used_unit_days", "Reserved in use", Kind.COUNT),
    Column("spot_used_unit_days", "Spot in use", Kind.COUNT),
    Column("free_unit_days", "Free", Kind.COUNT),
    Column("wanted_unit_days", "Wanted", Kind.COUNT),
    Column("reserved_list_price_credits", "Reserved price", Kind.MICROCREDITS, "credits"),
    Column("spot_list_price_credits", "Spot price", Kind.MICROCREDITS, "credits"),
)


@dataclass(frozen=True, slots=True)
class PoolSprint:
    """A pool over one decided sprint. Units: unit-days, millionths of a credit."""

    round_key: str
    starts_on: dt.date
    reserved_unit_days: int
    spot_unit_days: int
    held_unit_days: int
    reserved_used_unit_days: int
    spot_used_unit_days: int
    spot_on_reserved_unit_days: int
    reserved_microcredits: int | None
    spot_microcredits: int | None

    @property
    def free_unit_days(self) -> int:
        """What nobody used."""
        used = self.held_unit_days + self.reserved_used_unit_days + self.spot_used_unit_days
        return self.reserved_unit_days + self.spot_unit_days - used


def sprint_table() -> Table:
    """Return the table of decided sprints: value, what simpler rules make of it, fairness, wait."""
    figure = ROUND_FIGURE.c
    rows = (
        select(
            ROUND.c.key.label("round_key"),
            ROUND.c.name.label("round_name"),
            ROUND.c.starts_on,
            figure.bids,
            figure.awards,
            figure.value,
            figure.greedy_value,
            figure.first_come_value,
            _ratio(figure.value, figure.first_come_value).label("first_come_ratio"),
            (cast(figure.jain_millionths, Float) / MILLION).label("fairness_ratio"),
            figure.wait_minutes,
        )
        .join(MARKET_RUN, MARKET_RUN.c.run_id == figure.run_id)
        .join(ROUND, ROUND.c.id == MARKET_RUN.c.round_id)
    )
    caption = "Decided sprints: value, simpler rules, fairness and time to answer"
    return Table("sprint_figures", caption, SPRINT_COLUMNS, rows, ("-starts_on", "round_key"))


def team_table(round_id: str) -> Table:
    """Return the table of a sprint's teams: what each could spend, and the value it got.

    Value per credit is against that of all teams together: 1 where a team got its share.
    """
    figure = TEAM_FIGURE.c
    credits_ratio = _ratio(figure.credits, func.sum(figure.credits).over())
    value_ratio = _ratio(figure.value, func.sum(figure.value).over())
    rows = (
        select(
            shown_team_key(MARKET_RUN.c.round_id).label("team_key"),
            shown_team(MARKET_RUN.c.round_id).label("team"),
            figure.bids,
            figure.awards,
            credits_ratio.label("credits_ratio"),
            value_ratio.label("value_ratio"),
            (value_ratio / func.nullif(credits_ratio, 0)).label("return_ratio"),
        )
        .join(MARKET_RUN, MARKET_RUN.c.run_id == figure.run_id)
        .join(TEAM, TEAM.c.id == figure.team_id)
        .where(MARKET_RUN.c.round_id == round_id)
    )
    caption = "Share of value against share of credits, per team"
    return Table("team_figures", caption, TEAM_COLUMNS, rows, ("-value_ratio", "team", "team_key"))


def scarcity_table(round_id: str) -> Table:
    """Return the table of a sprint's pools by what one more unit of each would have added."""
    figure = POOL_FIGURE.c
    offered = figure.reserved_unit_days + figure.spot_unit_days - figure.held_unit_days
    here = and_(ROUND_POOL.c.pool_id == figure.pool_id, ROUND_POOL.c.round_id == round_id)
    rows = (
        select(
            POOL.c.key.label("pool_key"),
            POOL.c.name.label("pool"),
            ROUND_POOL.c.kind,
            ROUND_POOL.c.unit,
            figure.reserved_scarcity,
            figure.spot_scarcity,
            figure.scarcest_on,
            _ratio(figure.wanted_unit_days, offered).label("wanted_ratio"),
        )
        .join(MARKET_RUN, MARKET_RUN.c.run_id == figure.run_id)
        .join(POOL, POOL.c.id == figure.pool_id)
        .join(ROUND_POOL, here)
        .where(MARKET_RUN.c.round_id == round_id)
    )
    caption = "What one more unit on every day of the sprint would have added, per pool"
    order = ("-reserved_scarcity", "-spot_scarcity", "pool", "pool_key")
    return Table("scarcity", caption, SCARCITY_COLUMNS, rows, order)


def pool_sprint_table() -> Table:
    """Return the table of every pool in every decided sprint: units, use, demand, prices."""
    figure = POOL_FIGURE.c
    used = figure.held_unit_days + figure.reserved_used_unit_days + figure.spot_used_unit_days
    here = and_(
        ROUND_POOL.c.pool_id == figure.pool_id, ROUND_POOL.c.round_id == MARKET_RUN.c.round_id
    )
    rows = (
        select(
            POOL.c.key.label("pool_key"),
            POOL.c.name.label("pool"),
            ROUND_POOL.c.kind,
            ROUND_POOL.c.unit,
            ROUND.c.key.label("round_key"),
            ROUND.c.starts_on,
            figure.reserved_unit_days,
            figure.spot_unit_days,
            figure.held_unit_days,
            figure.reserved_used_unit_days,
            figure.spot_used_unit_days,
            (figure.reserved_unit_days + figure.spot_unit_days - used).label("free_unit_days"),
            figure.wanted_unit_days,
            figure.reserved_price_microcredits.label("reserved_list_price_credits"),
            figure.spot_price_microcredits.label("spot_list_price_credits"),
        )
        .join(MARKET_RUN, MARKET_RUN.c.run_id == figure.run_id)
        .join(ROUND, ROUND.c.id == MARKET_RUN.c.round_id)
        .join(POOL, POOL.c.id == figure.pool_id)
        .join(ROUND_POOL, here)
    )
    caption = "Every pool in every decided sprint, in units × days, as the market decided"
    order = ("pool", "pool_key", "-starts_on")
    return Table("pool_sprints", caption, POOL_SPRINT_COLUMNS, rows, order)


def sprints_of_pools(
    session: Session, rounds: Sequence[RoundBrief]
) -> Mapping[str, tuple[PoolSprint, ...]]:
    """Return what every pool came to over some decided sprints, oldest first, by pool key."""
    figure = POOL_FIGURE.c
    rows = session.execute(
        select(
            POOL.c.key,
            ROUND.c.key,
            ROUND.c.starts_on,
            figure.reserved_unit_days,
            figure.spot_unit_days,
            figure.held_unit_days,
            figure.reserved_used_unit_days,
            figure.spot_used_unit_days,
            figure.spot_on_reserved_unit_days,
            figure.reserved_price_microcredits,
            figure.spot_price_microcredits,
        )
        .join(MARKET_RUN, MARKET_RUN.c.run_id == figure.run_id)
        .join(ROUND, ROUND.c.id == MARKET_RUN.c.round_id)
        .join(POOL, POOL.c.id == figure.pool_id)
        .where(MARKET_RUN.c.round_id.in_([one.id for one in rounds]))
        .order_by(ROUND.c.starts_on, ROUND.c.key)
    )
    found: dict[str, list[PoolSprint]] = {}
    for key, *rest in rows:
        found.setdefault(key, []).append(PoolSprint(*rest))
    return {key: tuple(sprints) for key, sprints in found.items()}


def _ratio(part: ColumnElement[Any], whole: ColumnElement[Any]) -> ColumnElement[Any]:
    return cast(part, Float) / func.nullif(whole, 0)


def wait_minutes(session: Session, round_id: str) -> int | None:
    """Return the median time from the last submission of a bid to its answer, in one sprint."""
    waited = (
        select(ROUND_FIGURE.c.wait_minutes)
        .join(MARKET_RUN, MARKET_RUN.c.run_id == ROUND_FIGURE.c.run_id)
        .where(MARKET_RUN.c.round_id == round_id)
    )
    return session.execute(waited).scalar()
