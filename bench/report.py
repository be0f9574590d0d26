"""docs/BENCHMARKS.md: every number in it comes from the records of a campaign."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from bench import generator, tables
from bench.findings import Finding
from bench.records import Record, Records
from bench.suites import ABLATION, Suite, tasks_of
from bench.targets import Target, judge_targets
from bench.tasks import ENGINE

METHOD = """
- Every measurement has a process of its own, one after the other, never two at once. Peak memory
  is what the operating system says of that process when its search ends, the round included.
- The peers work on the plain model: one choice per eligible placement, whole lots, the rows C1 to
  C5. HiGHS and SCIP run through MathOpt, CP-SAT with 2 and with 8 workers, each with its defaults
  but for the time limit and a gap of zero. Their time is the solver's alone; reading the round and
  building the model are not counted.
- A peer that has not ended at 1.2 times its limit is ended with its process; what it told on its
  way counts.
- Our engine's time limit and times hold everything: building, search, tie-break, prices and
  reasons. Only the judge comes after it and has a column of its own.
- Values are checked in whole numbers: ours by the judge, the peers' row by row; an outcome that
  breaks a row has no value. Bounds are rounded down to whole points, never below their meaning.
- A gap is (bound - value) / bound. *All peers' gap* lies between the best value of any peer and
  the best bound of any peer.
- The LP bound is the optimum of the LP relaxation. A time to a part of it is the end of the stage
  after which the engine held a value so good, plus the judge's check of feasibility.
- *Outside the solvers* is all time in which no call of a solver is being answered, from the
  problem to checked and written files.
- *Load before* is the load average of the last minute when a measurement began, what was measured
  before it included; *other cores* is how many processors other work kept busy meanwhile. A number
  is measured again when the code that decides it has changed, or the machine.
- A dash means: not measured, not found, or not proven.
"""

Section = tuple[str, str, Callable[[Sequence[Finding]], list[str]]]
SECTIONS: tuple[Section, ...] = (
    ("Value", "Our value beside the best peer's, the LP bound and the rules.", tables.value_table),
    ("Proof", "What is proven: our gap beside the peers'.", tables.proof_table),
    ("Time and memory", "Seconds until our engine had each.", tables.time_table),
    (
        "Against the LP solvers",
        "Seconds of each LP solver, and until our engine held a part of the LP bound.",
        tables.relaxation_table,
    ),
    ("Seconds per stage", "Where our engine spends its time.", tables.stage_table),
    (
        "Seconds outside the solvers",
        "From the problem to checked and written files.",
        tables.outside_table,
    ),
    (
        "What each stage adds",
        "After each stage: the value as a part of the final one, and the gap then known.",
        tables.ablation_table,
    ),
    ("Every measurement", "", tables.side_table),
)
LEFT_OUT: tuple[Section, ...] = (
    (
        "Value and bound without one stage",
        "The whole engine, and what is left of its value and bound in the same time.",
        tables.left_out_table,
    ),
    ("Seconds per stage", "Of the whole engine.", tables.stage_table),
    ("Every measurement", "", tables.side_table),
)


@dataclass(frozen=True)
class Chapter:
    """A suite with what has been measured of it."""

    suite: Suite
    findings: tuple[Finding, ...]

    @property
    def records(self) -> list[Record]:
        """All records of the suite."""
        return [record for finding in self.findings for record in finding.records.values()]


def read_chapter(suite: Suite, records: Records) -> Chapter:
    """Collect what has been measured of a suite."""
    found: dict[str, dict[str, Record]] = {}
    for task in tasks_of(suite, ()):
        record = records.find(task)
        if record:
            found.setdefault(task.source.name, {})[task.side] = record
    return Chapter(suite, tuple(Finding(name, sides) for name, sides in found.items()))


def write_report(chapters: Sequence[Chapter]) -> str:
    """Write the whole document."""
    return "\n".join(line.rstrip() for line in _lines([c for c in chapters if c.findings])) + "\n"


def _lines(chapters: Sequence[Chapter]) -> Iterator[str]:
    yield "# Benchmarks"
    yield ""
    yield "What the engine finds and proves beside solvers that are used alone, in the same time on"
    yield "the same machine. This page is written by `python -m bench` (`make bench` runs all of"
    yield "it); each chapter names its own command. No number here is typed by hand."
    yield ""
    yield "## How it is measured"
    yield METHOD
    yield ""
    yield "## The generated rounds"
    yield ""
    yield (generator.__doc__ or "").strip()
    yield ""
    yield from _targets(chapters)
    for chapter in chapters:
        yield from _chapter(chapter)


def targets_of(chapters: Sequence[Chapter]) -> list[Target]:
    """Hold what has been measured against the targets, each round once."""
    judged = [c for c in chapters if c.suite.is_judged and c.findings]
    rounds: Mapping[str, Finding] = {f.round_name: f for c in judged for f in c.findings}
    return judge_targets(list(rounds.values())) if rounds else []


def _targets(chapters: Sequence[Chapter]) -> Iterator[str]:
    measured = [c for c in chapters if c.suite.is_judged]
    if not measured:
        return
    yield "## Targets"
    yield ""
    yield from _command("; ".join(f"`{c.suite.command}`" for c in measured))
    yield from tables.table(
        ("target", "measured", ""),
        [(t.sentence, t.measured, t.verdict) for t in targets_of(measured)],
    )


def _chapter(chapter: Chapter) -> Iterator[str]:
    yield f"## {chapter.suite.title}"
    yield ""
    yield from _circumstances(chapter)
    for title, sentence, write in LEFT_OUT if chapter.suite.name == ABLATION.name else SECTIONS:
        yield f"### {title}"
        yield ""
        yield from _command(f"`{chapter.suite.command}`")
        yield from [sentence, ""] if sentence else []
        yield from write(chapter.findings)


def _command(commands: str) -> list[str]:
    return [f"Command: {commands}", ""]


def _circumstances(chapter: Chapter) -> Iterator[str]:
    records = chapter.records
    limits = sorted({record.limit_seconds for record in records})
    codes = sorted({record.code for record in records if record.side == ENGINE})
    stale = sum(not record.is_current for record in records)
    instants = sorted(record.measured_at for record in records)
    yield f"Time limit: {', '.join(f'{limit:g} s' for limit in limits)}. "
    yield f"Measured from {instants[0]} to {instants[-1]}. "
    yield f"Engine sources: {', '.join(codes) or 'not measured'}. "
    if stale:
        yield f"Of {len(records)} measurements {stale} are of older sources or another machine. "
    yield from _busyness(records)
    for machine in sorted({record.machine for record in records}):
        yield f"Machine: {machine}."
    yield ""


def _busyness(records: Sequence[Record]) -> Iterator[str]:
    """Say what else the machine was busy with."""
    others = [record.other_cores for record in records if record.other_cores is not None]
    if others:
        mean = sum(others) / len(others)
        yield f"Busy with other work: {mean:.2f} cores in the mean, {max(others):.2f} at most. "
