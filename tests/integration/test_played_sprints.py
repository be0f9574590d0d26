"""Whatever teams do during a sprint, every day of it holds what the market promises.

Larger and more of them with BROKER_TORTURE; they print what the daily rounds were worth.
"""

from __future__ import annotations

import os
import random

import pytest

from broker.db import Database, reading
from broker.proofs.verifying import Evidence, collect, verify
from tests.markets import row_counts
from tests.quarters import Size, begin, days_of, oversold, tick_all, worth

IS_LONG = bool(os.environ.get("BROKER_TORTURE"))
SEEDS = range(1, 6 if IS_LONG else 2)
SIZE = Size(14, 40, 200) if IS_LONG else Size()


@pytest.mark.parametrize("seed", SEEDS)
def test_every_day_of_a_sprint_is_sound_and_clearing_it_again_changes_nothing(
    market: Database, seed: int
) -> None:
    draw = random.Random(seed)  # noqa: S311  # a game, not a secret
    begin(market, draw, SIZE)
    for at in days_of(market, draw, SIZE):
        before = row_counts(market)
        assert tick_all(market, at) == 0
        assert row_counts(market) == before
        assert oversold(market) == []
        with reading(market) as session:
            assert collect(verify(session, Evidence(""))).findings == []
    found = worth(market)
    print(f"seed {seed}: {found.with_daily / found.main_alone:.3f} of the main round alone")  # noqa: T201  # asked for by -s
    assert found.daily_awards > 0
    assert found.with_daily > found.main_alone
