"""The portfolio: stage by stage from a problem to its outcome. Start reading here.

No single solver wins, so the best value may come from one and the best bound from another. Every
stage leaves the incumbent at least as good; the certificate, the prices and the reasons follow
from what is known at the end. Here stands the order of the stages; state.py says what is known
between them. Time comes in as a clock; nothing here reads one of its own.
"""

from __future__ import annotations

from allocation.assembly import serve_baselines
from allocation.columns import build_columns
from allocation.engine.cleaning import clean
from allocation.engine.component_searches import begin_searches, improve_all, shares
from allocation.engine.finding import round_relaxation, shake_orders
from allocation.engine.floor_search import find_floors
from allocation.engine.floor_stages import FloorState, meet_floors, search_without_floors
from allocation.engine.list_prices import settle_prices
from allocation.engine.logbook import Reporter
from allocation.engine.relaxation import fastest_algorithm, solve_relaxation
from allocation.engine.run import Keeper, Run
from allocation.engine.search import Clock, Deadline
from allocation.engine.settling import ask_second_opinion, break_ties, wants_second_opinion
from allocation.engine.state import RELAXATION_SHARE
from allocation.model import build
from allocation.options import Options
from allocation.outcome import Outcome
from allocation.problem import Problem

LARGEST_PLAIN_LP = 20_000
"""Placements above which the LP may take too long: prices are searched for where time is short."""
LP_SECONDS = 1e-4
"""Seconds per placement without which the LP of a large round is not begun."""
SLICES_SHARE = 0.5
"""The part of the time left that the worth of slices may use."""
LEAST_OPINION_SECONDS = 0.3
OPINION_SHARE = 0.05
"""A second opinion on a proven outcome may take this part of the time so far, or so much."""
FINISH_RATIO = 0.06
FINISH_SECONDS = 1.5e-5
"""What is kept for prices, reasons and the report: a part of the limit, seconds per placement."""


def allocate(
    problem: Problem,
    options: Options,
    clock: Clock,
    report: Reporter,
    keep: Keeper,
    *,
    began: float | None = None,
) -> Outcome:
    """Decide a round: awards, declines, prices, and what proves them.

    The time limit counts from `began`, a reading of the clock; without it, from now.
    `report` is told after every stage; `keep` gets a first outcome as soon as there is one, and
    the best one before CP-SAT is asked, so that something remains whatever happens to this process.
    """
    run = Run(problem, options, clock, report, keep, clock() if began is None else began)
    start(run)
    if not run.is_proven:
        run.keep_outcome()
    search(run)
    return run.outcome()


# --- a first good outcome and a certified bound ----------------------------------------------


def start(run: Run) -> None:
    """Run the stages that lead to a first good outcome and a certified bound."""
    with run.stage("build"):
        prepare(run)
    with run.stage("cleaning"):
        run.cleaned = clean(run.model)
    with run.stage("baselines"):
        run.baselines, run.baseline_lots = serve_baselines(run.columns)
    with run.stage("relaxation"):
        relax(run)
    run.searches = begin_searches(run)
    with run.stage("rounding"):
        for each in run.searches:
            round_relaxation(each)
    with run.stage("shaking"):
        for each in run.searches:
            shake_orders(each)
    if run.problem.floor_ratio:
        with run.stage("slices"):
            deadline = run.deadline.share(SLICES_SHARE)
            run.floors = FloorState(find_floors(run.columns, run.bound, deadline))


def prepare(run: Run) -> None:
    """List columns and rows, and say when the search must end."""
    run.columns = build_columns(run.problem)
    limit = run.options.time_limit_seconds * (1 - FINISH_RATIO)
    finish = FINISH_SECONDS * run.columns.count
    run.deadline = Deadline(run.clock, run.began + max(0.5 * limit, limit - finish))
    run.model = build(run.columns)


def relax(run: Run) -> None:
    """Bound the value, and say what every unit is worth."""
    deadline, count = run.deadline.share(RELAXATION_SHARE), run.columns.count
    is_large = count > LARGEST_PLAIN_LP
    run.relaxed = None
    if not is_large or deadline.seconds_left() > LP_SECONDS * count:
        run.relaxed = solve_relaxation(run.model, deadline, fastest_algorithm(run.model))
    run.priced = settle_prices(run.model, run.relaxed, deadline)


# --- improvement, proof, ties ----------------------------------------------------------------


def search(run: Run) -> None:
    """Improve and prove until the outcome is proven or the time is used; then break ties."""
    if run.floors:
        whole = run.searches[0]
        search_without_floors(whole)
        with run.stage("floors"):
            meet_floors(whole, run.floors)
    improve_all(run)
    if run.is_proven:
        run.keep_outcome()
        settle(run)
    if run.is_proven and not run.is_certified:
        confirm(run)


def settle(run: Run) -> None:
    """Among the best outcomes take the one that the written tie-break names."""
    with run.stage("tie-break"):
        for each, _, of_rest in shares(run.searches):
            each.deadline = run.deadline.share(of_rest)
            break_ties(each)


def confirm(run: Run) -> None:
    """Ask again about what one solver alone has proven."""
    alone = list(filter(wants_second_opinion, run.searches))
    seconds = max(LEAST_OPINION_SECONDS, OPINION_SHARE * (run.clock() - run.began))
    deadline = run.deadline.within(seconds)
    for each, _, of_rest in shares(alone):
        with run.stage("second-opinion"):
            each.deadline = deadline.share(of_rest)
            ask_second_opinion(each)
