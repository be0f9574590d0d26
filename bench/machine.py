"""The machine that numbers come from, in one line each: processor, memory, versions."""

from __future__ import annotations

import os
import platform
from functools import cache
from importlib.metadata import version
from pathlib import Path


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
    file = Path("/proc/cpuinfo")
    lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or "processor unknown"
