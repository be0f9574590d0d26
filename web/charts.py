"""Numbers into the geometry of SVG: where each mark stands and how long it is.

The templates in macros/charts.html draw it. Every chart stands beside a table with the same
numbers. Units: lengths are pixels, rounded to a tenth.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from allocation.outcome import PRICE_SCALE
from broker.dashboards.heatmaps import DayUse, Heatmap, PoolDays
from broker.dashboards.histories import PricePoint
from broker.dashboards.listings import Row
from web.filters import compact, weekday

ROW, HEAD, GAP, CELL_HEIGHT = 28, 26, 4, 22
NARROW_CELL, WIDE_CELL, HEATMAP_WIDTH = 26, 44, 616
SMALLEST_MARK = 2.0
SPARK_WIDTH, SPARK_HEIGHT, SPARK_EDGE = 110, 26, 4
COLUMNS_HEIGHT, COLUMNS_HEAD, COLUMNS_FOOT = 90, 22, 22
COLUMNS_BASE = COLUMNS_HEAD + COLUMNS_HEIGHT
COLUMN_STEP, COLUMN_WIDTH = 72, 56
DEMAND_STEP, DEMAND_BAR, DEMAND_EDGE = 108, 22, 6
PRICE_WIDTH, PRICE_EDGE = 480, 28
POOL_BAR_WIDTH = 160
BAR_WIDTH = 240
CHART_ROUNDS = 12
DEMAND_KEYS = (
    "reserved_unit_days",
    "reserved_wanted_unit_days",
    "spot_unit_days",
    "spot_wanted_unit_days",
)


class Mark(StrEnum):
    """What a stretch of a heatmap's cell stands for."""

    HELD = "held"
    RESERVED = "reserved"
    SPOT = "spot"
    SPOT_ON_RESERVED = "spot-on-reserved"
    FREE = "free"


@dataclass(frozen=True, slots=True)
class Stretch:
    """One part of a cell or a bar."""

    mark: Mark
    left: float
    width: float


@dataclass(frozen=True, slots=True)
class Cell:
    """One pool and day. Shape: stretches fill the width; none where the pool is closed."""

    left: float
    top: float
    width: float
    stretches: tuple[Stretch, ...]


@dataclass(frozen=True, slots=True)
class HeatRow:
    """The cells of one pool."""

    pool: PoolDays
    cells: tuple[Cell, ...]


@dataclass(frozen=True, slots=True)
class DayLabel:
    """The head of a column of cells; `middle` is its centre."""

    day: dt.date
    middle: float


@dataclass(frozen=True, slots=True)
class HeatChart:
    """A heatmap ready to be drawn."""

    width: float
    height: float
    labels: tuple[DayLabel, ...]
    rows: tuple[HeatRow, ...]

    @property
    def marks(self) -> tuple[str, ...]:
        """What a legend must explain: the marks that are there, and closed days if any."""
        cells = [cell for row in self.rows for cell in row.cells]
        there = {stretch.mark for cell in cells for stretch in cell.stretches}
        closed = ("closed",) if any(not cell.stretches for cell in cells) else ()
        return (*(mark for mark in Mark if mark in there), *closed)


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


def shares_of_width(amounts: Sequence[int], width: float) -> tuple[float, ...]:
    """Divide a width in proportion to amounts; what is there at all stays wide enough to see.

    Shape: one width per amount; together they are the width, unless every amount is 0.
    """
    whole = sum(amounts)
    if whole == 0:
        return tuple(0.0 for _ in amounts)
    smallest = min(SMALLEST_MARK, width / len(amounts))
    raised = [max(smallest, width * amount / whole) if amount else 0.0 for amount in amounts]
    spare = sum(size - smallest for size in raised if size)
    excess = sum(raised) - width
    shrink = excess / spare if spare else 0.0
    return tuple(round(size - (size - smallest) * shrink, 1) if size else 0.0 for size in raised)


def stretches_of(use: DayUse, width: float) -> tuple[Stretch, ...]:
    """Divide a cell between what was held before, reserved, spot and free units."""
    amounts = (
        (Mark.HELD, use.held_units),
        (Mark.RESERVED, use.reserved_used_units),
        (Mark.SPOT_ON_RESERVED, use.spot_on_reserved_units),
        (Mark.SPOT, use.spot_used_units - use.spot_on_reserved_units),
        (Mark.FREE, use.free_units),
    )
    return stack(amounts, width)


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


def heat_chart(heatmap: Heatmap) -> HeatChart:
    """Lay out a heatmap: one row a pool, one column a day."""
    step = min(WIDE_CELL, max(NARROW_CELL, HEATMAP_WIDTH // len(heatmap.days)))
    return HeatChart(
        width=step * len(heatmap.days),
        height=HEAD + ROW * len(heatmap.pools),
        labels=tuple(DayLabel(d, (n + 0.5) * step) for n, d in enumerate(heatmap.days)),
        rows=tuple(_heat_row(pool, n, step) for n, pool in enumerate(heatmap.pools)),
    )


def _heat_row(pool: PoolDays, row: int, step: int) -> HeatRow:
    top, width = HEAD + ROW * row + (ROW - CELL_HEIGHT) / 2, step - GAP
    cells = tuple(
        Cell(n * step + GAP / 2, top, width, stretches_of(use, width) if use else ())
        for n, use in enumerate(pool.days)
    )
    return HeatRow(pool, cells)


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
    return Spark(_pieces(points), last, sentence)


def _spark_x(place: int, count: int) -> float:
    inner = SPARK_WIDTH - 2 * SPARK_EDGE
    return round(SPARK_EDGE + inner * (place / (count - 1) if count > 1 else 1), 1)


def _spark_y(value: int, low: int, high: int) -> float:
    inner = SPARK_HEIGHT - 2 * SPARK_EDGE
    share = (value - low) / (high - low) if high > low else 0.5
    return round(SPARK_EDGE + inner * (1 - share), 1)


def _pieces(points: Sequence[tuple[float, float] | None]) -> tuple[str, ...]:
    pieces: list[list[str]] = [[]]
    for point in points:
        if point is None:
            pieces.append([])
        else:
            pieces[-1].append(f"{point[0]},{point[1]}")
    return tuple(" ".join(piece) for piece in pieces if len(piece) > 1)


def price_spark(points: Sequence[PricePoint]) -> Spark:
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
        (Mark.FREE, row["free_unit_days"]),
    )


def use_columns(place: Sequence[DayUse], marked: dt.date | None) -> ColumnChart:
    """Draw how full a pool was on each day; the marked day decided."""
    highest = max((use.units for use in place), default=1)
    columns = tuple(_use_column(use, n, highest, use.day == marked) for n, use in enumerate(place))
    return ColumnChart(
        width=COLUMN_STEP * max(1, len(place)),
        height=COLUMNS_BASE + COLUMNS_FOOT,
        base=COLUMNS_BASE,
        columns=columns,
    )


def _use_column(use: DayUse, place: int, highest: int, is_marked: bool) -> UpColumn:  # noqa: FBT001  # a fact of the column, not a switch
    used = use.units - use.free_units
    height = round(COLUMNS_HEIGHT * use.units / highest, 1)
    filled = round(COLUMNS_HEIGHT * used / highest, 1)
    exact = f"{compact(used)}/{compact(use.units)}"
    return UpColumn(
        label=weekday(use.day),
        left=place * COLUMN_STEP + (COLUMN_STEP - COLUMN_WIDTH) / 2,
        top=COLUMNS_BASE - height,
        height=height,
        filled_top=COLUMNS_BASE - filled,
        filled_height=filled,
        caption=exact,
        is_full=use.free_units == 0,
        is_marked=is_marked,
    )


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
        caption=letter if price is None else f"{letter} {compact(price // PRICE_SCALE)}",
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
    return PriceLine(mark, letter, _pieces(points), known)


def _price_x(place: int, count: int) -> float:
    inner = PRICE_WIDTH - 2 * PRICE_EDGE
    return round(PRICE_EDGE + (inner * place / (count - 1) if count > 1 else inner / 2), 1)


def _oldest_first(rows: Sequence[Row]) -> list[Row]:
    return sorted(rows, key=lambda row: row["starts_on"])[-CHART_ROUNDS:]
