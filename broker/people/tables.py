"""Columns and constraints of people, their roles and their sessions, no behaviour.

Passwords and session ids are stored as hashes only. A grant of a role is never edited: it is
proposed, approved by somebody else, and ended.
"""

from __future__ import annotations

import datetime as dt

from sqlalchemy import CheckConstraint, Index, Integer, Text, UniqueConstraint, text
from sqlmodel import Field

from broker.tables import STRICT, Instant, Table, at_least, one_of

GRANTED = ("platform-admin", "finance-auditor", "member", "team-lead", "pool-owner")
"""The roles that people are granted; a program's role is its own."""
TWO_PERSONS, FIRST_ADMIN = "two-persons", "first-admin"


class PersonRow(Table, table=True):
    """Somebody whom the market knows: signs in with a password, or by the company's sign-in."""

    __tablename__ = "person"
    __table_args__ = (CheckConstraint("name <> ''", name="person_has_a_name"), STRICT)
    id: str = Field(primary_key=True, sa_type=Text)
    key: str = Field(unique=True, sa_type=Text)
    name: str = Field(sa_type=Text)
    email: str = Field(default="", sa_type=Text)
    password_hash: str | None = Field(default=None, sa_type=Text)
    added_at: dt.datetime = Field(sa_type=Instant)
    disabled_at: dt.datetime | None = Field(default=None, sa_type=Instant)


class PersonIdentityRow(Table, table=True):
    """Whom an account is linked to: a subject of an issuer, which the issuer never gives again."""

    __tablename__ = "person_identity"
    __table_args__ = (
        CheckConstraint("issuer <> ''", name="identity_has_an_issuer"),
        CheckConstraint("length(subject) BETWEEN 1 AND 255", name="subject_is_short"),
        UniqueConstraint("issuer", "subject", name="uq_person_identity_issuer_subject"),
        UniqueConstraint("person_id", "issuer", name="uq_person_identity_person_id_issuer"),
        STRICT,
    )
    id: str = Field(primary_key=True, sa_type=Text)
    issuer: str = Field(sa_type=Text)
    subject: str = Field(sa_type=Text)
    person_id: str = Field(foreign_key="person.id", sa_type=Text)
    linked_at: dt.datetime = Field(sa_type=Instant)


class RoleGrantRow(Table, table=True):
    """A role that somebody proposes for a person; in force once another approved it.

    The first platform admin is the only one whom nobody could approve.
    """

    __tablename__ = "role_grant"
    __table_args__ = (
        one_of("role", *GRANTED),
        one_of("basis", TWO_PERSONS, FIRST_ADMIN),
        CheckConstraint(
            "(role IN ('member', 'team-lead')) = (team_id IS NOT NULL)", name="team_role_has_a_team"
        ),
        CheckConstraint(
            "(role = 'pool-owner') = (pool_id IS NOT NULL)", name="pool_owner_has_a_pool"
        ),
        CheckConstraint(
            "approved_by IS NULL OR approved_by <> proposed_by", name="approver_is_another"
        ),
        CheckConstraint(
            "approved_by IS NULL OR approved_by <> person_id", name="nobody_approves_for_oneself"
        ),
        CheckConstraint(
            "(approved_by IS NULL) = (approved_at IS NULL)", name="approval_says_who_and_when"
        ),
        CheckConstraint("(ended_by IS NULL) = (ended_at IS NULL)", name="end_says_who_and_when"),
        CheckConstraint(
            "basis <> 'first-admin' OR (role = 'platform-admin' AND approved_by IS NULL)",
            name="only_an_admin_comes_first",
        ),
        Index(
            "uq_role_grant_first_admin",
            "basis",
            unique=True,
            sqlite_where=text("basis = 'first-admin'"),
            postgresql_where=text("basis = 'first-admin'"),
        ),
        Index(
            "uq_role_grant_live",
            "person_id",
            "role",
            text("coalesce(team_id, '')"),
            text("coalesce(pool_id, '')"),
            unique=True,
            sqlite_where=text("ended_at IS NULL"),
            postgresql_where=text("ended_at IS NULL"),
        ),
        STRICT,
    )
    id: str = Field(primary_key=True, sa_type=Text)
    person_id: str = Field(foreign_key="person.id", sa_type=Text)
    role: str = Field(sa_type=Text)
    team_id: str | None = Field(default=None, foreign_key="team.id", sa_type=Text)
    pool_id: str | None = Field(default=None, foreign_key="pool.id", sa_type=Text)
    basis: str = Field(default=TWO_PERSONS, sa_type=Text)
    proposed_by: str = Field(sa_type=Text)
    proposed_at: dt.datetime = Field(sa_type=Instant)
    approved_by: str | None = Field(default=None, sa_type=Text)
    approved_at: dt.datetime | None = Field(default=None, sa_type=Instant)
    ended_by: str | None = Field(default=None, sa_type=Text)
    ended_at: dt.datetime | None = Field(default=None, sa_type=Instant)


class PersonSessionRow(Table, table=True):
    """One sign-in of a person. The browser's secret is stored as its SHA-256 only."""

    __tablename__ = "person_session"
    __table_args__ = (
        CheckConstraint("began_at <= seen_at", name="seen_after_it_began"),
        CheckConstraint("began_at < ends_at", name="ends_after_it_began"),
        STRICT,
    )
    id: str = Field(primary_key=True, sa_type=Text)
    secret_sha256: str = Field(unique=True, sa_type=Text)
    person_id: str = Field(foreign_key="person.id", sa_type=Text, index=True)
    began_at: dt.datetime = Field(sa_type=Instant)
    seen_at: dt.datetime = Field(sa_type=Instant)
    ends_at: dt.datetime = Field(sa_type=Instant)
    ended_at: dt.datetime | None = Field(default=None, sa_type=Instant)
    browser: str = Field(default="", sa_type=Text)


class ApiTokenRow(Table, table=True):
    """A token with which a program asks, of a person or of a service; its secret only as SHA-256.

    `scopes` are words with a space between, in order. What a token may is never changed.
    """

    __tablename__ = "api_token"
    __table_args__ = (
        CheckConstraint("name <> ''", name="token_has_a_name"),
        CheckConstraint("scopes <> ''", name="token_has_scopes"),
        CheckConstraint("length(secret_sha256) = 64", name="secret_is_a_hash"),
        CheckConstraint("(person_id IS NULL) <> (service IS NULL)", name="token_has_one_owner"),
        CheckConstraint("issued_at < expires_at", name="expires_after_it_was_issued"),
        CheckConstraint(
            "(revoked_by IS NULL) = (revoked_at IS NULL)", name="revoked_says_who_and_when"
        ),
        Index(
            "uq_api_token_live",
            text("coalesce(person_id, '')"),
            text("coalesce(service, '')"),
            "name",
            unique=True,
            sqlite_where=text("revoked_at IS NULL"),
            postgresql_where=text("revoked_at IS NULL"),
        ),
        STRICT,
    )
    id: str = Field(primary_key=True, sa_type=Text)
    secret_sha256: str = Field(unique=True, sa_type=Text)
    person_id: str | None = Field(default=None, foreign_key="person.id", sa_type=Text)
    service: str | None = Field(default=None, sa_type=Text)
    name: str = Field(sa_type=Text)
    scopes: str = Field(sa_type=Text)
    issued_by: str = Field(sa_type=Text)
    issued_at: dt.datetime = Field(sa_type=Instant)
    expires_at: dt.datetime = Field(sa_type=Instant)
    used_at: dt.datetime | None = Field(default=None, sa_type=Instant)
    revoked_by: str | None = Field(default=None, sa_type=Text)
    revoked_at: dt.datetime | None = Field(default=None, sa_type=Instant)


class ApiAnswerRow(Table, table=True):
    """What a program was answered under a key of its own: asked again, it hears the same."""

    __tablename__ = "api_answer"
    __table_args__ = (CheckConstraint("key <> ''", name="answer_has_a_key"), STRICT)
    asker: str = Field(primary_key=True, sa_type=Text)
    key: str = Field(primary_key=True, sa_type=Text)
    request_sha256: str = Field(sa_type=Text)
    answer: str = Field(sa_type=Text)
    answered_at: dt.datetime = Field(sa_type=Instant, index=True)


class TeamRetirementRow(Table, table=True):
    """A team that takes part in no round announced from now on; the row goes if it comes back."""

    __tablename__ = "team_retirement"
    team_id: str = Field(primary_key=True, foreign_key="team.id", sa_type=Text)
    retired_by: str = Field(sa_type=Text)
    retired_at: dt.datetime = Field(sa_type=Instant)


class SignInAttemptRow(Table, table=True):
    """How often in a row signing in failed, for a name that was typed or for where it came from.

    Both are stored as a hash: what is typed as a name may be a password.
    """

    __tablename__ = "sign_in_attempt"
    __table_args__ = (one_of("kind", "account", "source"), at_least(1, "failures"), STRICT)
    kind: str = Field(primary_key=True, sa_type=Text)
    subject_sha256: str = Field(primary_key=True, sa_type=Text)
    failures: int = Field(sa_type=Integer)
    failed_at: dt.datetime = Field(sa_type=Instant, index=True)
    waits_until: dt.datetime | None = Field(default=None, sa_type=Instant)
