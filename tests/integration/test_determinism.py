"""The same round, the same outcome: whatever the seed, the workers, and the order of the rows."""

from __future__ import annotations

from itertools import product
from pathlib import Path

from bench.generator import default_shape, generate
from tests.builders import a_bid, a_problem, an_alternative, some_units
from tests.repeats import Repeat, repeated, values_of

EVERY_WAY = [
    Repeat(seed, workers, shuffled_by=shuffled_by)
    for (seed, workers), shuffled_by in zip(
        product((0, 1, 7, 10**6, 2**31 - 1), (1, 2, 8, 2)), [None, *range(19)], strict=True
    )
]


def test_a_proven_round_has_one_outcome_over_twenty_runs(tmp_path: Path) -> None:
    problem = generate(default_shape("coarse", 40), 0)
    reports = repeated(problem, EVERY_WAY, tmp_path)
    assert len(reports) == 20
    assert values_of(reports, "status") == {"optimal"}
    assert values_of(reports, "tie_break") == {"unique"}
    for same in ("outcome_sha256", "problem_sha256", "value", "bound", "certified_bound"):
        assert len(values_of(reports, same)) == 1, same


def test_a_round_full_of_equal_bids_has_one_outcome(tmp_path: Path) -> None:
    """Where nothing but the tie-break decides: ten bids ask for the same, and four of them fit."""
    bids = [a_bid(f"b{n}", an_alternative(starts=(0, 1))) for n in range(10)]
    capacity = [some_units(on=0, reserved=2), some_units(on=1, reserved=2)]
    reports = repeated(a_problem(*bids, capacity=capacity), EVERY_WAY[::4], tmp_path)
    assert values_of(reports, "tie_break") == {"unique"}
    assert len(values_of(reports, "outcome_sha256")) == 1


def test_an_unproven_round_has_one_outcome_for_a_seed_and_a_limit(tmp_path: Path) -> None:
    """Unless a run says that the wall clock ended it: the machine was too slow for its limit."""
    problem = generate(default_shape("granular", 400), 3)
    repeats = [Repeat(5, 2, 8), Repeat(5, 2, 8, shuffled_by=1)]
    reports = [repeated(problem, [r], tmp_path / str(r.shuffled_by))[0] for r in repeats]
    assert values_of(reports, "status") == {"feasible"}
    kept = [report for report in reports if report["stopped_by"] == "deterministic-limit"]
    assert len(values_of(kept, "outcome_sha256")) <= 1
    assert all(report["stopped_by"] == "wall-clock" for report in reports if report not in kept)
