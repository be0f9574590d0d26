"""What has been measured is kept, and measured again only where its number could differ."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from bench.machine import Meter, busy_seconds, describe_machine, read_meter
from bench.records import HOME, Record, Records, code_of, sources_of
from bench.suites import ABLATION, ISSUE, QUICK, Suite, all_suites, source_of, tasks_of
from bench.tasks import ABLATIONS, ENGINE, RELAXATIONS, RULES, SOLVERS, TAMPERINGS, Task

A_TASK = Task(source_of("coarse-100-1"), "highs", 10)


def a_record(task: Task = A_TASK, value: int = 5) -> Record:
    return Record(
        round_name=task.source.name,
        side=task.side,
        limit_seconds=task.limit_seconds,
        code=code_of(task.side),
        measured_at="2026-03-02T10:00:00+00:00",
        machine=describe_machine(),
        facts={"value": value},
        load_average=0.5,
        other_cores=0.1,
    )


def test_a_finished_measurement_is_there_in_the_next_run(tmp_path: Path) -> None:
    file = tmp_path / "below" / "records.jsonl"
    assert not Records(file).has_current(A_TASK)
    Records(file).add(a_record())
    assert Records(file).has_current(A_TASK)
    assert Records(file).find(A_TASK) == a_record()


def test_the_last_measurement_of_a_kind_counts(tmp_path: Path) -> None:
    records = Records(tmp_path / "records.jsonl")
    records.add(a_record(value=5))
    records.add(a_record(value=6))
    found = Records(tmp_path / "records.jsonl").find(A_TASK)
    assert found is not None
    assert found.facts == {"value": 6}


def test_a_line_that_was_cut_off_costs_no_other_measurement(tmp_path: Path) -> None:
    file = tmp_path / "records.jsonl"
    other = replace(A_TASK, side="scip")
    Records(file).add(a_record(other))
    file.write_text(file.read_text() + '{"round_name": "coarse-1')
    assert not Records(file).has_current(A_TASK)
    Records(file).add(a_record())
    assert Records(file).has_current(A_TASK)
    assert Records(file).has_current(other)


@pytest.mark.parametrize("change", [{"code": "0"}, {"machine": "another"}, {"limit_seconds": 9}])
def test_other_code_another_machine_or_limit_is_measured_again(
    tmp_path: Path, change: dict[str, object]
) -> None:
    records = Records(tmp_path / "records.jsonl")
    records.add(replace(a_record(), **change))  # type: ignore[arg-type]  # one field of each type
    assert not records.has_current(A_TASK)


@pytest.mark.parametrize("side", [*RULES, *RELAXATIONS, *SOLVERS])
def test_work_on_the_engine_leaves_the_peers_numbers_standing(side: str) -> None:
    assert not [f for f in sources_of(side) if f.is_relative_to(HOME / "allocation")]


@pytest.mark.parametrize("side", [ENGINE, *ABLATIONS, TAMPERINGS])
def test_work_on_the_engine_asks_for_its_numbers_again(side: str) -> None:
    assert HOME / "allocation" / "engine" / "portfolio.py" in sources_of(side)


@pytest.mark.parametrize("side", [ENGINE, *ABLATIONS, TAMPERINGS, *RULES, *RELAXATIONS, *SOLVERS])
def test_every_file_that_decides_a_number_exists(side: str) -> None:
    assert [file for file in sources_of(side) if not file.is_file()] == []


def test_the_targets_rounds_take_at_most_75_minutes() -> None:
    slow = [t for t in tasks_of(ISSUE, ()) if t.side in (*SOLVERS, ENGINE)]
    assert sum(task.limit_seconds for task in slow) <= 60 * 60


def test_solvers_alone_are_left_out_where_a_round_is_too_large_for_them() -> None:
    sides = {task.side for task in tasks_of(ISSUE, ()) if task.source.name == "granular-20000-1"}
    assert sides == {*RULES, *RELAXATIONS, ENGINE}


@pytest.mark.parametrize("suite", all_suites(), ids=lambda suite: suite.name)
def test_every_round_of_a_suite_can_be_asked_for_alone(suite: Suite) -> None:
    for name in suite.rounds:
        assert {task.source.name for task in tasks_of(suite, (name,))} >= {name}


def test_asking_for_a_side_measures_that_side_only() -> None:
    assert {task.side for task in tasks_of(QUICK, ("highs",))} == {"highs"}
    assert {task.side for task in tasks_of(ABLATION, ("without-diving",))} == {"without-diving"}
    assert {task.side for task in tasks_of(ISSUE, (TAMPERINGS,))} == {TAMPERINGS}


def test_a_round_that_lies_in_no_folder_here_is_not_possible() -> None:
    assert A_TASK.is_possible
    assert not replace(A_TASK, source=source_of("no-such-set/round-1")).is_possible


def test_waiting_is_not_being_busy_and_guests_do_not_count_twice() -> None:
    ticks = busy_seconds(["cpu  100 0 50 900 30 0 0 0 70 0", "cpu0 1 1 1 1"])
    once = busy_seconds(["cpu  150 0 0 0 0 0 0 0 0 0"])
    assert ticks == once
    assert busy_seconds([]) is None


def test_what_others_do_is_all_that_is_done_but_our_own() -> None:
    before, after = Meter(10.0, 100.0, 1.0), Meter(20.0, 115.0, 11.0)
    assert after.other_cores_since(before) == 0.5
    assert Meter(20.0, None, 11.0).other_cores_since(before) is None
    assert read_meter().own > 0
