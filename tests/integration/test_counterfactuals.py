"""What would have won, in the market: estimates at once, answers in other processes, kept."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import replace
from fractions import Fraction

import pytest
from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError
from sqlmodel import col

from allocation.counterfactuals import Standing
from allocation.engine.portfolio import allocate
from allocation.options import Options, Progress
from allocation.outcome import Outcome
from allocation.problem import Problem
from broker.counterfactuals.answers import (
    decided_round,
    open_bids,
    rounds_to_explain,
    write_estimates,
)
from broker.counterfactuals.tables import CounterfactualRow
from broker.counterfactuals.working import Budget, explain_due, explain_round, processes
from broker.db import Database, reading, transact, writing
from broker.errors import NotFound, Refused
from tests.markets import a_scarce_problem, at, bring, described, run_it
from tests.screens import screens
from web.wording import FLOORED_ESTIMATE, STANDINGS

ROUND = "sprint-1"


def solve(problem: Problem, options: Options, report: Callable[[Progress], None]) -> Outcome:
    return allocate(problem, options, time.monotonic, report, lambda _: None)


@pytest.fixture
def published(market: Database) -> Database:
    bring(market, described(a_scarce_problem()))
    run_it(market, solve=solve)
    return market


@pytest.fixture
def threads() -> Iterator[Executor]:
    with ThreadPoolExecutor(1) as executor:
        yield executor


def known(db: Database) -> dict[str, CounterfactualRow]:
    with reading(db) as session:
        decided = decided_round(session, ROUND)
        rows = session.scalars(
            select(CounterfactualRow).where(col(CounterfactualRow.run_id) == decided.run_id)
        ).all()
    return {row.bid_id: row for row in rows}


def test_every_declined_bid_has_an_estimate_before_anything_is_solved(published: Database) -> None:
    transact(published, lambda s: write_estimates(s, decided_round(s, ROUND)))
    with reading(published) as session:
        decided = decided_round(session, ROUND)
        assert open_bids(session, decided) == [d.bid_key for d in decided.outcome.declines]
    assert {row.standing for row in known(published).values()} == {Standing.ESTIMATE}


def test_estimates_are_written_once(published: Database) -> None:
    for _ in range(2):
        transact(published, lambda s: write_estimates(s, decided_round(s, ROUND)))
    with reading(published) as session:
        declines = decided_round(session, ROUND).outcome.declines
    assert len(known(published)) == len(declines)


def test_a_round_is_explained_in_another_process(published: Database) -> None:
    budget = Budget(30, 5, 1)
    with processes(budget) as executor:
        explained = explain_round(published, ROUND, budget, at(2), executor, lambda _: None)
    progress = explained.progress
    assert (progress.exact, progress.interval, progress.estimate) == (progress.total, 0, 0)
    for row in known(published).values():
        assert set(json.loads(row.document)) == {"budget_milliseconds", "changes", "displaced"}


def test_what_is_exact_stays_as_it_is(published: Database, threads: Executor) -> None:
    budget = Budget(30, 5, 1)
    explain_round(published, ROUND, budget, at(2), threads, lambda _: None)
    before = {key: row.answered_at for key, row in known(published).items()}
    with reading(published) as session:
        (key, *_) = [d.bid_key for d in decided_round(session, ROUND).outcome.declines]
    explain_round(published, ROUND, budget, at(9), threads, lambda _: None, bid_key=key)
    assert {key: row.answered_at for key, row in known(published).items()} == before


def test_a_budget_that_is_used_up_leaves_estimates_and_says_so(
    published: Database, threads: Executor
) -> None:
    explained = explain_round(published, ROUND, Budget(0), at(2), threads, lambda _: None)
    assert explained.progress.estimate == explained.progress.total > 0


def test_who_asks_is_answered_first(published: Database, threads: Executor) -> None:
    with reading(published) as session:
        last = decided_round(session, ROUND).outcome.declines[-1].bid_key
    explain_round(published, ROUND, Budget(0), at(2), threads, lambda _: None)
    explained = explain_round(
        published, ROUND, Budget(30, 5, 1), at(2), threads, lambda _: None, bid_key=last
    )
    assert explained.progress.exact == 1


def test_a_bid_that_was_not_declined_has_nothing_to_explain(
    published: Database, threads: Executor
) -> None:
    with pytest.raises(NotFound, match="b99"):
        explain_round(published, ROUND, Budget(), at(2), threads, lambda _: None, bid_key="b99")


def test_a_round_that_is_not_published_is_not_explained(
    market: Database, threads: Executor
) -> None:
    bring(market, described(a_scarce_problem()))
    with pytest.raises(Refused, match="no published result"):
        explain_round(market, ROUND, Budget(), at(2), threads, lambda _: None)
    assert explain_due(market, Budget(), at(2), threads) == []


def test_what_is_due_is_explained_once(published: Database, threads: Executor) -> None:
    first = explain_due(published, Budget(30, 5, 1), at(2), threads)
    assert [one.round_key for one in first] == [ROUND]
    assert explain_due(published, Budget(30, 5, 1), at(2), threads) == []
    with reading(published) as session:
        assert rounds_to_explain(session) == []


def test_offers_in_a_round_with_floors_are_estimates_and_stay_so(
    market: Database, threads: Executor
) -> None:
    bring(market, described(replace(a_scarce_problem(), floor_ratio=Fraction(1, 2))))
    run_it(market, solve=solve)
    explained = explain_round(market, ROUND, Budget(30, 5, 1), at(2), threads, lambda _: None)
    assert explained.progress.estimate == explained.progress.total > 0
    rows = known(market)
    assert {row.standing for row in rows.values()} == {Standing.ESTIMATE}
    assert any(row.upper_credits for row in rows.values())
    with reading(market) as session:
        declines = decided_round(session, ROUND).outcome.declines
        assert {one.minimum_winning_offer_credits for one in declines} == {None}
        assert rounds_to_explain(session) == []
    with screens(market) as app:
        said = [app.test_client().get(f"/receipts/{bid_id}").text for bid_id in rows]
    for page in said:
        assert STANDINGS[Standing.ESTIMATE].badge in page
        assert FLOORED_ESTIMATE.split(":")[0] in page
        assert STANDINGS[Standing.EXACT].badge not in page


def test_the_database_refuses_an_exact_answer_with_two_offers(
    published: Database, threads: Executor
) -> None:
    explain_round(published, ROUND, Budget(30, 5, 1), at(2), threads, lambda _: None)
    with pytest.raises(IntegrityError), writing(published) as session:
        session.execute(update(CounterfactualRow).values(lower_credits=1, upper_credits=2))
