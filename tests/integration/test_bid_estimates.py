"""Estimates: recomputed in the test from what past rounds published, and from nothing else."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import event, select
from sqlmodel import Session, col

from allocation.folders import RoundFolder
from allocation.problem import Alternative, Tier
from broker.bids.drafts import BidDraft, DraftAlternative, DraftItem
from broker.bids.estimates import Estimate, PriceBasis, estimate
from broker.bids.writing import BidWish, check_draft, edit_bid, save_draft
from broker.db import Database, reading, transact
from broker.rounds import create_round, find_round, open_round
from broker.snapshots import frozen_problem
from broker.tables import AwardRow, BidRow, ListPriceRow, PoolRow, RoundRow, RunRow, TeamRow
from tests.bid_markets import a_draft, a_lead, a_wish, do, look, open_for_bids, submitted
from tests.markets import a_change, bring, run_it
from tests.past import decided_round
from tests.policies import READY, REQUIRED, a_policy, readiness
from tests.policy_markets import CLOSED_DOOR, adopt

POOLS = ("gpu", "expert")


def a_round(key: str, number: int, bids: int) -> RoundFolder:
    """Return a round in which no unit is free: cheapest in the last one, dearest before it."""
    folder = decided_round(key, number, bids)
    price = {1: 3, 2: 2, 3: 1}[number]
    pools = tuple(replace(pool, reserve_price_credits=price) for pool in folder.problem.pools)
    return replace(folder, problem=replace(folder.problem, pools=pools))


@pytest.fixture
def market_with_a_past(market: Database) -> Database:
    """Return a market of two published rounds, and a third one that takes bids."""
    for number in (1, 2):
        run_it(market, bring(market, a_round(f"past-{number}", number, 60)))
    ahead = a_round("next", 3, 10)
    offer = replace(ahead, problem=replace(ahead.problem, bids=()), titles={})
    transact(market, lambda session: create_round(session, offer, a_change(1)))
    transact(market, lambda session: open_round(session, "next", a_change(1)))
    return market


def an_asking(
    db: Database, pools: tuple[str, ...] = ("gpu",), tier: Tier = Tier.RESERVED, offer: int = 100
) -> BidWish:
    with reading(db) as session:
        row = find_round(session, "next")
        team = session.scalars(select(col(TeamRow.id)).order_by(col(TeamRow.key))).first()
    items = tuple(DraftItem(pool, 0, 2, 3) for pool in pools)
    way = DraftAlternative(
        tier=tier,
        earliest_start=row.starts_on,
        latest_start=row.starts_on,
        max_lots=2,
        offer_credits_per_lot=offer,
        items=items,
    )
    return BidWish(team or "", "next", BidDraft("Train", (way,)))


def estimated(db: Database, wish: BidWish) -> Estimate:
    with reading(db) as session:
        key = session.get_one(TeamRow, wish.team_id).key
    found: Estimate = look(db, estimate, a_lead(db, key), wish, a_change(2).at)
    return found


def mean_price(session: Session, round_key: str, pool: str, tier: Tier) -> int | None:
    """Return what a pool cost in a round, by the rows of its days."""
    prices = list(
        session.scalars(
            select(col(ListPriceRow.list_price_microcredits))
            .join(PoolRow, col(PoolRow.id) == col(ListPriceRow.pool_id))
            .join(RunRow, col(RunRow.id) == col(ListPriceRow.run_id))
            .join(RoundRow, col(RoundRow.id) == col(RunRow.round_id))
            .where(col(RoundRow.key) == round_key, col(PoolRow.key) == pool)
            .where(col(ListPriceRow.tier) == tier)
        )
    )
    return sum(prices) // len(prices) if prices else None


def past_pools(db: Database) -> list[str]:
    with reading(db) as session:
        problem = frozen_problem(session, find_round(session, "past-2"))
    return [pool.key for pool in problem.pools]


@pytest.mark.parametrize("tier", Tier)
def test_a_cost_is_at_the_prices_that_were_published_last(
    market_with_a_past: Database, tier: Tier
) -> None:
    pools = tuple(past_pools(market_with_a_past))
    [way] = estimated(market_with_a_past, an_asking(market_with_a_past, pools, tier)).alternatives
    with reading(market_with_a_past) as session:
        last = {pool: mean_price(session, "past-2", pool, tier) for pool in pools}
    expected = {pool: max(price or 0, 10**6) for pool, price in last.items()}
    assert min(expected.values()) > 10**6
    assert {one.pool_key: one.microcredits for one in way.prices} == expected
    assert {(one.basis, one.round_key) for one in way.prices} == {(PriceBasis.LIST_PRICE, "past-2")}
    assert way.cost_credits_per_lot == -(-sum(6 * price for price in expected.values()) // 10**6)


def test_a_pool_that_no_round_priced_costs_its_reserve_price(market: Database) -> None:
    open_for_bids(market)
    wish = a_wish(market)
    [way] = look(market, estimate, a_lead(market), wish, a_change().at).alternatives
    [price] = way.prices
    assert (price.basis, price.microcredits, price.round_key) == (
        PriceBasis.RESERVE_PRICE,
        0,
        None,
    )
    assert (way.cost_credits_per_lot, way.chance) == (0, None)


@pytest.mark.parametrize("offer", [12, 24, 60])
def test_a_chance_counts_the_bids_of_published_rounds_that_were_like_it(
    market_with_a_past: Database, offer: int
) -> None:
    db = market_with_a_past
    [way] = estimated(db, an_asking(db, ("gpu",), offer=offer)).alternatives
    with reading(db) as session:
        ours = mean_price(session, "past-2", "gpu", Tier.RESERVED)
        assert ours
        cases = comparable(session, offer, 6 * ours)
    assert way.chance is not None
    exact = cases["same"] if len(cases["same"]) >= 5 else cases["some"]
    assert (way.chance.won, way.chance.cases) == (sum(exact), len(exact))


def comparable(session: Session, offer: int, cost: int) -> dict[str, list[bool]]:
    """Return who won among the alternatives of past-2 that were like an offer for gpu.

    The first round had no prices before it, so that nothing in it can be compared.
    """
    problem = frozen_problem(session, find_round(session, "past-2"))
    awards = (
        select(col(BidRow.key), col(AwardRow.alternative))
        .join(AwardRow, col(AwardRow.bid_id) == col(BidRow.id))
        .where(col(BidRow.round_id) == find_round(session, "past-2").id)
    )
    won = dict(session.execute(awards).all())
    found: dict[str, list[bool]] = defaultdict(list)
    for bid in problem.bids:
        for way in bid.alternatives:
            known = cost_before(session, way)
            is_like = known and 80 * offer * known <= 100 * way.offer_credits_per_lot * cost <= (
                125 * offer * known
            )
            pools = {item.pool_key for item in way.items}
            if not is_like or "gpu" not in pools or way.tier is not Tier.RESERVED:
                continue
            if won.get(bid.key) in {None, way.number}:
                found["some"].append(bid.key in won)
                if pools == {"gpu"}:
                    found["same"].append(bid.key in won)
    return found


def cost_before(session: Session, way: Alternative) -> int:
    prices = [mean_price(session, "past-1", item.pool_key, way.tier) for item in way.items]
    if None in prices:
        return 0
    return sum(
        (price or 0) * item.units_per_lot * item.days
        for price, item in zip(prices, way.items, strict=True)
    )


# --- score and credits -------------------------------------------------------------------------


def test_a_score_has_every_factor_of_the_policy_in_force(market: Database) -> None:
    open_for_bids(market)
    adopt(market, a_policy(approvals=CLOSED_DOOR))
    bare = look(market, estimate, a_lead(market), a_wish(market), a_change(1).at)
    ready = replace(
        a_draft(),
        theme_key=READY.theme_key,
        owner_after_award=READY.owner_after_award,
        success_measure=READY.success_measure,
        ends_on=READY.ends_on,
    )
    whole = look(market, estimate, a_lead(market), a_wish(market, ready), a_change(1).at)
    assert (bare.multiplier_percent, whole.multiplier_percent) == (51, 125)
    assert whole.alternatives[0].value_score_per_lot == 125
    assert [one.is_there for one in bare.readiness] == [False] * 3
    assert [one.is_there for one in whole.readiness] == [True] * 3
    assert whole.bars == ()
    barred = look(
        market, estimate, a_lead(market, "blue"), a_wish(market, team="blue"), a_change(1).at
    )
    assert [bar.alternative for bar in barred.bars] == [1]


def test_a_fact_that_the_policy_requires_is_said_to_be(market: Database) -> None:
    open_for_bids(market)
    adopt(market, a_policy(readiness=readiness(success_measure=REQUIRED)))
    found = look(market, estimate, a_lead(market), a_wish(market), a_change(1).at)
    assert [(one.field, one.is_required) for one in found.readiness] == [
        ("success_measure", True),
        ("owner_after_award", False),
        ("ends_on", False),
    ]
    assert found.bars


def test_credits_left_count_the_teams_own_largest_offers_once(market: Database) -> None:
    open_for_bids(market)
    lead = a_lead(market)
    before = look(market, estimate, lead, a_wish(market, BidDraft()), a_change().at).credits
    bid = submitted(market)
    submitted(market, team="blue")
    do(market, save_draft, lead, a_wish(market))
    do(market, edit_bid, lead, bid.id, a_draft(offer_credits_per_lot=300), 1)
    another = look(market, estimate, lead, a_wish(market), a_change(2).at).credits
    assert before.left_credits == before.available_credits == another.available_credits
    assert (another.other_bids_credits, another.this_bid_credits) == (600, 200)
    itself = look(market, estimate, lead, a_wish(market, bid_id=bid.id), a_change(2).at).credits
    assert (itself.other_bids_credits, itself.left_credits) == (0, before.left_credits - 200)


# --- how much is asked of the database ---------------------------------------------------------


def statements(db: Database, service: Any, *arguments: Any) -> int:
    """Return how many queries a service makes."""
    seen: list[str] = []

    def note(*facts: Any) -> None:
        if not facts[2].startswith("BEGIN"):
            seen.append(facts[2])

    event.listen(db.reader, "before_cursor_execute", note)
    look(db, service, *arguments)
    event.remove(db.reader, "before_cursor_execute", note)
    return len(seen)


def test_no_service_asks_more_where_there_is_more(market_with_a_past: Database) -> None:
    db = market_with_a_past
    one = an_asking(db)
    pools = tuple(past_pools(db))
    [way] = an_asking(db, pools).draft.alternatives
    many = replace(one, draft=BidDraft("Train", (way,) * 10))
    with reading(db) as session:
        lead = a_lead(db, session.get_one(TeamRow, one.team_id).key)
    at = a_change(2).at
    for service, most in ((check_draft, 6), (estimate, 9)):
        counts = {statements(db, service, lead, wish, at) for wish in (one, many)}
        assert len(counts) == 1
        assert max(counts) <= most
