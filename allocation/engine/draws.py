"""Which bids to free next: draws of neighbourhoods, of any size, by chance that is passed in.

Bids whose best alternatives are close at the relaxation's prices; bids that meet in some places;
any bids. Nothing here knows a solver.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from allocation.certificate import Bound
from allocation.columns import Columns, Flags, Whole

NOISE = 0.5
"""The spread (sigma, log-normal) with which the closeness of bids is drawn."""

Floats = npt.NDArray[np.float64]
Draw = Callable[[int, Whole, np.random.Generator], Flags]
"""Draws about so many placements, given the lots of the best outcome so far: a flag for each."""


class Draws:
    """The draws of one round. Each kind is a `Draw`."""

    def __init__(self, columns: Columns, bound: Bound) -> None:
        self.columns = columns
        self.bids, self.first = np.unique(columns.bid, return_index=True)
        self.size = np.diff(np.append(self.first, columns.count))
        self.owner = np.repeat(np.arange(len(self.bids)), self.size)
        gain = bound.gain.astype(float) / bound.certificate.scale
        self.surplus = np.maximum(0.0, np.maximum.reduceat(gain, self.first))
        self.loss = self.surplus[self.owner] - gain
        pairs = np.unique(columns.use_cell * len(self.bids) + self.owner[columns.use_column])
        self.cell, self.user = np.divmod(pairs, len(self.bids))

    @property
    def kinds(self) -> tuple[Draw, ...]:
        """Every kind of draw."""
        return self.close, self.anywhere, self.together

    def anywhere(self, size: int, _: Whole, random: np.random.Generator) -> Flags:
        """Free any bids."""
        return self._first(random.permutation(len(self.bids)), size)

    def together(self, size: int, _: Whole, random: np.random.Generator) -> Flags:
        """Free the bids that use some of the places, all of them, place after place."""
        turn = random.permutation(len(self.columns.limits.total_units))
        first_turn = np.full(len(self.bids), len(turn))
        np.minimum.at(first_turn, self.user, turn[self.cell])
        return self._first(np.argsort(first_turn, kind="stable"), size)

    def _first(self, order: Whole, size: int) -> Flags:
        """Free bids in an order until enough placements are free."""
        is_free = np.zeros(len(self.bids), np.bool_)
        is_free[order[: 1 + int(np.searchsorted(np.cumsum(self.size[order]), size))]] = True
        return is_free[self.owner]

    def close(self, size: int, lots: Whole, random: np.random.Generator) -> Flags:
        """Free the decisions that cost least to change at the relaxation's prices.

        A bid is free if its second best choice (nothing is a choice, too) loses little, or if it
        stands otherwise than its best choice; of its placements those are that lose little.
        """
        noise = np.exp(NOISE * random.standard_normal(len(self.bids)))
        loss, nothing = self.loss * noise[self.owner], self.surplus * noise
        held = lots > 0
        now = nothing.copy()
        now[self.owner[held]] = loss[held]
        regret = np.where(now > 0, 0.0, self._second_best(loss, nothing))
        limit = _largest_limit(np.maximum(loss, regret[self.owner]), size)
        is_free = ((loss <= limit) | held) & (regret <= limit)[self.owner]
        return self._some_of(is_free, size, random) if is_free.sum() > 2 * size else is_free

    def _some_of(self, is_free: Flags, size: int, random: np.random.Generator) -> Flags:
        """Leave only any of the bids free, with about so many placements."""
        free = np.bincount(self.owner, is_free, len(self.bids))
        order = random.permutation(len(self.bids))
        is_kept = np.zeros(len(self.bids), np.bool_)
        is_kept[order[: 1 + int(np.searchsorted(np.cumsum(free[order]), size))]] = True
        some: Flags = is_free & is_kept[self.owner]
        return some

    def _second_best(self, loss: Floats, nothing: Floats) -> Floats:
        """Say what every bid loses with its second best choice."""
        ordered = loss[np.lexsort((loss, self.owner))]
        best = ordered[self.first]
        second = np.full(len(best), np.inf)
        several = self.size > 1
        second[several] = ordered[self.first[several] + 1]
        return np.where(nothing <= best, best, np.minimum(second, nothing))


def _largest_limit(losses: Floats, size: int) -> float:
    """Return how much may be lost, so that about so many placements lose no more."""
    return float(np.partition(losses, min(size, len(losses)) - 1)[min(size, len(losses)) - 1])
