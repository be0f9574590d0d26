"""Cuts: no outcome is ever beyond one, and they bring the bound of the relaxation down."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import product
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from allocation.columns import Columns, Whole, build_columns
from allocation.engine import rounding
from allocation.engine.branch_and_bound import ask_highs
from allocation.engine.constraint_search import ask_cpsat
from allocation.engine.cutting import Cutting
from allocation.engine.packings import (
    Option,
    Prized,
    Room,
    largest_prize,
    listed_packings,
    room_of,
)
from allocation.engine.relaxation import solve_relaxation
from allocation.engine.variables import lay_out
from allocation.model import Model, build
from allocation.problem import Problem, Tier
from bench.generator import default_shape, generate
from tests.builders import a_bid, a_problem, a_team, an_alternative, an_item, some_units
from tests.rounds import invented_round
from tests.unit.test_prover import effort, question


def model_of(bids: int, seed: int) -> Model:
    return build(build_columns(generate(default_shape("coarse", bids), seed)))


def cut_fully(model: Model) -> Cutting:
    """Cut as if the best outcome known were worth four fifths of the relaxation."""
    relaxed = solve_relaxation(model, effort(30).deadline)
    assert relaxed is not None
    cutting = Cutting(model, lay_out(model))
    cutting.go_on(int(0.8 * relaxed.value), lambda: False)
    return cutting


def outcomes_of(columns: Columns) -> Iterator[Whole]:
    """List every outcome of a small round, one choice of every bid after the other."""
    choices: list[list[tuple[int, int]]] = []
    for bid in sorted(set(columns.bid.tolist())):
        own = np.flatnonzero(columns.bid == bid).tolist()
        sizes = [(k, n) for k in own for n in range(columns.min_lots[k], columns.max_lots[k] + 1)]
        choices.append([(-1, 0), *sizes])
    for chosen in product(*choices):
        lots = np.zeros(columns.count, np.int64)
        for k, n in chosen:
            if k >= 0:
                lots[k] = n
        if rounding.is_feasible(columns, lots):
            yield lots


def crowded_round(seed: int) -> Problem:
    """Return six bids, some with lots or two starts, that fight for two pools on three days."""
    random = Random(seed)  # noqa: S311  # invented demand, not a secret
    bids = []
    for number in range(6):
        pools = random.sample(["cpu", "gpu"], k=random.randint(1, 2))
        days, most_lots = random.randint(1, 3), random.choice([1, 1, 2])
        units = [random.randint(3, 8) // most_lots for _ in pools]
        alternative = an_alternative(
            *(an_item(pool, units=n, days=days) for pool, n in zip(pools, units, strict=True)),
            tier=random.choice([Tier.RESERVED, Tier.SPOT]),
            offer=random.randint(5, 9) * days * sum(units),
            lots=(1, most_lots),
            starts=(0, min(1, 3 - days)),
        )
        bids.append(a_bid(f"b{number}", alternative, team=random.choice(["blue", "red"])))
    capacity = [
        some_units(p, day, reserved=8, spot=random.randint(1, 4))
        for p, day in product(["cpu", "gpu"], range(3))
    ]
    teams = [a_team("blue", 150), a_team("red", 250)]
    return a_problem(*bids, capacity=capacity, teams=teams, days=3)


@pytest.mark.parametrize("first_seed", [0, 5, 10])
def test_no_outcome_of_a_small_round_is_beyond_a_cut(first_seed: int) -> None:
    cuts = 0
    for seed in range(first_seed, first_seed + 5):
        model = build(build_columns(crowded_round(seed)))
        found = cut_fully(model)
        values = [found.variables.values_of(lots) for lots in outcomes_of(model.columns)]
        for cut in found.cuts:
            assert max(cut.terms.sum_of(each) for each in values) == cut.most
            assert cut.terms.coefficient.min() > 0
        cuts += len(found.cuts)
    assert cuts > 5


def test_no_outcome_of_a_round_is_beyond_a_cut_says_an_exact_solver() -> None:
    asked = question(generate(default_shape("coarse", 40), 2))
    found = cut_fully(asked.model)
    assert len(found.cuts) > 10
    for cut in found.cuts:
        answer = ask_cpsat(asked.about(cut.terms, asked.start), effort(30))
        assert answer.is_proven
        assert answer.bound == cut.most


def test_three_bids_of_which_only_two_halves_fit_are_cut_to_one() -> None:
    bids = [a_bid(f"b{n}", an_alternative(an_item(units=6), offer=n)) for n in (7, 8, 9)]
    model = build(build_columns(a_problem(*bids, capacity=[some_units(reserved=10)], days=1)))
    (cut,) = (found := cut_fully(model)).cuts
    assert cut.terms.variable.tolist() == [0, 1, 2]
    assert cut.terms.coefficient.tolist() == [1, 1, 1]
    assert cut.most == 1
    assert found.bound == 9


@pytest.mark.parametrize("seed", [1, 2])
def test_cuts_lower_the_bound_and_keep_every_served_outcome(seed: int) -> None:
    model = model_of(60, seed)
    relaxed = solve_relaxation(model, effort(30).deadline)
    found = cut_fully(model)
    assert relaxed is not None
    assert found.bound is not None
    assert found.bound < 0.99 * relaxed.value
    random = np.random.default_rng(seed)
    for _ in range(200):
        lots = rounding.serve(model.columns, random.permutation(model.columns.count).tolist())
        assert rounding.value_of(model.columns, lots) <= found.bound
        held = found.variables.values_of(lots)
        assert all(cut.terms.sum_of(held) <= cut.most for cut in found.cuts)


def test_a_proof_with_cuts_is_the_proof_without_them() -> None:
    for seed in (1, 2):
        asked = question(invented_round(seed, bid_count=25).problem)
        found = cut_fully(asked.model)
        plain = ask_highs(asked, effort(30))
        helped = ask_highs(replace(asked, cuts=tuple(found.cuts)), effort(30))
        assert plain.is_proven
        assert helped.is_proven
        assert plain.bound == helped.bound


def test_cuts_found_in_pieces_do_as_well_as_those_found_at_once() -> None:
    model = model_of(60, 3)
    whole, pieces = cut_fully(model), Cutting(model, lay_out(model))
    assert whole.bound is not None
    while not pieces.is_dry:
        before = pieces.rounds
        pieces.go_on(whole.bound // 2, lambda: pieces.rounds > before)  # noqa: B023  # ends here
    assert pieces.rounds > 1
    assert pieces.bound is not None
    assert pieces.bound <= 1.02 * whole.bound


def test_the_same_model_gives_the_same_cuts() -> None:
    one, other = (cut_fully(model_of(60, 4)).cuts for _ in range(2))
    assert [(c.terms.variable.tolist(), c.terms.coefficient.tolist(), c.most) for c in one] == [
        (c.terms.variable.tolist(), c.terms.coefficient.tolist(), c.most) for c in other
    ]


def test_nothing_is_cut_where_it_is_over_at_once() -> None:
    model = model_of(60, 1)
    assert Cutting(model, lay_out(model)).go_on(0, lambda: True) == ()


# --- packings --------------------------------------------------------------------------------

uses = st.tuples(st.integers(0, 3), st.integers(0, 6), st.integers(0, 6), st.integers(0, 6))
LIMITS = (7, 6, 9)


def options_of(drawn: list[tuple[int, int, int, int]]) -> tuple[list[Option], Room]:
    room, begins = room_of([(limit, 6) for limit in LIMITS])
    packed = [
        Option(bid, sum(use << begin for use, begin in zip(used, begins, strict=True)))
        for bid, *used in drawn
    ]
    return packed, room


def all_packings(drawn: list[tuple[int, int, int, int]]) -> list[tuple[int, ...]]:
    """List every packing, by definition."""
    subsets = (tuple(_bits(mask)) for mask in range(2 ** len(drawn)))
    return [chosen for chosen in subsets if fits([drawn[n] for n in chosen])]


def _bits(mask: int) -> list[int]:
    return [n for n in range(mask.bit_length()) if mask >> n & 1]


def fits(chosen: list[tuple[int, int, int, int]]) -> bool:
    has_each_once = len({bid for bid, *_ in chosen}) == len(chosen)
    used = [sum(each[n] for each in chosen) for n in (1, 2, 3)]
    return has_each_once and all(u <= most for u, most in zip(used, LIMITS, strict=True))


@given(st.lists(uses, max_size=8))
@settings(max_examples=60)
def test_listed_packings_fit_and_have_every_largest_one(
    drawn: list[tuple[int, int, int, int]],
) -> None:
    drawn = sorted(drawn)
    options, room = options_of(drawn)
    listed = listed_packings(options, room, 10_000)
    assert listed is not None
    every = all_packings(drawn)
    assert set(listed) <= set(every)
    for packing in every:
        assert any(set(packing) <= set(other) for other in listed)


@given(st.lists(st.tuples(uses, st.integers(1, 9)), max_size=8), st.integers(1, 40))
@settings(max_examples=60)
def test_the_largest_prize_is_that_of_the_best_packing(
    drawn: list[tuple[tuple[int, int, int, int], int]], enough: int
) -> None:
    options, room = options_of([use for use, _ in drawn])
    prizes = [prize for _, prize in drawn]
    best = max(sum(prizes[n] for n in chosen) for chosen in all_packings([use for use, _ in drawn]))
    of_bid: dict[int, list[tuple[int, int]]] = {}
    for option, prize in zip(options, prizes, strict=True):
        of_bid.setdefault(option.bid, []).append((prize, option.use))
    bids = [Prized(bid, tuple(sorted(own)), max(own)[0]) for bid, own in of_bid.items()]
    bids.sort(key=lambda each: -each.largest)
    assert largest_prize(bids, room, room.left, 10**6, 10_000) == best
    found = largest_prize(bids, room, room.left, enough, 10_000)
    assert found is not None
    assert min(best, enough) <= found <= best


def test_what_takes_too_long_is_given_up() -> None:
    drawn = [(n, 1, 1, 1) for n in range(20)]
    options, room = options_of(drawn)
    assert listed_packings(options, room, 100) is None
    bids = [Prized(o.bid, ((n % 7 + 1, o.use),), n % 7 + 1) for n, o in enumerate(options)]
    bids.sort(key=lambda each: -each.largest)
    assert largest_prize(bids, room, room.left, 10**6, 5) is None


def test_a_use_of_all_that_is_left_fits_and_one_more_does_not() -> None:
    room, (begin, other) = room_of([(5, 9), (3, 2)])
    assert room.fits(room.left, (5 << begin) + (3 << other))
    for use in (6 << begin, 4 << other, (9 << begin) + (1 << other)):
        assert not room.fits(room.left, use)
