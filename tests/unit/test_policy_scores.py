"""What an offer counts for: a product of factors, rounded down once, each with its reason."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from allocation.outcome import Reason
from broker.policy.documents import Calibration
from broker.policy.pledges import NO_PLEDGE, Pledge
from broker.policy.rules import Asked, AskedPool, Bar, bars_of, decline_of
from broker.policy.scores import (
    Factor,
    FactorKind,
    TrackRecord,
    calibration_percent,
    factors_of,
    multiplier_of,
    multiplier_percent,
    value_score_per_lot,
)
from tests.policies import FACT, READY, REQUIRED, a_policy, readiness

CALIBRATION = Calibration(least_percent=70, most_percent=115, prior_weight=100)
PERCENTS = st.lists(st.integers(50, 200), max_size=6)


def some_factors(*percents: int) -> list[Factor]:
    return [Factor(FactorKind.THEME, Fraction(percent), "Because.") for percent in percents]


def percents_of(team: str, pledge: Pledge) -> list[Fraction]:
    return [factor.percent for factor in factors_of(a_policy(), team, pledge)]


@given(PERCENTS)
def test_a_multiplier_is_the_product_rounded_down_once_and_kept_in_bounds(
    percents: list[int],
) -> None:
    product, hundreds = 100, 1
    for percent in percents:
        product, hundreds = product * percent, hundreds * 100
    expected = min(max(product // hundreds, 50), 200)
    assert multiplier_percent(some_factors(*percents)) == expected


@given(PERCENTS.flatmap(lambda ps: st.tuples(st.just(ps), st.permutations(ps))))
def test_the_order_of_factors_changes_no_multiplier(
    both: tuple[list[int], list[int]],
) -> None:
    one, other = both
    assert multiplier_percent(some_factors(*one)) == multiplier_percent(some_factors(*other))


def test_rounding_happens_at_the_end_and_not_at_every_factor() -> None:
    assert multiplier_percent(some_factors(125, 99, 102)) == 126
    assert 125 * 99 // 100 * 102 // 100 == 125


@pytest.mark.parametrize(
    ("percents", "multiplier"),
    [
        ((50, 99), 50),
        ((51, 98), 50),
        ((51, 100), 51),
        ((200, 101), 200),
        ((199, 100), 199),
        ((), 100),
    ],
)
def test_no_multiplier_leaves_its_bounds(percents: tuple[int, ...], multiplier: int) -> None:
    assert multiplier_percent(some_factors(*percents)) == multiplier


@pytest.mark.parametrize(
    ("offer", "multiplier", "score"), [(100, 125, 125), (3, 133, 3), (1, 50, 1), (1, 199, 1)]
)
def test_a_value_score_is_rounded_down_and_at_least_one(
    offer: int, multiplier: int, score: int
) -> None:
    assert value_score_per_lot(offer, multiplier) == score


@given(st.integers(1, 10**6), st.integers(0, 10**9), st.integers(0, 10**9))
def test_calibration_is_shrunk_towards_100_and_clipped(
    prior: int, promised: int, delivered: int
) -> None:
    calibration = Calibration(least_percent=70, most_percent=115, prior_weight=prior)
    percent = calibration_percent(calibration, TrackRecord(1, promised, delivered))
    exact = Fraction(100 * (prior + delivered), prior + promised)
    assert percent == min(max(exact // 1, 70), 115)
    assert (percent >= 100) == (delivered >= promised)


@pytest.mark.parametrize(
    ("promised", "delivered", "percent"),
    [(0, 0, 100), (100, 0, 70), (100, 41, 70), (100, 42, 71), (100, 130, 115), (10**9, 1, 70)],
)
def test_a_record_moves_bids_within_the_bounds_of_the_policy(
    promised: int, delivered: int, percent: int
) -> None:
    assert calibration_percent(CALIBRATION, TrackRecord(1, promised, delivered)) == percent


def test_without_confirmed_deliveries_a_promise_counts_as_it_is() -> None:
    factor = factors_of(a_policy(), "red", READY)[-1]
    assert (factor.kind, factor.percent) == (FactorKind.CALIBRATION, 100)
    assert "No delivery" in factor.reason


def test_the_reason_of_the_calibration_has_every_number_that_it_follows_from() -> None:
    factor = factors_of(a_policy(), "red", READY, TrackRecord(3, 4000, 3200))[-1]
    assert (factor.kind, factor.percent) == (FactorKind.CALIBRATION, 100 * 4200 // 5000)
    assert factor.reason == (
        "The team delivered 3200 of the 4000 points that it promised with 3 awards, beside 1000 "
        "points that everybody starts with."
    )


def test_a_theme_counts_more_where_it_is_confirmed_than_by_a_teams_own_word() -> None:
    assert percents_of("red", READY) == [125, 100, 100, 100, 100]
    assert percents_of("blue", READY) == [110, 100, 100, 100, 100]
    assert percents_of("red", replace(READY, theme_key=None))[0] == 100
    assert percents_of("red", replace(READY, theme_key="gone"))[0] == 100


def test_every_missing_fact_of_readiness_counts() -> None:
    assert percents_of("red", NO_PLEDGE) == [100, 80, 80, 80, 100]
    assert percents_of("red", replace(READY, owner_after_award=" ")) == [125, 80, 100, 100, 100]
    assert multiplier_of(a_policy(), factors_of(a_policy(), "red", NO_PLEDGE)) == 51


def test_every_factor_says_why() -> None:
    for pledge in (NO_PLEDGE, READY):
        for factor in factors_of(a_policy(), "red", pledge):
            assert factor.reason.endswith(".")
            assert len(factor.reason.split()) > 3


def test_without_a_policy_an_offer_counts_as_it_is() -> None:
    factors = factors_of(None, "red", READY)
    assert [factor.kind for factor in factors] == [FactorKind.NO_POLICY]
    assert multiplier_of(None, factors) == 100


def test_a_policy_may_keep_multipliers_closer_than_the_market_does() -> None:
    narrow = a_policy(multiplier={"least_percent": 90, "most_percent": 110})
    assert multiplier_of(narrow, factors_of(narrow, "red", READY)) == 110
    assert multiplier_of(narrow, factors_of(narrow, "red", NO_PLEDGE)) == 90


# --- rules that bar ------------------------------------------------------------------------------

NOTES = AskedPool("notes", "Clinical notes", "restricted")
GPU = AskedPool("gpu", "Large GPUs", "")
APPROVALS = [{"classification": "restricted", "ask": "the data board", "approved_teams": ["red"]}]
ELIGIBILITY = [{"pool_key": "gpu", "ask": "Ada", "eligible_teams": ["red"]}]
RULED = a_policy(approvals=APPROVALS, eligibility=ELIGIBILITY)


def bars(team: str, *pools: tuple[AskedPool, ...], pledge: Pledge = READY) -> list[Bar]:
    return list(bars_of(RULED, Asked(team, pledge, dict(enumerate(pools, 1)))))


def test_an_approved_team_meets_no_bar() -> None:
    assert bars("red", (NOTES, GPU)) == []


def test_a_team_without_approval_reads_which_pool_and_whom_to_ask() -> None:
    [bar] = bars("blue", (NOTES,))
    assert (bar.reason, bar.pool_key) == (Reason.APPROVAL_MISSING, "notes")
    assert "Clinical notes is restricted" in bar.detail
    assert "Next time: ask the data board" in bar.detail


def test_a_pool_for_some_teams_takes_no_other() -> None:
    [bar] = bars("blue", (GPU,))
    assert (bar.reason, bar.pool_key) == (Reason.INELIGIBLE, "gpu")
    assert "Next time: ask Ada" in bar.detail


@pytest.mark.parametrize(
    ("key", "pledge", "words"),
    [
        ("owner_after_award", replace(READY, owner_after_award=""), "an owner after the award"),
        ("success_measure", replace(READY, success_measure=" "), "a success measure"),
        ("end", replace(READY, ends_on=None), "an end"),
    ],
)
def test_a_required_fact_bars_without_it_and_says_how_to_meet_it(
    key: str, pledge: Pledge, words: str
) -> None:
    policy = a_policy(readiness=readiness(**{key: REQUIRED}))
    assert list(bars_of(policy, Asked("red", READY, {1: (GPU,)}))) == []
    [bar] = bars_of(policy, Asked("red", pledge, {1: (GPU,)}))
    assert bar.reason is Reason.POLICY
    assert words in bar.detail
    assert "Next time: " in bar.detail
    assert (
        list(bars_of(a_policy(readiness=readiness(**{key: FACT})), Asked("red", pledge, {1: ()})))
        == []
    )


def test_a_bid_with_one_alternative_that_no_rule_bars_stays_in_the_round() -> None:
    assert decline_of(bars("blue", (NOTES,), ()), [1, 2]) is None


def test_a_code_that_holds_for_every_alternative_decides() -> None:
    declined = decline_of(bars("blue", (NOTES, GPU), (NOTES,)), [1, 2])
    assert declined is not None
    assert (declined.reason, declined.pool_key) == (Reason.APPROVAL_MISSING, "notes")


def test_where_no_code_holds_for_all_the_first_alternative_decides() -> None:
    declined = decline_of(bars("blue", (NOTES,), (GPU,)), [1, 2])
    assert declined is not None
    assert (declined.reason, declined.alternative) == (Reason.APPROVAL_MISSING, 1)


def test_wrong_comes_before_missing_and_missing_before_unready() -> None:
    policy = a_policy(
        approvals=APPROVALS, eligibility=ELIGIBILITY, readiness=readiness(end=REQUIRED)
    )
    found = list(bars_of(policy, Asked("blue", NO_PLEDGE, {1: (NOTES, GPU)})))
    order = []
    while found:
        declined = decline_of(found, [1])
        assert declined is not None
        order.append(declined.reason)
        found = [bar for bar in found if bar.reason is not declined.reason]
    assert order == [Reason.INELIGIBLE, Reason.APPROVAL_MISSING, Reason.POLICY]


def test_a_decline_tells_every_fact_that_was_missing() -> None:
    facts = dict.fromkeys(("owner_after_award", "success_measure", "end"), REQUIRED)
    policy = a_policy(readiness=readiness(**facts))
    declined = decline_of(list(bars_of(policy, Asked("red", NO_PLEDGE, {1: ()}))), [1])
    assert declined is not None
    assert declined.detail.count("Next time: ") == 3
