"""The geometry of what sprints came to: lines over sprints, and pairs of bars per team or pool.

Like charts.py; macros/figure_charts.html draws it, beside tables with the same rows. Units: pixels.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from broker.dashboards.listings import Row
from web.charts import SMALLEST_MARK, pieces_of
from web.filters import compact, compact_credits, lasting, percent

WIDTH, HEIGHT = 356, 180
LEFT, RIGHT, TOP, BOTTOM = 52, 72, 14, 26
BAR_WIDTH, BAR_HEIGHT, GROUP = 230, 11, 50
LABELS_SHOWN = 4
CLOSEST_LABELS = 13
Say = Callable[[float], str]


@dataclass(frozen=True, slots=True)
class Dot:
    """One value of a line, with the words of its tooltip."""

    x: float
    y: float
    words: str


@dataclass(frozen=True, slots=True)
class Line:
    """One line. Shape: pieces without gaps, a dot per known value; the name stands at its end."""

    mark: str
    name: str
    pieces: tuple[str, ...]
    dots: tuple[Dot, ...]
    name_y: float


@dataclass(frozen=True, slots=True)
class Tick:
    """A mark of an axis: where it is and what it says."""

    at: float
    words: str


@dataclass(frozen=True, slots=True)
class LineChart:
    """Lines over sprints, from 0 up to the highest tick."""

    width: float
    height: float
    left: float
    right: float
    base: float
    unit: str
    heights: tuple[Tick, ...]
    sprints: tuple[Tick, ...]
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class PairBar:
    """One of two bars, with what it says at its end."""

    mark: str
    width: float
    words: str


@dataclass(frozen=True, slots=True)
class PairOfBars:
    """The bars of one team or pool."""

    label: str
    top: float
    bars: tuple[PairBar, ...]


@dataclass(frozen=True, slots=True)
class PairChart:
    """Pairs of bars below each other, all on one scale from 0."""

    width: float
    height: float
    pairs: tuple[PairOfBars, ...]


def value_chart(rows: Sequence[Row]) -> LineChart:
    """Draw the value of sprints and what simpler rules would have been worth, oldest first."""
    wanted = (
        ("published", "published", "value"),
        ("greedy", "greedy", "greedy_value"),
        ("first-come", "first come", "first_come_value"),
    )
    named = [(mark, name, [row[key] for row in rows]) for mark, name, key in wanted]
    return _lines(rows, named, "points", lambda value: compact(round(value)))


def fairness_chart(rows: Sequence[Row]) -> LineChart:
    """Draw Jain's index of sprints, oldest first, from 0 to 100 %."""
    values = [row["fairness_ratio"] for row in rows]
    return _lines(rows, [("published", "Jain's index", values)], "of 100 %", percent, 1.0)


def wait_chart(rows: Sequence[Row]) -> LineChart:
    """Draw the median time from ask to answer of sprints, oldest first."""
    values = [row["wait_minutes"] for row in rows]
    return _lines(rows, [("published", "median", values)], "time", lambda m: lasting(round(m)))


def _lines(
    rows: Sequence[Row],
    named: Sequence[tuple[str, str, Sequence[float | None]]],
    unit: str,
    say: Say,
    highest: float = 0.0,
) -> LineChart:
    known = [value for _, _, values in named for value in values if value is not None]
    top = highest or max(known, default=0) or 1
    base = HEIGHT - BOTTOM
    steps = range(3)
    every = -(-len(rows) // LABELS_SHOWN) or 1
    return LineChart(
        width=WIDTH,
        height=HEIGHT,
        left=LEFT,
        right=WIDTH - RIGHT,
        base=base,
        unit=unit,
        heights=tuple(Tick(_y(top * n / 2, top), say(top * n / 2) if n else "0") for n in steps),
        sprints=tuple(
            Tick(_x(n, len(rows)), f"{row['starts_on'].day} {row['starts_on']:%b}")
            for n, row in enumerate(rows)
            if (len(rows) - 1 - n) % every == 0
        ),
        lines=_apart([_line(rows, *one, top, say) for one in named]),
    )


def _line(
    rows: Sequence[Row], mark: str, name: str, values: Sequence[float | None], top: float, say: Say
) -> Line:
    points = [
        None if value is None else (_x(n, len(values)), _y(value, top))
        for n, value in enumerate(values)
    ]
    dots = tuple(
        Dot(*point, f"{row['round_name']}, {name}: {say(value)}")
        for row, point, value in zip(rows, points, values, strict=True)
        if point is not None and value is not None
    )
    return Line(mark, name, pieces_of(points), dots, dots[-1].y if dots else 0.0)


def _apart(lines: Sequence[Line]) -> tuple[Line, ...]:
    """Move the names at the ends of lines apart, so that none covers another one."""
    placed: list[Line] = []
    lowest = float("-inf")
    for line in sorted((one for one in lines if one.dots), key=lambda one: one.name_y):
        lowest = max(line.name_y, lowest + CLOSEST_LABELS)
        placed.append(Line(line.mark, line.name, line.pieces, line.dots, lowest))
    return tuple(placed)


def _x(place: int, count: int) -> float:
    inner = WIDTH - LEFT - RIGHT
    return round(LEFT + (inner * place / (count - 1) if count > 1 else inner / 2), 1)


def _y(value: float, top: float) -> float:
    return round(HEIGHT - BOTTOM - (HEIGHT - BOTTOM - TOP) * value / top, 1)


def share_chart(rows: Sequence[Row]) -> PairChart:
    """Draw each team's share of credits and of value, in the order of the table."""
    wanted = (("others", "credits_ratio", "of credits"), ("reserved", "value_ratio", "of value"))
    return _pairs(rows, "team", wanted, percent)


def scarcity_chart(rows: Sequence[Row]) -> PairChart:
    """Draw what one more unit of each pool would have added, in the order of the table."""
    wanted = (
        ("reserved", "reserved_scarcity", "points, reserved"),
        ("spot", "spot_scarcity", "points, spot"),
    )
    return _pairs(rows, "pool", wanted, lambda value: compact_credits(round(value)))


def _pairs(
    rows: Sequence[Row], label: str, wanted: Sequence[tuple[str, str, str]], say: Say
) -> PairChart:
    highest = max((row[key] or 0 for row in rows for _, key, _ in wanted), default=0) or 1
    pairs = tuple(
        PairOfBars(
            row[label],
            n * GROUP,
            tuple(
                PairBar(mark, _width(row[key] or 0, highest), f"{say(row[key] or 0)} {what}")
                for mark, key, what in wanted
            ),
        )
        for n, row in enumerate(rows)
    )
    return PairChart(BAR_WIDTH + 130, GROUP * max(1, len(rows)), pairs)


def _width(value: float, highest: float) -> float:
    return round(max(SMALLEST_MARK, BAR_WIDTH * value / highest), 1) if value else 0.0
