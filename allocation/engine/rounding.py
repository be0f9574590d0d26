"""Outcomes without a solver: serve placements one after the other, and check in whole numbers.

An outcome inside the engine is the number of lots of every placement, 0 where nothing is awarded.
Nothing here knows a solver.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import numpy.typing as npt

from allocation.columns import Columns, Limits, Whole

Floats = npt.NDArray[np.float64]
MOST_SHAKEN = 24
SHAKEN_PLACEMENTS = 1_200_000
"""How many shaken orders are tried: so many, or as many as have so many placements together."""
RATIO_WEIGHT = 2.0
NOISE = 0.1
"""What the gain for its worth counts beside the relaxation's fraction, and how far it is shaken."""


def value_of(columns: Columns, lots: Whole) -> int:
    """Return Σ value × lots. Units: value points."""
    return int((columns.value * lots).sum())


def left_of(columns: Columns, lots: Whole) -> Limits:
    """Return what awards leave of every limit; below zero where they take too much.

    Of the least values it is what the awards still have to reach; zero or less where they do.
    """
    limits, cells = columns.limits, len(columns.limits.total_units)
    units = columns.use_units * lots[columns.use_column]
    held = np.where(columns.is_reserved[columns.use_column], units, 0)
    return Limits(
        reserved_units=limits.reserved_units - _sum(columns.use_cell, held, cells),
        total_units=limits.total_units - _sum(columns.use_cell, units, cells),
        credits=limits.credits - _sum(columns.team, columns.offer * lots, len(limits.credits)),
        least_value=limits.least_value - team_values(columns, lots),
    )


def team_values(columns: Columns, lots: Whole) -> Whole:
    """Return what the awards of every team are worth. Units: value points."""
    return _sum(columns.team, columns.value * lots, len(columns.limits.credits))


def _sum(place: Whole, amount: Whole, count: int) -> Whole:
    """Add whole amounts up per place, exactly."""
    sums = np.zeros(count, np.int64)
    np.add.at(sums, place, amount)
    return sums


def is_feasible(columns: Columns, lots: Whole) -> bool:
    """Check an outcome against C1 to C5 and C7 in whole numbers."""
    chosen = lots > 0
    if (lots[chosen] < columns.min_lots[chosen]).any() or (lots > columns.max_lots).any():
        return False
    if (lots < 0).any() or np.bincount(columns.bid[chosen], minlength=1).max() > 1:
        return False
    left = left_of(columns, lots)
    every = np.concatenate([left.reserved_units, left.total_units, left.credits])
    return bool((every >= 0).all() and (left.least_value <= 0).all())


def serve(columns: Columns, order: Iterable[int], lots: Whole | None = None) -> Whole:
    """Award placements in the given order, each with the most lots that still fit.

    `lots` is what is awarded already; it is kept, and its lots are raised where they can be.
    """
    served = np.zeros(columns.count, np.int64) if lots is None else lots.copy()
    limits = left_of(columns, served)
    left = _Left(columns, limits)
    taken = set(columns.bid[served > 0].tolist())
    bids, smallest = columns.bid.tolist(), columns.min_lots.tolist()
    more_lots = np.minimum(columns.max_lots - served, most_lots(columns, limits))
    has_room = (more_lots > 0) & (served + more_lots >= columns.min_lots)
    hopeful = np.fromiter(order, np.int64)
    for k in hopeful[has_room[hopeful]].tolist():
        held = int(served[k])
        if bids[k] in taken and not held:
            continue
        more = left.most_lots(k, held)
        if held + more >= smallest[k] and more:
            left.take(k, more)
            served[k] = held + more
            taken.add(bids[k])
    return served


def most_lots(columns: Columns, limits: Limits) -> Whole:
    """Return the most lots of each placement that fit the limits alone."""
    reserved = np.minimum(limits.reserved_units, limits.total_units)[columns.use_cell]
    total = limits.total_units[columns.use_cell]
    open_units = np.where(columns.is_reserved[columns.use_column], reserved, total)
    most: Whole = limits.credits[columns.team] // columns.offer
    np.minimum.at(most, columns.use_column, open_units // columns.use_units)
    return most


def serve_up_to(columns: Columns, order: Iterable[int], enough: Sequence[int]) -> Whole:
    """Award placements in the given order, to each team no more than it needs to have enough.

    Shape: `enough` has a value in points per team.
    """
    served = np.zeros(columns.count, np.int64)
    left, missing = _Left(columns, columns.limits), list(enough)
    taken: set[int] = set()
    bids, teams = columns.bid.tolist(), columns.team.tolist()
    values, smallest = columns.value.tolist(), columns.min_lots.tolist()
    for k in order:
        if missing[teams[k]] <= 0 or bids[k] in taken:
            continue
        needed = max(smallest[k], -(-missing[teams[k]] // values[k]))
        lots = min(left.most_lots(k, 0), needed)
        if lots >= smallest[k]:
            left.take(k, lots)
            served[k] = lots
            taken.add(bids[k])
            missing[teams[k]] -= values[k] * lots
    return served


class _Left:
    """What is left of units and credits while placements are served."""

    def __init__(self, columns: Columns, limits: Limits) -> None:
        self.reserved: list[int] = limits.reserved_units.tolist()
        self.total: list[int] = limits.total_units.tolist()
        self.credits: list[int] = limits.credits.tolist()
        self.is_reserved: list[bool] = columns.is_reserved.tolist()
        self.team: list[int] = columns.team.tolist()
        self.offer: list[int] = columns.offer.tolist()
        self.most: list[int] = columns.max_lots.tolist()
        self.begin: list[int] = columns.use_from.tolist()
        self.cell: list[int] = columns.use_cell.tolist()
        self.units: list[int] = columns.use_units.tolist()

    def most_lots(self, k: int, held: int) -> int:
        """Say how many more lots of a placement fit, beyond those it holds."""
        most = min(self.most[k] - held, self.credits[self.team[k]] // self.offer[k])
        for entry in range(self.begin[k], self.begin[k + 1]):
            cell = self.cell[entry]
            left = self.total[cell]
            if self.is_reserved[k]:
                left = min(left, self.reserved[cell])
            most = min(most, left // self.units[entry])
            if not most:
                break
        return most

    def take(self, k: int, lots: int) -> None:
        """Use up the units and credits of an award."""
        self.credits[self.team[k]] -= self.offer[k] * lots
        for entry in range(self.begin[k], self.begin[k + 1]):
            cell, units = self.cell[entry], self.units[entry] * lots
            self.total[cell] -= units
            if self.is_reserved[k]:
                self.reserved[cell] -= units


def price_guided_orders(fraction: Floats, gain: Floats, worth: Floats) -> list[list[int]]:
    """Return orders to serve in, for what the relaxation and its prices suggest.

    First what the relaxation awards, then by gain; by gain alone; by gain for its worth.
    Shape: one entry per placement: its part of the most lots, and in value points what it gains
    beyond the prices and what it is worth at its most lots.
    """
    ratio = gain / np.maximum(1.0, worth)
    by_fraction = np.lexsort((-ratio, -np.round(fraction, 6)))
    by_gain = np.argsort(-gain, kind="stable")
    by_ratio = np.argsort(-ratio, kind="stable")
    mixed = np.argsort(-(fraction + ratio), kind="stable")
    return [order.tolist() for order in (by_fraction, mixed, by_gain, by_ratio)]


def shaken_orders(
    fraction: Floats, gain: Floats, worth: Floats, random: np.random.Generator
) -> Iterator[list[int]]:
    """Yield orders near the best one, a little different each time: chance finds better fits.

    Shape: as for price_guided_orders. Fewer orders on large rounds, where each takes longer.
    """
    merit = fraction + RATIO_WEIGHT * gain / np.maximum(1.0, worth)
    for _ in range(min(MOST_SHAKEN, SHAKEN_PLACEMENTS // max(1, len(merit)))):
        noise = NOISE * random.standard_normal(len(merit))
        yield np.argsort(-(merit + noise), kind="stable").tolist()


def repaired(columns: Columns, lots: Whole) -> Whole:
    """Make an outcome fit: serve its awards again, most valuable first, and fill what is left.

    It may still miss a floor. For outcomes that a solver calls feasible and whole numbers do not.
    """
    wanted = np.argsort(-(columns.value * lots), kind="stable")
    chosen = wanted[lots[wanted] > 0]
    others = wanted[lots[wanted] == 0]
    return serve(columns, [*chosen.tolist(), *others.tolist()])
