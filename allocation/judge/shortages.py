"""How far is an ask from fitting: how many units it lacks, at which start, and where.

An ask is measured at its smallest lots and at the start that lacks the fewest units.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from allocation.judge.ground import Ask, Days, Room
from allocation.problem import PoolKey

Lack = tuple[PoolKey, int, int]
"""Pool, number of the day, missing units."""


@dataclass(frozen=True)
class Shortage:
    """An ask at its best start, with the units that it lacks there over all pools and days."""

    ask: Ask
    start: int
    missing_units: int


def closest(shortages: Iterable[Shortage]) -> Shortage:
    """Return the ask that lacks the fewest units; of equal ones, the lowest number."""
    return min(shortages, key=lambda s: (s.missing_units, s.ask.number))


def shortage_of(ask: Ask, room: Room) -> Shortage:
    """Return what an ask lacks at its best start; of equal ones, the earliest."""
    days = room.open_to(ask.tier)
    best = Shortage(ask, ask.starts[0], _missing_units(ask, days, ask.starts[0]))
    for start in ask.starts[1:]:
        if not best.missing_units:
            break
        missing_units = _missing_units(ask, days, start)
        if missing_units < best.missing_units:
            best = Shortage(ask, start, missing_units)
    return best


def lacks(shortage: Shortage, room: Room) -> Iterator[Lack]:
    """Yield every pool and day on which units are missing."""
    ask, days = shortage.ask, room.open_to(shortage.ask.tier)
    for run in ask.runs:
        need = run.units * ask.min_lots
        for day in range(shortage.start + run.first, shortage.start + run.end):
            if days[run.pool_key][day] < need:
                yield run.pool_key, day, need - days[run.pool_key][day]


def _missing_units(ask: Ask, days: Days, start: int) -> int:
    missing_units = 0
    for run in ask.runs:
        need = run.units * ask.min_lots
        there = days[run.pool_key][start + run.first : start + run.end]
        if min(there) < need:
            missing_units += sum(need - units for units in there if units < need)
    return missing_units
