"""The judge lets good outcomes pass and sees every defect that is planted in one."""

from __future__ import annotations

from dataclasses import replace

import pytest

from allocation.judge import check_outcome
from allocation.outcome import (
    Outcome,
    Pricing,
    Proof,
    Reason,
    Status,
    StoppedBy,
)
from tests.builders import (
    a_bid,
    a_problem,
    an_alternative,
)
from tests.defects import (
    IN_A_PROVEN_ROUND,
    IN_AN_UNPROVEN_ROUND,
    OF_THE_WRONG_KIND,
    PRICES,
    Spoil,
    a_market,
    award,
    decline,
    proven,
    report,
    unproven,
)
from tests.outcomes import a_judged_outcome, sealed


def codes(outcome: Outcome) -> set[str]:
    return {violation.code for violation in check_outcome(a_market(), outcome)}


def test_good_outcomes_pass_whether_proven_or_not_by_either_pricing() -> None:
    for pricing in Pricing:
        for is_proven in (True, False):
            good = a_judged_outcome(
                a_market(), pricing=pricing, certificate=PRICES, is_proven=is_proven
            )
            assert check_outcome(a_market(), good) == ()


def test_the_market_of_these_tests_has_a_decline_for_every_reason() -> None:
    reasons = {d.bid_key: d.reason for d in proven().declines}
    assert reasons == {
        "l-big": Reason.EXCEEDS_POOL,
        "l-bundle": Reason.BUNDLE_PARTNER_UNAVAILABLE,
        "l-cheap": Reason.BELOW_RESERVE_PRICE,
        "l-credits": Reason.CREDITS_SPENT,
        "l-outbid": Reason.OUTBID,
        "l-poor": Reason.INSUFFICIENT_CREDITS,
    }


@pytest.mark.parametrize(
    ("code", "spoil"),
    [pytest.param(code, spoil, id=name) for name, code, spoil in IN_A_PROVEN_ROUND],
)
def test_a_defect_in_a_proven_outcome_is_seen(code: str, spoil: Spoil) -> None:
    assert code in codes(sealed(spoil(proven())))


@pytest.mark.parametrize(
    ("code", "spoil"),
    [pytest.param(code, spoil, id=name) for name, code, spoil in IN_AN_UNPROVEN_ROUND],
)
def test_a_claim_that_only_a_proven_outcome_may_make_is_seen(code: str, spoil: Spoil) -> None:
    assert code in codes(sealed(spoil(unproven())))


@pytest.mark.parametrize("spoil", [pytest.param(s, id=name) for name, s in OF_THE_WRONG_KIND])
def test_a_part_of_the_wrong_kind_is_seen_and_never_breaks_the_judge(spoil: Spoil) -> None:
    assert codes(spoil(proven())) == {"not-well-formed"}


def test_a_tie_is_believed_of_a_proven_round_for_a_bid_that_could_have_won() -> None:
    tied = decline("l-outbid", reason=Reason.TIE_BREAK)(proven())
    assert codes(sealed(tied)) == set()


def test_a_minimum_winning_offer_is_believed_where_it_could_be_right() -> None:
    for bid_key, offer in (("l-outbid", 21), ("l-cheap", 3), ("l-credits", 210)):
        assert codes(decline(bid_key, minimum_winning_offer_credits=offer)(proven())) == set()


def test_a_changed_decision_without_a_changed_hash_is_seen() -> None:
    assert codes(report(outcome_sha256="A" * 64)(proven())) == {"outcome-sha256"}
    assert "outcome-sha256" in codes(award(0, payment_credits=1)(proven()))


def test_an_outcome_worth_less_than_a_baseline_is_seen() -> None:
    problem = a_problem(a_bid("b1", an_alternative(offer=5, lots=(1, 3))))
    good = a_judged_outcome(problem)
    poorer = replace(good.awards[0], lots=1, value_score=5)
    spoilt = sealed(replace(good, awards=(poorer,)))
    spoilt = report(
        value=5, status=Status.FEASIBLE, proof=Proof.NONE, gap_ratio=10 / 15,
        stopped_by=StoppedBy.WALL_CLOCK,
    )(spoilt)  # fmt: skip
    found = {violation.code for violation in check_outcome(problem, spoilt)}
    assert found == {"below-baseline"}


def test_the_judge_names_what_is_wrong_and_the_numbers() -> None:
    spoilt = decline("l-outbid", minimum_winning_offer_credits=19)(proven())
    (violation,) = check_outcome(a_market(), spoilt)
    assert str(violation) == (
        "minimum-winning-offer: 19 credits per lot cannot be the minimum winning offer of "
        "alternative 1 of bid l-outbid: the bid offers 20 already."
    )


def test_a_round_without_bids_awards_nothing_and_passes() -> None:
    assert check_outcome(a_problem(), a_judged_outcome(a_problem())) == ()
