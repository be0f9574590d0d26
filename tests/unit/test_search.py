"""What the engine believes: whole-number outcomes, claims that hold, and no solver's word alone."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import pytest

from allocation.columns import build_columns
from allocation.engine import rounding
from allocation.engine.branch_and_bound import ask_highs
from allocation.engine.question import Effort, Question
from allocation.engine.search import Deadline, Incumbent, largest_row_sum, safe_floor
from allocation.engine.variables import lay_out
from allocation.model import build
from tests.builders import a_bid, a_problem, an_alternative, an_item

COLUMNS = build_columns(
    a_problem(
        a_bid("b1", an_alternative(an_item(units=6), offer=60)),
        a_bid("b2", an_alternative(an_item(units=6), offer=50)),
    )
)


def an_incumbent(*, trusts_one_solver: bool = True, **claims: int) -> Incumbent:
    """Return one that holds b1, worth 60, under a certified bound of 100."""
    return Incumbent(COLUMNS, 100, np.array([1, 0]), dict(claims), trusts_one_solver)


def test_the_smallest_claim_is_the_bound() -> None:
    assert an_incumbent(HiGHS=80, other=90).bound == 80
    assert an_incumbent().bound == 100


def test_a_claim_below_the_value_is_refuted_and_proves_nothing() -> None:
    incumbent = an_incumbent(HiGHS=59)
    assert incumbent.bound == 100
    assert not incumbent.is_proven
    assert incumbent.provers == ()


def test_one_solver_proves_a_round_of_small_numbers() -> None:
    incumbent = an_incumbent(HiGHS=60)
    assert incumbent.is_proven
    assert incumbent.provers == ("HiGHS",)


def test_one_solver_alone_is_not_believed_in_a_round_of_large_numbers() -> None:
    assert an_incumbent(trusts_one_solver=False, solver=60).bound == 100
    assert an_incumbent(trusts_one_solver=False, solver=60, other=80).bound == 80


def test_two_solvers_that_say_the_same_are_believed_and_a_point_apart_they_are_not() -> None:
    incumbent = an_incumbent(trusts_one_solver=False, solver=60, other=60)
    assert incumbent.is_proven
    assert incumbent.provers == ("solver", "other")
    assert an_incumbent(trusts_one_solver=False, solver=60, other=61).bound == 61


def test_two_solvers_that_say_the_same_as_far_as_floating_point_can_tell_are_believed() -> None:
    value = 6 * 10**9
    columns = build_columns(a_problem(a_bid("b1", an_alternative(offer=3, value=value))))
    claims = {"solver": value, "other": value + 10}
    incumbent = Incumbent(columns, 2 * value, np.array([1]), claims, trusts_one_solver=False)
    assert incumbent.is_proven
    assert incumbent.provers == ("solver", "other")


def test_an_outcome_that_takes_too_much_is_repaired_before_it_counts() -> None:
    incumbent = Incumbent(COLUMNS, 110, np.array([0, 0]))
    incumbent.offer(np.array([1, 1]))
    assert rounding.is_feasible(COLUMNS, incumbent.lots)
    assert incumbent.value == 60


def test_a_worse_outcome_never_replaces_a_better_one() -> None:
    incumbent = an_incumbent()
    incumbent.offer(np.array([0, 1]))
    assert incumbent.value == 60


@pytest.mark.parametrize(
    ("claimed", "meant"),
    [
        (6119.9999999999945, 6120),
        (6120.0, 6120),
        (6120.4, 6120),
        (float("inf"), None),
        (float("nan"), None),
        (1e17, None),
    ],
)
def test_a_floating_point_bound_is_never_rounded_below_its_meaning(
    claimed: float, meant: int | None
) -> None:
    assert safe_floor(claimed) == meant


def test_the_largest_row_counts_every_placement_at_its_most_lots() -> None:
    assert largest_row_sum(build(COLUMNS)) == 110


def test_a_start_that_breaks_a_rule_is_no_reason_to_break_down() -> None:
    """HiGHS can refuse such a start with an error; the answer is then none, and says so."""
    model = build(COLUMNS)
    variables = lay_out(model)
    objective = variables.objective(COLUMNS.value)
    closed = np.array([False, True])
    question = Question(model, variables, objective, np.array([1, 0]), closed)
    effort = Effort(0, 2, Deadline(time.monotonic, time.monotonic() + 10))
    broken = ask_highs(question, effort)
    assert broken.failure or broken.is_proven
    sound = ask_highs(replace(question, start=None), effort)
    assert sound.is_proven
    assert sound.lots is not None
    assert sound.lots.tolist() == [0, 1]
