"""The chance of an offer counts comparable past bids, and says when there are too few."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from allocation.problem import Tier
from broker.bids.chances import FEWEST_CASES, Past, PastOffer, chance_of
from broker.bids.prices import Prices

GPU, BOTH = frozenset({"gpu"}), frozenset({"gpu", "expert"})
OFFERS = st.lists(
    st.builds(
        PastOffer,
        tier=st.sampled_from(Tier),
        pools=st.sampled_from([GPU, BOTH, frozenset({"seat"})]),
        offer_credits_per_lot=st.integers(1, 300),
        cost_microcredits=st.integers(1, 300),
        is_won=st.booleans(),
    ),
    max_size=30,
)


def past(*offers: PastOffer) -> Past:
    return Past(Prices({}), offers)


def an_offer(offer: int = 100, **more: object) -> PastOffer:
    facts = {"tier": Tier.RESERVED, "pools": GPU, "cost_microcredits": 100, "is_won": True} | more
    return PastOffer(offer_credits_per_lot=offer, **facts)  # type: ignore[arg-type]


@pytest.mark.parametrize(("offer", "cases"), [(79, 0), (80, 1), (100, 1), (125, 1), (126, 0)])
def test_an_offer_is_like_ours_from_a_fifth_below_to_a_quarter_above(
    offer: int, cases: int
) -> None:
    assert chance_of(past(an_offer(offer)), Tier.RESERVED, GPU, 100, 100).cases == cases


@pytest.mark.parametrize(
    "other", [{"tier": Tier.SPOT}, {"pools": frozenset({"seat"})}, {"cost_microcredits": 300}]
)
def test_what_is_not_comparable_does_not_count(other: dict[str, object]) -> None:
    assert chance_of(past(an_offer(**other)), Tier.RESERVED, GPU, 100, 100).cases == 0


def test_bids_for_some_of_the_pools_count_only_while_few_ask_for_the_same() -> None:
    others = [an_offer(pools=BOTH, is_won=False)] * 10
    few = chance_of(past(*others, an_offer()), Tier.RESERVED, GPU, 100, 100)
    assert (few.won, few.cases, few.asks_for_same_pools, few.percent) == (1, 11, False, 9)
    same = [an_offer()] * FEWEST_CASES
    enough = chance_of(past(*others, *same), Tier.RESERVED, GPU, 100, 100)
    assert (enough.won, enough.cases, enough.asks_for_same_pools) == (5, 5, True)


def test_too_few_bids_are_no_share() -> None:
    few = chance_of(past(*[an_offer()] * (FEWEST_CASES - 1)), Tier.RESERVED, GPU, 100, 100)
    assert (few.cases, few.percent) == (FEWEST_CASES - 1, None)


@given(offers=OFFERS, offer=st.integers(1, 300), cost=st.integers(1, 300))
def test_a_chance_rests_on_bids_that_are_there_and_on_no_order(
    offers: list[PastOffer], offer: int, cost: int
) -> None:
    chance = chance_of(past(*offers), Tier.RESERVED, GPU, offer, cost)
    assert chance == chance_of(past(*reversed(offers)), Tier.RESERVED, GPU, offer, cost)
    assert 0 <= chance.won <= chance.cases <= len(offers)
    assert chance.percent is None or 0 <= chance.percent <= 100
