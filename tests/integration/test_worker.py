"""The worker explains what is due by itself, and ends when whoever started it is gone."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from allocation.engine.portfolio import allocate
from allocation.options import Options, Progress
from allocation.outcome import Outcome
from allocation.problem import Problem
from broker.background import explain_what_is_due
from broker.commands.service import WORKER
from broker.counterfactuals.answers import rounds_to_explain
from broker.db import Database, reading
from tests.markets import a_scarce_problem, at, bring, described, run_it

PATIENCE_SECONDS = 60


def solve(problem: Problem, options: Options, report: Callable[[Progress], None]) -> Outcome:
    return allocate(problem, options, time.monotonic, report, lambda _: None)


@contextmanager
def working(db: Database) -> Iterator[subprocess.Popen[bytes]]:
    environment = dict(os.environ) | {"BROKER_DATABASE_URL": f"sqlite:///{db.file}"}
    child = subprocess.Popen(
        WORKER, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment
    )
    try:
        yield child
    finally:
        child.kill()
        child.wait()
        if child.stdin:
            child.stdin.close()


def is_explained(db: Database) -> bool:
    with reading(db) as session:
        return not rounds_to_explain(session)


def test_the_worker_explains_what_is_published_and_ends_with_its_server(market: Database) -> None:
    bring(market, described(a_scarce_problem()))
    run_it(market, solve=solve)
    assert not is_explained(market)
    with working(market) as child:
        until = time.monotonic() + PATIENCE_SECONDS
        while not is_explained(market) and time.monotonic() < until:
            time.sleep(0.2)
        assert is_explained(market)
        assert child.poll() is None
        assert child.stdin is not None
        child.stdin.close()
        assert child.wait(PATIENCE_SECONDS) == 0


def test_nothing_that_is_due_is_nothing_to_do(market: Database) -> None:
    explain_what_is_due(market, at(1))
    assert is_explained(market)
