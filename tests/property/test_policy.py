"""Laws of every policy: it reads back, stays in bounds, and never punishes a readier bid."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from allocation.outcome import Reason
from broker.policy.documents import Policy, policy_sha256, policy_text
from broker.policy.pledges import Pledge
from broker.policy.reading import read_policy
from broker.policy.rules import Asked, AskedPool, Bar, bars_of, decline_of
from broker.policy.scores import factors_of, multiplier_of, value_score_per_lot
from tests.policies import a_policy

TEAMS = ("red", "blue", "green")
PERCENT = st.integers(50, 200)


def pairs(low: str, high: str) -> st.SearchStrategy[dict[str, int]]:
    """Return two percents in order."""
    ordered = st.tuples(PERCENT, PERCENT).map(sorted)
    return ordered.map(lambda both: {low: both[0], high: both[1]})


def facts() -> st.SearchStrategy[dict[str, Any]]:
    percents = pairs("missing_percent", "present_percent")
    return st.tuples(percents, st.booleans()).map(lambda two: two[0] | {"is_required": two[1]})


def themes() -> st.SearchStrategy[dict[str, Any]]:
    percents = pairs("self_declared_percent", "confirmed_percent")
    some_teams = st.lists(st.sampled_from(TEAMS), unique=True)
    named = st.fixed_dictionaries(
        {"key": st.sampled_from(["care", "cost"]), "name": st.just("A theme")}
    )
    return st.tuples(named, percents, some_teams).map(
        lambda parts: parts[0] | parts[1] | {"confirmed_teams": parts[2]}
    )


def policies() -> st.SearchStrategy[Policy]:
    changes = st.fixed_dictionaries(
        {
            "themes": st.lists(themes(), unique_by=lambda theme: theme["key"], max_size=2),
            "readiness": st.fixed_dictionaries(
                dict.fromkeys(("owner_after_award", "success_measure", "end"), facts())
            ),
            "multiplier": st.fixed_dictionaries(
                {"least_percent": st.integers(50, 100), "most_percent": st.integers(100, 200)}
            ),
            "floor_percent": st.integers(0, 100),
            "pricing": st.sampled_from(["clearing", "pay-as-bid"]),
            "approvals": st.lists(
                st.fixed_dictionaries(
                    {
                        "classification": st.just("restricted"),
                        "ask": st.just("Ada"),
                        "approved_teams": st.lists(st.sampled_from(TEAMS), unique=True),
                    }
                ),
                max_size=1,
            ),
        }
    )
    return changes.map(lambda chosen: a_policy(**chosen))


PLEDGES = st.builds(
    Pledge,
    st.sampled_from([None, "care", "cost", "gone"]),
    st.sampled_from(["", " ", "Somebody"]),
    st.sampled_from(["", "Less waiting"]),
    st.sampled_from([None, dt.date(2026, 12, 1)]),
)


def multiplier(policy: Policy, team: str, pledge: Pledge) -> int:
    return multiplier_of(policy, factors_of(policy, team, pledge))


@given(policies())
def test_every_policy_reads_back_as_it_was_written(policy: Policy) -> None:
    again = read_policy(policy_text(policy).encode())
    assert again == policy
    assert policy_sha256(again) == policy_sha256(policy)


@given(policies(), st.sampled_from(TEAMS), PLEDGES, st.integers(1, 10**10))
def test_every_multiplier_stays_in_the_bounds_of_its_policy(
    policy: Policy, team: str, pledge: Pledge, offer: int
) -> None:
    percent = multiplier(policy, team, pledge)
    assert policy.multiplier.least_percent <= percent <= policy.multiplier.most_percent
    score = value_score_per_lot(offer, percent)
    assert score == 1 or 100 * score <= offer * percent < 100 * (score + 1)


@given(policies(), st.sampled_from(TEAMS), PLEDGES)
def test_a_readier_bid_never_counts_less(policy: Policy, team: str, pledge: Pledge) -> None:
    before = multiplier(policy, team, pledge)
    for better in (
        replace(pledge, owner_after_award="Somebody"),
        replace(pledge, success_measure="Less waiting"),
        replace(pledge, ends_on=dt.date(2026, 12, 1)),
    ):
        assert multiplier(policy, team, better) >= before


@given(policies(), PLEDGES, st.lists(st.booleans(), min_size=1, max_size=3))
def test_a_bid_is_declined_exactly_when_every_alternative_is_barred(
    policy: Policy, pledge: Pledge, restricted: list[bool]
) -> None:
    pools = {
        number: (AskedPool("notes", "Notes", "restricted" if is_restricted else ""),)
        for number, is_restricted in enumerate(restricted, 1)
    }
    bars: list[Bar] = list(bars_of(policy, Asked("red", pledge, pools)))
    declined = decline_of(bars, pools)
    assert (declined is not None) == ({bar.alternative for bar in bars} == set(pools))
    if declined is not None:
        assert declined.reason in {Reason.APPROVAL_MISSING, Reason.POLICY}
        assert "Next time: " in declined.detail
