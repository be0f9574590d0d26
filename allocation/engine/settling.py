"""The last stages of a proven search: the written tie-break, and a second opinion.

tie_break.py knows how ties are broken; here solvers and time are handed to it.
"""

from __future__ import annotations

from functools import partial

from allocation.engine.asking import ask_two
from allocation.engine.finding import constraint_search
from allocation.engine.state import Search


def break_ties(search: Search) -> None:
    """Among the best outcomes take the one that the written tie-break names."""
    from allocation.engine.constraint_search import ask_cpsat  # noqa: PLC0415  # slow
    from allocation.engine.tie_break import Solvers, settle  # noqa: PLC0415  # slow

    settled = settle(
        search.best_value(),
        search.bound,
        search.best_bids,
        Solvers(partial(ask_two, search), ask_cpsat),
        search.effort(search.deadline),
    )
    search.incumbent.lots = settled.lots
    search.is_unique = settled.is_unique and settled.tied_bids is not None
    search.clock_stopped = not search.is_unique and search.deadline.seconds_left() <= 0
    search.tied_bids = settled.tied_bids


def wants_second_opinion(search: Search) -> bool:
    """Say whether one proof stands alone, be it of a solver or the certificate of a component."""
    return search.is_proven and len(search.provers()) < 2  # noqa: PLR2004  # one stands alone


def ask_second_opinion(search: Search) -> None:
    """Let CP-SAT say what it can about an outcome that is proven already."""
    constraint_search(search, search.effort(search.deadline))
