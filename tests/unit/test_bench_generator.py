"""The invented rounds of the benchmarks are what their documentation says, and valid."""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pytest

from allocation.baselines import density_greedy
from allocation.columns import build_columns
from allocation.folders import PoolLabel, RoundFolder, read_round, write_round
from allocation.problem import Alternative, Problem, Tier
from allocation.wire import problem_sha256
from bench.generator import (
    FAMILIES,
    KINDS,
    LOAD_RATIO,
    Shape,
    default_shape,
    demand_unit_days,
    generate,
)
from bench.suites import WIDE

SIZES = (200, 400)
ROUNDS = [(family, bids) for family in FAMILIES for bids in SIZES]


def a_round(family: str, bids: int, seed: int = 1) -> Problem:
    return generate(default_shape(family, bids), seed)


def firsts(problem: Problem) -> list[Alternative]:
    return [bid.alternatives[0] for bid in problem.bids]


def share(flags: Iterable[bool]) -> float:
    listed = list(flags)
    return sum(listed) / len(listed)


@pytest.mark.parametrize(("family", "bids"), ROUNDS)
def test_a_round_has_the_shape_it_was_asked_for(family: str, bids: int) -> None:
    shape, problem = default_shape(family, bids), a_round(family, bids)
    assert len(problem.bids) == bids
    assert len(problem.pools) == shape.pools
    assert len(problem.teams) == shape.teams
    assert problem.days == shape.days


@pytest.mark.parametrize(("family", "bids"), ROUNDS)
def test_demand_of_every_kind_is_twice_its_capacity(family: str, bids: int) -> None:
    problem = a_round(family, bids)
    kinds = {pool.key: KINDS[n % len(KINDS)] for n, pool in enumerate(problem.pools)}
    demand = demand_unit_days(problem.bids)
    for kind in set(kinds.values()):
        asked = sum(units for key, units in demand.items() if kinds[key] == kind)
        offered = sum(
            row.reserved_units + row.spot_units
            for row in problem.capacity
            if kinds[row.pool_key] == kind
        )
        assert asked / offered == pytest.approx(LOAD_RATIO, rel=0.05)


@pytest.mark.parametrize("family", FAMILIES)
def test_the_same_seed_gives_the_same_round_and_another_seed_another(family: str) -> None:
    again, other = a_round(family, 60), a_round(family, 60, seed=2)
    assert problem_sha256(a_round(family, 60)) == problem_sha256(again)
    assert problem_sha256(other) != problem_sha256(again)


def test_the_state_of_other_dice_changes_nothing() -> None:
    before = problem_sha256(a_round("coarse", 60))
    random.seed(5)
    assert problem_sha256(a_round("coarse", 60)) == before


@pytest.mark.parametrize(
    ("family", "single", "four"), [("granular", 0.5, 0.05), ("bundle-heavy", 0.1, 0.35)]
)
def test_bundles_have_one_to_four_pools_in_the_documented_shares(
    family: str, single: float, four: float
) -> None:
    widths = [len(first.items) for first in firsts(a_round(family, 2_000))]
    assert set(widths) == {1, 2, 3, 4}
    assert share(width == 1 for width in widths) == pytest.approx(single, abs=0.04)
    assert share(width == 4 for width in widths) == pytest.approx(four, abs=0.04)


def test_no_bundle_names_a_pool_twice() -> None:
    problem = a_round("bundle-heavy", 400)
    for alternative in (a for bid in problem.bids for a in bid.alternatives):
        assert len({item.pool_key for item in alternative.items}) == len(alternative.items)


def test_a_third_of_the_bids_comes_in_lots() -> None:
    has_range = [first.min_lots < first.max_lots for first in firsts(a_round("granular", 2_000))]
    assert share(has_range) == pytest.approx(1 / 3, abs=0.04)


def test_alternatives_durations_and_tiers_cover_what_is_documented() -> None:
    problem = a_round("granular", 2_000)
    assert {len(bid.alternatives) for bid in problem.bids} == {1, 2, 3}
    assert {max(i.days for i in first.items) for first in firsts(problem)} == set(range(1, 11))
    assert {first.tier for first in firsts(problem)} == set(Tier)
    assert any(first.earliest_start < first.latest_start for first in firsts(problem))


@pytest.mark.parametrize(("family", "bids"), ROUNDS)
def test_nearly_every_bid_could_win_in_an_empty_round(family: str, bids: int) -> None:
    columns = build_columns(a_round(family, bids))
    assert len(set(columns.bid.tolist())) >= 0.95 * bids


@pytest.mark.parametrize("family", FAMILIES)
def test_credits_keep_some_team_from_what_it_would_win_without_them(family: str) -> None:
    problem = a_round(family, 400)
    rich = replace(problem, teams=tuple(replace(team, credits=10**12) for team in problem.teams))
    spent = dict.fromkeys((team.key for team in problem.teams), 0)
    bids = {bid.key: bid for bid in rich.bids}
    for placed in density_greedy(rich):
        bid = bids[placed.bid_key]
        offer = bid.alternatives[placed.alternative - 1].offer_credits_per_lot
        spent[bid.team_key] += offer * placed.lots
    assert any(spent[team.key] > team.credits for team in problem.teams)
    assert any(0 < spent[team.key] < team.credits for team in problem.teams)


def test_coarse_rounds_stay_coarse_however_many_bids_there_are() -> None:
    meeting = [_bids_per_cell(a_round("coarse", bids)) for bids in (100, 200, 500, 2_000)]
    assert all(2.5 <= count <= 7 for count in meeting)
    assert _bids_per_cell(a_round("granular", 2_000)) > 50


def _bids_per_cell(problem: Problem) -> float:
    asked = sum(item.days for first in firsts(problem) for item in first.items)
    return asked / (len(problem.pools) * problem.days)


def test_the_wide_round_has_ten_placements_per_bid() -> None:
    shape = replace(WIDE, bids=WIDE.bids // 10)
    placements = sum(len(a.starts) for b in generate(shape, 1).bids for a in b.alternatives)
    assert (WIDE.pools, WIDE.days, WIDE.teams) == (100, 60, 500)
    assert 8 <= placements / shape.bids <= 12


@pytest.mark.parametrize(
    "shape", [Shape("granular", 20, 2, 3, 2), Shape("bundle-heavy", 9, 1, 1, 1)]
)
def test_a_sprint_or_a_market_that_is_tiny_still_gives_a_valid_round(shape: Shape) -> None:
    problem = generate(shape, 1)
    assert len(problem.bids) == shape.bids
    assert all(a.latest_start <= problem.ends_on for b in problem.bids for a in b.alternatives)


def test_an_invented_round_survives_the_way_through_a_folder(tmp_path: Path) -> None:
    problem = a_round("bundle-heavy", 60)
    label = PoolLabel("Pool", "compute", "unit", "owner")
    titles = {bid.key: "Bid" for bid in problem.bids}
    teams = {team.key: "Team" for team in problem.teams}
    pools = {pool.key: label for pool in problem.pools}
    write_round(tmp_path / "round", RoundFolder(problem, "Round", pools, teams, titles))
    assert read_round(tmp_path / "round").problem == problem
