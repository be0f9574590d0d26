"""`python -m bench`: measure what has not been measured yet, and write docs/BENCHMARKS.md."""

from __future__ import annotations

import argparse
import datetime as dt
import math
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from bench.findings import gap_of
from bench.machine import describe_machine, load_average, read_meter
from bench.parts import rewrite_first
from bench.processes import measure
from bench.records import HOME, Record, Records, code_of
from bench.report import Chapter, read_chapter, targets_of, write_report
from bench.suites import Suite, all_suites, tasks_of
from bench.tables import percent, seconds, text, whole
from bench.tasks import ABLATIONS, RELAXATIONS, RULES, SIDES, TAMPERINGS, Task

STORE = HOME / "var" / "bench" / "measurements.jsonl"
DOCUMENT = HOME / "docs" / "BENCHMARKS.md"
_NAMES = (*SIDES, *ABLATIONS, TAMPERINGS)


def main(words: Sequence[str] | None = None) -> int:
    """Run the suites that are asked for."""
    parser = _parser()
    asked = parser.parse_args(words)
    suites = tuple(_suites(asked.suite, asked.seconds))
    tasks = [t for s in suites if asked.suite in (s.name, "all") for t in tasks_of(s, asked.only)]
    if not tasks:
        parser.error("no side and no round of this suite has such a name; nothing to measure")
    records = Records(asked.store)
    left = [] if asked.report else _left_of(tasks, records, is_fresh=asked.fresh)
    is_complete = _measure_all(left, records, asked.minutes)
    chapters = [read_chapter(suite, records) for suite in suites]
    _write(asked.document, chapters)
    _tell_targets([c for c in chapters if asked.suite in (c.suite.name, "all")])
    return 0 if is_complete else 3


def _left_of(tasks: Sequence[Task], records: Records, *, is_fresh: bool) -> list[Task]:
    """List what is still to be measured, each once; say what cannot be."""
    unique = {(t.source.name, t.side, t.limit_seconds): t for t in tasks}.values()
    for name in sorted({t.source.name for t in unique if not t.is_possible}):
        _say(f"{name} is not on this machine (set $BROKER_ROUNDS): left out.")
    possible = [task for task in unique if task.is_possible]
    return [task for task in possible if is_fresh or not records.has_current(task)]


def _parser() -> argparse.ArgumentParser:
    names = [suite.name for suite in all_suites()]
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    add = parser.add_argument
    add("--suite", choices=[*names, "all"], default="all", help="which rounds (default: all)")
    add("--seconds", type=float, metavar="N", help="time limit instead of the suite's own")
    add(
        "--only",
        action="append",
        default=[],
        metavar="NAME",
        help=f"only a side ({', '.join(_NAMES)}) or rounds whose name begins so; repeatable",
    )
    add("--minutes", type=float, metavar="N", help="begin nothing after so many minutes; exit 3")
    add("--report", action="store_true", help="measure nothing, write down what has been measured")
    add("--fresh", action="store_true", help="measure again what has been measured")
    add("--store", type=Path, default=STORE, help="file of records")
    add("--document", type=Path, default=DOCUMENT, help="file to write")
    return parser


def _suites(name: str, limit_seconds: float | None) -> Iterator[Suite]:
    """List all suites, those that are asked for with the limit that is asked for."""
    for suite in all_suites():
        is_asked = name in (suite.name, "all")
        yield replace(suite, asked_seconds=limit_seconds) if is_asked else suite


def _measure_all(tasks: Sequence[Task], records: Records, minutes: float | None) -> bool:
    """Measure one task after the other; say whether all were begun before the time was over."""
    ends = time.monotonic() + 60 * minutes if minutes else float("inf")
    if tasks:
        _say(f"{len(tasks)} to measure, in about {math.ceil(_usual_minutes(tasks))} minutes.")
    for number, task in enumerate(tasks, 1):
        if time.monotonic() >= ends:
            print(f"{len(tasks) - number + 1} measurements are left for the next time.")
            return False
        _say(f"{number:>4}/{len(tasks)}  {task.source.name:<24} {task.side:<34}", end="")
        record = _measured(task)
        records.add(record)
        _say(_result(record))
    return True


def _usual_minutes(tasks: Sequence[Task]) -> float:
    """Say how long it takes if all that search use their limit; rules and LPs take little."""
    return sum(t.limit_seconds for t in tasks if t.side not in (*RULES, *RELAXATIONS)) / 60


def _measured(task: Task) -> Record:
    """Measure, and note what else the machine was busy with."""
    code, began = code_of(task.side), dt.datetime.now(dt.UTC)
    load, before = load_average(), read_meter()
    facts = measure(task)
    return Record(
        round_name=task.source.name,
        side=task.side,
        limit_seconds=task.limit_seconds,
        code=code if code == code_of(task.side) else "changed meanwhile",
        measured_at=began.isoformat(timespec="seconds"),
        machine=describe_machine(),
        facts=facts,
        load_average=load,
        other_cores=read_meter().other_cores_since(before),
    )


def _result(record: Record) -> str:
    facts = record.facts
    bound = facts.get("bound", facts.get("relaxed_value"))
    return (
        f"value {whole(facts.get('value')):>14}  bound {whole(bound):>14}  "
        f"gap {percent(gap_of(facts)):>9}  {seconds(facts.get('seconds')):>8} s  "
        f"{whole(facts.get('peak_mb')):>6} MB  {text(facts.get('status'))}"
    )


def _say(words: str, end: str = "\n") -> None:
    print(words, end=end, flush=True)


def _write(document: Path, chapters: Sequence[Chapter]) -> None:
    rewrite_first(document, write_report(chapters))
    _say(f"Wrote {document.name}.")


def _tell_targets(chapters: Sequence[Chapter]) -> None:
    """Print every target with its measure and whether it was met."""
    for target in targets_of(chapters):
        _say(f"{target.verdict:<12} {target.sentence}: {target.measured}")


if __name__ == "__main__":
    sys.exit(main())
