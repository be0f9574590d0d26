"""Measurements one after the other, each in a child process; never two at once.

Read children.py for what happens in there. Nothing here imports a solver or holds a round, since
a child starts with its parent's memory in its account.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys

from bench.tasks import Facts, Task

CHILD = (sys.executable, "-m", "bench.children")
ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1"}
"""As broker/solving.py starts the engine: threads of linear algebra only wait for solvers'."""


def measure(task: Task) -> Facts:
    """Make one measurement and wait for it. A child that dies leaves what it said before."""
    surroundings = {**os.environ, **ONE_THREAD}
    pipe = subprocess.PIPE
    child = subprocess.Popen(CHILD, stdin=pipe, stdout=pipe, env=surroundings)
    try:
        said, _ = child.communicate(json.dumps(task.document()).encode())
    finally:
        child.kill()
        child.wait()
    lines = said.splitlines()
    facts: Facts = json.loads(lines[-1]) if lines else {}
    if child.returncode:
        facts.setdefault("status", f"ended by {_cause(child.returncode)}")
    return facts


def _cause(code: int) -> str:
    return f"signal {-code}" if code < 0 else f"exit {code}"
