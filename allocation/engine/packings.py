"""Packings: which of some options fit together, in whole numbers of any size.

An option is a bid's and uses some of several rows; a packing has at most one option of a bid and
keeps to every row. What is left of all rows stands side by side in one whole number, and so does
what an option uses: each row has a field, and above it a guard bit that is gone once more is used
than was left. So one subtraction says whether an option still fits. Nothing here knows a solver.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple


class Option(NamedTuple):
    """What one choice of a bid uses of all rows, side by side."""

    bid: int
    use: int


@dataclass(frozen=True)
class Room:
    """What the rows have to give, side by side with their guards, and the guards alone."""

    left: int
    guards: int

    def fits(self, left: int, use: int) -> bool:
        """Say whether a use fits what is left."""
        return (left - use) & self.guards == self.guards


def room_of(limits: Sequence[tuple[int, int]]) -> tuple[Room, list[int]]:
    """Lay out rows, each with its limit and largest use of an option; say where fields begin."""
    left = guards = begin = 0
    begins = []
    for limit, largest_use in limits:
        begins.append(begin)
        left |= limit << begin
        begin += max(limit, largest_use).bit_length()
        guards |= 1 << begin
        begin += 1
    return Room(left | guards, guards), begins


def listed_packings(
    options: Sequence[Option], room: Room, most_nodes: int
) -> list[tuple[int, ...]] | None:
    """List packings, all those among them to which nothing can be added; None if it takes too long.

    Shape: options are ordered by bid; a packing names the places of its options.
    """
    after, uses, count, guards = (
        _after_bid(options),
        [o.use for o in options],
        len(options),
        room.guards,
    )
    found: list[tuple[int, ...]] = []
    stack: list[tuple[int, int, tuple[int, ...]]] = [(0, room.left, ())]
    for _ in range(most_nodes):
        n, left, packing = stack.pop()
        while n < count and (left - uses[n]) & guards != guards:
            n += 1
        if n < count:
            stack.append((n + 1, left, packing))
            stack.append((after[n], left - uses[n], (*packing, n)))
        else:
            found.append(packing)
        if not stack:
            return found
    return None


def _after_bid(options: Sequence[Option]) -> list[int]:
    """Say for every option where the options of the next bid begin."""
    after = [len(options)] * len(options)
    for n in range(len(options) - 2, -1, -1):
        after[n] = after[n + 1] if options[n].bid == options[n + 1].bid else n + 1
    return after


@dataclass(frozen=True)
class Prized:
    """The options of one bid, each as its prize and its use, and the largest prize of them."""

    bid: int
    options: tuple[tuple[int, int], ...]
    largest: int


def largest_prize(
    bids: Sequence[Prized], room: Room, left: int, enough: int, most_nodes: int
) -> int | None:
    """Return the largest sum of prizes of a packing of what is left, or any that is enough.

    None where it takes too long. Shape: the bid of the largest prize comes first.
    """
    reach = [0] * (len(bids) + 1)
    for n in range(len(bids) - 1, -1, -1):
        reach[n] = reach[n + 1] + bids[n].largest
    best, nodes, guards = 0, 0, room.guards
    stack = [(0, left, 0)]
    while stack:
        n, left, prize = stack.pop()
        nodes += 1
        best = max(best, prize)
        if best >= enough:
            break
        if prize + reach[n] <= best:
            continue
        if nodes > most_nodes:
            return None
        stack.append((n + 1, left, prize))
        for more, use in bids[n].options:
            rest = left - use
            if rest & guards == guards:
                stack.append((n + 1, rest, prize + more))
    return best
