"""A proof beside the search: SCIP, in a thread of its own, looks for anything better.

It is asked about the best outcome so far, and asked anew when a better one is found. What it finds
counts only once it is proven, so that chance and the clock decide nothing.
"""

from __future__ import annotations

import threading
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass, field, replace

from ortools.util.python.solve_interrupter import SolveInterrupter

from allocation.engine import rounding
from allocation.engine.branch_and_bound import ask_scip
from allocation.engine.cutting import Cutting
from allocation.engine.question import Answer, Effort, Question
from allocation.engine.variables import Cut

CUTTING_SHARE = 0.5
"""The part of the time that cutting may use before the solver is asked."""
PATIENCE_SECONDS = 2.0
"""How long an answer is waited for after the solver was told to stop."""


@dataclass
class _Asked:
    """A question that is being answered."""

    question: Question
    cutting: Cutting | None = None
    interrupter: SolveInterrupter = field(default_factory=SolveInterrupter)
    answer: Future[Answer] = field(default_factory=Future)

    def work(self, effort: Effort) -> None:
        """Answer; runs in the thread."""
        question = replace(self.question, cuts=self.cut(effort))
        self.answer.set_result(ask_scip(question, effort, self.interrupter))

    def cut(self, effort: Effort) -> tuple[Cut, ...]:
        """Find cuts before the solver is asked, where that is wanted."""
        if self.cutting is None:
            return self.question.cuts
        start, latest = self.question.start, effort.deadline.share(CUTTING_SHARE)
        value = 0 if start is None else rounding.value_of(self.question.model.columns, start)
        return self.cutting.go_on(
            value, lambda: self.interrupter.interrupted or not latest.seconds_left()
        )

    def wait(self, seconds: float) -> bool:
        """Wait for the answer, and say whether there is one."""
        wait([self.answer], seconds)
        return self.answer.done()


class Prover:
    """Asks one question at a time, beside whatever else goes on."""

    def __init__(self) -> None:
        self._asked: _Asked | None = None

    @property
    def is_asked(self) -> bool:
        """Say whether a question was asked whose answer was not taken yet."""
        return self._asked is not None

    @property
    def has_answer(self) -> bool:
        """Say whether there is an answer to take."""
        return self._asked is not None and self._asked.answer.done()

    def ask(self, question: Question, effort: Effort, cutting: Cutting | None = None) -> None:
        """Begin to answer a question, by cutting where that is wanted."""
        self._asked = _Asked(question, cutting)
        threading.Thread(target=self._asked.work, args=(effort,), daemon=True).start()

    def wait_beside(self, step: Future[Answer]) -> None:
        """Wait until a step of the search is done, or there is an answer."""
        open_answers = [self._asked.answer] if self._asked and not self.has_answer else []
        wait([step, *open_answers], return_when=FIRST_COMPLETED)

    def stop(self) -> None:
        """Tell the solver to end with what it knows."""
        if self._asked:
            self._asked.interrupter.interrupt()

    def take(self, seconds: float) -> tuple[Question, Answer] | None:
        """Wait for the answer; None where it does not come."""
        asked, self._asked = self._asked, None
        if asked is None:
            return None
        if not asked.wait(seconds):
            asked.interrupter.interrupt()
        has_answer = asked.wait(PATIENCE_SECONDS)
        return (asked.question, asked.answer.result()) if has_answer else None
