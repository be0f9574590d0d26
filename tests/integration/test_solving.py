"""The engine as a process of its own: what it is told, what it tells, and when it ends."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict

import pytest

from allocation import wire
from allocation.options import Options, Progress
from allocation.outcome import Outcome, Status
from broker.solving import solve
from tests.rounds import invented_round

PROBLEM = invented_round(seed=3, bid_count=12).problem
QUICK = Options(time_limit_seconds=10)


def engine_that(does: str) -> tuple[str, ...]:
    """Return the command of a process that reads the problem and then does something else."""
    return (sys.executable, "-c", f"import os, sys, time; sys.stdin.readline(); {does}")


def solve_with(does: str, options: Options = QUICK) -> Outcome:
    return solve(PROBLEM, options, lambda _: None, engine_that(does))


def test_a_round_is_solved_and_every_stage_is_told() -> None:
    told: list[Progress] = []
    outcome = solve(PROBLEM, QUICK, told.append)
    assert outcome.report.status is Status.OPTIMAL
    assert [p.stage for p in told][:6] == [
        "build",
        "cleaning",
        "baselines",
        "relaxation",
        "rounding",
        "shaking",
    ]
    values = [p.value for p in told if p.value is not None]
    assert values == sorted(values)
    assert values[-1] == outcome.report.value
    assert all(p.bound >= outcome.report.value for p in told if p.bound is not None)


def test_the_engine_sees_nothing_of_its_surroundings_but_the_problem(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("BROKER_DATABASE_URL", "sqlite:///secret.db")
    does = "sys.exit(7 if any(n.startswith('BROKER') for n in os.environ) else 8)"
    assert "code 8" in str(solve_with(does).report.solver["why"])


def test_an_engine_that_takes_too_much_memory_ends_and_the_better_baseline_is_taken() -> None:
    does = "bytearray(2**30); os._exit(8)"
    outcome = solve(PROBLEM, QUICK, lambda _: None, engine_that(does), memory_bytes=2**28)
    assert "code 1" in str(outcome.report.solver["why"])
    assert outcome.report.status is Status.FEASIBLE
    assert "code 8" in str(solve_with(does).report.solver["why"])


def test_a_problem_that_cannot_be_read_is_refused_by_the_engine_itself() -> None:
    """The protocol alone: `python -m allocation` answers bad input with an error and exit 2."""
    import subprocess  # noqa: PLC0415  # only this test speaks to the child directly

    command = [sys.executable, "-m", "allocation"]
    answer = subprocess.run(command, input=b'{"round": {}}\n', capture_output=True, check=False)
    assert answer.returncode == 2
    assert "cannot be read" in json.loads(answer.stdout)["error"]


def test_the_engine_ends_when_its_caller_is_gone() -> None:
    """A caller that is killed leaves no solver behind: its end of the pipe closes."""
    import subprocess  # noqa: PLC0415  # only the tests of the protocol speak to the child directly

    problem = invented_round(seed=1, bid_count=300).problem
    request = {"round": wire.round_document(problem), "options": asdict(Options())}
    engine = subprocess.Popen(
        [sys.executable, "-m", "allocation"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert engine.stdin
    assert engine.stdout
    with engine.stdin, engine.stdout:
        engine.stdin.write(wire.canonical_json(request) + b"\n")
        engine.stdin.flush()
        assert b"progress" in engine.stdout.readline()
        engine.stdin.close()
        assert engine.wait(timeout=20) == 3
