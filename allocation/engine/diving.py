"""Diving: award what the relaxation awards in full, relax what is left, until nothing more fits.

What is left is a smaller round with less of everything, so that its relaxation is closer to what
can be awarded. A few relaxations, each smaller than the one before, and no branching.
"""

from __future__ import annotations

import numpy as np

from allocation.columns import Columns, Flags, Whole
from allocation.engine import rounding
from allocation.engine.parts import Decided, Part, part_of
from allocation.engine.question import Answer, Effort
from allocation.engine.relaxation import Floats, Relaxation, solve_relaxation
from allocation.model import Model, build

MOST_RELAXATIONS = 40
"""After so many, what is left is served in the order of the last one."""
TRIED_RATIO = 0.1
"""Where nothing is awarded in full, this part of what is awarded at all is tried, most first."""
IN_FULL = 1 - 1e-6
CALL_SECONDS = 3e-3
ENTRY_SECONDS = 1.5e-6
ITERATION_SECONDS = 3e-5
ITERATION_ROW_SECONDS = 3.4e-8
"""What a relaxation, an entry of its matrix, an iteration and a row of it cost, about."""


def dive(
    columns: Columns,
    freed: Flags,
    lots: Whole,
    effort: Effort,
    fraction: Floats | None = None,
) -> Decided:
    """Decide the freed bids anew; the others keep what they have.

    `fraction` is what the relaxation awards of every placement, where that is known already and
    all bids are free.
    """
    decided, work_seconds = np.where(freed, 0, lots), 0.0
    if fraction is not None:
        decided = rounding.serve(columns, np.flatnonzero(fraction >= IN_FULL).tolist())
    for _ in range(MOST_RELAXATIONS):
        part = _left_of(columns, freed, decided)
        if not part.columns.count:
            break
        model = build(part.columns)
        relaxed = solve_relaxation(model, effort.deadline)
        if relaxed is None:
            break
        work_seconds += _work_seconds(model, relaxed.iterations)
        decided[part.source] = _award(part.columns, model, relaxed)
    is_late = not effort.deadline.seconds_left()
    answer = Answer(
        decided, None, is_proven=False, stopped_by_clock=is_late, work_seconds=work_seconds
    )
    return Decided(decided, answer)


def _left_of(columns: Columns, freed: Flags, lots: Whole) -> Part:
    """Return the freed bids without an award, with what all awards leave to them."""
    is_served = np.isin(columns.bid, columns.bid[lots > 0])
    return part_of(columns, freed & ~is_served, lots)


def _award(columns: Columns, model: Model, relaxed: Relaxation) -> Whole:
    """Award what the relaxation awards in full; where there is nothing, some of what is most."""
    in_full = np.flatnonzero(relaxed.fraction >= IN_FULL)
    if len(in_full):
        return rounding.serve(columns, in_full.tolist())
    worth = relaxed.fraction * model.largest_value
    order = np.lexsort((-worth, -np.round(relaxed.fraction, 6)))
    tried = 1 + int(TRIED_RATIO * np.count_nonzero(relaxed.fraction > 1 - IN_FULL))
    return rounding.serve(columns, order[:tried].tolist())


def _work_seconds(model: Model, iterations: int) -> float:
    rows = sum(len(block.upper) for block in model.blocks)
    entries = sum(len(block.row) for block in model.blocks)
    per_iteration = ITERATION_SECONDS + ITERATION_ROW_SECONDS * rows
    return CALL_SECONDS + ENTRY_SECONDS * entries + per_iteration * iterations
