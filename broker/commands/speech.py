"""How commands speak: answers to standard output, progress to a terminal, JSON to programs."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Any

import click

from allocation.options import Progress
from allocation.outcome import FloorReport, Report, Status

ReportProgress = Callable[[Progress], None]


def say_json(document: Any) -> None:
    """Print a JSON document for programs."""
    click.echo(json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False))


def progress_to_terminal(*, is_quiet: bool) -> ReportProgress:
    """Return a reporter that writes to standard error, if a person can see it there."""
    if is_quiet or not sys.stderr.isatty():
        return lambda _: None
    return lambda progress: click.echo(progress_line(progress), err=True)


def progress_line(progress: Progress) -> str:
    """Return a line such as `12.3 s  improve  value 510  bound 600  gap 15.00 %`."""
    gap = "" if progress.gap_ratio is None else f"  gap {progress.gap_ratio:.2%}"
    value = "-" if progress.value is None else progress.value
    bound = "-" if progress.bound is None else progress.bound
    return f"{progress.seconds:7.1f} s  {progress.stage:<12}  value {value}  bound {bound}{gap}"


def report_lines(report: Report) -> list[str]:
    """Return what people want to know of an outcome at first sight."""
    baselines = report.baselines
    proven = f"{report.status}, proof {report.proof}, gap {report.gap_ratio:.2%}"
    return [
        f"Value {report.value} of at most {report.bound} ({proven}).",
        f"First come: {baselines.first_come}, density greedy: {baselines.density_greedy}.",
        *([floors_line(report.floors, report.status)] if report.floors else []),
        f"{report.counts.awarded} of {report.counts.bids} bids were awarded.",
        f"Outcome {report.outcome_sha256}",
    ]


def floors_line(floors: FloorReport, status: Status) -> str:
    """Return how the fairness floors were met, and what they cost.

    Where the best outcome is not proven, their price is of what was found, and only an estimate.
    """
    missed = sum(1 for team in floors.teams if team.shortfall)
    met = f"{len(floors.teams) - missed} of {len(floors.teams)} teams reach theirs"
    largest = f", the largest shortfall is {floors.shortfall_ratio:.2%}" if missed else ""
    proven = "" if floors.is_proven else " (not proven smallest)"
    estimate = "" if status is Status.OPTIMAL else ", an estimate: nothing is proven"
    return (
        f"Floors at {floors.ratio}: {met}{largest}{proven}. Price of fairness: "
        f"{floors.price_of_fairness} ({floors.value_without_floors} without floors{estimate})."
    )
