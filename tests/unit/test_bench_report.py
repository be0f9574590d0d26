"""Targets say what was measured and no more, and the page is written from what is kept."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.__main__ import main
from bench.findings import Finding
from bench.parts import rewrite_first, rewrite_part
from bench.records import Record, Records, code_of
from bench.report import Chapter, targets_of, write_report
from bench.suites import ABLATION, ISSUE
from bench.tables import left_out_table, outside_table
from bench.targets import Target, judge_targets
from bench.tasks import ENGINE, TAMPERINGS, Facts

ROUND = "coarse-500-1"


def a_record(round_name: str, side: str, facts: Facts, limit_seconds: float = 60) -> Record:
    at = "2026-03-02T10:00:00+00:00"
    return Record(round_name, side, limit_seconds, code_of(side), at, "a machine", facts, 0.5, 0.25)


def a_finding(round_name: str, **sides: Facts) -> Finding:
    named = {side.replace("_", "-"): facts for side, facts in sides.items()}
    return Finding(round_name, {s: a_record(round_name, s, f) for s, f in named.items()})


def target(findings: list[Finding], words: str) -> Target:
    (found,) = [t for t in judge_targets(findings) if words in t.sentence]
    return found


def test_what_was_not_measured_is_neither_met_nor_missed() -> None:
    assert {t.is_met for t in judge_targets([])} == {None}
    assert {t.verdict for t in judge_targets([])} == {"not measured"}


@pytest.mark.parametrize(("value", "bound", "is_met"), [(950, 1_000, True), (930, 1_000, False)])
def test_the_gap_is_held_against_what_all_peers_leave_together(
    value: int, bound: int, *, is_met: bool
) -> None:
    peers: dict[str, Facts] = {"highs": {"value": 900, "bound": 1_100}}
    peers["scip"] = {"value": 700, "bound": 1_000}
    finding = a_finding(ROUND, engine={"value": value, "bound": bound}, **peers)
    assert target([finding], "500 coarse bids: gap").is_met is is_met


@pytest.mark.parametrize(("value", "is_met"), [(1_010, True), (1_009, False)])
def test_the_value_is_held_against_the_best_peers(value: int, *, is_met: bool) -> None:
    peers: dict[str, Facts] = {"highs": {"value": 1_000}, "scip": {"value": 900}}
    finding = a_finding(ROUND, engine={"value": value, "bound": 1_100}, **peers)
    assert target([finding], "500 coarse bids: value").is_met is is_met


def test_a_share_of_the_relaxation_that_is_never_reached_misses() -> None:
    progress = [{"stage": "rounding", "value": 990, "bound": 1_000, "seconds": 1.0}]
    engine: Facts = {"value": 990, "bound": 1_000, "progress": progress}
    relaxed: Facts = {"relaxed_value": 1_000.0, "seconds": 2.0}
    finding = a_finding("granular-10000-1", engine=engine, glop_dual=relaxed)
    assert target([finding], "10,000 bids: 99.5").is_met is False
    assert target([finding], "97 % of the LP bound").is_met is True


@pytest.mark.parametrize("is_caught", [True, False])
def test_the_judge_is_held_to_random_tamperings(*, is_caught: bool) -> None:
    facts: Facts = {"is_caught": is_caught, "status": "58 passed in 9.00s", "seconds": 9.0}
    found = target([a_finding(TAMPERINGS, tamperings=facts)], "tamperings")
    assert found.is_met is is_caught
    assert found.measured == "58 passed in 9.00s"


def test_a_round_that_two_suites_measure_counts_once() -> None:
    finding = a_finding(ROUND, engine={"value": 1, "bound": 2}, highs={"value": 1, "bound": 2})
    twice = targets_of([Chapter(ISSUE, (finding,)), Chapter(ISSUE, (finding,))])
    assert "1 of 1" in target_of(twice, "value at least the best raw peer's").measured


def target_of(targets: list[Target], words: str) -> Target:
    return next(t for t in targets if words in t.sentence)


def test_seconds_outside_the_solvers_hold_judge_and_writing() -> None:
    engine: Facts = {"seconds": 8.0, "solver_seconds": 7.0, "stage_seconds": {"build": 0.5}}
    finding = a_finding(ROUND, engine={**engine, "judge_seconds": 1.5, "writing_seconds": 0.5})
    assert finding.outside_seconds == pytest.approx(3.0)
    assert "30.000 %" in outside_table([finding])[2]


def test_a_stage_left_out_is_compared_with_the_whole_engine() -> None:
    without: Facts = {"value": 90, "bound": 110, "seconds": 1.0}
    sides = {"without-diving": without, ENGINE: {"value": 100, "bound": 100, "seconds": 1.0}}
    finding = Finding(ROUND, {s: a_record(ROUND, s, f) for s, f in sides.items()})
    row = next(line for line in left_out_table([finding]) if "without-diving" in line)
    assert "0.9000" in row
    assert "1.1000" in row


def test_the_page_tells_how_busy_the_machine_was_and_what_is_stale() -> None:
    finding = a_finding(ROUND, engine={"value": 1, "bound": 2})
    page = write_report([Chapter(ISSUE, (finding,))])
    assert "Busy with other work: 0.25 cores" in page
    assert "Of 1 measurements 1 are of older sources or another machine." in page


def test_the_page_is_written_without_measuring_from_what_is_kept(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store, document = tmp_path / "records.jsonl", tmp_path / "BENCHMARKS.md"
    Records(store).add(a_record(ROUND, ENGINE, {"value": 1_234_567, "bound": 1_234_567}))
    Records(store).add(a_record(ROUND, ENGINE, {"value": 7_654_321}, ABLATION.limit_seconds))
    words = ["--suite", "issue", "--report", "--store", str(store), "--document", str(document)]
    kept = store.read_bytes()
    assert main(words) == 0
    assert store.read_bytes() == kept
    assert "1,234,567" in document.read_text(encoding="utf-8")
    assert "7,654,321" in document.read_text(encoding="utf-8")
    assert "not measured" in capsys.readouterr().out


def test_every_command_rewrites_its_own_part_of_the_page_only(tmp_path: Path) -> None:
    page = tmp_path / "BENCHMARKS.md"
    rewrite_first(page, "# Benchmarks\n")
    rewrite_part(page, "one", ["## One", "1"])
    rewrite_part(page, "two", ["## Two", "2"])
    whole = page.read_text()
    rewrite_part(page, "one", ["## One", "11"])
    assert page.read_text() == whole.replace("\n1\n", "\n11\n")
    rewrite_first(page, "# Anew\n")
    assert page.read_text() == whole.replace("\n1\n", "\n11\n").replace("# Benchmarks", "# Anew")
