"""The mixed-integer model of a round: one function per constraint family, MODEL.md row by row.

A model is solver-neutral: blocks of rows over two kinds of terms, `x` (is the placement awarded?)
and `y` (with how many lots?). The modules in engine/ hand it to solvers. Whole numbers only.
Nothing here knows a solver, and no business rule stands here: columns.py has decided every index.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from allocation.columns import Columns, Flags, Whole
from allocation.problem import Problem


@dataclass(frozen=True)
class Block:
    """The rows of one constraint family: Σ coefficient × term ≤ upper, row by row.

    Shape: one name, one upper bound and one place (index of the bid, cell or team that it is
    about) per row; `row`, `column` and `coefficient` have one entry per nonzero, ordered by row.
    `of_lots` says whether the terms are lots y or choices x.
    """

    family: str
    of_lots: bool
    names: tuple[str, ...]
    place: Whole
    upper: Whole
    row: Whole
    column: Whole
    coefficient: Whole


@dataclass(frozen=True)
class Model:
    """All that a solver needs: the columns, their lots (C5) and the blocks of rows (C1 to C4, C7).

    Without floors C7 has no rows.
    """

    columns: Columns
    bids: Block
    reserved: Block
    total: Block
    credits: Block
    floors: Block

    @property
    def blocks(self) -> tuple[Block, ...]:
        """Every block, in the order of its tag."""
        return self.bids, self.reserved, self.total, self.credits, self.floors

    @cached_property
    def largest_value(self) -> Whole:
        """The value of each placement at its most lots, in points."""
        return self.columns.value * self.columns.max_lots


def build(columns: Columns) -> Model:
    """Write the model down, family by family. Source: MODEL.md, Constraint families."""
    return Model(
        columns=columns,
        bids=add_one_placement_per_bid(columns),
        reserved=add_reserved_capacity(columns),
        total=add_total_capacity(columns),
        credits=add_team_credits(columns),
        floors=add_floors(columns),
    )


def add_one_placement_per_bid(columns: Columns) -> Block:
    """(C1) Award at most one placement of a bid: Σ x[k] ≤ 1 over the bid's placements."""
    present, row = _number_rows(columns.bid)
    names = tuple(f"C1[{columns.problem.bids[b].key}]" for b in present.tolist())
    return Block(
        family="C1",
        of_lots=False,
        names=names,
        place=present,
        upper=np.ones_like(present),
        row=row,
        column=np.arange(columns.count),
        coefficient=np.ones(columns.count, np.int64),
    )


def add_reserved_capacity(columns: Columns) -> Block:
    """(C2) Reserved awards fit the reserved units of every pool and day: Σ u y ≤ R."""
    use = columns.is_reserved[columns.use_column]
    return _capacity("C2", columns, use, columns.limits.reserved_units)


def add_total_capacity(columns: Columns) -> Block:
    """(C3) Reserved and spot awards together fit all units of every pool and day: Σ u y ≤ R + S."""
    use = np.ones(len(columns.use_column), np.bool_)
    return _capacity("C3", columns, use, columns.limits.total_units)


def add_team_credits(columns: Columns) -> Block:
    """(C4) The offers of a team's awards fit its credits: Σ o y ≤ B."""
    order = np.argsort(columns.team, kind="stable")
    present, row = _number_rows(columns.team[order])
    teams = columns.problem.teams
    names = tuple(f"C4[{teams[m].key}]" for m in present.tolist())
    return Block(
        family="C4",
        of_lots=True,
        names=names,
        place=present,
        upper=columns.limits.credits[present],
        row=row,
        column=order,
        coefficient=columns.offer[order],
    )


def add_floors(columns: Columns) -> Block:
    """(C7) The awards of a team reach its least value: −Σ v y ≤ −least, where that is above 0."""
    present = np.flatnonzero(columns.limits.least_value > 0)
    order = np.argsort(columns.team, kind="stable")
    order = order[np.isin(columns.team[order], present)]
    teams = columns.problem.teams
    return Block(
        family="C7",
        of_lots=True,
        names=tuple(f"C7[{teams[m].key}]" for m in present.tolist()),
        place=present,
        upper=-columns.limits.least_value[present],
        row=np.searchsorted(present, columns.team[order]),
        column=order,
        coefficient=-columns.value[order],
    )


def _capacity(family: str, columns: Columns, use: Flags, units: Whole) -> Block:
    entry = np.flatnonzero(use)
    entry = entry[np.argsort(columns.use_cell[entry], kind="stable")]
    present, row = _number_rows(columns.use_cell[entry])
    names = tuple(f"{family}[{cell_name(columns.problem, cell)}]" for cell in present.tolist())
    return Block(
        family=family,
        of_lots=True,
        names=names,
        place=present,
        upper=units[present],
        row=row,
        column=columns.use_column[entry],
        coefficient=columns.use_units[entry],
    )


def _number_rows(places: Whole) -> tuple[Whole, Whole]:
    """Return the places that occur in an ordered list, and for each entry the row of its place."""
    is_new = np.diff(places, prepend=-1) > 0
    return places[is_new], np.cumsum(is_new) - 1


def cell_name(problem: Problem, cell: int) -> str:
    """Name a pool and day as the rows of the solver do: `pool,2026-03-02`."""
    pool, day = divmod(cell, problem.days)
    return f"{problem.pools[pool].key},{problem.starts_on + dt.timedelta(days=day)}"
