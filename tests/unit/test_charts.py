"""What is drawn is in proportion to the numbers, and nothing that is there vanishes."""

from __future__ import annotations

import datetime as dt
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from allocation.problem import Tier
from broker.dashboards.heatmaps import DayUse, Heatmap, PoolDays
from web.charts import (
    SPARK_HEIGHT,
    SPARK_WIDTH,
    Mark,
    bars,
    shares_of_width,
    spark,
    use_columns,
)
from web.heat_charts import heat_chart, stretches_of

MONDAY = dt.date(2026, 12, 7)
ROUNDING = 0.5

units = st.integers(min_value=0, max_value=10**9)
amounts = st.lists(units, min_size=1, max_size=5)


def a_day(
    *, reserved: int = 8, spot: int = 4, held: int = 0, use: tuple[int, int] = (0, 0), n: int = 0
) -> DayUse:
    """Return a day with its use; spot awards stay on spot units."""
    free = reserved + spot - held - sum(use)
    to_reserve = min(reserved - held - use[0], free)
    day = MONDAY + dt.timedelta(days=n)
    return DayUse(day, reserved, spot, held, *use, 0, free, to_reserve)


def a_heatmap(*days: DayUse | None) -> Heatmap:
    dates = tuple(MONDAY + dt.timedelta(days=n) for n in range(len(days)))
    pools = (PoolDays("gpu", "H100", "gpu", days),)
    return Heatmap(dates, pools, earlier=None, later=None, page=1, more=False)


@given(amounts, st.floats(min_value=20, max_value=300))
def test_parts_fill_the_width_and_none_that_is_there_vanishes(
    parts: list[int], width: float
) -> None:
    widths = shares_of_width(parts, width)

    assert all((size > 0) == (amount > 0) for size, amount in zip(widths, parts, strict=True))
    assert sum(widths) == pytest.approx(width if any(parts) else 0, abs=ROUNDING)


@given(amounts)
def test_a_larger_part_is_never_drawn_smaller(parts: list[int]) -> None:
    drawn = [size for _, size in sorted(zip(parts, shares_of_width(parts, 100), strict=True))]

    assert drawn == sorted(drawn)


def test_a_cell_shows_held_reserved_spot_and_free_from_left_to_right() -> None:
    marks = [part.mark for part in stretches_of(a_day(held=1, use=(3, 2)), 36)]

    assert marks == [Mark.HELD, Mark.RESERVED, Mark.SPOT, Mark.FREE]


def test_stretches_stand_end_to_end() -> None:
    parts = stretches_of(a_day(use=(3, 2)), 36)

    for one, following in pairwise(parts):
        assert one.left + one.width == pytest.approx(following.left, abs=ROUNDING)


def test_a_closed_day_has_a_cell_without_stretches_and_a_word_in_the_legend() -> None:
    chart = heat_chart(a_heatmap(a_day(), None))

    assert [len(cell.stretches) for cell in chart.rows[0].cells] == [1, 0]
    assert chart.marks == ("free", "closed")


@given(st.integers(min_value=1, max_value=31))
def test_every_cell_lies_inside_the_heatmap(days: int) -> None:
    chart = heat_chart(a_heatmap(*(a_day(n=n) for n in range(days))))

    assert len(chart.labels) == days
    for cell in chart.rows[0].cells:
        assert cell.left >= 0
        assert cell.left + cell.width <= chart.width
        assert cell.top + 22 <= chart.height


@given(st.lists(st.none() | units, max_size=12))
def test_a_small_line_stays_inside_its_box_and_breaks_at_gaps(
    values: list[int | None],
) -> None:
    line = spark(values, "")
    points = [tuple(map(float, p.split(","))) for piece in line.pieces for p in piece.split()]

    assert (line.last is None) == all(value is None for value in values)
    assert all(0 <= x <= SPARK_WIDTH and 0 <= y <= SPARK_HEIGHT for x, y in points)
    assert len(points) <= sum(value is not None for value in values)


def test_a_small_line_rises_when_its_values_do() -> None:
    low, high = spark([1, 2], "").pieces[0].split()

    assert float(low.split(",")[1]) > float(high.split(",")[1])


@given(st.lists(st.tuples(st.just("rule"), units), min_size=1, max_size=4))
def test_the_longest_bar_is_the_largest_amount(rows: list[tuple[str, int]]) -> None:
    drawn = bars(rows)

    largest = max(amount for _, amount in rows)
    assert max(bar.share for bar in drawn) == (1 if largest else 0)
    assert all(bar.share == (bar.amount / largest if largest else 0) for bar in drawn)


def test_a_reserved_bid_sees_how_full_the_reserved_units_are() -> None:
    day = a_day(reserved=8, spot=4, use=(8, 0))
    reserved, spot = (
        use_columns([day], tier, MONDAY).columns[0] for tier in (Tier.RESERVED, Tier.SPOT)
    )

    assert (reserved.caption, reserved.is_full) == ("8/8", True)
    assert (spot.caption, spot.is_full) == ("8/12", False)
    assert reserved.is_marked
