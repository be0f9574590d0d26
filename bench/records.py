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
from importlib.metadata import version
from pathlib import Path

from bench.machine import describe_machine
from bench.tasks import ABLATIONS, ENGINE, RELAXATIONS, TAMPERINGS, Facts, Task

BROKEN_DOWN = "ended by exit 1"
"""The status of a measurement whose process broke down; it is made again."""
HOME = Path(__file__).resolve().parents[1]


@dataclass(frozen=True, slots=True)
class Record:
    """One measurement.

    Units: `measured_at` is an instant in UTC as ISO 8601; `load_average` is that of one minute when
    the measurement began; `other_cores` is how many processors were busy with something else
    meanwhile, in the mean. Both are None where the machine does not tell.
    """

    round_name: str
    side: str
    limit_seconds: float
    code: str
    measured_at: str
    machine: str
    facts: Facts
    load_average: float | None = None
    other_cores: float | None = None

    @property
    def is_current(self) -> bool:
        """Say whether nothing else would be measured now: same code, same machine, not broken."""
        is_broken = str(self.facts.get("status")).startswith(BROKEN_DOWN)
        is_same = self.code == code_of(self.side) and self.machine == describe_machine()
        return is_same and not is_broken


class Records:
    """The measurements in a file, the last one of a kind counts."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._latest: dict[tuple[str, str, float], Record] = {}
        for line in self._lines():
            record = _read(line)
            if record:
                self._remember(record)

    def _lines(self) -> list[str]:
        return self._file.read_text(encoding="utf-8").splitlines() if self._file.exists() else []

    def _remember(self, record: Record) -> None:
        self._latest[record.round_name, record.side, record.limit_seconds] = record

    def add(self, record: Record) -> None:
        """Keep a measurement, on disk before anything else is measured."""
        self._file.parent.mkdir(parents=True, exist_ok=True)
        is_cut = self._file.exists() and self._file.read_bytes()[-1:] not in (b"\n", b"")
        with self._file.open("a", encoding="utf-8") as lines:
            lines.write("\n" * is_cut + json.dumps(asdict(record)) + "\n")
        self._remember(record)

    def find(self, task: Task) -> Record | None:
        """Return what was last measured for a task, with whatever code."""
        return self._latest.get((task.source.name, task.side, task.limit_seconds))

    def has_current(self, task: Task) -> bool:
        """Say whether a task has been measured with the code and on the machine that is here."""
        record = self.find(task)
        return record is not None and record.is_current


def _read(line: str) -> Record | None:
    """Read a record; a line that was cut off by the end of its process is none."""
    try:
        return Record(**json.loads(line))
    except json.JSONDecodeError:
        return None


def code_of(side: str) -> str:
    """Return a short hash of what decides a side's numbers: its sources and OR-Tools' version."""
    return _hash(sources_of(side))


def sources_of(side: str) -> list[Path]:
    """List the files that decide a side's numbers; those of a peer hold nothing of the engine."""
    files = [HOME / "bench" / f"{name}.py" for name in ("generator", *_modules_of(side))]
    if side in (ENGINE, TAMPERINGS, *ABLATIONS):
        files += HOME.glob("allocation/**/*.py")
    if side == TAMPERINGS:
        files += [*HOME.glob("tests/*.py"), *HOME.glob("tests/property/test_tampering.py")]
    return sorted(files)


def _modules_of(side: str) -> tuple[str, ...]:
    """Name the modules of the bench that decide a side's numbers, beside the generator."""
    if side == TAMPERINGS:
        return ("tamperings",)
    if side in ABLATIONS:
        return "ours", "solver_seconds", "ablations"
    if side == ENGINE:
        return "ours", "solver_seconds"
    return ("relaxations",) if side in RELAXATIONS else ("overtime", "peers")


def _hash(files: Iterable[Path]) -> str:
    digest = hashlib.sha256(version("ortools").encode())
    for file in files:
        digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()[:12]
