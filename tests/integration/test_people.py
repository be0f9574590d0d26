"""People through the services, on both databases: two persons for a role, and no free guesses."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col

from broker.access import Role, TeamRole
from broker.audit import ActorId, Change
from broker.db import Database, reading, transact
from broker.errors import (
    BrokerError,
    InvalidPerson,
    NotAllowed,
    NotFound,
    Refused,
    TooManyAttempts,
    WrongSignIn,
)
from broker.people import attempts
from broker.people.actors import actor_of_person, actor_of_secret
from broker.people.grants import Grant, approve_grant, end_grant, find_grant, propose_grant
from broker.people.passwords import findings_in_password, hash_password, is_password
from broker.people.persons import (
    NewPerson,
    add_person,
    disable_person,
    enable_person,
    find_person,
    set_password,
)
from broker.people.sessions import (
    ABSOLUTE,
    IDLE,
    KEPT,
    begin_session,
    end_other_sessions,
    forget_sessions,
    hashed,
    see_session,
    sessions_of,
)
from broker.people.sign_in import Attempt, change_password, sign_in
from broker.people.tables import PersonSessionRow, RoleGrantRow
from tests.builders import a_problem, a_team
from tests.cast import (
    ADMIN,
    AUDITOR,
    LEAD,
    MEMBER,
    NEWCOMER,
    OPERATOR,
    OWNER,
    PASSWORD,
    SECOND_ADMIN,
    Places,
    actor,
    bring_people,
)
from tests.markets import ADA, NOON, bring, described, event_kinds, events

LATER = NOON + dt.timedelta(hours=1)
WRONG = "not that one at all"


@pytest.fixture
def people(market: Database) -> Database:
    """Return a market with the cast, nobody of whom has a password."""
    return peopled(market)


@pytest.fixture
def either(either_market: Database) -> Database:
    """Return the same on each database."""
    return peopled(either_market)


def peopled(db: Database) -> Database:
    problem = a_problem(teams=[a_team("red"), a_team("team-0")])
    bring(db, described(problem), is_open=True)
    bring_people(db, Places())
    return db


def do(db: Database, work: Callable[..., Any], *arguments: Any) -> Any:
    return transact(db, lambda session: work(session, *arguments))


def give_password(db: Database, key: str) -> None:
    do(db, set_password, OPERATOR, key, PASSWORD, NOON)


def try_to_sign_in(
    db: Database, key: str, password: str, at: dt.datetime = NOON, address: str = "192.0.2.1"
) -> type[BrokerError] | None:
    """Return what signing in was refused with, or nothing."""
    try:
        sign_in(db, Attempt(key, password, address), str(uuid4()), at)
    except BrokerError as error:
        return type(error)
    return None


# --- roles ---------------------------------------------------------------------------------


def test_everybody_has_the_roles_that_two_persons_gave(people: Database) -> None:
    assert actor(people, ADMIN).roles == {Role.PLATFORM_ADMIN}
    assert actor(people, AUDITOR).roles == {Role.FINANCE_AUDITOR}
    assert list(actor(people, LEAD).teams.values()) == [TeamRole.TEAM_LEAD]
    assert list(actor(people, MEMBER).teams.values()) == [TeamRole.MEMBER]
    assert len(actor(people, OWNER).pools) == 1
    nobody = actor(people, NEWCOMER)
    assert (nobody.roles, nobody.teams, nobody.pools) == (frozenset(), {}, frozenset())


def test_a_role_acts_only_once_a_second_person_approved_it(either: Database) -> None:
    wish = Grant(NEWCOMER, "finance-auditor")
    granted = do(either, propose_grant, actor(either, ADMIN), wish, NOON)
    assert not granted.is_in_force
    assert actor(either, NEWCOMER).roles == frozenset()
    assert do(either, approve_grant, actor(either, SECOND_ADMIN), granted.id, NOON)
    assert actor(either, NEWCOMER).roles == {Role.FINANCE_AUDITOR}
    assert not do(either, approve_grant, actor(either, SECOND_ADMIN), granted.id, NOON)
    assert event_kinds(either)[-2:] == ["role.proposed", "role.approved"]


def test_who_proposed_a_role_who_gets_it_and_programs_cannot_approve_it(people: Database) -> None:
    by_admin = do(
        people, propose_grant, actor(people, ADMIN), Grant(NEWCOMER, "finance-auditor"), NOON
    )
    for_admin = do(people, propose_grant, OPERATOR, Grant(ADMIN, "finance-auditor"), NOON)
    for granted, approver in (
        (by_admin, actor(people, ADMIN)),
        (for_admin, actor(people, ADMIN)),
        (by_admin, OPERATOR),
        (by_admin, actor(people, AUDITOR)),
        (by_admin, actor(people, LEAD)),
    ):
        with pytest.raises(NotAllowed):
            do(people, approve_grant, approver, granted.id, NOON)


ONE_PERSONS_DOING = (
    "SET approved_by = proposed_by",
    "SET approved_by = person_id",
    "SET approved_by = NULL",
    "SET approved_at = NULL",
    "SET role = 'emperor'",
    "SET role = 'member', team_id = NULL, pool_id = NULL",
    "SET role = 'pool-owner', team_id = NULL, pool_id = NULL",
    "SET basis = 'first-admin'",
    "SET ended_by = 'ada'",
)


def test_the_database_refuses_a_role_that_one_person_gave(either: Database) -> None:
    for change in ONE_PERSONS_DOING:
        with pytest.raises(IntegrityError), either.writer.begin() as connection:
            connection.execute(text(f"UPDATE role_grant {change} WHERE role = 'team-lead'"))  # ours


def test_only_the_first_platform_admin_ever_needs_nobody(people: Database) -> None:
    with reading(people) as session:
        firsts = session.scalars(
            select(RoleGrantRow).where(col(RoleGrantRow.basis) == "first-admin")
        ).all()
    assert len(firsts) == 1
    granted = do(people, propose_grant, OPERATOR, Grant(NEWCOMER, "platform-admin"), NOON)
    assert not granted.is_in_force


def test_a_role_that_is_there_is_not_granted_twice(people: Database) -> None:
    again = do(people, propose_grant, OPERATOR, Grant(LEAD, "team-lead", "red"), NOON)
    assert (again.is_in_force, again.is_new) == (True, False)


def test_a_role_names_its_team_or_pool_and_no_other_thing(people: Database) -> None:
    for wish in (
        Grant(LEAD, "member"),
        Grant(LEAD, "pool-owner"),
        Grant(LEAD, "platform-admin", "red"),
        Grant(LEAD, "service"),
        Grant(LEAD, "team-lead", "red", "gpu"),
    ):
        with pytest.raises(InvalidPerson):
            do(people, propose_grant, OPERATOR, wish, NOON)
    with pytest.raises(NotFound, match="There is no team green"):
        do(people, propose_grant, OPERATOR, Grant(LEAD, "member", "green"), NOON)


def test_the_last_platform_admin_stays(people: Database) -> None:
    do(people, disable_person, OPERATOR, SECOND_ADMIN, NOON)
    with pytest.raises(Refused, match="ada is the last platform admin"):
        do(people, disable_person, OPERATOR, ADMIN, NOON)
    with reading(people) as session:
        last = find_grant(session, Grant(ADMIN, "platform-admin"))
    with pytest.raises(Refused, match="last platform admin"):
        do(people, end_grant, OPERATOR, last.id, NOON)
    assert actor(people, ADMIN).roles == {Role.PLATFORM_ADMIN}


def test_somebody_who_is_enabled_again_has_no_role_left(either: Database) -> None:
    assert do(either, disable_person, OPERATOR, LEAD, NOON)
    assert not do(either, disable_person, OPERATOR, LEAD, NOON)
    with pytest.raises(NotFound):
        actor(either, LEAD)
    with pytest.raises(Refused, match="disabled"):
        do(either, propose_grant, OPERATOR, Grant(LEAD, "member", "red"), NOON)
    assert do(either, enable_person, OPERATOR, LEAD, LATER)
    assert actor(either, LEAD).teams == {}


def test_who_leads_a_team_is_not_only_a_member_of_it(people: Database) -> None:
    granted = do(people, propose_grant, OPERATOR, Grant(LEAD, "member", "red"), NOON)
    do(people, approve_grant, actor(people, ADMIN), granted.id, NOON)
    assert list(actor(people, LEAD).teams.values()) == [TeamRole.TEAM_LEAD]


def test_the_log_knows_no_name_no_address_and_no_key_of_anybody(people: Database) -> None:
    give_password(people, LEAD)
    with reading(people) as session:
        said = " ".join(f"{event.actor} {event.subject} {event.facts}" for event in events(session))
        hashed = find_person(session, LEAD).password_hash or ""
    for personal in ("Lea", "Lead", "example.org", f'"{LEAD}"', f":{LEAD}", PASSWORD, hashed):
        assert personal not in said


def test_a_person_is_added_once_and_never_renamed_in_passing(people: Database) -> None:
    same = NewPerson(LEAD, "Lea Lead", f"{LEAD}@example.org")
    assert not do(people, add_person, OPERATOR, same, NOON)
    with pytest.raises(Refused, match="another name"):
        do(people, add_person, OPERATOR, NewPerson(LEAD, "Leopold"), NOON)
    for wish in (NewPerson("x y", "X"), NewPerson("x", " "), NewPerson("x", "X", "no address")):
        with pytest.raises(InvalidPerson):
            do(people, add_person, OPERATOR, wish, NOON)


# --- sessions ------------------------------------------------------------------------------


def begin(db: Database, key: str, secret: str, at: dt.datetime = NOON) -> str:
    def work(session: Session) -> str:
        return begin_session(session, find_person(session, key), secret, "Browser\n<b>", at)

    return transact(db, work)


def behind(db: Database, secret: str, at: dt.datetime = NOON) -> str | None:
    with reading(db) as session:
        found = actor_of_secret(session, secret, at)
        return found.person_key if found else None


def test_a_session_is_found_by_its_secret_only_and_the_secret_is_not_stored(
    people: Database,
) -> None:
    session_id = begin(people, LEAD, "a secret")
    assert behind(people, "a secret") == LEAD
    assert behind(people, session_id) is None
    with reading(people) as session:
        row = session.scalars(select(PersonSessionRow)).one()
    assert behind(people, row.secret_sha256) is None
    assert "a secret" not in str(row)
    assert row.browser == "Browser<b>"


def test_a_session_ends_when_it_was_idle_and_after_a_day_of_use(people: Database) -> None:
    tick, session_id = dt.timedelta(microseconds=1), begin(people, LEAD, "s")
    assert behind(people, "s", NOON + IDLE - tick) == LEAD
    assert behind(people, "s", NOON + IDLE) is None
    seen = NOON
    while seen + IDLE / 2 < NOON + ABSOLUTE:
        seen += IDLE / 2
        do(people, see_session, session_id, seen)
    assert behind(people, "s", NOON + ABSOLUTE - tick) == LEAD
    assert behind(people, "s", NOON + ABSOLUTE) is None


@pytest.mark.parametrize("what", ["role ends", "disabled", "password"])
def test_sessions_end_at_once_when_a_role_goes_or_a_person(people: Database, what: str) -> None:
    begin(people, LEAD, "s")
    begin(people, MEMBER, "of another")
    if what == "role ends":
        with reading(people) as session:
            row = find_grant(session, Grant(LEAD, "team-lead", "red"))
        do(people, end_grant, actor(people, ADMIN), row.id, NOON)
    elif what == "disabled":
        do(people, disable_person, actor(people, ADMIN), LEAD, NOON)
    else:
        give_password(people, LEAD)
    assert behind(people, "s") is None
    assert behind(people, "of another") == MEMBER


def test_a_new_role_acts_within_the_session_that_is_there(people: Database) -> None:
    begin(people, NEWCOMER, "s")
    granted = do(people, propose_grant, OPERATOR, Grant(NEWCOMER, "team-lead", "red"), NOON)
    do(people, approve_grant, actor(people, ADMIN), granted.id, NOON)
    with reading(people) as session:
        found = actor_of_secret(session, "s", NOON)
    assert found is not None
    assert list(found.actor.teams.values()) == [TeamRole.TEAM_LEAD]


def test_sessions_that_are_over_for_long_are_forgotten_but_the_last_of_each_person(
    either: Database,
) -> None:
    long_over = NOON + ABSOLUTE + KEPT
    begin(either, LEAD, "first")
    begin(either, LEAD, "second", NOON + dt.timedelta(hours=1))
    begin(either, MEMBER, "only")
    begin(either, ADMIN, "old")
    begin(either, ADMIN, "in use", long_over)

    def forget(at: dt.datetime) -> int:
        return transact(either, lambda session: forget_sessions(session, Change(ADA, at)))

    assert forget(long_over - dt.timedelta(seconds=1)) == 0
    assert forget(long_over) == 2
    assert forget(long_over) == 0
    assert event_kinds(either).count("session.forgotten") == 1
    with reading(either) as session:
        left = session.scalars(select(col(PersonSessionRow.secret_sha256))).all()
    assert sorted(left) == sorted(hashed(secret) for secret in ("second", "only", "in use"))
    assert behind(either, "in use", long_over) == ADMIN


def test_signing_out_elsewhere_leaves_this_session_and_those_of_others(
    either: Database,
) -> None:
    here = begin(either, LEAD, "here")
    begin(either, LEAD, "there")
    begin(either, MEMBER, "of another")
    person_id = actor(either, LEAD).id
    assert do(either, end_other_sessions, person_id, here, LATER) == 1
    with reading(either) as session:
        assert [one.id for one in sessions_of(session, person_id, LATER)] == [here]
    assert behind(either, "of another") == MEMBER


# --- signing in ----------------------------------------------------------------------------


def test_a_name_and_its_password_begin_a_session(either: Database) -> None:
    give_password(either, LEAD)
    person_id = sign_in(either, Attempt(LEAD, PASSWORD, "192.0.2.1"), "s", NOON)
    assert person_id == actor(either, LEAD).id
    assert behind(either, "s") == LEAD
    assert event_kinds(either)[-1] == "session.began"


def test_whatever_is_wrong_is_refused_in_the_same_words(people: Database) -> None:
    give_password(people, LEAD)
    give_password(people, OWNER)
    do(people, disable_person, OPERATOR, OWNER, NOON)
    said = set()
    for key in (LEAD, OWNER, NEWCOMER, "nobody", "", "\x00\ud800", "x" * 5000):
        password = PASSWORD if key == OWNER else WRONG
        with pytest.raises(WrongSignIn) as refused:
            sign_in(people, Attempt(key, password, "192.0.2.1"), "s", NOON)
        said.add(str(refused.value))
    assert len(said) == 1


def test_a_name_that_nobody_has_waits_as_long_as_one_that_somebody_has(people: Database) -> None:
    give_password(people, LEAD)
    refusals = {
        key: [try_to_sign_in(people, key, WRONG, NOON, address=f"192.0.2.{n}") for n in range(1, 8)]
        for key in (LEAD, "nobody")
    }
    assert refusals[LEAD] == refusals["nobody"] == [WrongSignIn] * 5 + [TooManyAttempts] * 2


def test_every_further_failure_doubles_the_wait_up_to_a_quarter_of_an_hour(
    people: Database,
) -> None:
    give_password(people, LEAD)
    at, waits = NOON, []
    for _ in range(4):
        try_to_sign_in(people, LEAD, WRONG, at)
    for n in range(8):
        assert try_to_sign_in(people, LEAD, WRONG, at, f"198.51.100.{n}") is WrongSignIn
        with pytest.raises(TooManyAttempts) as refused:
            sign_in(people, Attempt(LEAD, PASSWORD, f"198.51.100.{n}"), "s", at)
        waits.append(refused.value.facts["wait_seconds"])
        at += dt.timedelta(seconds=waits[-1])
    assert waits == [30, 60, 120, 240, 480, 900, 900, 900]
    assert try_to_sign_in(people, LEAD, PASSWORD, at) is None
    assert try_to_sign_in(people, LEAD, WRONG, at) is WrongSignIn


def test_a_place_that_tries_many_names_waits_and_own_sign_ins_do_not_cover_for_it(
    people: Database,
) -> None:
    give_password(people, LEAD)
    for n in range(19):
        assert try_to_sign_in(people, f"guess-{n}", WRONG) is WrongSignIn
        if n % 9 == 0:
            assert try_to_sign_in(people, LEAD, PASSWORD) is None
    assert try_to_sign_in(people, "guess-20", WRONG) is WrongSignIn
    assert try_to_sign_in(people, LEAD, PASSWORD) is TooManyAttempts
    assert try_to_sign_in(people, LEAD, PASSWORD, address="192.0.2.99") is None


def test_addresses_of_one_home_are_one_place() -> None:
    assert attempts.source("2001:db8::1") == attempts.source("2001:db8::ffff")
    assert attempts.source("2001:db8::1") != attempts.source("2001:db8:0:1::1")
    assert attempts.source("192.0.2.1") != attempts.source("192.0.2.2")
    assert attempts.source("") != attempts.account("")


def test_failures_are_forgotten_after_a_while(people: Database) -> None:
    give_password(people, LEAD)
    for _ in range(4):
        try_to_sign_in(people, LEAD, WRONG)
    later = NOON + attempts.FORGOTTEN_AFTER + dt.timedelta(seconds=1)
    assert [try_to_sign_in(people, LEAD, WRONG, later) for _ in range(5)] == [WrongSignIn] * 5
    assert attempts.FORGOTTEN_AFTER > attempts.LONGEST_WAIT


def test_guesses_at_the_same_moment_get_no_more_tries(either: Database) -> None:
    give_password(either, LEAD)
    with ThreadPoolExecutor(8) as hosts:
        said = list(hosts.map(lambda _: try_to_sign_in(either, LEAD, WRONG), range(8)))
    assert said.count(WrongSignIn) == 5
    assert said.count(TooManyAttempts) == 3


def test_one_changes_the_own_password_knowing_the_old_one(people: Database) -> None:
    give_password(people, LEAD)
    here = begin(people, LEAD, "here")
    begin(people, LEAD, "there")
    lea, new = actor(people, LEAD), "another harbour town"
    with pytest.raises(WrongSignIn):
        change_password(people, lea, Attempt(LEAD, WRONG, "192.0.2.1"), new, here, NOON)
    with pytest.raises(InvalidPerson, match="12 to 200"):
        change_password(people, lea, Attempt(LEAD, PASSWORD, "192.0.2.1"), "short", here, NOON)
    change_password(people, lea, Attempt(LEAD, PASSWORD, "192.0.2.1"), new, here, NOON)
    assert (behind(people, "here"), behind(people, "there")) == (LEAD, None)
    assert try_to_sign_in(people, LEAD, PASSWORD) is WrongSignIn
    assert try_to_sign_in(people, LEAD, new) is None


def test_nobody_changes_the_password_of_another(people: Database) -> None:
    give_password(people, LEAD)
    attempt = Attempt(LEAD, PASSWORD, "192.0.2.1")
    with pytest.raises(WrongSignIn):
        change_password(people, actor(people, MEMBER), attempt, "another harbour town", "", NOON)
    with pytest.raises(NotAllowed):
        do(people, set_password, actor(people, ADMIN), LEAD, "another harbour town", NOON)


@pytest.mark.parametrize(
    "password", ["", "short", "x" * 201, "aaaaaaaaaaaaaa", "abababababababab", "this is lea's own"]
)
def test_a_poor_password_is_refused_with_what_to_do(password: str) -> None:
    assert len(list(findings_in_password(password, "lea"))) == 1


def test_a_password_is_the_same_on_every_keyboard_and_nobodys_hash_fits_none() -> None:
    stored = hash_password("Größe über alles")
    assert stored.startswith("scrypt:")
    assert is_password(stored, "Gro\u0308\u00dfe u\u0308ber alles")
    assert not is_password(stored, "Größe über allem")
    assert not is_password(None, "Größe über alles")


def test_the_command_line_is_no_person(people: Database) -> None:
    assert OPERATOR.person_id is None
    with reading(people) as session, pytest.raises(NotFound):
        actor_of_person(session, ActorId("operator"))
