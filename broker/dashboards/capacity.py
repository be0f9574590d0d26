"""Screen 8, the capacity dashboard: who holds what in a decided sprint, and in those around it.

What the sprints were worth and to whom, and what is scarce, stands in capacity_values.py; one day
of all pools in capacity_days.py.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import fmean
from typing import NamedTuple

from sqlalchemy import select
from sqlmodel import Session

from broker.dashboards.briefs import (
    PublishedRun,
    RoundBrief,
    find_decided,
    published_run,
    rounds_ahead,
    rounds_decided,
)
from broker.dashboards.disclosures import is_nameless
from broker.dashboards.heatmaps import DayUse, Heatmap, PoolDays, PoolsAsked, use_of_pools, window
from broker.dashboards.listings import (
    PAGE_ROWS,
    Listing,
    Question,
    Row,
    Table,
    all_rows,
    list_rows,
)
from broker.dashboards.sources import ROUND_TEAM, TEAM
from broker.dashboards.sprint_figures import (
    PoolSprint,
    sprints_of_pools,
    wait_minutes,
)
from broker.dashboards.team_units import TeamUnits, units_of_team
from broker.dashboards.use import day_table, offers_of_pools, price_table
from broker.errors import NotFound

PRICES_SHOWN = (
    "pool",
    "reserved_list_price_credits",
    "spot_list_price_credits",
    "wanted_ratio",
)


@dataclass(frozen=True, slots=True)
class CapacityAsked:
    """What somebody wants to see. Empty texts ask for everything, and for the newest sprint.

    `first` and `page` are the heatmap's first day and its page of pools.
    """

    round_key: str = ""
    kind: str = ""
    pool: str = ""
    team_key: str = ""
    first: dt.date | None = None
    page: int = 1

    @property
    def pools(self) -> PoolsAsked:
        """Which pools are wanted."""
        return PoolsAsked(self.kind, self.pool)


@dataclass(frozen=True, slots=True)
class Utilisation:
    """Shares of a round's capacity, each the mean over its pools: units of pools do not add up.

    Units: ratios; None where no pool has such units.
    """

    reserved_ratio: float | None
    spot_ratio: float | None
    free_ratio: float | None
    wanted_ratio: float | None
    most_wanted: str
    most_wanted_ratio: float | None


@dataclass(frozen=True, slots=True)
class PoolOffer:
    """What a pool offers in a sprint that is not decided: all of it, and what is held before."""

    units: int
    held: int


@dataclass(frozen=True, slots=True)
class CapacityBoard:
    """The dashboard of one decided round.

    Shape: `sprints` and `offers` by pool key; `before_reserved_ratio` is of the sprint before. A
    `team` is there where one was asked for, with its units.
    """

    round: RoundBrief
    run: PublishedRun | None
    wait_minutes: int | None
    utilisation: Utilisation
    before_reserved_ratio: float | None
    heatmap: Heatmap
    days: Listing | None
    pools: Listing
    sprints: Mapping[str, tuple[PoolSprint, ...]]
    next: RoundBrief | None
    offers: Mapping[str, PoolOffer]
    teams: Mapping[str, str]
    team: TeamUnits | None


@dataclass(frozen=True, slots=True)
class CapacityScreen:
    """The decided rounds to choose from, and the board of the chosen one; None if there is none."""

    asked: CapacityAsked
    rounds: tuple[RoundBrief, ...]
    board: CapacityBoard | None


def capacity_screen(
    session: Session, asked: CapacityAsked, days: Question | None, pools: Question
) -> CapacityScreen:
    """Return the dashboard of a round, of the newest decided one where none is named.

    The table of days is there only for whoever asks for it. Raises: NotFound if the round that was
    named is not decided, or the team is none of it.
    """
    newest = rounds_decided(session)
    chosen = choose_decided(session, newest, asked.round_key)
    if chosen is None:
        return CapacityScreen(asked, rounds=(), board=None)
    past = tuple(brief for brief in newest if brief.starts_on <= chosen.starts_on)
    if chosen not in newest:
        past = rounds_decided(session, until=chosen.starts_on)
    board = _board(session, asked, chosen, past, days, pools)
    return CapacityScreen(asked, tuple(dict.fromkeys((*newest, chosen))), board)


def choose_decided(
    session: Session, newest: Sequence[RoundBrief], round_key: str
) -> RoundBrief | None:
    """Return the decided round that was named, else the newest. Raises: NotFound."""
    if not round_key:
        return next(iter(newest), None)
    named = next((brief for brief in newest if brief.key == round_key), None)
    return named or find_decided(session, round_key)


def _board(
    session: Session,
    asked: CapacityAsked,
    chosen: RoundBrief,
    past: Sequence[RoundBrief],
    days: Question | None,
    pools: Question,
) -> CapacityBoard:
    before = next((brief for brief in past if brief.starts_on < chosen.starts_on), None)
    sprints = sprints_of_pools(session, past)
    ahead = next(iter(rounds_ahead(session)), None)
    teams = _teams(session, chosen)
    wanted = Question(filters={"kind": asked.kind, "pool": asked.pool})
    table = price_table(chosen.id).showing("pool_prices", "", PRICES_SHOWN)
    rows = all_rows(session, table, wanted)
    use = use_of_pools(session, chosen, asked.pools)
    return CapacityBoard(
        round=chosen,
        run=published_run(session, chosen.id),
        wait_minutes=wait_minutes(session, chosen.id),
        utilisation=_utilisation(use, rows),
        before_reserved_ratio=_reserved_before(before, sprints),
        heatmap=window(chosen, use, asked.first, asked.page),
        days=list_rows(session, day_table(chosen.id), days) if days else None,
        pools=_prices(session, table, wanted, pools, rows),
        sprints=sprints,
        next=ahead,
        offers=_offers(session, ahead),
        teams=teams,
        team=_team(session, chosen, asked.team_key, teams),
    )


def _prices(
    session: Session, table: Table, wanted: Question, asked: Question, rows: Sequence[Row]
) -> Listing:
    """List the prices of the pools that the dashboard shows; read again only if asked otherwise."""
    if asked.sort or asked.page > 1 or asked.wanted(table):
        filters = {**wanted.filters, **asked.filters}
        return list_rows(session, table, replace(asked, filters=filters))
    return Listing(table, wanted, tuple(rows[:PAGE_ROWS]), len(rows), 1)


def _teams(session: Session, brief: RoundBrief) -> Mapping[str, str]:
    """Return the names of the teams that could bid in a round, by key, if it shows who did."""
    rows = session.execute(
        select(TEAM.c.key, TEAM.c.name)
        .join(ROUND_TEAM, ROUND_TEAM.c.team_id == TEAM.c.id)
        .where(ROUND_TEAM.c.round_id == brief.id, ~is_nameless(ROUND_TEAM.c.round_id))
        .order_by(TEAM.c.name, TEAM.c.key)
    )
    return dict(rows.all())


def _team(
    session: Session, brief: RoundBrief, key: str, teams: Mapping[str, str]
) -> TeamUnits | None:
    """Return what the team that is asked for holds. Raises: NotFound where no team is shown."""
    if key and not teams:
        raise NotFound(f"Round {brief.key} does not show which team holds what.", key=brief.key)
    return units_of_team(session, brief.id, key) if key else None


def _offers(session: Session, ahead: RoundBrief | None) -> Mapping[str, PoolOffer]:
    if ahead is None:
        return {}
    rows = session.execute(offers_of_pools(ahead.id))
    return {key: PoolOffer(units, held) for key, units, held in rows}


def _reserved_before(
    before: RoundBrief | None, sprints: Mapping[str, tuple[PoolSprint, ...]]
) -> float | None:
    shares = [
        one.reserved_used_unit_days / one.reserved_unit_days
        for pool in sprints.values()
        for one in pool
        if before and one.round_key == before.key and one.reserved_unit_days
    ]
    return fmean(shares) if shares else None


def _utilisation(pools: Sequence[PoolDays], prices: Sequence[Row]) -> Utilisation:
    wanted = [row for row in prices if row["wanted_ratio"] is not None]
    most = max(wanted, key=lambda row: row["wanted_ratio"], default=None)
    sums = [_sums([use for use in pool.days if use]) for pool in pools]
    return Utilisation(
        reserved_ratio=_mean((one.reserved_used, one.reserved) for one in sums),
        spot_ratio=_mean((one.spot_used, one.spot_used + one.free) for one in sums),
        free_ratio=_mean((one.free, one.reserved + one.spot) for one in sums),
        wanted_ratio=fmean(row["wanted_ratio"] for row in wanted) if wanted else None,
        most_wanted=most["pool"] if most else "",
        most_wanted_ratio=most["wanted_ratio"] if most else None,
    )


class _Sums(NamedTuple):
    """What a pool comes to over a sprint. Units: unit-days."""

    reserved: int
    spot: int
    reserved_used: int
    spot_used: int
    free: int


def _sums(uses: Sequence[DayUse]) -> _Sums:
    return _Sums(
        reserved=sum(use.reserved_units for use in uses),
        spot=sum(use.spot_units for use in uses),
        reserved_used=sum(use.reserved_used_units for use in uses),
        spot_used=sum(use.spot_used_units for use in uses),
        free=sum(use.free_units for use in uses),
    )


def _mean(parts: Iterable[tuple[int, int]]) -> float | None:
    """Return the mean of what parts are of their wholes, leaving out wholes of nothing."""
    shares = [part / whole for part, whole in parts if whole]
    return fmean(shares) if shares else None
