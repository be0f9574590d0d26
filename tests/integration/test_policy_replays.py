"""Replays: under its own policy a round decides what it published; another one changes it."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session

from allocation.engine.portfolio import allocate
from allocation.errors import NoOutcome
from allocation.options import Options, Progress
from allocation.outcome import Outcome, Status
from allocation.problem import Problem, RoundKey
from allocation.wire import problem_sha256
from broker.access import ANONYMOUS, service
from broker.audit import ActorId
from broker.background import replay_what_is_asked
from broker.dashboards.disclosures import NOT_NAMED
from broker.dashboards.replays import replay_screen
from broker.db import Database, connect, reading, transact
from broker.errors import NotAllowed, Refused
from broker.policy.comparing import (
    Comparison,
    WinnerChange,
    comparison_document,
    comparison_from_document,
    jain_millionths,
)
from broker.policy.documents import NO_TEAM_NAMES, Policy, policy_sha256, policy_text
from broker.policy.refreezing import problem_under
from broker.policy.replaying import BUDGET_SECONDS, ask_replays, replay_next, replays_of
from broker.policy.tables import PolicyReplayRow
from broker.rounds import close_round, find_round
from tests.builders import an_alternative, an_item
from tests.commands import Broker
from tests.markets import (
    NOON,
    a_database,
    a_scarce_problem,
    at,
    better_baseline,
    bring,
    described,
    run_it,
)
from tests.policies import READY, REQUIRED, THEME, a_policy, readiness
from tests.policy_markets import CLOSED_DOOR, adopt, an_open_round, bid, do, frozen

OPERATOR = service(ActorId("operator"))
NO_THEME = dataclasses.replace(READY, theme_key=None)
CALM = a_policy(themes=[THEME | {"confirmed_percent": 100, "self_declared_percent": 100}])


def solve(problem: Problem, options: Options, report: Callable[[Progress], None]) -> Outcome:
    return allocate(problem, options, time.monotonic, report, lambda _: None)


def a_decided_round(db: Database, policy: Policy) -> None:
    """Publish a round in which two teams want the same GPUs, and one of them is in the theme."""
    adopt(db, policy)
    an_open_round(db)
    units = an_alternative(an_item(units=8), offer=100)
    bid(db, "a", units, team="red")
    bid(
        db,
        "b",
        dataclasses.replace(units, offer_credits_per_lot=110),
        team="blue",
        pledge=NO_THEME,
    )
    do(db, close_round, "sprint-1", hours=1)
    run_it(db, clock=at(2), solve=solve)


def ask(db: Database, policy: Policy) -> str:
    return transact(db, lambda session: ask_replays(session, OPERATOR, policy, NOON))


def replays(db: Database, policy: Policy) -> tuple[PolicyReplayRow, ...]:
    with reading(db) as session:
        found = replays_of(session, policy_sha256(policy))
        session.expunge_all()
    return found


def replayed(db: Database, policy: Policy) -> Comparison:
    ask(db, policy)
    while replay_next(db, at(3), solve):
        pass
    [one] = replays(db, policy)
    assert one.state == "done", one.failure
    return comparison_from_document(json.loads(one.result or ""))


POLICIES = [
    a_policy(),
    a_policy(floor_percent=20),
    a_policy(pricing="pay-as-bid"),
    a_policy(approvals=CLOSED_DOOR),
    a_policy(readiness=readiness(success_measure=REQUIRED)),
]


@pytest.mark.parametrize("policy", POLICIES)
def test_the_policy_of_a_round_asks_and_decides_what_the_round_did(
    market: Database, policy: Policy
) -> None:
    a_decided_round(market, policy)
    with reading(market) as session:
        row = find_round(session, "sprint-1")
        again = problem_under(session, row, policy)
    assert problem_sha256(again) == problem_sha256(frozen(market))
    comparison = replayed(market, policy)
    assert comparison.status == Status.OPTIMAL
    assert comparison.is_same
    assert not comparison.winners
    assert comparison.real == comparison.replayed
    assert comparison.real_value_by_policy == comparison.real.value


@pytest.fixture
def other_market(migrated_file: Path, tmp_path: Path) -> Iterator[Database]:
    db = a_database(Path(shutil.copy(migrated_file, tmp_path / "other.db")))
    yield db
    db.dispose()


@pytest.mark.parametrize("other", [*POLICIES, CALM])
def test_a_replay_is_what_the_market_publishes_where_that_policy_is_in_force(
    market: Database, other_market: Database, other: Policy
) -> None:
    a_decided_round(market, CALM)
    a_decided_round(other_market, other)
    with reading(other_market) as session:
        published = session.scalar(text("SELECT outcome_sha256 FROM run WHERE state = 'published'"))
    assert replayed(market, other).replayed.outcome_sha256 == published


def test_replays_work_on_every_database(either_market: Database) -> None:
    a_decided_round(either_market, a_policy())
    assert replayed(either_market, a_policy()).is_same
    assert not replayed(either_market, CALM).is_same


def test_a_theme_that_counts_less_lets_the_higher_offer_win(market: Database) -> None:
    a_decided_round(market, a_policy())
    comparison = replayed(market, CALM)
    changes = {one.bid_key: one.change for one in comparison.winners}
    assert changes == {"a": WinnerChange.LOSES, "b": WinnerChange.WINS}
    assert comparison.real_value_by_policy <= comparison.replayed.value
    values = {one.team_key: (one.real_value, one.replayed_value) for one in comparison.teams}
    assert values["red"][0] == comparison.real.value
    assert values["red"][1] == 0
    assert values["blue"][1] == comparison.replayed.value
    assert comparison_from_document(comparison_document(comparison)) == comparison


def test_a_bid_that_the_other_policy_bars_is_worth_nothing_by_it(market: Database) -> None:
    a_decided_round(market, CALM)
    comparison = replayed(market, a_policy(approvals=CLOSED_DOOR))
    assert comparison.bids == 1
    assert comparison.real_value_by_policy == 0


def test_a_round_from_files_decides_the_same_under_every_policy(market: Database) -> None:
    bring(market, described(a_scarce_problem()))
    run_it(market, solve=solve)
    assert replayed(market, a_policy(floor_percent=50, pricing="pay-as-bid")).is_same


def test_what_is_asked_for_twice_is_replayed_once_and_kept(market: Database) -> None:
    a_decided_round(market, a_policy())
    replayed(market, CALM)
    before = replays(market, CALM)
    ask(market, CALM)
    assert not replay_next(market, at(4), solve)
    assert [one.model_dump() for one in replays(market, CALM)] == [
        one.model_dump() for one in before
    ]
    for statement in ("UPDATE policy_replay SET result = '{}'", "DELETE FROM policy_replay"):
        with pytest.raises(IntegrityError):
            transact(market, lambda session, sql=statement: _execute(session, sql))


def _execute(session: Session, statement: str) -> None:
    session.execute(text(statement))


def test_a_replay_of_a_worker_that_stopped_is_done_by_the_next_one(market: Database) -> None:
    a_decided_round(market, a_policy())
    ask(market, CALM)
    with pytest.raises(KeyboardInterrupt):
        replay_next(market, at(3), _stopping)
    assert replays(market, CALM)[0].state == "solving"
    assert not replay_next(market, at(3), solve)
    assert replay_next(market, at(4), solve)
    assert replays(market, CALM)[0].state == "done"


def _stopping(problem: Problem, options: Options, report: Callable[[Progress], None]) -> Outcome:
    del problem, options
    report(Progress("baselines", 1, 2, 0.1))
    raise KeyboardInterrupt


def test_a_replay_that_failed_says_why_and_is_tried_again(market: Database) -> None:
    a_decided_round(market, a_policy())
    ask(market, CALM)
    with pytest.raises(NoOutcome):
        replay_next(market, at(3), _failing)
    assert (replays(market, CALM)[0].state, replays(market, CALM)[0].failure) == ("failed", "Why.")
    ask(market, CALM)
    assert replay_next(market, at(4), solve)


def _failing(problem: Problem, options: Options, report: Callable[[Progress], None]) -> Outcome:
    del problem, options, report
    raise NoOutcome("Why.")


def test_only_those_ask_who_may_and_only_about_what_is_published(market: Database) -> None:
    with pytest.raises(Refused):
        ask(market, CALM)
    with pytest.raises(NotAllowed):
        transact(market, lambda session: ask_replays(session, ANONYMOUS, CALM, NOON))


def test_every_replay_is_in_the_log_with_its_round_and_policy(market: Database) -> None:
    a_decided_round(market, a_policy())
    replayed(market, CALM)
    with reading(market) as session:
        kinds = session.scalars(
            text("SELECT kind FROM audit_event WHERE kind LIKE 'policy.replay%' ORDER BY sequence")
        )
        assert list(kinds) == ["policy.replay-asked", "policy.replay-done"]


def test_the_fairness_index_is_one_for_equals_and_a_share_for_one_of_many() -> None:
    credits_ = dict.fromkeys("abcd", 100)
    assert jain_millionths(dict.fromkeys("abcd", 7), credits_) == 1_000_000
    assert jain_millionths({"a": 9}, credits_) == 250_000
    assert jain_millionths({}, credits_) is None
    assert jain_millionths({"a": 10, "b": 30}, {"a": 100, "b": 300, "c": 0}) == 1_000_000


def test_the_baseline_solver_of_other_tests_is_compared_as_well(market: Database) -> None:
    bring(market, described(a_scarce_problem()))
    run_it(market, solve=better_baseline)
    assert replayed(market, CALM).replayed.value >= replayed(market, CALM).real.value


def test_the_replays_of_a_policy_share_a_budget_and_what_one_leaves_others_get(
    market: Database,
) -> None:
    for number in range(3):
        key = RoundKey(f"sprint-{number}")
        problem = dataclasses.replace(a_scarce_problem(), round_key=key)
        bring(market, described(problem))
        run_it(market, str(key))
    present = [NOON + dt.timedelta(hours=2)]
    limits: list[float] = []

    def slow(problem: Problem, options: Options, report: Callable[[Progress], None]) -> Outcome:
        limits.append(options.time_limit_seconds)
        is_first = len(limits) == 1
        present[0] += dt.timedelta(seconds=5 if is_first else options.time_limit_seconds)
        return better_baseline(problem, options, report)

    ask(market, CALM)
    while replay_next(market, lambda: present[0], slow):
        pass
    assert limits == [
        BUDGET_SECONDS / 3,
        pytest.approx((BUDGET_SECONDS - 5) / 2),
        pytest.approx((BUDGET_SECONDS - 5) / 2),
    ]


def test_the_worker_replays_what_is_asked_and_lives_on_where_one_fails(market: Database) -> None:
    a_decided_round(market, a_policy())
    ask(market, CALM)
    replay_what_is_asked(market, at(3), _failing, seconds=0.1)
    assert replays(market, CALM)[0].state == "failed"
    ask(market, CALM)
    replay_what_is_asked(market, at(4), solve, seconds=0.1)
    assert replays(market, CALM)[0].state == "done"


def test_the_command_replays_a_policy_from_a_file_and_tells_each_round(
    broker: Broker, migrated: Broker, environment: Mapping[str, str], tmp_path: Path
) -> None:
    db = connect(environment["BROKER_DATABASE_URL"])
    a_decided_round(db, a_policy())
    file = tmp_path / "calm.json"
    file.write_text(policy_text(CALM))
    said = json.loads(broker("policy", "replay", "--file", file, "--json").out)
    [one] = said["replays"]
    assert (one["round_key"], one["state"]) == ("sprint-1", "done")
    assert {winner["bid_key"] for winner in one["result"]["winners"]} == {"a", "b"}
    assert "the same outcome" in migrated("policy", "replay", "1").out
    assert broker("policy", "replay", "9").code == 2
    assert broker("policy", "replay", "1", "--file", file).code == 2
    db.dispose()


def test_a_replay_of_a_round_without_names_names_no_team(market: Database) -> None:
    a_decided_round(market, a_policy(disclosure=NO_TEAM_NAMES))
    assert replayed(market, CALM).winners
    with reading(market) as session:
        [replay] = replay_screen(session, ANONYMOUS, policy_sha256(CALM)).replays
    assert {bid.team for bid in replay.bids} == {NOT_NAMED}
    assert replay.shares == ()
