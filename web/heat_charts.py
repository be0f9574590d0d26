"""Heatmaps: pools by days of one sprint, and pools by sprints, as geometry.

Like charts.py, which has the marks; macros/heatmaps.html draws it. Units: pixels.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from flask import Flask
from markupsafe import Markup, escape

from broker.dashboards.capacity import CapacityBoard, PoolOffer
from broker.dashboards.heatmaps import DayUse, Heatmap, PoolDays
from broker.dashboards.sprint_figures import PoolSprint
from broker.dashboards.team_units import TeamUnits
from web.charts import Mark, Stretch, stack
from web.filters import day, whole

ROW, HEAD, GAP, CELL_HEIGHT = 28, 26, 4, 22
NARROW_CELL, WIDE_CELL, HEATMAP_WIDTH = 26, 44, 546
SPRINT_STEP = 62
SPRINTS_SHOWN = 8
ROWS_KEPT = 1024
"""How many rows are kept as they were drawn. A row is found by every number that it shows."""
Amounts = tuple[tuple[Mark, int], ...]


@dataclass(frozen=True, slots=True)
class Cell:
    """One pool and day or sprint. Shape: stretches fill the width; none where the pool is closed.

    `words` say the same as the stretches; `of` is what the cell is of, in an address.
    """

    left: float
    top: float
    width: float
    stretches: tuple[Stretch, ...]
    words: str = ""
    of: str = ""


@dataclass(frozen=True, slots=True)
class HeatRow:
    """The cells of one pool, left to right, and the shapes that they come to.

    Shape: one path per mark for all its stretches, one round all closed cells; `links` holds, for
    every cell that is open, what it is of and what stands inside its link.
    """

    pool_key: str
    pool: str
    cells: tuple[Cell, ...]
    paths: tuple[tuple[Mark, str], ...]
    closed: str
    links: tuple[tuple[str, str], ...]


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
    step: float

    @property
    def marks(self) -> tuple[str, ...]:
        """What a legend must explain: the marks that are there, and closed days if any."""
        there = {mark for row in self.rows for mark, _ in row.paths}
        closed = ("closed",) if any(row.closed for row in self.rows) else ()
        return (*(mark for mark in Mark if mark in there), *closed)


@dataclass(frozen=True, slots=True)
class SprintColumn:
    """One sprint: the day on which it starts, in words; `is_next` where it is not decided."""

    round_key: str
    label: str
    middle: float
    is_next: bool


@dataclass(frozen=True, slots=True)
class SprintChart:
    """Pools by sprints, ready to be drawn: decided ones, oldest first, and the next one."""

    width: float
    height: float
    columns: tuple[SprintColumn, ...]
    rows: tuple[HeatRow, ...]
    step: float = SPRINT_STEP


def stretches_of(use: DayUse, width: float) -> tuple[Stretch, ...]:
    """Divide a cell between what was held before, reserved, spot, lost and free units."""
    amounts = (
        (Mark.HELD, use.held_units),
        (Mark.RESERVED, use.reserved_used_units),
        (Mark.SPOT_ON_RESERVED, use.spot_on_reserved_units),
        (Mark.SPOT, use.spot_used_units - use.spot_on_reserved_units),
        (Mark.LOST, use.lost_units),
        (Mark.FREE, max(0, use.free_units)),
    )
    return stack(amounts, width)


def words_of(pool: PoolDays, use: DayUse) -> str:
    """Say what a cell shows."""
    spot = f"{whole(use.spot_used_units)} spot"
    if use.spot_on_reserved_units:
        spot += f" ({whole(use.spot_on_reserved_units)} of it on unsold reserved units)"
    held = f", {whole(use.held_units)} held before" if use.held_units else ""
    lost = f", {whole(use.lost_units)} lost" if use.lost_units else ""
    used = f"{whole(use.reserved_used_units)} reserved, {spot}{held}{lost}"
    return (
        f"{pool.pool}, {day(use.day)}: {used}, "
        f"{whole(use.free_units)} free of {whole(use.units)} {pool.unit}"
    )


def outline(cell: Cell) -> str:
    """Return the path round a cell."""
    return f"M{cell.left:g} {cell.top:g}h{cell.width:g}v{CELL_HEIGHT}h{-cell.width:g}z"


def heat_row(pool_key: str, pool: str, cells: Sequence[Cell]) -> HeatRow:
    """Draw the cells of a pool: few shapes, so that a page of hundreds of cells stays small."""
    paths: dict[Mark, list[str]] = {}
    for cell in cells:
        for part in cell.stretches:
            shape = f"M{cell.left + part.left:.5g} {cell.top:g}h{part.width:g}"
            paths.setdefault(part.mark, []).append(f"{shape}v{CELL_HEIGHT}h{-part.width:g}z")
    return HeatRow(
        pool_key,
        pool,
        tuple(cells),
        tuple((mark, "".join(paths[mark])) for mark in Mark if mark in paths),
        "".join(outline(cell) for cell in cells if not cell.stretches),
        tuple((escape(cell.of), _inside(cell)) for cell in cells if cell.stretches),
    )


def _inside(cell: Cell) -> str:
    return f'<title>{escape(cell.words)}</title><path class="cell" d="{outline(cell)}"/>'


def areas(rows: Sequence[HeatRow]) -> Mapping[Mark, str]:
    """Return one path for all stretches of a mark."""
    paths: dict[Mark, list[str]] = {}
    for row in rows:
        for mark, path in row.paths:
            paths.setdefault(mark, []).append(path)
    return {mark: "".join(paths[mark]) for mark in Mark if mark in paths}


def closed_cells(rows: Sequence[HeatRow]) -> str:
    """Return one path round all cells of closed days."""
    return "".join(row.closed for row in rows)


def links(row: HeatRow, before: str, after: str) -> Markup:
    """Return the cells of a pool as links with their words.

    The address is put round what each is of. They are written here at once: there are hundreds.
    """
    start, end = f'<a href="{escape(before)}', f'{escape(after)}" tabindex="-1">'
    drawn = "".join(f"{start}{of}{end}{inside}</a>" for of, inside in row.links)
    return Markup(drawn)  # noqa: S704  # what is text was escaped, the rest are numbers


def heat_chart(heatmap: Heatmap, team: TeamUnits | None = None) -> HeatChart:
    """Lay out a heatmap: one row a pool, one column a day; of one team's units where it is named.

    A team's own units then stand out, and what all others hold is one stretch.
    """
    step = min(WIDE_CELL, max(NARROW_CELL, HEATMAP_WIDTH // len(heatmap.days)))
    return HeatChart(
        width=step * len(heatmap.days),
        height=HEAD + ROW * len(heatmap.pools),
        labels=tuple(DayLabel(d, (n + 0.5) * step) for n, d in enumerate(heatmap.days)),
        rows=tuple(
            _heat_row(pool, n, step, team) if team else _row_of_all(pool, n, step)
            for n, pool in enumerate(heatmap.pools)
        ),
        step=step,
    )


@lru_cache(maxsize=ROWS_KEPT)
def _row_of_all(pool: PoolDays, row: int, step: int) -> HeatRow:
    """Draw a pool's days; rows that were drawn before are kept by the very numbers they show."""
    return _heat_row(pool, row, step, None)


def _heat_row(pool: PoolDays, row: int, step: int, team: TeamUnits | None) -> HeatRow:
    top, width = HEAD + ROW * row + (ROW - CELL_HEIGHT) / 2, step - GAP
    cells = []
    for n, use in enumerate(pool.days):
        place = n * step + GAP / 2, top, width
        if use is None:
            cells.append(Cell(*place, ()))
        elif team is None:
            shown = stretches_of(use, width), words_of(pool, use)
            cells.append(Cell(*place, *shown, use.day.isoformat()))
        else:
            shown = _of_team(pool, use, team, width)
            cells.append(Cell(*place, *shown, use.day.isoformat()))
    return heat_row(pool.pool_key, pool.pool, cells)


def _of_team(
    pool: PoolDays, use: DayUse, team: TeamUnits, width: float
) -> tuple[tuple[Stretch, ...], str]:
    """Divide a cell between a team's units, those of all others, and what is free."""
    place = pool.pool_key, use.day
    reserved, spot = team.reserved.get(place, 0), team.spot.get(place, 0)
    others = max(0, use.units - use.free_units - use.lost_units - reserved - spot)
    amounts = (
        (Mark.RESERVED, reserved),
        (Mark.SPOT, spot),
        (Mark.OTHERS, others),
        (Mark.LOST, use.lost_units),
        (Mark.FREE, max(0, use.free_units)),
    )
    words = (
        f"{pool.pool}, {day(use.day)}: {team.name} has {whole(reserved)} reserved and "
        f"{whole(spot)} spot, others {whole(others)}, {whole(use.free_units)} free of "
        f"{whole(use.units)} {pool.unit}"
    )
    return stack(amounts, width), words


def sprint_chart(board: CapacityBoard) -> SprintChart:
    """Lay out what the pools of the heatmap came to, sprint by sprint."""
    starts = {one.starts_on: one.round_key for pool in board.sprints.values() for one in pool}
    shown = [(key, starts_on) for starts_on, key in sorted(starts.items())][-SPRINTS_SHOWN:]
    ahead = [(board.next.key, board.next.starts_on)] if board.next else []
    columns = tuple(
        SprintColumn(key, _label(starts_on), (n + 0.5) * SPRINT_STEP, is_next=n >= len(shown))
        for n, (key, starts_on) in enumerate([*shown, *ahead])
    )
    return SprintChart(
        width=SPRINT_STEP * len(columns),
        height=HEAD + ROW * len(board.heatmap.pools),
        columns=columns,
        rows=tuple(
            _sprint_row(
                (pool.pool_key, pool.pool, pool.unit),
                n,
                columns,
                board.sprints.get(pool.pool_key, ()),
                board.offers.get(pool.pool_key),
            )
            for n, pool in enumerate(board.heatmap.pools)
        ),
    )


def _label(starts_on: dt.date) -> str:
    return f"{starts_on.day} {starts_on:%b}"


@lru_cache(maxsize=ROWS_KEPT)
def _sprint_row(
    pool: tuple[str, str, str],
    row: int,
    columns: tuple[SprintColumn, ...],
    past: tuple[PoolSprint, ...],
    offer: PoolOffer | None,
) -> HeatRow:
    """Draw a pool's sprints, `pool` being its key, name and unit; kept as the rows of days are."""
    key, name, unit = pool
    top, width = HEAD + ROW * row + (ROW - CELL_HEIGHT) / 2, SPRINT_STEP - GAP
    sprints = {one.round_key: one for one in past}
    cells = []
    for n, column in enumerate(columns):
        words = f"{name}, sprint of {column.label}: "
        if column.is_next:
            amounts, said = _of_offer(offer, unit)
        else:
            amounts, said = _of_sprint(sprints.get(column.round_key), unit)
        place = n * SPRINT_STEP + GAP / 2, top, width
        cells.append(Cell(*place, stack(amounts, width), words + said, column.round_key))
    return heat_row(key, name, cells)


def _of_offer(offer: PoolOffer | None, unit: str) -> tuple[Amounts, str]:
    """Divide what is there to bid for, and say it; nothing where the pool offers nothing."""
    if offer is None or not offer.units:
        return (), ""
    left = offer.units - offer.held
    amounts = ((Mark.HELD, offer.held), (Mark.FREE, left))
    return amounts, f"{whole(left)} {unit} × days to bid for"


def _of_sprint(one: PoolSprint | None, unit: str) -> tuple[Amounts, str]:
    """Divide what a pool came to, and say it; nothing where it was not in the sprint."""
    if one is None:
        return (), ""
    on_reserved = one.spot_on_reserved_unit_days
    amounts = (
        (Mark.HELD, one.held_unit_days),
        (Mark.RESERVED, one.reserved_used_unit_days),
        (Mark.SPOT_ON_RESERVED, on_reserved),
        (Mark.SPOT, one.spot_used_unit_days - on_reserved),
        (Mark.FREE, one.free_unit_days),
    )
    return amounts, (
        f"{whole(one.reserved_used_unit_days)} reserved, {whole(one.spot_used_unit_days)} spot, "
        f"{whole(one.free_unit_days)} free, in {unit} × days"
    )


def register(app: Flask) -> None:
    """Let the templates draw the shapes of heatmaps."""
    app.jinja_env.globals.update(areas=areas, closed_cells=closed_cells, links=links)
