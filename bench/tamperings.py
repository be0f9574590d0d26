"""The judge against random changes to outcomes: the tests that hold it to them, run and timed."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

from bench.tasks import Facts

HOME = Path(__file__).resolve().parents[1]
TESTS = "tests/property/test_tampering.py"
"""Draws ten changes of each of more than fifty kinds, and fails where one of them is not caught."""


def measure_tamperings() -> Facts:
    """Run those tests; the first number of the last line is how many passed."""
    words = (sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", TESTS)
    began = time.monotonic()
    run = subprocess.run(words, cwd=HOME, capture_output=True, text=True, check=False)
    lines = run.stdout.splitlines() or [f"exit {run.returncode}"]
    return {
        "is_caught": run.returncode == 0,
        "seconds": round(time.monotonic() - began, 3),
        "status": lines[-1].strip("= "),
    }
