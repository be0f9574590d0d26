"""Who answers what people asked: the worker, one question after the other, each by a real solve.

A question is marked as begun before it is worked on. Another worker takes it up again when nothing
came of that for a while; the first answer stays.
"""

from __future__ import annotations

import datetime as dt
from concurrent.futures import Executor
from dataclasses import dataclass

from sqlalchemy import Select, or_, select, update
from sqlmodel import Session, col

from allocation.counterfactuals import Tried, Verdict, WhatIf, changed
from allocation.counterfactuals_work import parcel, try_bid
from allocation.prices import payment_credits, price_list
from allocation.problem import BidKey
from allocation.wire import canonical_json
from broker.clock import Clock
from broker.counterfactuals.answers import Decided, Progress, decided_round
from broker.counterfactuals.questions import what_if_of
from broker.counterfactuals.tables import QuestionRow
from broker.counterfactuals.working import Budget, explain_round
from broker.db import Database, reading, transact
from broker.tables import BidRow, RoundRow

GIVEN_UP_AFTER = dt.timedelta(minutes=2)
"""How long a question that is worked on is left alone: longer than any answer takes."""
UNTRIED = Tried(Verdict.UNKNOWN, is_best=False)


@dataclass(frozen=True, slots=True)
class Question:
    """A question that was taken up: about which bid of which round; `asked_for` is a what-if."""

    id: str
    run_id: str
    round_key: str
    bid_key: str
    asked_for: WhatIf | None


@dataclass(frozen=True, slots=True)
class Bench:
    """What answering needs: the storage, the clock, the time for an answer, and a process."""

    db: Database
    budget: Budget
    clock: Clock
    executor: Executor


def has_question(db: Database, at: dt.datetime) -> bool:
    """Say whether a question waits for a worker."""
    with reading(db) as session:
        return session.scalars(_waiting(at)).first() is not None


def answer_next(bench: Bench) -> bool:
    """Answer the oldest question that nobody works on; say whether there was one."""
    question = transact(bench.db, lambda session: _take_up(session, bench.clock()))
    if question is None:
        return False
    with reading(bench.db) as session:
        decided = decided_round(session, question.round_key)
    answer = _answer(bench, decided, question)
    transact(bench.db, lambda session: _close(session, question, bench.clock(), answer))
    return True


def _answer(bench: Bench, decided: Decided, question: Question) -> dict[str, str]:
    """Return what to write beside a question; of a revised outcome nothing is known any more."""
    is_revised = decided.run_id != question.run_id
    if question.asked_for is not None:
        asked_for = question.asked_for
        tried = UNTRIED if is_revised else _tried(bench, decided, question, asked_for)
        payment = _payment(decided, question, asked_for, tried)
        return {"verdict": tried.verdict, "answer": _document(tried, payment)}
    if not is_revised:
        rest = bench.budget, bench.clock, bench.executor, _no_report
        explain_round(bench.db, question.round_key, *rest, bid_key=question.bid_key)
    return {}


def _tried(bench: Bench, decided: Decided, question: Question, asked_for: WhatIf) -> Tried:
    text = parcel(decided.problem, decided.outcome)
    of_the_bid = BidKey(question.bid_key), asked_for, bench.budget.seconds_per_bid
    return bench.executor.submit(try_bid, text, *of_the_bid).result()


def _no_report(_: Progress) -> None:
    """Tell nobody: whoever asked looks at the receipt."""


def _payment(decided: Decided, question: Question, asked_for: WhatIf, tried: Tried) -> int | None:
    """Say what the changed bid would have paid at the published list prices, if it wins."""
    if tried.start is None or tried.lots is None:
        return None
    problem, outcome = decided.problem, decided.outcome
    bid = next(bid for bid in problem.bids if bid.key == question.bid_key)
    decline = next(one for one in outcome.declines if one.bid_key == bid.key)
    declined = next(a for a in bid.alternatives if a.number == decline.alternative)
    listed = price_list(problem, outcome.certificate)
    place = changed(declined, asked_for), tried.start, tried.lots
    return payment_credits(problem, listed, outcome.report.pricing, *place)


def _document(tried: Tried, payment: int | None) -> str:
    document = {
        "start": tried.start.isoformat() if tried.start else None,
        "lots": tried.lots,
        "payment_credits": payment,
        "displaced": {"bids": list(tried.displaced.bid_keys), "value": tried.displaced.value},
        "is_best": tried.is_best,
    }
    return canonical_json(document).decode()


def _waiting(at: dt.datetime) -> Select[QuestionRow]:
    """List the questions that nobody works on, or gave up, the oldest first."""
    is_free = or_(
        col(QuestionRow.begun_at).is_(None), col(QuestionRow.begun_at) <= at - GIVEN_UP_AFTER
    )
    waiting = select(QuestionRow).where(col(QuestionRow.answered_at).is_(None), is_free)
    return waiting.order_by(col(QuestionRow.asked_at), col(QuestionRow.id)).limit(1)


def _take_up(session: Session, at: dt.datetime) -> Question | None:
    row = session.scalars(_waiting(at).with_for_update(skip_locked=True)).first()
    if row is None:
        return None
    row.begun_at = at
    bid = session.get_one(BidRow, row.bid_id)
    round_key = session.get_one(RoundRow, bid.round_id).key
    return Question(row.id, row.run_id, round_key, bid.key, what_if_of(row.document))


def _close(session: Session, question: Question, at: dt.datetime, answer: dict[str, str]) -> None:
    """Keep an answer, unless another worker was first."""
    session.execute(
        update(QuestionRow)
        .where(col(QuestionRow.id) == question.id, col(QuestionRow.answered_at).is_(None))
        .values(answered_at=at, **answer)
    )
