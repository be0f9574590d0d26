"""A proof beside the search: SCIP, in a thread of its own, looks for anything better.

It is asked about the best outcome so far, and asked anew when a better one is found. What it finds
counts only once it is proven, so that chance and the clock decide nothing.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

from ortools.util.python.solve_interrupter import SolveInterrupter

from allocation.engine.branch_and_bound import ask_scip
from allocation.engine.question import Answer, Effort, Question

PATIENCE_SECONDS = 2.0
"""How long an answer is waited for after the solver was told to stop."""


@dataclass
class _Asked:
    """A question that is being answered."""

    question: Question
    interrupter: SolveInterrupter = field(default_factory=SolveInterrupter)
    answer: Answer | None = None

    def work(self, effort: Effort) -> None:
        """Answer; runs in the thread."""
        self.answer = ask_scip(self.question, effort, self.interrupter)


class Prover:
    """Asks one question at a time, beside whatever else goes on."""

    def __init__(self) -> None:
        self._asked: _Asked | None = None
        self._thread: threading.Thread | None = None

    @property
    def is_asked(self) -> bool:
        """Say whether a question was asked whose answer was not taken yet."""
        return self._asked is not None

    @property
    def has_answer(self) -> bool:
        """Say whether there is an answer to take."""
        return self._asked is not None and self._asked.answer is not None

    def ask(self, question: Question, effort: Effort) -> None:
        """Begin to answer a question."""
        self._asked = _Asked(question)
        self._thread = threading.Thread(target=self._asked.work, args=(effort,), daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Tell the solver to end with what it knows."""
        if self._asked:
            self._asked.interrupter.interrupt()

    def take(self, seconds: float) -> tuple[Question, Answer] | None:
        """Wait for the answer; None where it does not come."""
        asked, self._asked = self._asked, None
        if asked is None or self._thread is None:
            return None
        self._thread.join(seconds)
        if asked.answer is None:
            asked.interrupter.interrupt()
            self._thread.join(PATIENCE_SECONDS)
        return None if asked.answer is None else (asked.question, asked.answer)
