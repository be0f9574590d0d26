"""What holds of every outcome of every small round, drawn by hypothesis."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from allocation.judge import check_outcome
from allocation.judge.certificate import certified_bound
from allocation.judge.ground import survey
from allocation.outcome import Certificate, Outcome, Placed, Pricing, Reason
from allocation.problem import BidKey, Problem
from tests.builders import a_bid, a_pool, a_problem, a_team, an_alternative, an_item, some_units
from tests.outcomes import a_judged_outcome, an_outcome, sealed
from tests.reference import best_outcome
from tests.strategies import problems

ROUNDS = settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))


@st.composite
def rounds(draw: st.DrawFn) -> tuple[Problem, Certificate]:
    """Draw a round, and any prices at all: even absurd ones bound the value from above."""
    problem = draw(problems())
    scale = draw(st.sampled_from([10**6, 10**9]))
    places = [
        (pool.key, problem.starts_on + dt.timedelta(days=number))
        for pool in problem.pools
        for number in range(problem.days)
    ]
    prices = st.integers(0, 3 * scale) | st.sampled_from([0, scale // 2, scale])
    dear = st.sets(st.sampled_from(places)).map(sorted)
    return problem, Certificate(
        scale=scale,
        reserved_prices=tuple((*place, draw(prices)) for place in draw(dear)),
        total_prices=tuple((*place, draw(prices)) for place in draw(dear)),
        credit_prices=tuple((team.key, draw(prices)) for team in problem.teams),
    )


@ROUNDS
@given(round_=rounds(), pricing=st.sampled_from(Pricing), is_proven=st.booleans())
def test_an_outcome_without_a_flaw_passes(
    round_: tuple[Problem, Certificate], pricing: Pricing, *, is_proven: bool
) -> None:
    problem, certificate = round_
    if is_proven:
        best = best_outcome(problem)
        placed = tuple(Placed(BidKey(bid), *place) for bid, *place in best.choices)
        outcome = an_outcome(
            problem, placed, pricing=pricing, certificate=certificate, bound=best.value
        )
    else:
        outcome = a_judged_outcome(problem, pricing=pricing, certificate=certificate)
    assert check_outcome(problem, outcome) == ()


@ROUNDS
@given(rounds())
def test_no_outcome_is_worth_more_than_the_certified_bound_at_any_prices(
    round_: tuple[Problem, Certificate],
) -> None:
    problem, certificate = round_
    assert best_outcome(problem).value <= certified_bound(survey(problem), certificate)


@ROUNDS
@given(rounds(), st.data(), st.integers(-3, 3).filter(bool))
def test_no_number_of_a_decision_can_be_changed_unseen(
    round_: tuple[Problem, Certificate], data: st.DataObject, change: int
) -> None:
    problem, certificate = round_
    good = a_judged_outcome(problem, certificate=certificate)
    tables = [name for name in ("awards", "prices") if getattr(good, name)]
    if tables:
        table = data.draw(st.sampled_from(tables))
        row = data.draw(st.integers(0, len(getattr(good, table)) - 1))
        assert check_outcome(problem, sealed(_with_changed_number(data, good, table, row, change)))


NUMBERS = {
    "awards": ("alternative", "lots", "value_score", "payment_credits", "start"),
    "prices": ("list_price_microcredits", "day"),
}


def _with_changed_number(
    data: st.DataObject, good: Outcome, table: str, row: int, change: int
) -> Outcome:
    name = data.draw(st.sampled_from(NUMBERS[table]))
    rows: list[Any] = list(getattr(good, table))
    value = getattr(rows[row], name)
    step = dt.timedelta(days=change) if isinstance(value, dt.date) else change
    if name == "start":
        step = dt.timedelta(days=400 * change)  # inside its window another start may do as well
    if name == "alternative":
        step = 400 * change  # another alternative of the bid may do as well
    rows[row] = replace(rows[row], **{name: value + step})
    changed: dict[str, Any] = {table: tuple(rows)}
    return replace(good, **changed)


@ROUNDS
@given(rounds(), st.data())
def test_no_reason_can_be_swapped_unseen_but_for_a_tie(
    round_: tuple[Problem, Certificate], data: st.DataObject
) -> None:
    problem, certificate = round_
    good = a_judged_outcome(problem, certificate=certificate, is_proven=True)
    if good.declines:
        number = data.draw(st.integers(0, len(good.declines) - 1))
        others = [r for r in Reason if r not in (good.declines[number].reason, Reason.TIE_BREAK)]
        declines = list(good.declines)
        declines[number] = replace(declines[number], reason=data.draw(st.sampled_from(others)))
        spoilt = sealed(replace(good, declines=tuple(declines)))
        assert {v.code for v in check_outcome(problem, spoilt)} & {"reason", "reason-of-service"}


def test_a_bid_with_no_code_in_common_is_declined_by_its_closest_alternative() -> None:
    too_big = an_alternative(an_item(units=99), offer=1, number=1)
    too_dear = an_alternative(an_item(), offer=2_000, number=2)
    problem = a_problem(a_bid("b1", too_big, too_dear), teams=[a_team("red", 1_000)])
    good = a_judged_outcome(problem)
    assert [(d.reason, d.alternative) for d in good.declines] == [(Reason.INSUFFICIENT_CREDITS, 2)]
    assert check_outcome(problem, good) == ()


def test_items_of_one_pool_and_day_add_up_against_its_units() -> None:
    twice = an_alternative(an_item(units=2, days=2), an_item(units=2, offset=1))
    problem = a_problem(
        a_bid("b1", twice),
        capacity=[some_units(reserved=2), some_units(on=1, reserved=3)],
    )
    good = a_judged_outcome(problem)
    assert [d.reason for d in good.declines] == [Reason.EXCEEDS_POOL]
    assert check_outcome(problem, good) == ()


def test_the_last_credit_is_enough_and_one_less_is_not() -> None:
    first = a_bid("a", an_alternative(offer=60))
    second = a_bid("b", an_alternative(offer=20, lots=(2, 2)))
    poor, rich = (a_problem(first, second, teams=[a_team("red", n)]) for n in (99, 100))
    spent = a_judged_outcome(poor, is_proven=True)
    assert [d.reason for d in spent.declines] == [Reason.CREDITS_SPENT]
    assert check_outcome(poor, spent) == ()
    assert "still-fits" in {violation.code for violation in check_outcome(rich, spent)}


def test_an_offer_of_exactly_all_credits_is_not_too_poor() -> None:
    barred = an_alternative(offer=2, lots=(5, 5), number=1)
    too_dear = an_alternative(offer=11, number=2)
    problem = a_problem(
        a_bid("b1", barred, too_dear),
        pools=[a_pool(reserve_price_credits=3)],
        teams=[a_team("red", 10)],
    )
    good = a_judged_outcome(problem)
    assert [(d.reason, d.alternative) for d in good.declines] == [(Reason.BELOW_RESERVE_PRICE, 1)]
    assert check_outcome(problem, good) == ()
