"""`python -m allocation`: the engine as a process of its own, with nothing but a problem in hand.

Standard input: one line with a JSON object, `{"round": ROUND_DOCUMENT, "options": {...}}` (see
wire.py); with `"before"` and `"override"` beside them an outcome is overridden. Where the input
ends after it, the caller is gone, and this process ends too. Standard output: JSON objects, one a
line: `{"progress": ...}` after every stage, `{"outcome": ...}` for a first outcome and again for a
better or fuller one, `{"error": ...}` where the problem cannot be read (exit 2) or the engine
breaks down (exit 1). It reads no file, no environment and no database; the caller keeps the time
and may end it at any moment.
"""

from __future__ import annotations

import gc
import json
import os
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import asdict

from allocation import wire
from allocation.errors import AllocationError, ImpossibleOverride
from allocation.options import Options, Progress
from allocation.outcome import Outcome, Override, Pricing
from allocation.problem import Problem

Reporter = Callable[[Progress], None]
BROKEN_DOWN, UNREADABLE, ABANDONED = 1, 2, 3
"""Exit codes; the last is of an engine whose caller is gone, so that nobody is there to read it."""
OFFERS_SHARE = 0.85
"""The part of the time limit after which no more minimum winning offers are looked for."""
NEW_OBJECTS = 50_000
"""So many between two walks of the garbage collector: what a round is made of stays to the end."""


def main() -> int:
    """Read a problem, allocate it, write what is found as it is found."""
    began = time.monotonic()
    gc.set_threshold(NEW_OBJECTS)
    output = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # solvers print where they like

    def say(kind: str, document: object) -> None:
        output.write(json.dumps({kind: document}) + "\n")
        output.flush()

    def say_progress(progress: Progress) -> None:
        say("progress", asdict(progress))

    def say_outcome(outcome: Outcome) -> None:
        say("outcome", wire.outcome_document(outcome))

    try:
        line = sys.stdin.readline()
        problem, options = read_request(line)
        overriding = read_override(line)
    except (AllocationError, KeyError, TypeError, ValueError) as error:
        say("error", f"The problem cannot be read: {error}")
        return UNREADABLE
    threading.Thread(target=_end_with_the_caller, daemon=True).start()
    from allocation.engine.counterfactual_offers import add_winning_offers  # noqa: PLC0415
    from allocation.engine.portfolio import allocate  # noqa: PLC0415  # OR-Tools is slow to import

    until = began + OFFERS_SHARE * options.time_limit_seconds
    try:
        if overriding is not None:
            say_outcome(overridden(problem, *overriding, options, say_progress))
            return 0
        if problem.contest is not None:
            say_outcome(contested(problem, options, say_progress))
            return 0
        outcome = allocate(problem, options, time.monotonic, say_progress, say_outcome, began=began)
        say_outcome(outcome)
        offered = add_winning_offers(problem, outcome, time.monotonic, until)
    except ImpossibleOverride as error:
        say("error", str(error))
        return BROKEN_DOWN
    except Exception as error:  # noqa: BLE001  # solvers raise what comes; the caller must know
        say("error", f"The engine broke down: {type(error).__name__}: {error}")
        return BROKEN_DOWN
    if offered != outcome:
        say_outcome(offered)
    return 0


def overridden(
    problem: Problem, before: Outcome, override: Override, options: Options, say: Reporter
) -> Outcome:
    """Decide a round again with what people set."""
    from allocation.engine.override import override_outcome  # noqa: PLC0415  # OR-Tools is slow

    return override_outcome(problem, before, override, options, time.monotonic, say)


def contested(problem: Problem, options: Options, say: Reporter) -> Outcome:
    """Decide a round with a contest by its goals."""
    from allocation.engine.contests import contest_outcome  # noqa: PLC0415  # OR-Tools is slow

    return contest_outcome(problem, options, time.monotonic, say)


def _end_with_the_caller() -> None:
    """Wait for the end of the input, which comes when the caller is done or dead."""
    while sys.stdin.read(1):
        pass
    os._exit(ABANDONED)


def read_request(line: str) -> tuple[Problem, Options]:
    """Rebuild a problem and options. Raises: InvalidProblem, KeyError, TypeError or ValueError."""
    request = json.loads(line)
    return wire.problem_from_round_document(request["round"]), read_options(request["options"])


def read_override(line: str) -> tuple[Outcome, Override] | None:
    """Rebuild what is overridden, and how; None where nothing is. Raises: as `read_request`."""
    request = json.loads(line)
    if "override" not in request:
        return None
    before = wire.outcome_from_document(request["before"])
    return before, wire.override_from_document(request["override"])


def read_options(document: dict[str, object]) -> Options:
    """Rebuild options from JSON. Raises: ValueError or TypeError if they are none."""
    pricing = Pricing(str(document["pricing"]))
    return Options(**{**document, "pricing": pricing})  # type: ignore[arg-type]  # checked by use


if __name__ == "__main__":
    sys.exit(main())
