"""Screen 8, the capacity dashboard: who holds what in a decided round, and what it was worth."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from sqlmodel import Session

from broker.dashboards.briefs import (
    PublishedRun,
    RoundBrief,
    find_decided,
    published_run,
    rounds_decided,
)
from broker.dashboards.heatmaps import Heatmap, heatmap
from broker.dashboards.histories import PricePoint, price_histories
from broker.dashboards.listings import Listing, Question, Row, Table, all_rows, list_rows
from broker.dashboards.use import day_table, pool_table

PRICES_SHOWN = (
    "pool",
    "reserved_list_price_credits",
    "spot_list_price_credits",
    "wanted_ratio",
)


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
class CapacityBoard:
    """The dashboard of one decided round; `before` is the utilisation of the sprint before it."""

    round: RoundBrief
    run: PublishedRun | None
    utilisation: Utilisation
    before: Utilisation | None
    heatmap: Heatmap
    days: Listing
    pools: Listing
    histories: Mapping[str, tuple[PricePoint, ...]]


@dataclass(frozen=True, slots=True)
class CapacityScreen:
    """The decided rounds to choose from, and the board of the chosen one; None if there is none."""

    rounds: tuple[RoundBrief, ...]
    board: CapacityBoard | None


def capacity_screen(
    session: Session,
    round_key: str,
    window: tuple[dt.date | None, int],
    days: Question,
    pools: Question,
) -> CapacityScreen:
    """Return the dashboard of a round, of the newest decided one where none is named.

    Shape: the window is the heatmap's first day and its page of pools.

    Raises: NotFound if the round that was named is not decided.
    """
    newest = rounds_decided(session)
    chosen = find_decided(session, round_key) if round_key else next(iter(newest), None)
    if chosen is None:
        return CapacityScreen(rounds=(), board=None)
    past = tuple(brief for brief in newest if brief.starts_on <= chosen.starts_on)
    if chosen not in newest:
        past = rounds_decided(session, until=chosen.starts_on)
    board = _board(session, chosen, past, window, days, pools)
    return CapacityScreen(rounds=tuple(dict.fromkeys((*newest, chosen))), board=board)


def _board(
    session: Session,
    chosen: RoundBrief,
    past: Sequence[RoundBrief],
    window: tuple[dt.date | None, int],
    days: Question,
    pools: Question,
) -> CapacityBoard:
    before = next((brief for brief in past if brief.starts_on < chosen.starts_on), None)
    return CapacityBoard(
        round=chosen,
        run=published_run(session, chosen.id),
        utilisation=_utilisation(session, chosen),
        before=_utilisation(session, before) if before else None,
        heatmap=heatmap(session, chosen, *window),
        days=list_rows(session, day_table(chosen.id), days),
        pools=list_rows(session, pool_prices(chosen), pools),
        histories=price_histories(session, past),
    )


def pool_prices(brief: RoundBrief) -> Table:
    """Return the pools of a round with their mean list prices and what was wanted of them."""
    caption = "Mean list price per unit and day, and demand against supply"
    return pool_table(brief.id).showing("pool_prices", caption, PRICES_SHOWN)


def _utilisation(session: Session, brief: RoundBrief) -> Utilisation:
    rows = all_rows(session, pool_table(brief.id), Question())
    wanted = [row for row in rows if row["wanted_ratio"] is not None]
    most = max(wanted, key=lambda row: row["wanted_ratio"], default=None)
    return Utilisation(
        reserved_ratio=_mean_share(rows, "reserved_used_unit_days", ("reserved_unit_days",)),
        spot_ratio=_mean_share(rows, "spot_used_unit_days", ("spot_unit_days",)),
        free_ratio=_mean_share(rows, "free_unit_days", ("reserved_unit_days", "spot_unit_days")),
        wanted_ratio=fmean(row["wanted_ratio"] for row in wanted) if wanted else None,
        most_wanted=most["pool"] if most else "",
        most_wanted_ratio=most["wanted_ratio"] if most else None,
    )


def _mean_share(rows: Sequence[Row], part: str, whole: tuple[str, ...]) -> float | None:
    shares = [
        row[part] / sum(row[key] for key in whole) for row in rows if sum(row[key] for key in whole)
    ]
    return fmean(shares) if shares else None
