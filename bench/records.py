"""The records of what was measured: one JSON object a line, added to and never changed.

A campaign can be ended at any moment and continued later: what has been measured with the same
code is not measured again. What counts as the same code differs by side, so that work on the
engine leaves the peers' numbers standing.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path

from bench.tasks import ENGINE, RELAXATIONS, Facts, Task

HOME = Path(__file__).resolve().parents[1]


@dataclass(frozen=True, slots=True)
class Record:
    """One measurement. Units: `measured_at` is an instant in UTC as ISO 8601."""

    round_name: str
    side: str
    limit_seconds: float
    code: str
    measured_at: str
    machine: str
    facts: Facts


class Records:
    """The measurements in a file, the last one of a kind counts."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._latest: dict[tuple[str, str, float], Record] = {}
        if file.exists():
            for line in file.read_text(encoding="utf-8").splitlines():
                self._remember(Record(**json.loads(line)))

    def _remember(self, record: Record) -> None:
        self._latest[record.round_name, record.side, record.limit_seconds] = record

    def add(self, record: Record) -> None:
        """Keep a measurement, on disk before anything else is measured."""
        self._file.parent.mkdir(parents=True, exist_ok=True)
        with self._file.open("a", encoding="utf-8") as lines:
            lines.write(json.dumps(asdict(record)) + "\n")
        self._remember(record)

    def find(self, task: Task) -> Record | None:
        """Return what was last measured for a task, with whatever code."""
        return self._latest.get((task.source.name, task.side, task.limit_seconds))

    def has_current(self, task: Task) -> bool:
        """Say whether a task has been measured with the code that is here now."""
        record = self.find(task)
        return record is not None and record.code == code_of(task.side)


@cache
def code_of(side: str) -> str:
    """Return a short hash of what decides a side's numbers: its sources and OR-Tools' version."""
    files = [HOME / "bench" / "generator.py"]
    if side == ENGINE:
        files += [*HOME.glob("allocation/**/*.py"), HOME / "bench" / "ours.py"]
    else:
        module = "relaxations.py" if side in RELAXATIONS else "peers.py"
        files.append(HOME / "bench" / module)
    return _hash(sorted(files))


def _hash(files: Iterable[Path]) -> str:
    digest = hashlib.sha256(version("ortools").encode())
    for file in files:
        digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()[:12]
