"""The stages that only a round with fairness floors has, and what is known of its floors.

First the round is searched as if there were none; then what misses the floors least is looked for
(floor_search.py) and held fast, and the search goes on. Source: MODEL.md, Floors.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from allocation.assembly import fairest
from allocation.columns import Whole
from allocation.engine import rounding
from allocation.engine.asking import ask_two
from allocation.engine.branch_and_bound import ask_highs
from allocation.engine.finding import improve
from allocation.engine.floor_search import ask_core, demanding, find_fairest, serve_floors
from allocation.engine.proving import LARGEST_BRANCHED
from allocation.engine.question import Answer, Effort, Question
from allocation.engine.relaxation import solve_relaxation
from allocation.engine.state import RELAXATION_SHARE, Search
from allocation.floors import Fairness, Floors

WITHOUT_FLOORS_SHARE = 0.4
"""The part of the time that the search without floors may use."""
FAIREST_SHARE = 0.4
"""The part of the time left that the smallest shortfall may use."""


@dataclass
class FloorState:
    """What is known of the floors of a round. Units: value points.

    `is_demanding` says that the search goes on with what the floors demand, `is_fairest` that no
    outcome misses them less.
    """

    floors: Floors
    is_demanding: bool = False
    is_fairest: bool = False
    value_without_floors: int = 0

    def best_lots(self, search: Search) -> Whole:
        """Return the best outcome so far; before the floors are demanded, the fairest one."""
        if self.is_demanding:
            return search.incumbent.lots
        return fairest(search.columns, known_outcomes(search), self.floors)

    def fairness(self, value: int) -> Fairness:
        """Say what is known of the floors, where the best outcome is worth so much."""
        return Fairness(self.floors, self.is_fairest, max(self.value_without_floors, value))


def search_without_floors(search: Search) -> None:
    """Say what the round is worth where the floors demand nothing."""
    end, most_work_seconds = search.deadline, search.most_work_seconds
    search.deadline = search.deadline.share(WITHOUT_FLOORS_SHARE)
    search.most_work_seconds *= WITHOUT_FLOORS_SHARE
    improve(search)
    search.deadline, search.most_work_seconds = end, most_work_seconds
    search.best_bids = None


def meet_floors(search: Search, state: FloorState) -> None:
    """Find what misses the floors least, and demand from now on that nothing misses more."""
    known = known_outcomes(search)
    state.value_without_floors = max(rounding.value_of(search.columns, lots) for lots in known)
    effort = search.effort(search.deadline.share(FAIREST_SHARE))
    known.extend(_served_first(search, state.floors, known[0], effort))

    def ask(question: Question, effort: Effort) -> Answer:
        return (ask_two if search.is_small() else _ask_parts)(search, question, effort)

    found = find_fairest(search.model, state.floors, known, ask, effort)
    state.is_demanding, state.is_fairest = True, found.is_proven
    search.clock_stopped |= not found.is_proven
    search.take_model(demanding(search.model, state.floors.least_values(found.shortfall)))
    search.incumbent.demand(search.columns, found.lots)
    for lots in known:
        search.incumbent.offer(lots)
    search.fill()
    _relax_again(search)


def known_outcomes(search: Search) -> list[Whole]:
    """List the best outcome so far, then the baselines, each with all that still fits."""
    order = search.by_gain()
    known = [search.incumbent.lots, *search.baseline_lots]
    return [rounding.serve(search.columns, order, lots) for lots in known]


def _served_first(search: Search, floors: Floors, best: Whole, effort: Effort) -> list[Whole]:
    """List outcomes in which every team is served up to its floor first, if the best misses one."""
    if not floors.largest_shortfall(rounding.team_values(search.columns, best).tolist()):
        return []
    order = search.guided_orders()[0]
    return serve_floors(search.columns, floors, order, effort.deadline.share(0.5))


def _relax_again(search: Search) -> None:
    """Let the relaxation of a large round guide towards what the floors demand."""
    if search.relaxed and search.model.floors.names and not search.is_small():
        deadline = search.deadline.share(RELAXATION_SHARE)
        search.relaxed = solve_relaxation(search.model, deadline) or search.relaxed


def _ask_parts(search: Search, question: Question, effort: Effort) -> Answer:
    """Ask about the core of a large round, then HiGHS about all of it where that may help."""
    answer = ask_core(question, replace(effort, deadline=effort.deadline.share(0.5)))
    is_done = answer.lots is not None or not search.trusts_one_solver
    if is_done or search.columns.count > LARGEST_BRANCHED:
        return answer
    answer = ask_highs(question, effort)
    search.note("HiGHS", answer)
    return answer
