"""Cleaning: what can decide nothing is left out of the models that solvers get.

Rows that cannot be exceeded whatever is awarded, and placements that no best outcome contains
because another placement of the bid is better everywhere. The relaxation, the certificate and the
prices keep every eligible placement and every row. Nothing here knows a solver. Why this changes
no best outcome: MODEL.md, Cleaning. Read dominance.py and components.py next.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import compress

import numpy as np

from allocation.columns import Flags, Whole
from allocation.engine.dominance import find_stand_ins
from allocation.model import Block, Model, build


@dataclass(frozen=True)
class Cleaned:
    """A model without what can decide nothing, and how it stands to the whole one.

    Shape: `source` has for every placement left its index among all; `stand_in` has for every
    placement of the whole model the index, among those left, of itself or of what is better.
    """

    model: Model
    source: Whole
    stand_in: Whole

    def take(self, lots: Whole) -> Whole:
        """Return an outcome of the whole model with every award at what stands in for it."""
        taken = np.zeros(len(self.source), np.int64)
        awarded = np.flatnonzero(lots)
        taken[self.stand_in[awarded]] = lots[awarded]
        return taken


def clean(model: Model) -> Cleaned:
    """Leave out rows that cannot bind, then placements, then rows that cannot bind without them."""
    every = np.arange(model.columns.count)
    model = without_slack_rows(model)
    better = find_stand_ins(model)
    source = np.flatnonzero(better == every)
    if len(source) == len(every):
        return Cleaned(model, every, every)
    left = without_slack_rows(build(model.columns.only(source)))
    return Cleaned(left, source, np.searchsorted(source, better))


def without_slack_rows(model: Model) -> Model:
    """Leave out the rows of units and credits that no outcome can exceed."""
    limits = model.columns.limits
    cell = model.reserved.place
    is_implied = limits.reserved_units[cell] >= limits.total_units[cell]
    return replace(
        model,
        reserved=_only_rows(model.reserved, _can_bind(model, model.reserved) & ~is_implied),
        total=_only_rows(model.total, _can_bind(model, model.total)),
        credits=_only_rows(model.credits, _can_bind(model, model.credits)),
    )


def _can_bind(model: Model, block: Block) -> Flags:
    """Say for every row whether its bids, each at its largest use, would exceed it together."""
    columns = model.columns
    use, bid = block.coefficient * columns.max_lots[block.column], columns.bid[block.column]
    is_first = (np.diff(block.row, prepend=-1) != 0) | (np.diff(bid, prepend=-1) != 0)
    first = np.flatnonzero(is_first)
    largest = np.zeros(len(block.upper), np.int64)
    if len(first):
        np.add.at(largest, block.row[first], np.maximum.reduceat(use, first))
    return np.asarray(largest > block.upper, np.bool_)


def _only_rows(block: Block, is_kept: Flags) -> Block:
    """Return some rows of a block, numbered anew."""
    entry = is_kept[block.row]
    number = np.cumsum(is_kept) - 1
    return replace(
        block,
        names=tuple(compress(block.names, is_kept.tolist())),
        place=block.place[is_kept],
        upper=block.upper[is_kept],
        row=number[block.row[entry]],
        column=block.column[entry],
        coefficient=block.coefficient[entry],
    )
