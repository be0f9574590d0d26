"""Prices that keep rows exactly, to many more digits than a float has, in whole numbers.

The prices with the smallest Σ capacity × price² among those that keep some rows are sums of these
rows: price = Σ row × (how much of it) ÷ capacity. How much of each is improved again and again by
what the rows still miss. Only Python's whole numbers, and a rough solver that is passed in.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

ONE = 1 << 192
"""Fixed point: a whole number n stands for n / ONE."""
CLOSE_BITS = 96
"""Rows that miss less than 2 to this many, in fixed point, are kept."""
FLOAT_BITS = 60
MOST_ROUNDS = 40


@dataclass(frozen=True, slots=True)
class Row:
    """Σ coefficient × price ≥ least, with coefficients by the number of their price."""

    terms: Mapping[int, int]
    least: int


def refine(
    rows: list[Row],
    capacity: Sequence[int],
    solve: Callable[[npt.NDArray[np.float64]], npt.NDArray[np.float64]],
) -> dict[int, float] | None:
    """Return the prices of smallest Σ capacity × price² at which every row is exactly its least.

    `solve` says about how much more of every row makes up for what they miss. None where that
    leads nowhere.
    """
    amounts = [0] * len(rows)
    for _ in range(MOST_ROUNDS):
        prices = _prices(rows, capacity, amounts)
        missing = [
            row.least * ONE - sum(c * prices[i] for i, c in row.terms.items()) for row in rows
        ]
        bits = max((m.bit_length() for m in missing), default=0)
        if bits <= CLOSE_BITS:
            return {i: price / ONE for i, price in prices.items()}
        shift = max(0, bits - FLOAT_BITS)
        more = solve(np.array([m >> shift for m in missing], float))
        if not np.isfinite(more).all():
            return None
        amounts = [a + _shifted(m, shift) for a, m in zip(amounts, more.tolist(), strict=True)]
    return None


def _prices(rows: list[Row], capacity: Sequence[int], amounts: list[int]) -> dict[int, int]:
    sums: dict[int, int] = {}
    for row, amount in zip(rows, amounts, strict=True):
        for i, coefficient in row.terms.items():
            sums[i] = sums.get(i, 0) + coefficient * amount
    return {i: total // capacity[i] for i, total in sums.items()}


def _shifted(number: float, bits: int) -> int:
    """Return number × 2^bits, whole."""
    fraction, exponent = np.frexp(number)
    whole, places = int(fraction * 2**53), int(exponent) - 53 + bits
    return whole << places if places >= 0 else whole >> -places
