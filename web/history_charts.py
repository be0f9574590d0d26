"""The geometry of a pool's past: demand against supply, and list prices, round by round.

Like charts.py, which has the base line and the marks; macros/charts.html draws it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from broker.dashboards.listings import Row
from web.charts import COLUMNS_BASE, COLUMNS_FOOT, COLUMNS_HEIGHT, Mark, pieces_of
from web.filters import compact_credits

DEMAND_STEP, DEMAND_BAR, DEMAND_EDGE = 108, 22, 6
PRICE_WIDTH, PRICE_EDGE = 480, 28
CHART_ROUNDS = 12
DEMAND_KEYS = (
    "reserved_unit_days",
    "reserved_wanted_unit_days",
    "spot_unit_days",
    "spot_wanted_unit_days",
)


@dataclass(frozen=True, slots=True)
class DemandPair:
    """What there was of one tier in one round, and what was wanted, with the clearing price."""

    mark: Mark
    left: float
    there_top: float
    there_height: float
    wanted_left: float
    wanted_top: float
    wanted_height: float
    caption: str
    caption_top: float


@dataclass(frozen=True, slots=True)
class DemandRound:
    """One round of a demand chart: reserved, then spot."""

    label: str
    middle: float
    pairs: tuple[DemandPair, ...]


@dataclass(frozen=True, slots=True)
class DemandChart:
    """Demand against supply, round by round."""

    width: float
    height: float
    base: float
    rounds: tuple[DemandRound, ...]


@dataclass(frozen=True, slots=True)
class PriceLine:
    """The prices of one tier. Shape: pieces as in a spark; one dot per known price."""

    mark: Mark
    letter: str
    pieces: tuple[str, ...]
    dots: tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True)
class PriceChart:
    """List prices over rounds; `highest` is the price at the top, in millionths of a credit."""

    width: float
    height: float
    base: float
    highest: int
    labels: tuple[tuple[float, str], ...]
    lines: tuple[PriceLine, ...]


def demand_chart(rows: Sequence[Row]) -> DemandChart:
    """Draw what was wanted beside what there was, per past round and tier, oldest first."""
    past = _oldest_first(rows)
    highest = max((row[key] for row in past for key in DEMAND_KEYS), default=0) or 1
    rounds = tuple(_demand_round(row, n, highest) for n, row in enumerate(past))
    width = DEMAND_STEP * max(1, len(past))
    return DemandChart(width, COLUMNS_BASE + COLUMNS_FOOT, COLUMNS_BASE, rounds)


def _demand_round(row: Row, place: int, highest: int) -> DemandRound:
    left = place * DEMAND_STEP + DEMAND_EDGE
    tiers = (
        ("R", Mark.RESERVED, "reserved", left),
        ("S", Mark.SPOT, "spot", left + 2 * DEMAND_BAR + DEMAND_EDGE),
    )
    return DemandRound(
        label=f"{row['starts_on'].day} {row['starts_on']:%b}",
        middle=place * DEMAND_STEP + DEMAND_STEP / 2,
        pairs=tuple(_demand_pair(row, *tier, highest) for tier in tiers),
    )


def _demand_pair(
    row: Row, letter: str, mark: Mark, tier: str, left: float, highest: int
) -> DemandPair:
    there = round(COLUMNS_HEIGHT * row[f"{tier}_unit_days"] / highest, 1)
    wanted = round(COLUMNS_HEIGHT * row[f"{tier}_wanted_unit_days"] / highest, 1)
    price = row[f"{tier}_list_price_credits"]
    return DemandPair(
        mark=mark,
        left=left,
        there_top=COLUMNS_BASE - there,
        there_height=there,
        wanted_left=left + DEMAND_BAR,
        wanted_top=COLUMNS_BASE - wanted,
        wanted_height=wanted,
        caption=letter if price is None else f"{letter} {compact_credits(price)}",
        caption_top=COLUMNS_BASE - max(there, wanted) - 5,
    )


def price_chart(rows: Sequence[Row]) -> PriceChart:
    """Draw the mean list price of each tier over past rounds, oldest first, from 0 up."""
    past = _oldest_first(rows)
    reserved = [row["reserved_list_price_credits"] for row in past]
    spot = [row["spot_list_price_credits"] for row in past]
    highest = max((price for price in (*reserved, *spot) if price is not None), default=0)
    lines = (
        _price_line(Mark.RESERVED, "R", reserved, highest),
        _price_line(Mark.SPOT, "S", spot, highest),
    )
    labels = tuple(
        (_price_x(n, len(past)), f"{row['starts_on'].day} {row['starts_on']:%b}")
        for n, row in enumerate(past)
    )
    return PriceChart(
        PRICE_WIDTH, COLUMNS_BASE + COLUMNS_FOOT, COLUMNS_BASE, highest, labels, lines
    )


def _price_line(mark: Mark, letter: str, prices: Sequence[int | None], highest: int) -> PriceLine:
    points = [
        None
        if price is None
        else (
            _price_x(n, len(prices)),
            round(COLUMNS_BASE - (COLUMNS_HEIGHT * price / highest if highest else 0), 1),
        )
        for n, price in enumerate(prices)
    ]
    known = tuple(point for point in points if point is not None)
    return PriceLine(mark, letter, pieces_of(points), known)


def _price_x(place: int, count: int) -> float:
    inner = PRICE_WIDTH - 2 * PRICE_EDGE
    return round(PRICE_EDGE + (inner * place / (count - 1) if count > 1 else inner / 2), 1)


def _oldest_first(rows: Sequence[Row]) -> list[Row]:
    return sorted(rows, key=lambda row: row["starts_on"])[-CHART_ROUNDS:]
