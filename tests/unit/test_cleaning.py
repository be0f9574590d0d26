"""What cleaning leaves out, just inside and just outside, and how components share a run."""

from __future__ import annotations

import time

import pytest

from allocation.columns import build_columns
from allocation.engine.cleaning import clean, without_slack_rows
from allocation.engine.components import split
from allocation.engine.portfolio import allocate
from allocation.model import Model, build
from allocation.options import Options, Progress
from allocation.outcome import Status, TieBreak
from allocation.problem import Alternative, Bid, Problem, Tier
from tests.builders import (
    a_bid,
    a_calendar,
    a_pool,
    a_problem,
    a_team,
    an_alternative,
    an_item,
)


def a_model(*bids: Bid, credits_: int = 10_000) -> Model:
    """Return the model of bids for one pool of 15 units a day, 10 of them reserved."""
    return build(build_columns(a_problem(*bids, teams=[a_team("red", credits_)])))


def rows_left(model: Model) -> list[str]:
    left = without_slack_rows(model)
    return [name for block in (left.reserved, left.total, left.credits) for name in block.names]


def wanting(units: int, key: str = "b1", tier: Tier = Tier.SPOT) -> Bid:
    return a_bid(key, an_alternative(an_item(units=units), tier=tier, offer=100))


@pytest.mark.parametrize(("units", "names"), [(7, []), (8, ["C3[gpu,2026-03-02]"])])
def test_a_row_is_left_out_while_all_bids_together_are_within_it(
    units: int, names: list[str]
) -> None:
    assert rows_left(a_model(wanting(8), wanting(units, "b2"))) == names


def test_only_the_largest_placement_of_a_bid_counts() -> None:
    both = a_bid(
        "b1",
        an_alternative(an_item(units=8), tier=Tier.SPOT, number=1),
        an_alternative(an_item(units=9), tier=Tier.SPOT, number=2),
    )
    assert rows_left(a_model(both, wanting(6, "b2"))) == []
    assert rows_left(a_model(both, wanting(7, "b2"))) == ["C3[gpu,2026-03-02]"]


def test_reserved_units_that_are_all_units_need_no_row_of_their_own() -> None:
    bids = [wanting(8, key, Tier.RESERVED) for key in ("b1", "b2")]
    capacity = a_calendar(reserved=10, spot=0)
    model = build(build_columns(a_problem(*bids, capacity=capacity)))
    assert rows_left(model) == ["C3[gpu,2026-03-02]"]


@pytest.mark.parametrize(("credits_", "names"), [(200, []), (199, ["C4[red]"])])
def test_credits_are_left_out_where_they_pay_for_everything(
    credits_: int, names: list[str]
) -> None:
    assert rows_left(a_model(wanting(1), wanting(1, "b2"), credits_=credits_)) == names


BEST = an_alternative(an_item(units=8), offer=100, lots=(1, 1), tier=Tier.SPOT)


def left_of(*others: Alternative, credits_: int = 10_000) -> list[int]:
    """Say which alternatives of a bid are left, where others want the same units."""
    rivals = [wanting(8, key) for key in ("b2", "b3")]
    rivals += [wanting(8, key, Tier.RESERVED) for key in ("b4", "b5")]
    model = clean(a_model(a_bid("b1", BEST, *others), *rivals, credits_=credits_)).model
    return [int(n) for n in model.columns.alternative[model.columns.bid == 0]]


def other(
    *, units: int = 8, offer: int = 90, tier: Tier = Tier.SPOT, days: int = 1, offset: int = 0
) -> Alternative:
    item = an_item(units=units, days=days, offset=offset)
    return an_alternative(item, number=2, offer=offer, tier=tier)


def test_the_same_or_more_use_for_less_value_is_left_out() -> None:
    assert left_of(other()) == [1]
    assert left_of(other(units=9)) == [1]
    assert left_of(other(days=2)) == [1]
    assert left_of(other(tier=Tier.RESERVED)) == [1]


def test_less_use_somewhere_or_as_much_value_is_kept() -> None:
    assert left_of(other(units=7)) == [1, 2]
    assert left_of(other(offset=1)) == [1, 2]
    assert left_of(other(offer=100)) == [1, 2]


def test_a_smaller_offer_is_kept_where_the_credits_may_be_short() -> None:
    assert left_of(other(), credits_=500) == [1]
    assert left_of(other(), credits_=499) == [1, 2]


def pools_side_by_side(count: int, bids: int) -> Problem:
    """Return pools that bids of their own teams want, each more than it has."""
    names = [f"p{n}" for n in range(count)]
    return a_problem(
        *(
            a_bid(
                f"{name}-{n}",
                an_alternative(
                    an_item(name, units=2 + (n * n + place) % 5),
                    offer=50 + (37 * n + 11 * place) % 60,
                    starts=(0, 2),
                ),
                team=f"team-{name}",
            )
            for place, name in enumerate(names)
            for n in range(bids)
        ),
        pools=[a_pool(name) for name in names],
        capacity=[row for name in names for row in a_calendar(name, reserved=7, spot=2)],
        teams=[a_team(f"team-{name}") for name in names],
    )


def test_pools_with_nothing_in_common_are_components() -> None:
    model = clean(build(build_columns(pools_side_by_side(count=6, bids=12)))).model
    groups = split(model, smallest_count=1)
    assert [len({int(b) // 12 for b in model.columns.bid[group]}) for group in groups] == [1] * 6


def test_small_components_are_put_together() -> None:
    model = clean(build(build_columns(pools_side_by_side(count=6, bids=12)))).model
    assert [len(group) for group in split(model, smallest_count=80)] == [72, 72, 72]


def test_a_round_of_many_pools_is_proven_whole() -> None:
    told: list[Progress] = []
    problem = pools_side_by_side(count=12, bids=16)
    outcome = allocate(problem, Options(60.0), time.monotonic, told.append, lambda _: None)
    assert outcome.report.status is Status.OPTIMAL
    assert outcome.report.tie_break is TieBreak.UNIQUE
    assert told[-1].value == told[-1].bound == outcome.report.value


def test_every_line_of_progress_says_something_new() -> None:
    told: list[Progress] = []
    problem = pools_side_by_side(count=12, bids=16)
    allocate(problem, Options(60.0), time.monotonic, told.append, lambda _: None)
    lines = [(line.stage, line.value, line.bound) for line in told]
    assert len(set(lines)) == len(lines)
    assert "cleaning" in [line.stage for line in told]
