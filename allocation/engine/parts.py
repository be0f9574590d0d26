"""Parts of a round as rounds of their own: some bids compete for what the others leave."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from allocation.columns import Columns, Flags, Whole
from allocation.engine import rounding
from allocation.engine.question import Answer


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
    source = np.flatnonzero(freed & (most >= columns.min_lots))
    part = replace(columns.only(source), limits=limits, max_lots=most[source])
    return Part(part, source)


@dataclass(frozen=True)
class Decided:
    """An outcome with some bids decided anew, and what the solver said about them."""

    lots: Whole
    answer: Answer
