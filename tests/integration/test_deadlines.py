"""The deadline of an open round changes by two persons only, for everybody to see."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session

from broker.access import Actor, Role
from broker.audit import ActorId
from broker.db import Database, reading, transact, writing
from broker.deadlines import DeadlineWish, approve_deadline, propose_deadline, refuse_deadline
from broker.errors import InvalidDeadline, NotAllowed, NotFound, Refused, TooLate
from broker.rounds import Times, create_round, find_round, open_round, schedule_round
from broker.rounds_by_hand import close_by_hand
from tests.integration.test_rounds import a_wish, an_offer
from tests.markets import NOON, a_change, bring_bid, described, event_kinds, events

CLOSES_AT = NOON + dt.timedelta(hours=10)
LATER = NOON + dt.timedelta(hours=20)
WISH = DeadlineWish("sprint-1", LATER, "The data centre was closed.")


def an_admin(name: str) -> Actor:
    return Actor(ActorId(name), name, name, frozenset({Role.PLATFORM_ADMIN}))


ADA, BEN = an_admin("ada"), an_admin("ben")
CLEO = Actor(ActorId("cleo"), "cleo", "Cleo", frozenset({Role.FINANCE_AUDITOR}))


@pytest.fixture
def open_market(either_market: Database) -> Database:
    with writing(either_market) as session:
        create_round(session, described(an_offer()), a_change(), closes_at=CLOSES_AT)
        open_round(session, "sprint-1", a_change())
    return either_market


def do(db: Database, service: Callable[..., Any], *arguments: Any, hours: float = 1) -> Any:
    at = NOON + dt.timedelta(hours=hours)
    return transact(db, lambda session: service(session, *arguments, at))


def deadline_of(db: Database) -> dt.datetime | None:
    with reading(db) as session:
        return find_round(session, "sprint-1").closes_at


def test_a_deadline_moves_once_a_second_person_approves_it(open_market: Database) -> None:
    change_id = do(open_market, propose_deadline, ADA, WISH)
    assert deadline_of(open_market) == CLOSES_AT
    do(open_market, approve_deadline, BEN, "sprint-1", change_id, hours=2)
    assert deadline_of(open_market) == LATER
    transact(open_market, lambda s: bring_bid(s, a_wish(), a_change(19)))
    with pytest.raises(TooLate):
        transact(open_market, lambda s: bring_bid(s, a_wish(key="late"), a_change(20)))


def test_every_step_of_a_change_is_in_the_log_without_its_words(open_market: Database) -> None:
    change_id = do(open_market, propose_deadline, ADA, WISH)
    do(open_market, approve_deadline, BEN, "sprint-1", change_id)
    with reading(open_market) as session:
        told = [event for event in events(session) if "deadline" in event.kind]
    assert [(event.kind, event.actor) for event in told] == [
        ("round.deadline-proposed", "ada"),
        ("round.deadline-approved", "ben"),
    ]
    assert all("data centre" not in event.facts for event in told)


def test_nobody_approves_what_they_proposed(open_market: Database) -> None:
    change_id = do(open_market, propose_deadline, ADA, WISH)
    with pytest.raises(Refused, match="cannot approve it as well"):
        do(open_market, approve_deadline, ADA, "sprint-1", change_id)
    assert deadline_of(open_market) == CLOSES_AT


def test_only_platform_admins_change_a_deadline(open_market: Database) -> None:
    with pytest.raises(NotAllowed):
        do(open_market, propose_deadline, CLEO, WISH)
    change_id = do(open_market, propose_deadline, ADA, WISH)
    for decide in (approve_deadline, refuse_deadline):
        with pytest.raises(NotAllowed):
            do(open_market, decide, CLEO, "sprint-1", change_id)


@pytest.mark.parametrize("decider", [ADA, BEN])
def test_a_proposal_is_refused_or_taken_back_and_another_may_follow(
    open_market: Database, decider: Actor
) -> None:
    change_id = do(open_market, propose_deadline, ADA, WISH)
    with pytest.raises(Refused, match="waits already"):
        do(open_market, propose_deadline, BEN, WISH)
    do(open_market, refuse_deadline, decider, "sprint-1", change_id)
    assert deadline_of(open_market) == CLOSES_AT
    with pytest.raises(Refused, match="was refused already"):
        do(open_market, approve_deadline, BEN, "sprint-1", change_id)
    do(open_market, propose_deadline, BEN, WISH)


@pytest.mark.parametrize(
    ("closes_at", "reason", "finding"),
    [
        (NOON, "Why not.", "closes at: 2026-02-20 12:00 UTC has passed"),
        (CLOSES_AT, "Why not.", "is when it closes anyway"),
        (LATER, "  ", "reason: say why"),
        (LATER, "a\nb", "reason: holds a control character"),
    ],
)
def test_a_deadline_that_means_nothing_is_refused_with_a_finding(
    open_market: Database, closes_at: dt.datetime, reason: str, finding: str
) -> None:
    with pytest.raises(InvalidDeadline) as caught:
        do(open_market, propose_deadline, ADA, DeadlineWish("sprint-1", closes_at, reason))
    assert finding in " ".join(caught.value.findings)


def test_a_deadline_that_has_passed_is_never_moved(open_market: Database) -> None:
    change_id = do(open_market, propose_deadline, ADA, WISH)
    with pytest.raises(Refused, match="closed for bids at"):
        do(open_market, approve_deadline, BEN, "sprint-1", change_id, hours=10)
    with pytest.raises(Refused, match="closed for bids at"):
        do(open_market, propose_deadline, ADA, WISH, hours=10)


def test_a_proposal_that_came_due_before_it_was_approved_is_not_approved(
    open_market: Database,
) -> None:
    soon = DeadlineWish("sprint-1", NOON + dt.timedelta(hours=2), "Sooner.")
    change_id = do(open_market, propose_deadline, ADA, soon)
    with pytest.raises(Refused, match="has passed"):
        do(open_market, approve_deadline, BEN, "sprint-1", change_id, hours=3)


def test_a_proposal_of_another_round_is_not_found(open_market: Database) -> None:
    do(open_market, propose_deadline, ADA, WISH)
    with pytest.raises(NotFound):
        do(open_market, approve_deadline, BEN, "sprint-1", "of-nothing")


def test_before_the_announced_time_no_person_closes_a_round_alone(open_market: Database) -> None:
    with pytest.raises(Refused, match="nobody ends that alone"):
        do(open_market, close_by_hand, ADA, "sprint-1")
    assert do(open_market, close_by_hand, ADA, "sprint-1", hours=10)
    assert not do(open_market, close_by_hand, ADA, "sprint-1", hours=11)


def test_a_scheduled_round_is_scheduled_anew_by_one_person(either_market: Database) -> None:
    with writing(either_market) as session:
        create_round(session, described(an_offer()), a_change(), closes_at=CLOSES_AT)
        schedule_round(session, "sprint-1", Times(None, LATER), a_change())
    assert deadline_of(either_market) == LATER
    with pytest.raises(Refused, match="only an open round has a deadline"):
        do(either_market, propose_deadline, ADA, WISH)
    assert "round.rescheduled" in event_kinds(either_market)


# --- what the database refuses by itself --------------------------------------------------------


ALONE = (
    "UPDATE round SET closes_at = opens_at",
    "UPDATE deadline_change SET state = 'approved', decided_by = 'ada', decided_at = proposed_at",
    "UPDATE deadline_change SET closes_at = closes_at_before, closes_at_before = NULL",
    "DELETE FROM deadline_change",
)


@pytest.mark.parametrize("deed", ALONE)
def test_the_database_lets_nobody_change_a_deadline_alone(open_market: Database, deed: str) -> None:
    do(open_market, propose_deadline, ADA, WISH)
    with pytest.raises(IntegrityError), writing(open_market) as session:
        session.execute(text(deed))


def test_an_approval_is_used_once(open_market: Database) -> None:
    change_id = do(open_market, propose_deadline, ADA, WISH)
    do(open_market, approve_deadline, BEN, "sprint-1", change_id)
    with pytest.raises(IntegrityError, match="two persons"), writing(open_market) as session:
        put_deadline(session, CLOSES_AT)
    back = DeadlineWish("sprint-1", CLOSES_AT, "Back again.")
    change_id = do(open_market, propose_deadline, BEN, back, hours=2)
    do(open_market, approve_deadline, ADA, "sprint-1", change_id, hours=3)
    with pytest.raises(IntegrityError, match="two persons"), writing(open_market) as session:
        put_deadline(session, LATER)


def put_deadline(session: Session, closes_at: dt.datetime) -> None:
    find_round(session, "sprint-1").closes_at = closes_at
    session.flush()
