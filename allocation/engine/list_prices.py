"""Which prices are published: the smallest optimal ones, and what stands in where those fail.

The rule names one price vector, whatever algorithm the relaxation was solved by. Where it cannot
be followed, the duals of one named algorithm on the canonically ordered problem are taken, and the
report says so. Source: MODEL.md, Prices.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from allocation.certificate import Bound, Duals, certify
from allocation.engine.price_face import PriceFace
from allocation.engine.price_search import search_prices
from allocation.engine.relaxation import NAMED, Relaxation, solve_relaxation
from allocation.engine.search import Deadline
from allocation.engine.smallest_prices import find_smallest
from allocation.model import Model
from allocation.outcome import PriceRule


@dataclass(frozen=True)
class Priced:
    """What the published prices prove once rounded, and the rule that named them.

    `guides` are the prices that the search follows, and `guide` is what they prove: those of the
    simplex, which lead to slightly better outcomes than the smallest ones.
    """

    bound: Bound
    rule: PriceRule
    guides: Duals
    guide: Bound
    stopped_by_clock: bool = False


def settle_prices(model: Model, relaxed: Relaxation | None, deadline: Deadline) -> Priced:
    """Settle which prices are published.

    Where the smallest ones cannot be told, those of one named algorithm are taken; without an
    optimum of the relaxation, prices that are searched for in a fixed number of steps.
    """
    columns = model.columns
    if relaxed is None:
        duals = search_prices(model)
        bound = certify(columns, duals, None)
        return Priced(bound, PriceRule.SEARCH, duals, bound, stopped_by_clock=True)
    smallest = _smallest(model, relaxed, deadline)
    if smallest is None and relaxed.algorithm != NAMED:
        relaxed = solve_relaxation(model, deadline) or relaxed
        smallest = _smallest(model, relaxed, deadline)
    guide = certify(columns, relaxed.duals, relaxed.value)
    if smallest is not None:
        return Priced(smallest, PriceRule.SMALLEST, relaxed.duals, guide)
    is_late = not deadline.seconds_left()
    return Priced(guide, PriceRule.SIMPLEX, relaxed.duals, guide, stopped_by_clock=is_late)


def _smallest(model: Model, relaxed: Relaxation, deadline: Deadline) -> Bound | None:
    columns = model.columns
    if not columns.count:
        return certify(columns, relaxed.duals, relaxed.value)
    face = PriceFace(columns, relaxed.fraction)
    prices = find_smallest(face, relaxed.value, lambda: not deadline.seconds_left())
    if prices is None:
        return None
    duals = Duals(*np.split(prices, [face.cells, 2 * face.cells]))
    return certify(columns, duals, face.worth(prices))
