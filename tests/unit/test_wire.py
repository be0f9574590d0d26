"""Hashes that anybody can recompute from MODEL.md, and documents that come back as they went."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from dataclasses import replace

from hypothesis import given, settings

from allocation import wire
from allocation.problem import Problem
from tests.builders import a_bid, a_problem, an_alternative, an_item
from tests.outcomes import a_judged_outcome
from tests.strategies import problems


def test_the_problem_hash_is_the_one_that_the_model_page_describes() -> None:
    """Spelt out by hand, so that a change of layout cannot pass unseen."""
    alternative = an_alternative(an_item(units=2, days=2), offer=30, value=45, lots=(1, 3))
    problem = a_problem(a_bid("b1", alternative), days=2, nonce="n1")
    start = problem.starts_on.isoformat()
    rows = [["gpu", day, 10, 5] for day in (start, problem.ends_on.isoformat())]
    by_hand = {
        "format": 1,
        "nonce": "n1",
        "starts_on": start,
        "days": 2,
        "floor_ratio": [0, 1],
        "pools": [["gpu", 0]],
        "capacity": rows,
        "commitments": [],
        "teams": [["red", 10_000]],
        "bids": [["b1", "red", [[1, "reserved", 30, 45, 1, 3, start, start, [["gpu", 0, 2, 2]]]]]],
    }
    text = json.dumps(by_hand, sort_keys=True, separators=(",", ":")).encode()
    assert wire.problem_sha256(problem) == hashlib.sha256(text).hexdigest()


def test_the_outcome_hash_is_the_one_that_the_model_page_describes() -> None:
    problem = a_problem(a_bid("b1"), a_bid("b2", an_alternative(an_item(units=99))))
    outcome = a_judged_outcome(problem)
    by_hand = {
        "format": 1,
        "awards": [
            [a.bid_key, a.alternative, str(a.start), a.lots, a.value_score, a.payment_credits]
            for a in outcome.awards
        ],
        "declines": [["b2", "exceeds-pool"]],
        "prices": [
            [p.pool_key, str(p.day), p.tier.value, p.list_price_microcredits]
            for p in outcome.prices
        ],
    }
    text = json.dumps(by_hand, sort_keys=True, separators=(",", ":")).encode()
    assert outcome.report.outcome_sha256 == hashlib.sha256(text).hexdigest()


@settings(deadline=None, max_examples=60)
@given(problems())
def test_problems_and_outcomes_come_back_from_json_as_they_went(problem: Problem) -> None:
    outcome = a_judged_outcome(problem)
    stored = json.loads(wire.canonical_json(wire.round_document(problem)))
    told = json.loads(wire.canonical_json(wire.outcome_document(outcome)))
    assert wire.problem_from_round_document(stored) == problem
    assert wire.outcome_from_document(told) == outcome


def test_names_of_rounds_and_times_of_arrival_do_not_change_the_problem_hash() -> None:
    problem = a_problem(a_bid("b1"), nonce="n1")
    timed = a_bid("b1", submitted_at=dt.datetime(2026, 3, 1, tzinfo=dt.UTC))
    other = replace(problem, round_key="another", bids=(timed,))
    assert wire.problem_sha256(other) == wire.problem_sha256(problem)


def test_whatever_decides_changes_the_problem_hash() -> None:
    problem = a_problem(a_bid("b1"))
    alternative = problem.bids[0].alternatives[0]
    changed = [
        replace(problem, nonce="other"),
        replace(problem, teams=tuple(replace(t, credits=1) for t in problem.teams)),
        replace(problem, pools=tuple(replace(p, reserve_price_credits=1) for p in problem.pools)),
        replace(problem, capacity=problem.capacity[1:]),
        replace(problem, commitments=problem.capacity[:1]),
        *(
            replace(problem, bids=(a_bid("b1", replace(alternative, **{name: 101})),))
            for name in ("offer_credits_per_lot", "value_score_per_lot", "max_lots")
        ),
    ]
    hashes = {wire.problem_sha256(p) for p in [problem, *changed]}
    assert len(hashes) == len(changed) + 1


def test_canonical_json_refuses_what_is_no_number() -> None:
    for text in ("NaN", "Infinity"):
        value = float(text)
        try:
            wire.canonical_json({"a": value})
        except ValueError as error:
            assert "not JSON compliant" in str(error)  # noqa: PT017  # the loop names the value
        else:
            raise AssertionError(f"{text} was written as JSON.")
