"""What happens when the engine misbehaves, as a real process: the best judged outcome, labelled.

The stand-ins are programs of their own that speak the engine's protocol, or the engine itself with
too little memory, time or luck.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from allocation import wire
from allocation.errors import BrokenOutcome
from allocation.folders import write_round
from allocation.judge import check_outcome
from allocation.options import Options
from allocation.outcome import Outcome, Status, StoppedBy
from broker.solving import GRACE_RATIO, GRACE_SECONDS, solve
from tests.outcomes import a_judged_outcome
from tests.rounds import invented_round

PROBLEM = invented_round(seed=3, bid_count=12).problem
LONG_PROBLEM = invented_round(seed=3, bid_count=600).problem
"""Its request does not fit into a pipe at once."""
HARD = invented_round(seed=7, bid_count=60).problem
GOOD = a_judged_outcome(PROBLEM)
KEPT = wire.canonical_json({"outcome": wire.outcome_document(GOOD)}).decode()
SOON = Options(time_limit_seconds=1)
READ = "import os, signal, sys, time; sys.stdin.readline()"
KEEP = f"print({KEPT!r}, flush=True)"
ENGINE_ITSELF = "from allocation.__main__ import main; sys.exit(main())"


def program(*steps: str) -> tuple[str, ...]:
    return (sys.executable, "-c", "; ".join(steps))


def solve_with(*steps: str, options: Options = SOON) -> Outcome:
    return solve(PROBLEM, options, lambda _: None, program(*steps))


def why(outcome: Outcome) -> str:
    return str(outcome.report.solver.get("why", ""))


# --- before and after the first outcome ----------------------------------------------------

ENDS = [
    ("os.kill(os.getpid(), signal.SIGKILL)", "signal 9"),
    ("os.kill(os.getpid(), signal.SIGSEGV)", "signal 11"),
    ("os.abort()", "signal 6"),
    ("sys.exit(1)", "code 1"),
    ("raise MemoryError", "code 1"),
    ("print('{', flush=True)", "nobody understands"),
    ("print('[' * 100_000, flush=True)", "nobody understands"),
    ("print('[]', flush=True)", "not an object"),
    ("""print('{"outcome": {}}', flush=True)""", "nobody understands"),
    ("""print('{"progress": {"stage": 1}}', flush=True)""", "nobody understands"),
    ("os.write(1, bytes(range(256)) * 100)", "nobody understands"),
    ("""print('{"error": "The disk is gone."}', flush=True); sys.exit(2)""", "The disk is gone."),
]


@pytest.mark.parametrize(("does", "reason"), ENDS)
def test_before_its_first_outcome_the_better_baseline_stands_in(does: str, reason: str) -> None:
    outcome = solve_with(READ, does)
    assert check_outcome(PROBLEM, outcome) == ()
    assert outcome.report.solver["engine"] == "baseline"
    assert outcome.report.stopped_by is StoppedBy.WALL_CLOCK
    assert reason in why(outcome)


@pytest.mark.parametrize(("does", "reason"), ENDS)
def test_after_its_first_outcome_that_one_is_kept(does: str, reason: str) -> None:
    outcome = solve_with(READ, KEEP, does)
    assert check_outcome(PROBLEM, outcome) == ()
    assert outcome.awards == GOOD.awards
    assert outcome.report.status is Status.FEASIBLE
    assert outcome.report.stopped_by is StoppedBy.WALL_CLOCK
    assert reason in why(outcome)


def test_an_engine_that_says_nothing_at_all_is_named() -> None:
    assert why(solve_with(READ)) == "The engine ended without an outcome."


def test_an_engine_that_hangs_after_its_first_outcome_leaves_that_one() -> None:
    outcome = solve_with(READ, KEEP, "time.sleep(60)")
    assert outcome.awards == GOOD.awards
    assert "time limit" in why(outcome)


def test_an_engine_that_is_not_there_is_named(tmp_path: Path) -> None:
    outcome = solve(PROBLEM, SOON, lambda _: None, (str(tmp_path / "engine"),))
    assert check_outcome(PROBLEM, outcome) == ()
    assert "could not be started" in why(outcome)


# --- hanging -------------------------------------------------------------------------------

HANGS = [
    (READ, "time.sleep(60)"),
    ("import time", "time.sleep(60)"),
    (READ, "os.close(1)", "time.sleep(60)"),
    (READ, "os.kill(os.getpid(), signal.SIGSTOP)"),
    (READ, "signal.signal(signal.SIGTERM, signal.SIG_IGN)", "time.sleep(60)"),
    (READ, "child = os.fork()", "time.sleep(60)"),
    (READ, "child = os.fork()", "child and os._exit(1)", "time.sleep(60)"),
    (READ, "sys.stdout.write('x' * 10**7)", "sys.stdout.flush()", "time.sleep(60)"),
]


def test_an_engine_that_hangs_holds_up_nobody_beyond_its_limit() -> None:
    """However it hangs; all of them at once, since each takes its time."""
    with ThreadPoolExecutor(len(HANGS)) as pool:
        for steps, (outcome, seconds) in zip(HANGS, pool.map(_timed, HANGS), strict=True):
            assert check_outcome(LONG_PROBLEM, outcome) == (), steps
            assert "time limit" in why(outcome) or "code 1" in why(outcome), steps
            assert seconds < 1 + GRACE_RATIO + GRACE_SECONDS + 8, steps


def _timed(steps: tuple[str, ...]) -> tuple[Outcome, float]:
    began = time.monotonic()
    outcome = solve(LONG_PROBLEM, SOON, lambda _: None, program(*steps))
    return outcome, time.monotonic() - began


def test_what_a_hanging_engine_started_ends_with_it(tmp_path: Path) -> None:
    """A solver may start processes of its own; none may go on with nobody to hear it."""
    sign = tmp_path / "pid"
    tell = f"open({str(sign)!r}, 'w').write(str(os.getpid()))"
    solve_with(READ, "child = os.fork()", f"child or {tell}", "time.sleep(60)")
    pid = int(sign.read_text())
    with pytest.raises(ProcessLookupError):
        _wait_until_gone(pid)


def _wait_until_gone(pid: int) -> None:
    for _ in range(100):
        os.kill(pid, 0)
        if "Z" in Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]:
            raise ProcessLookupError(pid)  # ended, only not yet buried
        time.sleep(0.02)


# --- the engine itself, in need ------------------------------------------------------------


@pytest.mark.parametrize("megabytes", [60, 150, 250, 350, 450])
def test_too_little_memory_leaves_a_judged_outcome_that_says_so(megabytes: int) -> None:
    limit = f"resource.setrlimit(resource.RLIMIT_AS, ({megabytes} << 20, {megabytes} << 20))"
    engine = program("import resource, sys", limit, ENGINE_ITSELF)
    outcome = solve(HARD, Options(time_limit_seconds=2), lambda _: None, engine)
    assert check_outcome(HARD, outcome) == ()
    assert outcome.report.value >= max(
        outcome.report.baselines.first_come, outcome.report.baselines.density_greedy
    )
    is_whole = bool(outcome.report.solver["names"]) and not why(outcome)
    assert is_whole or "engine" in why(outcome)


@pytest.mark.parametrize("seconds", [0.2, 0.5, 0.8, 1.2, 1.6])
def test_death_at_any_moment_leaves_a_judged_outcome_that_says_so(seconds: float) -> None:
    alarm = f"signal.setitimer(signal.ITIMER_REAL, {seconds})"
    engine = program("import signal, sys", alarm, ENGINE_ITSELF)
    outcome = solve(HARD, Options(time_limit_seconds=5), lambda _: None, engine)
    assert check_outcome(HARD, outcome) == ()
    assert "signal 14" in why(outcome)


def test_no_time_at_all_still_leaves_a_judged_outcome() -> None:
    outcome = solve(HARD, Options(time_limit_seconds=0.001), lambda _: None)
    assert check_outcome(HARD, outcome) == ()
    assert outcome.report.status is Status.FEASIBLE or outcome.report.value == outcome.report.bound


# --- the whole command ---------------------------------------------------------------------


def broker_with(folder: Path, out: Path, does: str) -> subprocess.CompletedProcess[str]:
    """Allocate a round with an engine that does something else before it begins."""
    site = folder.parent / "site"
    site.mkdir()
    text = f"import os, signal, sys\nif sys.orig_argv[1:3] == ['-m', 'allocation']:\n    {does}\n"
    (site / "sitecustomize.py").write_text(text)
    command = [str(Path(sys.executable).with_name("broker")), "allocate", str(folder)]
    command += ["--out", str(out), "--time-limit", "2", "--json"]
    environment = {**os.environ, "PYTHONPATH": str(site)}
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "round").mkdir()
    write_round(tmp_path / "round", invented_round(seed=3, bid_count=12))
    return tmp_path / "round"


def test_the_command_writes_what_is_left_when_the_engine_dies(folder: Path, tmp_path: Path) -> None:
    done = broker_with(folder, tmp_path / "out", "os.kill(os.getpid(), signal.SIGSEGV)")
    assert (done.returncode, done.stderr) == (0, "")
    assert "signal 11" in json.loads(done.stdout)["solver"]["why"]
    check = [str(Path(sys.executable).with_name("broker")), "check", str(folder), tmp_path / "out"]
    assert subprocess.run(check, check=False).returncode == 0


def test_the_command_publishes_no_outcome_that_breaks_a_rule(folder: Path, tmp_path: Path) -> None:
    first = replace(GOOD.awards[0], payment_credits=GOOD.awards[0].payment_credits + 1)
    broken = replace(GOOD, awards=(first, *GOOD.awards[1:]))
    said = wire.canonical_json({"outcome": wire.outcome_document(broken)}).decode()
    done = broker_with(folder, tmp_path / "out", f"print({said!r}, flush=True); os._exit(0)")
    assert (done.returncode, done.stdout) == (5, "")
    assert "payment" in done.stderr
    assert not (tmp_path / "out").exists()


def test_a_tampered_outcome_never_gets_out_even_if_the_engine_dies_after_it() -> None:
    report = replace(GOOD.report, value=GOOD.report.value + 1)
    broken = wire.canonical_json({"outcome": wire.outcome_document(replace(GOOD, report=report))})
    with pytest.raises(BrokenOutcome, match="value"):
        solve_with(READ, f"print({broken.decode()!r}, flush=True)", "os.abort()")
