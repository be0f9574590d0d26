"""Tokens: issued with an end and scopes, kept as a hash, and never more than their owner may."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from dataclasses import replace

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col

from broker.access import Action, Actor, Scope, may, require, service
from broker.audit import ActorId
from broker.dashboards.tokens import all_tokens_screen, own_tokens_screen
from broker.db import Database, reading, transact
from broker.errors import InvalidToken, NotAllowed, NotFound, Refused, SignInNeeded
from broker.people.actors import TokenInUse, actor_of_token
from broker.people.grants import end_grant
from broker.people.persons import disable_person, enable_person
from broker.people.tables import ApiTokenRow, RoleGrantRow
from broker.people.tokens import MOST_TOKENS, TokenWish, issue_token, note_use, revoke_token
from broker.tables import AuditEventRow
from tests.cast import ADMIN, AUDITOR, LEAD, MEMBER, OPERATOR, OTHER_LEAD, actor
from tests.commands import Broker
from tests.markets import NOON
from tests.sprints import a_market

SECRET = "cbt_" + "s" * 43
HOST = service(ActorId("host"))
READ_BIDS = frozenset({Scope.READ_BIDS.value})
DAY = dt.timedelta(days=1)


@pytest.fixture
def peopled(market: Database) -> Database:
    a_market(market)
    return market


def issue(
    db: Database, who: Actor, scopes: frozenset[str] = READ_BIDS, secret: str = SECRET, **other: str
) -> str:
    wish = TokenWish(**({"name": "Export", "scopes": scopes, "days": 30} | other))  # type: ignore[arg-type]  # a table's row
    return transact(db, lambda session: issue_token(session, who, wish, secret, NOON))


def behind(db: Database, at: dt.datetime = NOON, secret: str = SECRET) -> TokenInUse | None:
    with reading(db) as session:
        return actor_of_token(session, secret, at)


def owner(found: TokenInUse | None) -> Actor:
    assert found is not None
    return found.actor


def team_of(actor_: Actor) -> str:
    return next(iter(actor_.teams))


def test_a_token_acts_as_its_person_within_its_scopes_and_never_beyond(peopled: Database) -> None:
    lead = actor(peopled, LEAD)
    issue(peopled, lead)
    found = owner(behind(peopled))
    assert (found.id, found.person_id, found.teams) == (lead.id, lead.person_id, lead.teams)
    assert may(found, Action.READ_TEAM_BIDS, team_id=team_of(lead))
    assert not may(found, Action.PLACE_BID, team_id=team_of(lead))
    with pytest.raises(NotAllowed, match="scopes of this token do not let it place bid"):
        require(found, Action.PLACE_BID, team_id=team_of(lead))
    other = team_of(actor(peopled, OTHER_LEAD))
    assert not may(found, Action.READ_TEAM_BIDS, team_id=other)
    with pytest.raises(NotFound):
        require(found, Action.PLACE_BID, team_id=other)


def test_no_scope_lets_a_token_give_roles_passwords_or_tokens() -> None:
    admin = Actor(
        ActorId("a"), "a", "Ada", HOST.roles | {"platform-admin"}, scopes=frozenset(Scope)
    )  # type: ignore[arg-type]
    for action in (
        Action.GRANT_ROLE,
        Action.MANAGE_PEOPLE,
        Action.SET_PASSWORD,
        Action.USE_ACCOUNT,
        Action.ISSUE_SERVICE_TOKEN,
        Action.REVOKE_TOKEN,
    ):
        assert may(replace(admin, scopes=None), action)
        assert not may(admin, action)


def test_what_is_kept_of_a_secret_is_its_hash(peopled: Database) -> None:
    issue(peopled, actor(peopled, LEAD))
    with reading(peopled) as session:
        row = session.scalars(select(ApiTokenRow)).one()
        events = session.scalars(select(col(AuditEventRow.facts))).all()
    assert row.secret_sha256 == hashlib.sha256(SECRET.encode()).hexdigest()
    assert SECRET not in "".join(events) + str(row.model_dump())


def test_a_token_ends_when_it_expires_is_revoked_or_its_person_goes(peopled: Database) -> None:
    lead = actor(peopled, LEAD)
    token_id = issue(peopled, lead)
    assert behind(peopled, NOON + 30 * DAY) is None
    assert behind(peopled, NOON + 30 * DAY - dt.timedelta(seconds=1)) is not None
    assert behind(peopled, secret=SECRET + "x") is None
    assert transact(peopled, lambda session: revoke_token(session, lead, token_id, NOON))
    assert not transact(peopled, lambda session: revoke_token(session, lead, token_id, NOON))
    assert behind(peopled) is None
    again = "cbt_" + "t" * 43
    issue(peopled, lead, secret=again)
    transact(peopled, lambda session: disable_person(session, OPERATOR, LEAD, NOON))
    transact(peopled, lambda session: enable_person(session, OPERATOR, LEAD, NOON))
    assert behind(peopled, secret=again) is None


def test_a_role_that_goes_goes_from_the_token_at_once(peopled: Database) -> None:
    lead = actor(peopled, LEAD)
    issue(peopled, lead)

    def leave(session: Session) -> None:
        mine = select(RoleGrantRow).where(col(RoleGrantRow.person_id) == lead.person_id)
        end_grant(session, OPERATOR, session.scalars(mine).one().id, NOON)

    transact(peopled, leave)
    assert owner(behind(peopled)).teams == {}


def test_only_the_owner_and_admins_revoke_and_others_hear_that_there_is_none(
    peopled: Database,
) -> None:
    token_id = issue(peopled, actor(peopled, LEAD))
    for key in (MEMBER, OTHER_LEAD, AUDITOR):
        who = actor(peopled, key)
        with pytest.raises(NotFound, match="There is no such token"):
            transact(peopled, lambda s, who=who: revoke_token(s, who, token_id, NOON))
    admin = actor(peopled, ADMIN)
    assert transact(peopled, lambda session: revoke_token(session, admin, token_id, NOON))


def test_services_are_made_at_the_command_line_only(peopled: Database) -> None:
    bring = frozenset({Scope.BRING_BIDS.value})
    with pytest.raises(NotAllowed):
        issue(peopled, actor(peopled, ADMIN), bring, service="importer")
    with pytest.raises(InvalidToken, match="'bids:bring' is none of them"):
        issue(peopled, actor(peopled, ADMIN), bring)
    with pytest.raises(SignInNeeded):
        issue(peopled, replace(HOST, roles=frozenset()))
    issue(peopled, HOST, bring, service="importer")
    found = owner(behind(peopled))
    assert (found.id, found.person_id, found.teams) == ("service:importer", None, {})
    assert may(found, Action.BRING_BIDS)
    assert not may(found, Action.RUN_ROUND)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"name": " "}, "name: is empty"),
        ({"name": "a\nb"}, "control character"),
        ({"days": 0}, "use 1 to 366"),
        ({"days": 367}, "use 1 to 366"),
        ({"scopes": frozenset()}, "choose what the token is for"),
        ({"scopes": frozenset({"everything"})}, "is none of them"),
    ],
)
def test_a_token_without_name_end_or_purpose_is_refused(
    market: Database, changes: dict[str, object], sentence: str
) -> None:
    a_market(market)
    wish = replace(TokenWish("Export", READ_BIDS, 30), **changes)  # type: ignore[arg-type]
    lead = actor(market, LEAD)
    with pytest.raises(InvalidToken, match=sentence):
        transact(market, lambda session: issue_token(session, lead, wish, SECRET, NOON))


def test_names_are_unlike_and_tokens_not_without_number(market: Database) -> None:
    a_market(market)
    lead = actor(market, LEAD)
    issue(market, lead)
    with pytest.raises(Refused, match="There is a token 'Export' already"):
        issue(market, lead, secret="other")  # noqa: S106  # nobody's
    for number in range(MOST_TOKENS - 1):
        issue(market, lead, secret=f"s{number}", name=f"Token {number}")
    with pytest.raises(Refused, match=f"There are {MOST_TOKENS} tokens already"):
        issue(market, lead, secret="one more", name="One more")  # noqa: S106  # nobody's


def test_the_database_keeps_a_token_as_it_was_issued(either_market: Database) -> None:
    peopled = either_market
    a_market(peopled)
    token_id = issue(peopled, actor(peopled, LEAD))
    transact(peopled, lambda session: note_use(session, token_id, NOON + DAY))
    transact(peopled, lambda session: revoke_token(session, OPERATOR, token_id, NOON))
    for statement in (
        "UPDATE api_token SET scopes = 'rounds:write'",
        "UPDATE api_token SET expires_at = used_at",
        "UPDATE api_token SET revoked_at = NULL, revoked_by = NULL",
        "DELETE FROM api_token",
    ):
        with pytest.raises(IntegrityError), peopled.writer.begin() as connection:
            connection.execute(text(statement))


def test_the_last_use_is_noted_and_shown(peopled: Database) -> None:
    lead = actor(peopled, LEAD)
    token_id = issue(peopled, lead)
    found = behind(peopled)
    assert found is not None
    assert found.is_stale
    transact(peopled, lambda session: note_use(session, token_id, NOON))
    found = behind(peopled, NOON + dt.timedelta(minutes=1))
    assert found is not None
    assert not found.is_stale
    with reading(peopled) as session:
        [own] = own_tokens_screen(session, lead, NOON).tokens
        assert own_tokens_screen(session, actor(peopled, MEMBER), NOON).tokens == ()
        [every] = all_tokens_screen(session, actor(peopled, AUDITOR), NOON).tokens
    assert own == every
    assert (own.used_at, own.owner) == (NOON, "Lea Lead")


def test_tokens_are_issued_listed_and_revoked_by_commands(migrated: Broker) -> None:
    said = migrated("token", "add", "Nightly", "--service", "exporter", "--scope", "market:read")
    assert said.code == 0
    assert said.out.startswith("cbt_")
    assert len(said.out.strip()) == 47
    [listed] = json.loads(migrated("token", "list", "--json").out)
    assert (listed["owner"], listed["scopes"], listed["is_good"]) == (
        "exporter",
        ["market:read"],
        True,
    )
    assert "secret" not in listed
    assert migrated("token", "revoke", listed["id"]).out.endswith("is revoked.\n")
    assert migrated("token", "revoke", listed["id"]).out.endswith("was revoked already.\n")
    assert migrated("token", "revoke", "none").code == 2
    assert migrated("token", "add", "x", "--service", "s", "--scope", "all").code == 2
    assert "revoked" in migrated("token", "list").out


def test_every_issue_and_revocation_is_one_event(peopled: Database) -> None:
    token_id = issue(peopled, actor(peopled, LEAD))
    transact(peopled, lambda session: revoke_token(session, OPERATOR, token_id, NOON))
    with reading(peopled) as session:
        told = select(col(AuditEventRow.kind), func.count()).where(
            col(AuditEventRow.kind).like("token.%")
        )
        counts = dict(session.execute(told.group_by(col(AuditEventRow.kind))).all())
    assert counts == {"token.issued": 1, "token.revoked": 1}
