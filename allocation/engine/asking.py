"""Who is asked a question that wants a sound answer: the fast solver first, then the exact one."""

from __future__ import annotations

from dataclasses import replace

from allocation.engine.branch_and_bound import ask_scip
from allocation.engine.question import Answer, Effort, Question
from allocation.engine.state import Search

FIRST_SHARE = 0.7
"""The part of the time left that the first of two solvers may use for a question."""


def ask_two(search: Search, question: Question, effort: Effort) -> Answer:
    """Ask SCIP where it is trusted, and CP-SAT where that says nothing sound."""
    from allocation.engine.constraint_search import ask_cpsat  # noqa: PLC0415  # slow

    if search.trusts_one_solver:
        first = replace(effort, deadline=effort.deadline.share(FIRST_SHARE))
        answer = ask_scip(question, first)
        search.note("SCIP", answer)
        if answer.is_proven and (answer.lots is None or question.accepts(answer.lots)):
            return answer
    return ask_cpsat(question, effort)
