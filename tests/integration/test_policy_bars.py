"""What a rule of the policy bars is declined with the rule; every bid is decided exactly once."""

from __future__ import annotations

from dataclasses import replace

from markupsafe import escape
from sqlalchemy import select
from sqlmodel import col

from allocation.judge import check_outcome
from allocation.outcome import Reason
from broker.counterfactuals.answers import decided_round, rounds_to_explain, write_estimates
from broker.db import Database, reading, writing
from broker.rounds import close_round, create_round, open_round
from broker.tables import AwardRow, BidRow, DeclineRow
from tests.builders import a_bid, a_problem, a_team, an_alternative, an_item
from tests.markets import (
    described,
    run_it,
)
from tests.policies import READY, REQUIRED, a_policy, readiness
from tests.policy_markets import (
    CLOSED_DOOR,
    adopt,
    an_open_round,
    bid,
    declines,
    do,
    frozen,
    score,
)
from tests.screens import screens


def test_a_bid_that_a_rule_bars_is_declined_with_the_rule_and_how_to_meet_it(
    either_market: Database,
) -> None:
    adopt(
        either_market,
        a_policy(
            readiness=readiness(success_measure=REQUIRED),
            approvals=CLOSED_DOOR,
            eligibility=[{"pool_key": "gpu", "ask": "Ada", "eligible_teams": ["red", "blue"]}],
        ),
    )
    an_open_round(either_market)
    bid(either_market, "fine")
    bid(either_market, "unready", pledge=replace(READY, success_measure=""))
    bid(either_market, "unapproved", team="blue")
    bid(either_market, "too-large", an_alternative(an_item(units=99)))
    do(either_market, close_round, "sprint-1", hours=1)
    assert [one.key for one in frozen(either_market).bids] == ["fine", "too-large"]
    run_it(either_market)
    found = declines(either_market)
    assert {key: row.reason for key, row in found.items()} == {
        "unready": Reason.POLICY,
        "unapproved": Reason.APPROVAL_MISSING,
        "too-large": Reason.EXCEEDS_POOL,
    }
    assert "requires a success measure" in found["unready"].detail
    assert "Next time: ask the data board" in found["unapproved"].detail
    assert found["unapproved"].pool_id is not None


def test_every_bid_of_a_round_is_decided_exactly_once(market: Database) -> None:
    adopt(market, a_policy(approvals=CLOSED_DOOR))
    an_open_round(market)
    for n in range(8):
        bid(market, f"b{n}", an_alternative(an_item(units=4)), team=("red", "blue")[n % 2])
    do(market, close_round, "sprint-1", hours=1)
    run_it(market)
    with reading(market) as session:
        awarded = list(session.scalars(select(col(AwardRow.bid_id))))
        declined = list(session.scalars(select(col(DeclineRow.bid_id))))
        bids = list(session.scalars(select(col(BidRow.id))))
    assert sorted(awarded + declined) == sorted(bids)
    assert awarded


def test_a_round_of_which_every_bid_is_barred_can_be_published(market: Database) -> None:
    adopt(market, a_policy(approvals=CLOSED_DOOR))
    an_open_round(market)
    bid(market, "b1", team="blue")
    do(market, close_round, "sprint-1", hours=1)
    assert frozen(market).bids == ()
    run_it(market)
    assert set(declines(market)) == {"b1"}


def test_what_a_rule_bars_asks_for_no_offer_that_would_have_won(either_market: Database) -> None:
    adopt(either_market, a_policy(approvals=CLOSED_DOOR))
    an_open_round(either_market)
    bid(either_market, "barred", team="blue")
    bid(either_market, "too-large", an_alternative(an_item(units=99)))
    do(either_market, close_round, "sprint-1", hours=1)
    run_it(either_market)
    with writing(either_market) as session:
        assert rounds_to_explain(session) == ["sprint-1"]
        decided = decided_round(session, "sprint-1")
        write_estimates(session, decided)
    assert [one.bid_key for one in decided.outcome.declines] == ["too-large"]
    assert check_outcome(decided.problem, decided.outcome) == ()


def test_a_bid_competes_with_the_alternatives_that_no_rule_bars(either_market: Database) -> None:
    teams = [a_team("red"), a_team("blue")]
    labels = described(a_problem(a_bid("x", an_alternative(an_item("gpu"), an_item("open")))))
    offer = replace(
        labels,
        problem=replace(labels.problem, bids=(), teams=tuple(teams)),
        pools={
            key: replace(label, classification="" if key == "open" else "internal")
            for key, label in labels.pools.items()
        },
        teams={team.key: team.key for team in teams},
    )
    adopt(either_market, a_policy(approvals=CLOSED_DOOR))
    do(either_market, create_round, offer)
    do(either_market, open_round, "sprint-1")
    ways = (an_alternative(an_item("gpu")), an_alternative(an_item("open"), number=2, offer=9))
    bid_id = bid(either_market, "b1", *ways, team="blue")
    assert [bar.alternative for bar in score(either_market, bid_id).bars] == [1]
    do(either_market, close_round, "sprint-1", hours=1)
    [one] = frozen(either_market).bids
    assert [way.number for way in one.alternatives] == [2]
    run_it(either_market)
    assert declines(either_market) == {}
    assert [bar.reason for bar in score(either_market, bid_id).bars] == [Reason.APPROVAL_MISSING]


def test_a_receipt_tells_every_factor_and_every_rule_that_barred(market: Database) -> None:
    policy = a_policy(readiness=readiness(success_measure=REQUIRED), approvals=CLOSED_DOOR)
    adopt(market, policy)
    an_open_round(market)
    ids = [
        bid(market, "fine"),
        bid(market, "unready", pledge=replace(READY, success_measure="")),
        bid(market, "unapproved", team="blue"),
    ]
    do(market, close_round, "sprint-1", hours=1)
    run_it(market)
    found = declines(market)
    with screens(market) as app:
        pages = [app.test_client().get(f"/receipts/{bid_id}") for bid_id in ids]
        documents = [app.test_client().get(f"/receipts/{bid_id}.json").json for bid_id in ids]
    for bid_id, page, document in zip(ids, pages, documents, strict=True):
        counted = score(market, bid_id)
        assert page.status_code == 200
        assert all(str(escape(factor.reason)) in page.text for factor in counted.factors)
        assert document is not None
        assert document["multiplier_percent"] == counted.multiplier_percent
        assert [bar["detail"] for bar in document["bars"]] == [bar.detail for bar in counted.bars]
    for page, key in zip(pages[1:], ("unready", "unapproved"), strict=True):
        assert str(escape(found[key].detail)) in page.text
        assert "Where it was decided" not in page.text
