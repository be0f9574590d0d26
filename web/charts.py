"""Numbers into the geometry of SVG: where each mark stands and how long it is.

The templates in macros/charts.html draw it. Every chart stands beside a table with the same
numbers. Units: lengths are pixels, rounded to a tenth.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from allocation.problem import Tier
from broker.dashboards.heatmaps import DayUse
from broker.dashboards.histories import PricePoint
from broker.dashboards.listings import Row
from broker.dashboards.sprint_figures import PoolSprint
from web.filters import compact, weekday

SMALLEST_MARK = 2.0
SPARK_WIDTH, SPARK_HEIGHT, SPARK_EDGE = 110, 26, 4
COLUMNS_HEIGHT, COLUMNS_HEAD, COLUMNS_FOOT = 90, 22, 22
COLUMNS_BASE = COLUMNS_HEAD + COLUMNS_HEIGHT
COLUMN_STEP, COLUMN_WIDTH = 72, 56
POOL_BAR_WIDTH = 160
BAR_WIDTH = 240


class Mark(StrEnum):
    """What a stretch of a heatmap's cell stands for."""

    HELD = "held"
    RESERVED = "reserved"
    SPOT = "spot"
    SPOT_ON_RESERVED = "spot-on-reserved"
    OTHERS = "others"
    LOST = "lost"
    FREE = "free"


@dataclass(frozen=True, slots=True)
class Stretch:
    """One part of a cell or a bar."""

    mark: Mark
    left: float
    width: float


@dataclass(frozen=True, slots=True)
class Spark:
    """A small line. Shape: each piece is the points of a line without a gap; `last` is its end."""

    pieces: tuple[str, ...]
    last: tuple[float, float] | None
    sentence: str


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar of a comparison, with the share of the longest one that it reaches."""

    label: str
    amount: int
    width: float
    share: float


@dataclass(frozen=True, slots=True)
class UpColumn:
    """One day of a pool: a column as high as its units, filled as far as they are used."""

    label: str
    left: float
    top: float
    height: float
    filled_top: float
    filled_height: float
    caption: str
    is_full: bool
    is_marked: bool


@dataclass(frozen=True, slots=True)
class ColumnChart:
    """Columns beside each other on a base line."""

    width: float
    height: float
    base: float
    columns: tuple[UpColumn, ...]


def shares_of_width(amounts: Sequence[int], width: float) -> tuple[float, ...]:
    """Divide a width in proportion to amounts; what is there at all stays wide enough to see.

    Shape: one width per amount; together they are the width, unless every amount is 0.
    """
    whole = sum(amounts)
    if whole == 0:
        return tuple(0.0 for _ in amounts)
    smallest = min(SMALLEST_MARK, width / len(amounts))
    plain = [width * amount / whole for amount in amounts]
    if all(size >= smallest for size in plain if size):
        return tuple(round(size, 1) for size in plain)
    raised = [max(smallest, size) if size else 0.0 for size in plain]
    spare = sum(size - smallest for size in raised if size)
    shrink = (sum(raised) - width) / spare if spare else 0.0
    return tuple(round(size - (size - smallest) * shrink, 1) if size else 0.0 for size in raised)


def stack(amounts: Sequence[tuple[Mark, int]], width: float) -> tuple[Stretch, ...]:
    """Put stretches end to end."""
    widths = shares_of_width([amount for _, amount in amounts], width)
    found: list[Stretch] = []
    left = 0.0
    for (mark, _), size in zip(amounts, widths, strict=True):
        if size:
            found.append(Stretch(mark, round(left, 1), size))
        left += size
    return tuple(found)


def spark(values: Sequence[int | None], sentence: str) -> Spark:
    """Draw a line through values, oldest first, with a gap where there is none."""
    known = [value for value in values if value is not None]
    if not known:
        return Spark((), None, sentence)
    low, high = min(known), max(known)
    points = [
        None if value is None else (_spark_x(n, len(values)), _spark_y(value, low, high))
        for n, value in enumerate(values)
    ]
    last = [point for point in points if point is not None][-1]
    return Spark(pieces_of(points), last, sentence)


def _spark_x(place: int, count: int) -> float:
    inner = SPARK_WIDTH - 2 * SPARK_EDGE
    return round(SPARK_EDGE + inner * (place / (count - 1) if count > 1 else 1), 1)


def _spark_y(value: int, low: int, high: int) -> float:
    inner = SPARK_HEIGHT - 2 * SPARK_EDGE
    share = (value - low) / (high - low) if high > low else 0.5
    return round(SPARK_EDGE + inner * (1 - share), 1)


def pieces_of(points: Sequence[tuple[float, float] | None]) -> tuple[str, ...]:
    """Join points into lines, each without a gap."""
    pieces: list[list[str]] = [[]]
    for point in points:
        if point is None:
            pieces.append([])
        else:
            pieces[-1].append(f"{point[0]},{point[1]}")
    return tuple(" ".join(piece) for piece in pieces if len(piece) > 1)


def price_spark(points: Sequence[PricePoint | PoolSprint]) -> Spark:
    """Draw the list prices of a pool: reserved where it has reserved units, else spot."""
    reserved = [point.reserved_microcredits for point in points]
    spot = [point.spot_microcredits for point in points]
    has_reserved = any(price is not None for price in reserved)
    tier = "Reserved" if has_reserved else "Spot"
    sentence = f"{tier} list price over {len(points)} rounds, oldest first"
    return spark(reserved if has_reserved else spot, sentence)


def bars(amounts: Sequence[tuple[str, int]]) -> tuple[Bar, ...]:
    """Compare amounts by the length of bars; the largest fills the width."""
    largest = max((amount for _, amount in amounts), default=0)
    return tuple(
        Bar(
            label,
            amount,
            round(BAR_WIDTH * amount / largest, 1) if largest else 0.0,
            amount / largest if largest else 0.0,
        )
        for label, amount in amounts
    )


def pool_bars(rows: Sequence[Row]) -> dict[str, tuple[Stretch, ...]]:
    """Divide a bar per pool between what is held, reserved, spot and free over the sprint."""
    return {row["pool_key"]: stack(_pool_amounts(row), POOL_BAR_WIDTH) for row in rows}


def _pool_amounts(row: Row) -> tuple[tuple[Mark, int], ...]:
    on_reserved = row["spot_on_reserved_unit_days"]
    return (
        (Mark.HELD, row["held_unit_days"]),
        (Mark.RESERVED, row["reserved_used_unit_days"]),
        (Mark.SPOT_ON_RESERVED, on_reserved),
        (Mark.SPOT, row["spot_used_unit_days"] - on_reserved),
        (Mark.LOST, row["lost_unit_days"]),
        (Mark.FREE, max(0, row["free_unit_days"])),
    )


def use_columns(place: Sequence[DayUse], tier: Tier, marked: dt.date | None) -> ColumnChart:
    """Draw how full a pool was for a tier on each day; the marked day decided."""
    days = [_units_and_free(use, tier) for use in place]
    highest = max((units for units, _ in days), default=0) or 1
    columns = tuple(
        _use_column(use.day, n, (*days[n], highest), is_marked=use.day == marked)
        for n, use in enumerate(place)
    )
    return ColumnChart(
        width=COLUMN_STEP * max(1, len(place)),
        height=COLUMNS_BASE + COLUMNS_FOOT,
        base=COLUMNS_BASE,
        columns=columns,
    )


def _units_and_free(use: DayUse, tier: Tier) -> tuple[int, int]:
    """Return the units that a tier may use, and how many of them nobody does."""
    if tier is Tier.RESERVED:
        return use.reserved_units, use.reserved_free_units
    return use.units, use.free_units


def _use_column(
    day: dt.date, place: int, amounts: tuple[int, int, int], *, is_marked: bool
) -> UpColumn:
    units, free, highest = amounts
    height = round(COLUMNS_HEIGHT * units / highest, 1)
    filled = round(COLUMNS_HEIGHT * (units - free) / highest, 1)
    return UpColumn(
        label=weekday(day),
        left=place * COLUMN_STEP + (COLUMN_STEP - COLUMN_WIDTH) / 2,
        top=COLUMNS_BASE - height,
        height=height,
        filled_top=COLUMNS_BASE - filled,
        filled_height=filled,
        caption=f"{compact(units - free)}/{compact(units)}",
        is_full=free == 0,
        is_marked=is_marked,
    )
