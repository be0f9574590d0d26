"""Placements that another placement of their bid beats: worth more, and in no row more use.

A placement is *beaten* by another of the same bid that is worth more per lot, may have every
number of lots that the beaten one may have, and uses no more per lot in any row of the model.
Compared by the thousand, in arrays. Source: MODEL.md, Cleaning.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from allocation.columns import Columns, Flags, Whole
from allocation.model import Model

MOST_LOOKUPS = 5_000_000
"""How many uses are compared at most; what remains unseen stays in the model."""


def find_stand_ins(model: Model) -> Whole:
    """Return for every placement one that beats it and is not beaten; itself where there is none.

    Only placements of different alternatives are compared: starts of one alternative are worth
    the same.
    """
    columns = model.columns
    use = _use_by_placement(model)
    better, beaten = _candidates(columns, np.diff(use.begin))
    is_beaten = use.is_within(better, beaten)
    better, beaten = better[is_beaten], beaten[is_beaten]
    stand_in = np.arange(columns.count)
    order = np.argsort(columns.value[better], kind="stable")
    stand_in[beaten[order]] = better[order]
    return _followed(stand_in)


def _followed(stand_in: Whole) -> Whole:
    """Follow stand-ins that are beaten themselves to the end."""
    while (stand_in != stand_in[stand_in]).any():
        stand_in = stand_in[stand_in]
    return stand_in


@dataclass(frozen=True)
class _Use:
    """What every placement uses of every row. Shape: ordered by placement, then row."""

    rows: int
    begin: Whole
    key: Whole
    amount: Whole

    def is_within(self, better: Whole, beaten: Whole) -> Flags:
        """Say for pairs of placements whether the first uses no more of any row than the second."""
        length = np.diff(self.begin)[better]
        pair = np.repeat(np.arange(len(better)), length)
        ends = np.cumsum(length)
        entry = self.begin[better][pair] + np.arange(len(pair)) - (ends - length)[pair]
        wanted = self.key[entry] + (beaten - better)[pair] * self.rows
        place = np.minimum(np.searchsorted(self.key, wanted), len(self.key) - 1)
        is_less = (self.key[place] == wanted) & (self.amount[entry] <= self.amount[place])
        return np.asarray(np.bincount(pair[~is_less], minlength=len(better)) == 0, np.bool_)


def _use_by_placement(model: Model) -> _Use:
    blocks = (model.reserved, model.total, model.credits)
    first = np.cumsum([0, *(len(block.upper) for block in blocks)])
    rows = max(1, int(first[-1]))
    row = np.concatenate([b.row + n for b, n in zip(blocks, first.tolist(), strict=False)])
    key = np.concatenate([block.column for block in blocks]) * rows + row
    order = np.argsort(key)
    key, every = key[order], np.arange(model.columns.count + 1)
    amount = np.concatenate([block.coefficient for block in blocks])[order]
    return _Use(rows, np.searchsorted(key, every * rows), key, amount)


def _candidates(columns: Columns, uses: Whole) -> tuple[Whole, Whole]:
    """List pairs of placements of which the first may beat the second.

    Shape: `uses` says for every placement of how many rows it uses anything.
    """
    is_other_bid = np.diff(columns.bid, prepend=-1) != 0
    first = np.flatnonzero(is_other_bid | (np.diff(columns.alternative, prepend=0) != 0))
    size = np.diff(np.append(first, columns.count))
    high, low = _pairs_of_alternatives(columns, first)
    lookups = size[high] * size[low] * (1 + uses[first[high]])
    is_seen = np.cumsum(lookups) <= MOST_LOOKUPS
    better, beaten = _every_start(first, size, high[is_seen], low[is_seen])
    has_lots = columns.max_lots[better] >= columns.max_lots[beaten]
    return better[has_lots], beaten[has_lots]


def _every_start(first: Whole, size: Whole, high: Whole, low: Whole) -> tuple[Whole, Whole]:
    """Turn pairs of alternatives into pairs of placements: every start with every start."""
    count = size[high] * size[low]
    pair = np.repeat(np.arange(len(high)), count)
    number = np.arange(len(pair)) - np.repeat(np.cumsum(count) - count, count)
    width = size[low][pair]
    return first[high][pair] + number // width, first[low][pair] + number % width


def _pairs_of_alternatives(columns: Columns, first: Whole) -> tuple[Whole, Whole]:
    """List pairs of alternatives of one bid of which the first is worth more per lot.

    Shape: `first` has the first placement of every alternative; the pairs are numbers of those.
    """
    bid, value, least = columns.bid[first], columns.value[first], columns.min_lots[first]
    none = np.zeros(0, np.int64)
    high, low = [none], [none]
    for step in range(1, int(np.bincount(bid, minlength=1).max())):
        here = np.flatnonzero(bid[step:] == bid[:-step])
        high += [here, here + step]
        low += [here + step, here]
    one, other = np.concatenate(high), np.concatenate(low)
    is_open = (value[one] > value[other]) & (least[one] <= least[other])
    return one[is_open], other[is_open]
