"""Heatmaps: pools by days of one sprint, and pools by sprints, as geometry.

Like charts.py, which has the marks; macros/heatmaps.html draws it. Units: pixels.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

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
    step: float

    @property
    def marks(self) -> tuple[str, ...]:
        """What a legend must explain: the marks that are there, and closed days if any."""
        cells = [cell for row in self.rows for cell in row.cells]
        there = {stretch.mark for cell in cells for stretch in cell.stretches}
        closed = ("closed",) if any(not cell.stretches for cell in cells) else ()
        return (*(mark for mark in Mark if mark in there), *closed)


@dataclass(frozen=True, slots=True)
class SprintColumn:
    """One sprint: the day on which it starts, in words; `is_next` where it is not decided."""

    round_key: str
    label: str
    middle: float
    is_next: bool


@dataclass(frozen=True, slots=True)
class SprintRow:
    """The cells of one pool, left to right; each cell is of a round."""

    pool: PoolDays
    cells: tuple[Cell, ...]


@dataclass(frozen=True, slots=True)
class SprintChart:
    """Pools by sprints, ready to be drawn: decided ones, oldest first, and the next one."""

    width: float
    height: float
    columns: tuple[SprintColumn, ...]
    rows: tuple[SprintRow, ...]
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


def areas(rows: Sequence[HeatRow | SprintRow]) -> Mapping[Mark, str]:
    """Return one path for all stretches of a mark, so that a page has few shapes."""
    paths: dict[Mark, list[str]] = {}
    for row in rows:
        for cell in row.cells:
            for part in cell.stretches:
                paths.setdefault(part.mark, []).append(
                    f"M{cell.left + part.left:.5g} {cell.top:g}"
                    f"h{part.width:g}v{CELL_HEIGHT}h{-part.width:g}z"
                )
    return {mark: "".join(paths[mark]) for mark in Mark if mark in paths}


def closed_cells(rows: Sequence[HeatRow | SprintRow]) -> str:
    """Return one path round all cells of closed days."""
    return "".join(outline(cell) for row in rows for cell in row.cells if not cell.stretches)


def links(row: HeatRow | SprintRow, before: str, after: str) -> Markup:
    """Return the cells of a pool as links with their words.

    The address is put round what each is of. They are written here at once: there are hundreds.
    """
    start, end = escape(before), escape(after)
    return Markup("").join(
        Markup(  # noqa: S704  # what is text is escaped, the rest are numbers, days and keys
            f'<a href="{start}{escape(cell.of)}{end}" tabindex="-1">'
            f"<title>{escape(cell.words)}</title>"
            f'<path class="cell" d="{outline(cell)}"/></a>'
        )
        for cell in row.cells
        if cell.stretches
    )


def heat_chart(heatmap: Heatmap, team: TeamUnits | None = None) -> HeatChart:
    """Lay out a heatmap: one row a pool, one column a day; of one team's units where it is named.

    A team's own units then stand out, and what all others hold is one stretch.
    """
    step = min(WIDE_CELL, max(NARROW_CELL, HEATMAP_WIDTH // len(heatmap.days)))
    return HeatChart(
        width=step * len(heatmap.days),
        height=HEAD + ROW * len(heatmap.pools),
        labels=tuple(DayLabel(d, (n + 0.5) * step) for n, d in enumerate(heatmap.days)),
        rows=tuple(_heat_row(pool, n, step, team) for n, pool in enumerate(heatmap.pools)),
        step=step,
    )


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
    return HeatRow(pool, tuple(cells))


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
            SprintRow(pool, _sprint_cells(pool, n, columns, board))
            for n, pool in enumerate(board.heatmap.pools)
        ),
    )


def _label(starts_on: dt.date) -> str:
    return f"{starts_on.day} {starts_on:%b}"


def _sprint_cells(
    pool: PoolDays, row: int, columns: Sequence[SprintColumn], board: CapacityBoard
) -> tuple[Cell, ...]:
    top, width = HEAD + ROW * row + (ROW - CELL_HEIGHT) / 2, SPRINT_STEP - GAP
    sprints = {one.round_key: one for one in board.sprints.get(pool.pool_key, ())}
    offer = board.offers.get(pool.pool_key)
    cells = []
    for n, column in enumerate(columns):
        place = n * SPRINT_STEP + GAP / 2, top, width
        cells.append(_sprint_cell(place, pool, column, sprints, offer))
    return tuple(cells)


def _sprint_cell(
    place: tuple[float, float, float],
    pool: PoolDays,
    column: SprintColumn,
    sprints: Mapping[str, PoolSprint],
    offer: PoolOffer | None,
) -> Cell:
    width = place[2]
    words = f"{pool.pool}, sprint of {column.label}: "
    if column.is_next:
        if offer is None or not offer.units:
            return Cell(*place, ())
        amounts = ((Mark.HELD, offer.held), (Mark.FREE, offer.units - offer.held))
        words += f"{whole(offer.units - offer.held)} {pool.unit} × days to bid for"
        return Cell(*place, stack(amounts, width), words, column.round_key)
    one = sprints.get(column.round_key)
    if one is None:
        return Cell(*place, ())
    words += (
        f"{whole(one.reserved_used_unit_days)} reserved, {whole(one.spot_used_unit_days)} spot, "
        f"{whole(one.free_unit_days)} free, in {pool.unit} × days"
    )
    return Cell(*place, stack(_of_sprint(one), width), words, column.round_key)


def _of_sprint(one: PoolSprint) -> tuple[tuple[Mark, int], ...]:
    return (
        (Mark.HELD, one.held_unit_days),
        (Mark.RESERVED, one.reserved_used_unit_days),
        (Mark.SPOT_ON_RESERVED, one.spot_on_reserved_unit_days),
        (Mark.SPOT, one.spot_used_unit_days - one.spot_on_reserved_unit_days),
        (Mark.FREE, one.free_unit_days),
    )


def register(app: Flask) -> None:
    """Let the templates draw the shapes of heatmaps."""
    app.jinja_env.globals.update(areas=areas, closed_cells=closed_cells, links=links)
