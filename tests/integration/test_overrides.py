"""Overrides from proposal to revision: two persons, a price from two judged outcomes, and money.

On both databases: what is published once stays, what is paid is taken back and paid anew.
"""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from sqlalchemy import delete, select, update
from sqlalchemy.exc import IntegrityError
from sqlmodel import col

from allocation.errors import BrokenOutcome, NoOutcome
from allocation.judge import check_outcome
from allocation.options import Options, Progress
from allocation.outcome import Outcome, Override, Reason
from allocation.problem import Problem
from allocation.wire import report_from_document
from broker.access import Actor, Role
from broker.audit import ActorId
from broker.counterfactuals.answers import decided_run
from broker.db import Database, reading, transact, writing
from broker.errors import InvalidOverride, NotAllowed, NotFound, Refused
from broker.ledger.holds import Refund, refund_award
from broker.ledger.invariants import ledger_violations, read_ledger
from broker.ledger.journals import Journal, Transfer, account_id, post_journal
from broker.ledger.tables import AccountKind, JournalKind, JournalRow
from broker.overrides.proposals import refuse_override, solve_again
from broker.overrides.tables import OverrideRow
from broker.rounds import find_round, finish_round
from broker.run_outcomes import kept_outcome
from broker.snapshots import frozen_problem
from broker.solving import solve_override
from broker.states import RunState
from broker.tables import BidRow, DeclineRow, RunRow, TeamRow
from tests.ledgers import balances_of, give
from tests.markets import a_change, at, event_kinds
from tests.overrides import (
    ADA,
    KEY,
    LINUS,
    a_pin,
    a_published_contest,
    an_exclusion,
    approve,
    awards,
    engine,
    of_team,
    override,
    propose,
    runs_of,
    stored,
    work,
)


@pytest.fixture
def published(either_market: Database) -> Database:
    a_published_contest(either_market)
    return either_market


def violations(db: Database) -> list[str]:
    with reading(db) as session:
        return [str(violation) for violation in ledger_violations(read_ledger(session))]


# --- what an override does ---------------------------------------------------------------------


def test_an_override_publishes_the_next_revision_and_the_first_stays(published: Database) -> None:
    before = awards(published, 1)
    assert set(before) == {"r1", "r2"}
    override_id = override(published)
    assert set(awards(published, 2)) == {"b1", "r2"}
    assert awards(published, 1) == before
    assert stored(published, override_id).state == "approved"
    with reading(published) as session:
        assert [(run.revision, run.state) for run in runs_of(session)] == [
            (1, "published"),
            (2, "published"),
        ]
        second = runs_of(session)[1]
        lost = session.execute(
            select(col(BidRow.key), col(DeclineRow.reason))
            .join(DeclineRow, col(DeclineRow.bid_id) == col(BidRow.id))
            .where(col(DeclineRow.run_id) == second.id)
        ).all()
    assert [tuple(row) for row in lost] == [("r1", Reason.OVERRIDE)]


def test_the_price_is_the_value_before_less_the_value_after_of_two_judged_outcomes(
    published: Database,
) -> None:
    override(published)
    with reading(published) as session:
        row = find_round(session, KEY)
        first, second = (decided_run(session, row, run) for run in runs_of(session))
        problem = frozen_problem(session, row)
    assert check_outcome(problem, first.outcome) == ()
    assert check_outcome(problem, second.outcome) == ()
    told = second.outcome.report.override
    assert told is not None
    values = [sum(award.value_score for award in one.outcome.awards) for one in (first, second)]
    assert told.before_value - second.outcome.report.value == values[0] - values[1] == 200


def test_money_is_taken_back_and_paid_anew_and_the_ledger_stays_whole(published: Database) -> None:
    paid = awards(published, 1)
    assert balances_of(published)["red"].spent_credits == paid["r1"] + paid["r2"]
    with reading(published) as session:
        posted = [row.number for row in session.scalars(select(JournalRow))]
    override(published)
    after = awards(published, 2)
    balances = balances_of(published)
    assert balances["red"].spent_credits == after["r2"]
    assert balances["blue"].spent_credits == after["b1"]
    assert {one.held_credits for one in balances.values()} == {0}
    assert violations(published) == []
    with reading(published) as session:
        rows = list(session.scalars(select(JournalRow).order_by(col(JournalRow.number))))
    assert [row.number for row in rows][: len(posted)] == sorted(posted)
    new = [row for row in rows if row.number not in posted]
    assert [row.kind for row in new] == ["correction", "hold", "settlement", "release"]
    assert (new[0].actor, new[0].approver) == (ADA.id, LINUS.id)


def test_every_step_leaves_exactly_one_event(published: Database) -> None:
    before = len(event_kinds(published))
    override(published)
    assert event_kinds(published)[before:] == [
        "override.proposed",
        "run.solving",
        "run.checked",
        "ledger.correction",
        "ledger.hold",
        "ledger.settlement",
        "ledger.release",
        "run.published",
        "override.approved",
    ]


def test_an_excluded_bid_stays_out_when_a_later_override_makes_room(published: Database) -> None:
    override(published, an_exclusion("r1"))
    assert set(awards(published, 2)) == {"b1", "r2"}
    override(published, an_exclusion("b1"), hours=6)
    assert set(awards(published, 3)) == {"r2"}
    assert violations(published) == []
    with reading(published) as session:
        assert [run.revision for run in runs_of(session)] == [1, 2, 3]


def test_a_team_that_spent_its_credits_elsewhere_is_not_made_to_pay(published: Database) -> None:
    """What is pinned must be payable from what a team has left; what it cannot pay is refused."""
    give(published, "blue", 1, key="one-more")
    spend(published, "blue")
    propose(published)
    with pytest.raises(NoOutcome, match="does not fit"):
        work(published, solve=in_a_child)


def in_a_child(
    problem: Problem,
    before: Outcome,
    override_: Override,
    options: Options,
    report: Callable[[Progress], None],
) -> Outcome:
    return solve_override(problem, before, override_, options, report)


def spend(db: Database, team: str) -> None:
    """Hold everything that a team has available for something else."""
    amount = balances_of(db)[team].available_credits
    with writing(db) as session:
        row = find_round(session, KEY)
        team_id = session.scalars(select(col(TeamRow.id)).where(col(TeamRow.key) == team)).one()
        available, held = AccountKind.AVAILABLE, AccountKind.HELD
        moved = (Transfer(account_id(available, team_id), account_id(held, team_id), amount),)
        journal = Journal(JournalKind.HOLD, "hold/elsewhere", moved, round_id=row.id)
        post_journal(session, journal, a_change(1.5))


# --- what is refused ---------------------------------------------------------------------------


def test_who_proposed_it_cannot_approve_it_and_the_database_agrees(published: Database) -> None:
    override_id = propose(published)
    work(published)
    with pytest.raises(Refused, match="cannot approve it as well"):
        approve(published, override_id, ADA)
    alone = {"state": "approved", "decided_by": ADA.id, "decided_at": at(4)()}
    with pytest.raises(IntegrityError, match="approver_is_another"), writing(published) as session:
        session.execute(update(OverrideRow).values(**alone))
    with pytest.raises(IntegrityError, match="two persons publish"), writing(published) as session:
        session.execute(update(RunRow).where(col(RunRow.revision) == 2).values(state="published"))
    assert awards(published, 2) == {}


def test_nobody_of_the_bids_own_team_approves_it(published: Database) -> None:
    override_id = propose(published)
    work(published)
    with pytest.raises(NotAllowed):
        approve(published, override_id, of_team(published, "blue"))
    approve(published, override_id, of_team(published, "red"))


def test_only_platform_admins_propose(published: Database) -> None:
    auditor = Actor(ActorId("cleo"), "cleo", "Cleo", frozenset({Role.FINANCE_AUDITOR}))
    with pytest.raises(NotAllowed):
        propose(published, actor=auditor)


@pytest.mark.parametrize(
    ("wish", "sentence"),
    [
        (a_pin("b1", lots=2), "not 1 to 1"),
        (a_pin("b1", alternative=7), "no alternative 7"),
        (a_pin("b1", lots=None), "say which alternative"),
        (a_pin("r1"), "is awarded exactly this"),
        (a_pin("no-bid"), "no bid no-bid"),
        (an_exclusion("b1"), "has no award"),
    ],
)
def test_what_cannot_stand_is_refused_with_a_sentence(
    published: Database, wish: object, sentence: str
) -> None:
    with pytest.raises(InvalidOverride, match=sentence):
        propose(published, wish)  # type: ignore[arg-type]  # one of the two wishes


def test_pins_that_do_not_fit_together_are_refused(published: Database) -> None:
    override(published)
    with pytest.raises(InvalidOverride, match="take 16 units of gpu"):
        propose(published, a_pin("r1"), hours=6)


def test_one_override_waits_at_a_time_and_none_before_it_is_solved(published: Database) -> None:
    override_id = propose(published)
    with pytest.raises(Refused, match="waits already"):
        propose(published, an_exclusion())
    with pytest.raises(Refused, match="is not solved yet"):
        approve(published, override_id)
    transact(published, lambda s: refuse_override(s, ADA, override_id, at(3)()))
    assert work(published) is None
    assert propose(published, an_exclusion())
    with pytest.raises(NotFound):
        approve(published, "none")


def test_a_refused_override_changes_nothing(published: Database) -> None:
    override_id = propose(published)
    work(published)
    transact(published, lambda s: refuse_override(s, LINUS, override_id, at(4)()))
    with pytest.raises(Refused, match="was refused already"):
        approve(published, override_id)
    assert awards(published, 2) == {}
    with reading(published) as session:
        assert [run.state for run in runs_of(session)] == ["published", "stale"]


def test_a_round_whose_awards_had_consequences_is_not_overridden(published: Database) -> None:
    override_id = propose(published)
    work(published)
    with reading(published) as session:
        run = runs_of(session)[0]
        bid = session.scalars(select(BidRow).where(col(BidRow.key) == "r1")).one()
    refund = Refund("broken", run.id, bid.id, 1, "A node broke.")
    transact(published, lambda session: refund_award(session, refund, a_change(3.5)))
    with pytest.raises(Refused, match="refunded or corrected"):
        approve(published, override_id)
    assert violations(published) == []
    transact(published, lambda session: finish_round(session, KEY, a_change(5)))
    with pytest.raises(Refused, match="is finished; only a published round"):
        approve(published, override_id, hours=6)


def test_what_was_proposed_and_decided_stays(published: Database) -> None:
    override(published)
    for statement in (update(OverrideRow).values(reason="Because."), delete(OverrideRow)):
        with pytest.raises(IntegrityError), writing(published) as session:
            session.execute(statement)


# --- several hosts, and what fails -------------------------------------------------------------


def test_what_fails_says_so_and_is_solved_again_on_request(published: Database) -> None:
    def broken(
        problem: Problem,
        before: Outcome,
        override_: Override,
        options: Options,
        report: Callable[[Progress], None],
    ) -> Outcome:
        del problem, override_, options, report
        return before

    override_id = propose(published)
    with pytest.raises(BrokenOutcome):
        work(published, solve=broken)
    with reading(published) as session:
        assert "failed its check" in (runs_of(session)[1].failure or "")
    assert work(published) is None
    transact(published, lambda s: solve_again(s, ADA, override_id, at(4)()))
    assert work(published, 5)
    approve(published, override_id, hours=6)
    assert set(awards(published, 2)) == {"b1", "r2"}


def test_a_worker_that_sleeps_past_its_lease_leaves_the_override_to_the_next(
    published: Database,
) -> None:
    def sleeps(
        problem: Problem,
        before: Outcome,
        override_: Override,
        options: Options,
        report: Callable[[Progress], None],
    ) -> Outcome:
        assert work(published, 3.5)
        return engine(problem, before, override_, options, report)

    override_id = propose(published)
    with pytest.raises(Refused, match="taken over meanwhile"):
        work(published, 3, solve=sleeps)
    with reading(published) as session:
        states = [run.state for run in runs_of(session)]
        kept = kept_outcome(session, stored(published, override_id).run_id or "")
    assert sorted(states) == ["checked", "failed", "published"]
    assert kept is not None
    approve(published, override_id)
    assert set(awards(published, 2)) == {"b1", "r2"}


def test_a_round_that_changed_since_it_was_solved_is_not_overwritten(published: Database) -> None:
    override_id = propose(published)
    work(published)
    with writing(published) as session:
        row = find_round(session, KEY)
        row.fence += 1
    with pytest.raises(Refused, match="has changed since"):
        approve(published, override_id)
    assert awards(published, 2) == {}


def test_the_report_of_a_revision_says_what_was_overridden(published: Database) -> None:
    override(published)
    with reading(published) as session:
        first, second = runs_of(session)
        told = report_from_document(json.loads(second.report or "{}")).override
    assert told is not None
    assert told.before_sha256 == first.outcome_sha256
    assert (told.kept, told.changed, told.is_fewest, told.is_best) == (1, 1, True, True)
    assert second.state == RunState.PUBLISHED
