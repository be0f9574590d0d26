"""The one price vector that the rule names: smallest Σ capacity × price² among all optimal ones.

It is strictly convex, so there is one, whatever solver, algorithm, seed or order led to the
optimum. It is searched for in floating point, and then worked out to far more digits than are
published. Nothing here knows a solver. Source: MODEL.md, Prices.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from allocation.columns import Whole
from allocation.engine.fixed_point import Row, refine
from allocation.engine.price_face import TINY, PriceFace
from allocation.engine.shortest import Floats, Shortest

VALUE_TOLERANCE = 1e-8
"""Prices must be worth the relaxation's optimum, up to this part of it."""
INDEPENDENT = 1e-9
"""A row of length 1 of which less is left depends on others: that is no corner of the LP."""
MOST_PRICES = 2_500
MOST_WORK = 2 * 10**9
"""Prices above 0 and multiplications up to which the rule is followed; the clock has no say."""


def find_smallest(face: PriceFace, value: float, stop: Callable[[], bool]) -> Floats | None:
    """Return the optimal prices of the relaxation with the smallest Σ capacity × price².

    None where the face is not that of a corner with this value, where the round is too large for
    it, and where it is told to stop. Units: value points.
    """
    if len(face.priced) > MOST_PRICES or len(face.exact) > len(face.priced):
        return None
    found = _search(face, stop)
    if found is None or abs(face.worth(found) - value) > VALUE_TOLERANCE * max(1.0, value):
        return None
    return found


def _search(face: PriceFace, stop: Callable[[], bool]) -> Floats | None:
    """Begin with what the exact rows say; bring prices up to whatever row they break most."""
    exact = _lay_out(face, [face.row(k) for k in face.exact.tolist()])
    frame = _take_apart(face, exact)
    if frame is None:
        return None
    shortest = Shortest(frame.free.shape[1])
    work_left = MOST_WORK
    while (name := face.worst(frame.prices(shortest.vector))) is not None:
        work_left -= 4 * len(face.columns.use_cell) + frame.free.size + shortest.size**2
        if work_left < 0 or stop():
            return None
        if not shortest.lift(name, *frame.project(face.row(name))):
            return None
    return _work_out(frame, exact, shortest)


# --- rows where prices count by capacity -----------------------------------------------------


@dataclass(frozen=True)
class _Rows:
    """Rows over price × √capacity, each divided by its length.

    Shape: `lines` has one line per row and one place per price in `face.priced`; `least` and
    `length` one entry per row.
    """

    rows: list[Row]
    lines: Floats
    least: Floats
    length: Floats


def _lay_out(face: PriceFace, rows: list[Row]) -> _Rows:
    lines = np.zeros((len(rows), len(face.priced)))
    for line, row in zip(lines, rows, strict=True):
        line[np.searchsorted(face.priced, list(row.terms))] = list(row.terms.values())
    lines /= face.root
    length = np.maximum(np.sqrt((lines**2).sum(axis=1)), TINY)
    least = np.array([row.least for row in rows], float) / length
    return _Rows(rows, lines / length[:, None], least, length)


@dataclass(frozen=True)
class _Frame:
    """What the exact rows leave open: price × √capacity = begin + free · (any vector).

    Shape: `held` spans the exact rows, `free` is square to them, one line per price in
    `face.priced`; `inverse` undoes the triangle between `held` and the rows.
    """

    face: PriceFace
    held: Floats
    free: Floats
    inverse: Floats
    begin: Floats

    def prices(self, vector: Floats) -> Floats:
        """Return all prices for a vector of the free directions."""
        prices = np.zeros(len(self.face.capacity))
        prices[self.face.priced] = (self.begin + self.free @ vector) / self.face.root
        return prices

    def project(self, row: Row) -> tuple[Floats, float]:
        """Return a row and its least as the free directions see them."""
        laid = _lay_out(self.face, [row])
        place: Whole = np.flatnonzero(laid.lines[0])
        terms = laid.lines[0][place]
        seen = np.asarray(terms @ self.free[place], np.float64)
        return seen, float(laid.least[0] - terms @ self.begin[place])


def _take_apart(face: PriceFace, exact: _Rows) -> _Frame | None:
    """Take the exact rows apart; None where one depends on the others."""
    square, triangle = np.linalg.qr(exact.lines.T, mode="complete")
    count = len(exact.rows)
    if np.abs(np.diagonal(triangle)).min(initial=1.0) < INDEPENDENT:
        return None
    inverse = np.linalg.inv(triangle[:count])
    held, free = square[:, :count], square[:, count:]
    return _Frame(face, held, free, inverse, held @ (inverse.T @ exact.least))


def _work_out(frame: _Frame, exact: _Rows, shortest: Shortest) -> Floats | None:
    """Return the same prices, correct in every digit that a float has."""
    face = frame.face
    active = _lay_out(face, [face.row(name) for name in shortest.names])
    inverse = np.linalg.pinv(shortest.rows @ shortest.rows.T)
    length = np.concatenate([exact.length, active.length])

    def solve(missing: Floats) -> Floats:
        """Say about how much more of every row makes up for what they miss."""
        missing = missing / length
        moved = frame.held @ (frame.inverse.T @ missing[: len(exact.rows)])
        of_active = inverse @ (missing[len(exact.rows) :] - active.lines @ moved)
        rest = frame.held.T @ (moved - active.lines.T @ of_active)
        return np.asarray(np.concatenate([frame.inverse @ rest, of_active]) / length, np.float64)

    found = refine(exact.rows + active.rows, face.capacity.tolist(), solve)
    if found is None:
        return None
    prices = np.zeros(len(face.capacity))
    prices[list(found)] = np.maximum(0.0, list(found.values()))
    return prices
