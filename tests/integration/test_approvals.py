"""Approvals: who may say yes, that time decides nothing, and what a close makes of it."""

from __future__ import annotations

import json

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col

from allocation.outcome import Reason
from broker.access import Action, may, service
from broker.approvals.decisions import Answer, DecideApproval, decide
from broker.approvals.matrices import DEFAULT, InvalidMatrix, matrix_text
from broker.approvals.versions import (
    activate_matrix,
    matrix_in_force,
    propose_matrix,
    refuse_matrix,
)
from broker.audit import ActorId
from broker.db import Database, reading, transact
from broker.errors import InvalidApproval, NotAllowed, NotFound, Refused
from broker.notices.tables import NoticeKind, NoticeRow
from broker.people.actors import actor_of_person
from broker.people.grants import Grant, approve_grant, propose_grant
from broker.policy.frozen import check_scores
from broker.rounds import close_round, find_round
from tests.approvals import (
    ELEVATED,
    HIGH,
    LOW,
    a_market,
    answer,
    ask,
    escalate,
    hours,
    put_in_force,
    state_of,
    steps_of,
    withdraw,
)
from tests.builders import FIRST_DAY
from tests.cast import (
    ADMIN,
    AUDITOR,
    LEAD,
    MEMBER,
    NEWCOMER,
    OPERATOR,
    OTHER_LEAD,
    OWNER,
    SECOND_ADMIN,
    actor,
)
from tests.intruders import past_the_log
from tests.markets import event_kinds, run_it
from tests.policies import a_policy
from tests.policy_markets import CLOSED_DOOR, adopt, bid, declines, do, score

NOBODY_APPROVED = [{**CLOSED_DOOR[0], "approved_teams": []}]


def told(db: Database, request_id: str) -> set[str]:
    """Return the keys of the people whom a request waits for on their list of notices."""
    with reading(db) as session:
        rows = session.execute(
            text(
                "SELECT person.key FROM notice JOIN person ON person.id = notice.person_id "
                "WHERE notice.path = :path AND notice.read_at IS NULL"
            ),
            {"path": f"/approvals/{request_id}"},
        )
        return {key for (key,) in rows}


# --- who decides ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("purpose", "credits_", "state", "steps"),
    [
        (LOW, 100, "approved", []),
        (LOW, 10_000, "waiting", ["pool-owner"]),
        (ELEVATED, 100, "waiting", ["pool-owner"]),
        (HIGH, 100, "waiting", ["review-board"]),
        (LOW, 50_000, "waiting", ["review-board"]),
    ],
)
def test_the_strictest_of_classification_risk_and_credits_says_who_decides(
    market: Database, purpose: str, credits_: int, state: str, steps: list[str]
) -> None:
    a_market(market)
    request = ask(market, purpose_key=purpose, most_credits=credits_)
    assert (state_of(market, request), steps_of(market, request)) == (state, steps)


def test_a_stricter_classification_asks_the_owner_whatever_the_purpose(market: Database) -> None:
    a_market(market)
    put_in_force(
        market, classifications=[{"classification": "internal", "decided_by": "pool-owner"}]
    )
    assert steps_of(market, ask(market, purpose_key=LOW)) == ["pool-owner"]


@pytest.mark.parametrize("said", Answer)
def test_the_pool_owner_answers_once_and_for_good(either_market: Database, said: Answer) -> None:
    a_market(either_market)
    request = ask(either_market)
    assert told(either_market, request) == {OWNER}
    answer(either_market, request, said=said)
    assert state_of(either_market, request) == said
    assert told(either_market, request) == {LEAD}
    with pytest.raises(Refused, match=f"is {said} already"):
        answer(either_market, request, said=Answer.REJECTED, at=2)
    assert event_kinds(either_market)[-2:] == ["approval.asked", f"approval.{said}"]


@pytest.mark.parametrize("by", [ADMIN, SECOND_ADMIN, LEAD, MEMBER, OTHER_LEAD, AUDITOR, NEWCOMER])
def test_before_it_goes_on_only_the_pool_owner_may_answer(market: Database, by: str) -> None:
    a_market(market)
    request = ask(market)
    with pytest.raises((NotAllowed, NotFound)):
        answer(market, request, by)
    assert state_of(market, request) == "waiting"


@pytest.mark.parametrize("by", [ADMIN, MEMBER, OTHER_LEAD, OWNER, AUDITOR])
def test_only_a_lead_of_the_team_asks_and_takes_back(market: Database, by: str) -> None:
    a_market(market)
    with pytest.raises(NotAllowed):
        ask(market, by)
    request = ask(market)
    with pytest.raises((NotAllowed, NotFound)):
        withdraw(market, request, by)
    withdraw(market, request)
    assert state_of(market, request) == "withdrawn"


def test_a_program_decides_nothing(market: Database) -> None:
    a_market(market)
    request = ask(market)
    program = service(ActorId("tick"))
    assert not may(program, Action.DECIDE_APPROVAL)
    wish = DecideApproval(request, Answer.APPROVED)
    with pytest.raises(NotAllowed):
        transact(market, lambda session: decide(session, program, wish, hours(1)))


def test_a_rejection_says_why(market: Database) -> None:
    a_market(market)
    request = ask(market)
    with pytest.raises(InvalidApproval, match="reason: is empty"):
        answer(market, request, said=Answer.REJECTED, reason=" ")


@pytest.mark.parametrize(
    ("finding", "wrong"),
    [
        ("purpose: is empty", {"purpose": " "}),
        ("purpose_key: is none", {"purpose_key": "whatever"}),
        ("pool: is none", {"pool_key": "nowhere"}),
        ("most_credits: 0 is out of range", {"most_credits": 0}),
        ("valid_until: is before", {"valid_until": FIRST_DAY.replace(year=2025)}),
        ("valid_until: is more than 366 days", {"valid_until": FIRST_DAY.replace(year=2031)}),
        ("valid_from: is no day", {"valid_from": FIRST_DAY.replace(year=1)}),
    ],
)
def test_a_request_that_makes_no_sense_is_refused_with_the_field(
    market: Database, finding: str, wrong: dict[str, object]
) -> None:
    a_market(market)
    with pytest.raises(InvalidApproval, match=finding):
        ask(market, **wrong)


def test_the_same_is_not_asked_twice_while_it_waits(market: Database) -> None:
    a_market(market)
    request = ask(market)
    with pytest.raises(Refused, match="waits for an answer"):
        ask(market)
    withdraw(market, request)
    assert ask(market) != request


# --- time decides nothing --------------------------------------------------------------------


def test_what_nobody_answers_goes_on_in_time_and_is_never_decided_by_itself(
    either_market: Database,
) -> None:
    a_market(either_market)
    put_in_force(either_market, board=[ADMIN])
    request = ask(either_market)
    assert escalate(either_market, 47.9) == ()
    assert told(either_market, request) == {OWNER}
    assert escalate(either_market, 48) == (request,)
    assert escalate(either_market, 48) == ()
    assert told(either_market, request) == {ADMIN}
    assert escalate(either_market, 48 + 71.9) == ()
    assert escalate(either_market, 48 + 72) == (request,)
    assert told(either_market, request) == {ADMIN, SECOND_ADMIN}
    assert escalate(either_market, 24 * 365 * 50) == ()
    assert steps_of(either_market, request) == ["pool-owner", "review-board", "all-admins"]
    assert state_of(either_market, request) == "waiting"
    assert event_kinds(either_market)[-2:] == ["approval.escalated"] * 2


@pytest.mark.parametrize(
    ("after", "by", "may_answer"),
    [(1, OWNER, True), (1, ADMIN, True), (1, SECOND_ADMIN, False), (2, SECOND_ADMIN, True)],
)
def test_who_was_asked_before_may_still_answer_and_who_comes_later_not_yet(
    market: Database, after: int, by: str, *, may_answer: bool
) -> None:
    a_market(market)
    put_in_force(market, board=[ADMIN])
    request = ask(market)
    for step in range(after):
        assert escalate(market, 100 * (step + 1)) == (request,)
    if may_answer:
        answer(market, request, by, at=300)
        assert state_of(market, request) == "approved"
    else:
        with pytest.raises(NotAllowed, match="does not wait for you"):
            answer(market, request, by, at=300)


def give(
    db: Database, key: str, role: str, team: str | None = None, pool: str | None = None
) -> None:
    def work(session: Session) -> None:
        proposed = propose_grant(session, OPERATOR, Grant(key, role, team, pool), hours(0))
        second = actor_of_person(session, SECOND_ADMIN)
        approve_grant(session, second, proposed.id, hours(0))

    transact(db, work)


def test_an_owner_of_the_own_team_is_passed_over_and_may_not_answer(market: Database) -> None:
    a_market(market)
    give(market, OWNER, "member", "red")
    request = ask(market)
    assert steps_of(market, request) == ["review-board"]
    with pytest.raises(NotAllowed):
        answer(market, request, OWNER)
    answer(market, request, ADMIN)


def test_an_admin_of_the_own_team_never_answers(market: Database) -> None:
    a_market(market)
    give(market, ADMIN, "member", "red")
    request = ask(market, purpose_key=HIGH)
    assert told(market, request) == {SECOND_ADMIN}
    with pytest.raises(NotAllowed):
        answer(market, request, ADMIN)


# --- what the database refuses by itself -------------------------------------------------------

DECIDED = "UPDATE approval_request SET state = {state}, decided_by = {by}, decided_at = asked_at"
PERSON = "(SELECT id FROM person WHERE key = '{key}')"
OWN = PERSON.format(key=OWNER)
FORBIDDEN = {
    "answering the own request": DECIDED.format(state="'approved'", by="asked_by"),
    "rejecting the own request": DECIDED.format(state="'rejected'", by="asked_by")
    + ", reason = 'no'",
    "answering the own team's request": DECIDED.format(
        state="'approved'", by=PERSON.format(key=MEMBER)
    ),
    "an answer of nobody": DECIDED.format(state="'approved'", by="NULL"),
    "an answer of a program": DECIDED.format(state="'approved'", by="'tick'"),
    "a rejection without a reason": DECIDED.format(state="'rejected'", by=OWN),
    "asking for more afterwards": "UPDATE approval_request SET most_credits = 1000000",
    "turning the lane into a rule": (
        "UPDATE approval_request SET lane = 'rule', state = 'approved', decided_at = asked_at"
    ),
    "deleting a request": "DELETE FROM approval_request",
    "changing a step": "UPDATE approval_step SET due_at = NULL",
    "leaving out a step": (
        "INSERT INTO approval_step SELECT request_id, 3, step, begun_at, due_at FROM approval_step"
    ),
    "a request that begins approved": (
        "INSERT INTO approval_request SELECT 'x', team_id, pool_id, 'other', purpose, most_credits,"
        " valid_from, valid_until, classification, lane, matrix_version, asked_by, asked_at, "
        "'approved', (SELECT id FROM person WHERE key = 'otto'), asked_at, '' FROM approval_request"
    ),
}


@pytest.mark.parametrize("deed", FORBIDDEN)
def test_the_database_refuses(either_market: Database, deed: str) -> None:
    a_market(either_market)
    request = ask(either_market)
    with pytest.raises(IntegrityError), Session(either_market.writer) as session, session.begin():
        session.execute(text(FORBIDDEN[deed]))
    assert state_of(either_market, request) == "waiting"


def test_the_database_takes_the_answer_of_somebody_from_elsewhere(either_market: Database) -> None:
    """The forbidden answers are wrong in one thing only."""
    a_market(either_market)
    request = ask(either_market)
    with past_the_log(either_market) as session:
        session.execute(text(DECIDED.format(state="'approved'", by=OWN)))
    assert state_of(either_market, request) == "approved"
    with pytest.raises(IntegrityError), Session(either_market.writer) as session, session.begin():
        session.execute(text("UPDATE approval_request SET state = 'rejected', reason = 'no'"))


# --- what a close makes of it ------------------------------------------------------------------


def closed(db: Database) -> str:
    """Close and decide the round with a bid of red; return what its decline says, if any."""
    bid(db, "b1")
    do(db, close_round, "sprint-1", hours=60)
    run_it(db)
    found = declines(db)
    with reading(db) as session:
        assert list(check_scores(session, find_round(session, "sprint-1"))) == []
    if not found:
        return ""
    assert found["b1"].reason == Reason.APPROVAL_MISSING
    return found["b1"].detail


@pytest.fixture
def guarded(either_market: Database) -> Database:
    adopt(either_market, a_policy(approvals=NOBODY_APPROVED))
    a_market(either_market)
    return either_market


def test_an_approval_that_was_given_by_the_close_lets_a_bid_in(guarded: Database) -> None:
    answer(guarded, ask(guarded))
    assert closed(guarded) == ""
    with reading(guarded) as session:
        assert session.execute(text("SELECT count(*) FROM round_approval")).scalar_one() == 1


def test_without_one_the_decline_says_that_nobody_asked(guarded: Database) -> None:
    assert "the team had no approval at the close. It had not asked for one." in closed(guarded)


def test_the_decline_says_from_whom_it_was_asked_and_since_when(guarded: Database) -> None:
    ask(guarded)
    escalate(guarded, 48)
    said = closed(guarded)
    assert (
        "It asked the pool owner on 2026-02-20; then the review board on 2026-02-22; "
        "nobody had answered."
    ) in said


def test_what_is_approved_after_the_close_changes_nothing(guarded: Database) -> None:
    request = ask(guarded)
    bid_id = bid(guarded, "late")
    do(guarded, close_round, "sprint-1", hours=1)
    answer(guarded, request, at=2)
    [bar] = score(guarded, bid_id, hours=3).bars
    assert "nobody had answered" in bar.detail


@pytest.mark.parametrize(
    ("wish", "said"),
    [
        ({"most_credits": 1}, "had none for so much at the close. Its approval is for bids of up"),
        ({"valid_from": FIRST_DAY.replace(day=FIRST_DAY.day + 1)}, "not for all of the sprint"),
    ],
)
def test_an_approval_for_less_does_not_count(
    guarded: Database, wish: dict[str, object], said: str
) -> None:
    answer(guarded, ask(guarded, **wish))
    assert said in closed(guarded)


def test_a_rejection_is_told_and_so_is_what_the_team_took_back(market: Database) -> None:
    adopt(market, a_policy(approvals=NOBODY_APPROVED))
    a_market(market)
    bid_id = bid(market, "b1")
    request = ask(market)
    answer(market, request, said=Answer.REJECTED)
    [bar] = score(market, bid_id, hours=2).bars
    assert "it was rejected on 2026-02-20" in bar.detail
    withdraw(market, ask(market, at=3), at=4)
    [bar] = score(market, bid_id, hours=5).bars
    assert "the team took it back on 2026-02-20" in bar.detail


def test_an_approval_is_of_one_team(guarded: Database) -> None:
    answer(guarded, ask(guarded, OTHER_LEAD, team="blue"))
    assert "It had not asked for one." in closed(guarded)


# --- decision rights in versions ---------------------------------------------------------------


def test_two_persons_put_decision_rights_in_force(either_market: Database) -> None:
    a_market(either_market)
    content = matrix_text(DEFAULT.model_copy(update={"unclassified": "review-board"}))
    one, two = actor(either_market, ADMIN), actor(either_market, SECOND_ADMIN)
    version = transact(
        either_market, lambda s: propose_matrix(s, one, content, "Stricter", hours(0))
    )
    with reading(either_market) as session:
        assert matrix_in_force(session).version == 0
    with pytest.raises(Refused, match="cannot put it in force"):
        transact(either_market, lambda s: activate_matrix(s, one, version, hours(1)))
    with pytest.raises(Refused, match="waits for a second person already"):
        transact(either_market, lambda s: propose_matrix(s, two, content, "Again", hours(1)))
    with pytest.raises(IntegrityError), Session(either_market.writer) as session, session.begin():
        session.execute(
            text(
                "UPDATE decision_matrix SET state = 'active', decided_by = author, "
                "decided_at = proposed_at"
            )
        )
    transact(either_market, lambda s: activate_matrix(s, two, version, hours(1)))
    with reading(either_market) as session:
        assert matrix_in_force(session).version == version == 1
    with pytest.raises(Refused, match="is active already"):
        transact(either_market, lambda s: refuse_matrix(s, two, version, hours(2)))


def test_a_request_keeps_the_decision_rights_by_which_it_was_asked(market: Database) -> None:
    a_market(market)
    request = ask(market)
    put_in_force(market, deadlines={"pool_owner_hours": 1, "review_board_hours": 1})
    assert escalate(market, 47) == ()
    assert escalate(market, 48) == (request,)


@pytest.mark.parametrize(
    ("change", "finding"),
    [
        ({"unclassified": "nobody"}, "unclassified: is 'nobody'"),
        ({"colour": 1}, "colour: is no key that belongs here"),
        ({"risks": {"low": "review-board", "elevated": "rule", "high": "rule"}}, "less strictly"),
        ({"board": ["max"]}, "'max' is no platform admin"),
        ({"deadlines": {"pool_owner_hours": 0, "review_board_hours": 1}}, "write 1 or more"),
    ],
)
def test_decision_rights_that_make_no_sense_are_refused(
    market: Database, change: dict[str, object], finding: str
) -> None:
    a_market(market)
    content = json.dumps(DEFAULT.model_dump(mode="json") | change)
    one = actor(market, ADMIN)
    with pytest.raises(InvalidMatrix, match=finding):
        transact(market, lambda s: propose_matrix(s, one, content, "Why", hours(0)))


@pytest.mark.parametrize("by", [LEAD, OWNER, AUDITOR])
def test_only_platform_admins_change_decision_rights(market: Database, by: str) -> None:
    a_market(market)
    who = actor(market, by)
    with pytest.raises(NotAllowed):
        transact(market, lambda s: propose_matrix(s, who, matrix_text(DEFAULT), "x", hours(0)))


@pytest.mark.parametrize("said", [Answer.APPROVED, Answer.REJECTED])
def test_whoever_asked_reads_how_it_was_answered(either_market: Database, said: Answer) -> None:
    a_market(either_market)
    request_id = ask(either_market)
    answer(either_market, request_id, said=said, reason="Too wide.")
    with reading(either_market) as session:
        told = select(NoticeRow).where(col(NoticeRow.kind) == NoticeKind.APPROVAL_DECIDED)
        [notice] = session.scalars(told)
    assert notice.person_id == actor(either_market, LEAD).person_id
    assert notice.path == f"/approvals/{request_id}"
    assert said in notice.sentence
