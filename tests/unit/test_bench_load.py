"""The load: what is started is ended, and a target is missed where it is missed."""

from __future__ import annotations

import math
import os
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from bench.load import Host, Measured, percentile
from bench.visitors import BID, READ, Asked

SLEEPER = (sys.executable, "-c", "import time; time.sleep(60)")
GOOD = Measured(
    asked=(Asked(READ, 300.0), Asked(BID, 500.0)),
    runs=1,
    load=(0.0, 0.0),
    busy=1.0,
    dashboard=(25.0,),
    bare=(1.0,),
)


def test_what_is_started_is_ended_when_the_measurement_breaks_off(tmp_path: Path) -> None:
    with pytest.raises(SystemExit), Host("", tmp_path, 60).started("sleeper", SLEEPER) as child:
        raise SystemExit
    assert child.returncode is not None
    with pytest.raises(ProcessLookupError):
        os.killpg(child.pid, 0)


@pytest.mark.parametrize(
    "missed",
    [
        replace(GOOD, asked=(*GOOD.asked, Asked(READ, 1.0, "GET /: 500"))),
        replace(GOOD, asked=(*GOOD.asked, Asked(READ, 301.0))),
        replace(GOOD, asked=(*GOOD.asked, Asked(BID, 501.0))),
        replace(GOOD, asked=(Asked(READ, 1.0),)),
        replace(GOOD, runs=0),
        replace(GOOD, dashboard=(26.0,)),
    ],
)
def test_every_target_counts(missed: Measured) -> None:
    assert GOOD.is_in_time
    assert not missed.is_in_time


def test_a_percentile_is_a_time_that_was_seen() -> None:
    assert percentile([3, 1, 2], 50) == 2
    assert percentile(range(1, 101), 99) == 99
    assert percentile([], 99) == math.inf
