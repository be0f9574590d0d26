"""One round, allocated again and again by the command: what may differ, and what may not."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from allocation.folders import write_round
from allocation.problem import Problem
from tests.markets import described

AT_ONCE = 2
"""How many runs go on side by side."""
Report = dict[str, Any]


@dataclass(frozen=True)
class Repeat:
    """One run. Rows and columns of the folder are shuffled by a seed; None leaves them sorted."""

    seed: int = 0
    workers: int = 2
    time_limit_seconds: float = 30
    shuffled_by: int | None = None


def repeated(problem: Problem, repeats: Iterable[Repeat], scratch: Path) -> list[Report]:
    """Allocate a round as often as there are repeats, and return the reports in their order."""
    numbered = list(enumerate(repeats))
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(
            pool.map(lambda pair: _allocated(problem, pair[1], scratch / str(pair[0])), numbered)
        )


def _allocated(problem: Problem, repeat: Repeat, place: Path) -> Report:
    folder = place / "round"
    folder.mkdir(parents=True)
    write_round(folder, described(problem))
    if repeat.shuffled_by is not None:
        shuffle_rows(folder, Random(repeat.shuffled_by))  # noqa: S311  # no secret is drawn here
    command = [str(Path(sys.executable).with_name("broker")), "allocate", str(folder)]
    command += ["--out", str(place / "out"), "--json", "--quiet", "--seed", str(repeat.seed)]
    command += ["--workers", str(repeat.workers), "--time-limit", str(repeat.time_limit_seconds)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    report: Report = json.loads(done.stdout)
    return report


def shuffle_rows(folder: Path, random: Random) -> None:
    """Write every table again with its rows, and its columns, in another order."""
    for file in folder.glob("*.csv"):
        with file.open(newline="", encoding="utf-8") as stream:
            rows = list(csv.DictReader(stream))
        if not rows:
            continue
        columns = random.sample(list(rows[0]), len(rows[0]))
        with file.open("w", newline="", encoding="utf-8") as stream:
            writer = csv.DictWriter(stream, columns)
            writer.writeheader()
            writer.writerows(random.sample(rows, len(rows)))


def values_of(reports: Iterable[Report], key: str) -> set[Any]:
    """Return the different values that the reports have of a key."""
    return {report[key] for report in reports}
