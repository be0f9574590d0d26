"""Who solves the relaxation of which round."""

from __future__ import annotations

import pytest

from allocation.columns import build_columns
from allocation.engine.relaxation import INTERIOR, NAMED, Algorithm, fastest_algorithm
from allocation.model import build
from bench.generator import Shape, generate


@pytest.mark.parametrize(
    ("shape", "algorithm"),
    [
        (Shape("granular", 3_000, 20, 10, 50), INTERIOR),
        (Shape("granular", 1_500, 20, 10, 50), NAMED),
        (Shape("granular", 3_000, 8, 10, 50), NAMED),
        (Shape("granular", 3_000, 100, 20, 50), NAMED),
    ],
    ids=["large with many rows", "small", "few rows", "more prices than the rule is followed for"],
)
def test_large_rounds_with_many_rows_are_left_to_the_interior_point(
    shape: Shape, algorithm: Algorithm
) -> None:
    model = build(build_columns(generate(shape, seed=1)))
    assert fastest_algorithm(model) == algorithm
