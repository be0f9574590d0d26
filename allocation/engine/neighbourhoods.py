"""Neighbourhood search: free some bids of an outcome, solve for them alone, again and again.

Each neighbourhood is a small round of its own: the freed bids compete for what the others leave.
The first is the core, everything that the relaxation does not award in full; then come drawn ones,
mostly bids near the margin, for which another decision costs little at the relaxation's prices.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from allocation.certificate import Bound
from allocation.columns import Columns, Flags, Whole
from allocation.engine import rounding
from allocation.engine.branch_and_bound import ask_highs
from allocation.engine.question import Effort, Question
from allocation.engine.variables import lay_out
from allocation.model import build

FREED_PLACEMENTS = 100
"""How many placements a drawn neighbourhood frees, about."""
MOST_NODES = 100
MOST_SECONDS = 2.0
"""What one drawn neighbourhood may cost; the seconds are the last guard."""
MARGIN_RATIO = 0.02
"""Gains closer to nothing than this part of a usual bid's worth count as equally close."""
ALL_OF_IT = 1 - 1e-6


@dataclass(frozen=True)
class Part:
    """Some placements of a round as a round of their own, and where they come from.

    Shape: `source` has the original index of every placement of `columns`.
    """

    columns: Columns
    source: Whole


def part_of(columns: Columns, freed: Flags, lots: Whole) -> Part:
    """Return the freed placements with what the other awards leave to them."""
    limits = rounding.left_of(columns, np.where(freed, 0, lots))
    most = np.minimum(columns.max_lots, rounding.most_lots(columns, limits))
    alive = freed & (most >= columns.min_lots)
    use = alive[columns.use_column]
    part = replace(
        columns,
        limits=limits,
        bid=columns.bid[alive],
        team=columns.team[alive],
        alternative=columns.alternative[alive],
        start=columns.start[alive],
        is_reserved=columns.is_reserved[alive],
        offer=columns.offer[alive],
        value=columns.value[alive],
        min_lots=columns.min_lots[alive],
        max_lots=most[alive],
        use_column=(np.cumsum(alive) - 1)[columns.use_column[use]],
        use_cell=columns.use_cell[use],
        use_units=columns.use_units[use],
    )
    return Part(part, np.flatnonzero(alive))


def solve_core(columns: Columns, fraction: npt.NDArray[np.float64], effort: Effort) -> Whole:
    """Keep what the relaxation awards in full, and decide everything else at once."""
    in_full = fraction >= ALL_OF_IT
    settled = np.isin(columns.bid, columns.bid[in_full])
    return solve_part(columns, ~settled, np.where(in_full, columns.max_lots, 0), effort)


def solve_part(columns: Columns, freed: Flags, lots: Whole, effort: Effort) -> Whole:
    """Return the outcome with the freed bids decided anew; unchanged where nothing is found."""
    part = part_of(columns, freed, lots)
    model = build(part.columns)
    variables = lay_out(model)
    objective = variables.objective(part.columns.value)
    every = np.ones(part.columns.count, np.bool_)
    answer = ask_highs(Question(model, variables, objective, None, every), effort)
    if answer.lots is None or not rounding.is_feasible(part.columns, answer.lots):
        return lots
    decided = np.where(freed, 0, lots)
    decided[part.source] = answer.lots
    return decided


def search_neighbourhoods(
    columns: Columns, lots: Whole, bound: Bound, effort: Effort
) -> Iterator[Whole]:
    """Yield better and better outcomes until the deadline."""
    random = np.random.default_rng(effort.seed)
    draw = _Draw(columns, bound)
    while effort.deadline.seconds_left() > 0:
        deadline = effort.deadline.within(MOST_SECONDS)
        small = replace(effort, deadline=deadline, most_nodes=MOST_NODES)
        decided = solve_part(columns, draw.freed(random), lots, small)
        if rounding.value_of(columns, decided) > rounding.value_of(columns, lots):
            lots = decided
            yield lots


class _Draw:
    """Draws which bids to free, those near the margin first."""

    def __init__(self, columns: Columns, bound: Bound) -> None:
        self.columns = columns
        self.bids, first = np.unique(columns.bid, return_index=True)
        self.size = np.diff(np.append(first, columns.count))
        gain = bound.gain.astype(float) / bound.certificate.scale
        best = np.abs(np.maximum.reduceat(gain, first))
        worth = np.maximum.reduceat((columns.value * columns.max_lots).astype(float), first)
        nearness = 1 / (MARGIN_RATIO * float(np.median(worth)) + best) ** 2
        self.weight = nearness / nearness.max()

    def freed(self, random: np.random.Generator) -> Flags:
        """Return the placements of bids drawn by weight, without putting any back."""
        ticket = np.log(random.random(len(self.weight))) / np.maximum(self.weight, 1e-12)
        order = np.argsort(-ticket, kind="stable")
        is_drawn = np.cumsum(self.size[order]) <= FREED_PLACEMENTS
        is_drawn[0] = True
        return np.isin(self.columns.bid, self.bids[order[is_drawn]])
