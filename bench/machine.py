"""The machine that numbers come from: processor, memory, versions, and what keeps it busy."""

from __future__ import annotations

import os
import platform
import resource
import time
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path

_IDLE_COLUMNS = (3, 4)
_GUEST_COLUMN = 8
"""In the first line of /proc/stat: idle and waiting; from the guests on, time is counted twice."""


@cache
def describe_machine() -> str:
    """Say what the measurements run on."""
    pages, page_bytes = os.sysconf("SC_PHYS_PAGES"), os.sysconf("SC_PAGE_SIZE")
    return (
        f"{os.cpu_count()} cores ({_processor()}), {pages * page_bytes / 1e9:.0f} GB of memory, "
        f"{platform.system()} {platform.machine()}, Python {platform.python_version()}, "
        f"OR-Tools {version('ortools')}, NumPy {version('numpy')}"
    )


def _processor() -> str:
    """Return the model name of the processor, or what the system calls it."""
    lines = _lines(Path("/proc/cpuinfo"))
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or "processor unknown"


def load_average() -> float | None:
    """Return the load average of the last minute; None where the system has none."""
    return round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None


@dataclass(frozen=True, slots=True)
class Meter:
    """What processors have done so far. Units: seconds; `busy` of all processors together."""

    wall: float
    busy: float | None
    own: float

    def other_cores_since(self, before: Meter) -> float | None:
        """Say how many processors were busy with other things since then, in the mean."""
        if self.busy is None or before.busy is None or self.wall <= before.wall:
            return None
        others = (self.busy - before.busy) - (self.own - before.own)
        return round(max(0.0, others / (self.wall - before.wall)), 2)


def read_meter() -> Meter:
    """Read what all processors have done, and what this process and its ended children have."""
    own = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    used = sum(usage.ru_utime + usage.ru_stime for usage in own)
    return Meter(time.monotonic(), busy_seconds(_lines(Path("/proc/stat"))), used)


def busy_seconds(lines: list[str]) -> float | None:
    """Add up what /proc/stat says all processors did but wait; None where it says nothing."""
    if not lines or not lines[0].startswith("cpu "):
        return None
    ticks = [int(word) for word in lines[0].split()[1:]][:_GUEST_COLUMN]
    busy = sum(count for n, count in enumerate(ticks) if n not in _IDLE_COLUMNS)
    return busy / os.sysconf("SC_CLK_TCK")


def _lines(file: Path) -> list[str]:
    return file.read_text(encoding="utf-8").splitlines() if file.exists() else []
