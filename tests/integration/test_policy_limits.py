"""Limits per team act at the close on the team's own bids, and are told before and after it."""

from __future__ import annotations

import json

import pytest

from allocation.outcome import Reason
from broker.db import Database, reading
from broker.errors import InvalidPolicy
from broker.policy.documents import policy_document, policy_sha256
from broker.policy.frozen import check_scores
from broker.policy.reading import read_policy
from broker.policy.refreezing import problem_under
from broker.policy.rules import largest_uses
from broker.policy.sentences import differences
from broker.rounds import close_round, find_round
from tests.builders import an_alternative, an_item
from tests.markets import run_it
from tests.policies import a_document, a_policy
from tests.policy_markets import adopt, an_open_round, bid, declines, do, frozen, score

SPOT = {
    "minimum_runtime_days": 2,
    "notice_days": 1,
    "broken_promise_percent": 20,
    "release_refunds": [
        {"days_ahead": 0, "refund_percent": 30},
        {"days_ahead": 5, "refund_percent": 80},
    ],
}


def test_bids_beyond_the_number_that_counts_are_declined_in_the_order_of_submission(
    either_market: Database,
) -> None:
    adopt(either_market, a_policy(limits={"most_bids": 2}))
    an_open_round(either_market)
    for hour, key in enumerate(("z-first", "m-second", "a-third")):
        bid(either_market, key, hours=hour / 10)
    bid(either_market, "of-another", team="blue", hours=0.5)
    do(either_market, close_round, "sprint-1", hours=1)
    assert [one.key for one in frozen(either_market).bids] == ["m-second", "of-another", "z-first"]
    run_it(either_market)
    found = declines(either_market)
    assert found["a-third"].reason == Reason.POLICY
    assert "counts 2 bids of a team" in found["a-third"].detail
    assert "the team's bid number 3" in found["a-third"].detail
    with reading(either_market) as session:
        assert list(check_scores(session, find_round(session, "sprint-1"))) == []


def test_a_bid_may_ask_for_its_share_of_a_pool_and_not_for_a_unit_more(
    either_market: Database,
) -> None:
    """The pool has 10 reserved and 5 spot units a day; 40 % of 15 are 6."""
    adopt(either_market, a_policy(limits={"largest_bid_percent": 40}))
    an_open_round(either_market)
    bid(either_market, "inside", an_alternative(an_item(units=2), lots=(1, 3)))
    bid(either_market, "outside", an_alternative(an_item(units=7)))
    bid(either_market, "by-lots", an_alternative(an_item(units=2), lots=(1, 4)))
    apart = an_alternative(an_item(units=6), an_item(units=6, offset=1))
    bid(either_market, "on-two-days", apart, team="blue")
    together = an_alternative(an_item(units=4), an_item(units=3))
    bid(either_market, "on-one-day", together, team="blue")
    ways = (an_alternative(an_item(units=7)), an_alternative(an_item(units=6), number=2))
    mixed = bid(either_market, "one-way-left", *ways, team="blue")
    assert [bar.alternative for bar in score(either_market, mixed).bars] == [1]
    do(either_market, close_round, "sprint-1", hours=1)
    left = {one.key: [way.number for way in one.alternatives] for one in frozen(either_market).bids}
    assert left == {"inside": [1], "on-two-days": [1], "one-way-left": [2]}
    run_it(either_market)
    found = declines(either_market)
    assert {found[key].reason for key in ("outside", "by-lots", "on-one-day")} == {Reason.POLICY}
    assert "40 % of Large GPUs on a day, which is 6 of 15 units" in found["by-lots"].detail
    assert "asked for 8" in found["by-lots"].detail


def test_a_replay_meets_the_limits_of_its_policy(market: Database) -> None:
    adopt(market, a_policy())
    an_open_round(market)
    for key in ("b1", "b2", "b3"):
        bid(market, key)
    do(market, close_round, "sprint-1", hours=1)
    run_it(market)
    with reading(market) as session:
        row = find_round(session, "sprint-1")
        strict = problem_under(session, row, a_policy(limits={"most_bids": 1}))
        free = problem_under(session, row, a_policy())
    assert [one.key for one in strict.bids] == ["b1"]
    assert len(free.bids) == 3


def test_the_largest_day_is_where_items_meet_and_no_day_is_walked() -> None:
    items = [("gpu", 0, 10**12, 2), ("gpu", 5, 1, 3), ("gpu", 6, 1, 4), ("cpu", 3, 2, 1)]
    assert largest_uses(items, 10) == {"gpu": 60, "cpu": 10}


def test_a_policy_without_the_new_parts_is_written_as_before_there_were_any() -> None:
    policy = a_policy()
    assert policy_document(policy) == a_document()
    assert policy_sha256(policy) != policy_sha256(a_policy(limits={"most_bids": 3}))


def test_limits_and_spot_rules_are_said_and_compared() -> None:
    before, after = a_policy(), a_policy(limits={"most_bids": 3}, spot=SPOT)
    said = {(one.heading, one.name): one.after for one in differences(before, after)}
    assert said["Limits per team", "Bids of a team in a round, at most"] == (
        "3, in the order of their last submission"
    )
    assert said["Spot awards", "Released 5 days ahead or more gives back"] == (
        "80 % of the unused days"
    )
    assert {one.before for one in differences(before, after)} == {None}
    changed = differences(after, a_policy(limits={"most_bids": 4}, spot=SPOT))
    assert [(one.before or "")[0] + (one.after or "")[0] for one in changed] == ["34"]


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"limits": {"most_bids": 0}}, "limits.most_bids: is 0, too small"),
        ({"limits": {"largest_bid_percent": 101}}, "too large; write 100 or less"),
        ({"limits": {"most_lots": 1}}, "no key that belongs here"),
        ({"spot": {}}, "spot.notice_days: is missing"),
        ({"spot": SPOT | {"notice_days": 400}}, "write 366 or less"),
        (
            {"spot": SPOT | {"release_refunds": [*reversed(SPOT["release_refunds"])]}},  # type: ignore[call-overload]
            "is out of order",
        ),
    ],
)
def test_a_limit_or_promise_that_means_nothing_is_refused(
    changes: dict[str, object], sentence: str
) -> None:
    with pytest.raises(InvalidPolicy, match=sentence):
        read_policy(json.dumps(a_document(**changes)).encode())
