"""Independent components: bids that meet in no row, neither directly nor through other bids.

Each component can be searched and proven for itself: values and bounds add up, and so do the
weights of the tie-break. Nothing here knows a solver. Source: MODEL.md, Components.
"""

from __future__ import annotations

import numpy as np

from allocation.columns import Whole
from allocation.model import Model

SMALLEST_COUNT = 100
"""Components of fewer placements are put together until they have about so many."""
MOST_GROUPS = 50
"""So small, and no smaller, is a part of all placements that is worth a search of its own."""


def split(model: Model, smallest_count: int = SMALLEST_COUNT) -> list[Whole]:
    """Return the placements of every component, smallest first; tiny ones are put together.

    Bids that are in no row need nobody's consent: they are one component.
    """
    if not model.columns.count:
        return [np.zeros(0, np.int64)]
    component = _component_of_bid(model)[_owner(model)]
    number, place, size = np.unique(component, return_inverse=True, return_counts=True)
    order = np.argsort(size, kind="stable")
    most = max(smallest_count, model.columns.count // MOST_GROUPS)
    group = np.zeros(len(number), np.int64)
    group[order] = _grouped(size[order].tolist(), most)
    return [np.flatnonzero(group[place] == n) for n in range(int(group.max()) + 1)]


def _grouped(sizes: list[int], most: int) -> list[int]:
    """Put ascending sizes into groups, each as full as fits: the number of the group of each."""
    groups, number, held = [], 0, 0
    for size in sizes:
        if held and held + size > most:
            number, held = number + 1, 0
        groups.append(number)
        held += size
    return groups


def _owner(model: Model) -> Whole:
    """Say for every placement whose it is, the bids that have any numbered one by one."""
    return np.cumsum(np.diff(model.columns.bid, prepend=-1) != 0) - 1


def _component_of_bid(model: Model) -> Whole:
    """Return for every bid that has placements the smallest number of a bid of its component."""
    row, bid = _meetings(model)
    smallest = np.arange(int(_owner(model).max(initial=-1)) + 1)
    free = np.setdiff1d(smallest, bid)
    smallest[free] = free.min(initial=len(smallest))
    while True:
        of_row = np.full(int(row.max(initial=-1)) + 1, len(smallest))
        np.minimum.at(of_row, row, smallest[bid])
        smaller = smallest.copy()
        np.minimum.at(smaller, bid, of_row[row])
        smaller = smaller[smaller]
        if (smaller == smallest).all():
            return smallest
        smallest = smaller


def _meetings(model: Model) -> tuple[Whole, Whole]:
    """List which bids are in which rows of units, credits and floors, rows numbered one by one."""
    owner, first = _owner(model), 0
    rows, bids = [], []
    for block in (model.reserved, model.total, model.credits, model.floors):
        rows.append(block.row + first)
        bids.append(owner[block.column])
        first += len(block.upper)
    return np.concatenate(rows), np.concatenate(bids)
