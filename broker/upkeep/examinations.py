"""`broker doctor`: is this installation safe to run, and what is to be done if not.

Nothing is changed. What is a habit of trying things out, such as a demo or no mail server, is a
problem only in production. What is said about the database stands in storage_findings.py.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlmodel import Session, col

from broker.access import Role
from broker.clock import Clock, database_time, time_of
from broker.config import Settings
from broker.dashboards.installation import purpose
from broker.db import SCHEMA, Database, check_schema, reading, storage_errors
from broker.errors import BrokerError, UnusableKey
from broker.notices.outboxes import outbox_of
from broker.people.standing import in_force
from broker.people.tables import RoleGrantRow
from broker.proofs.keys import read_public_key
from broker.tables import AuditEventRow
from broker.upkeep.findings import Finding, good, problem, serious, warning
from broker.upkeep.storage_findings import OTHERS, storage_findings
from broker.upkeep.ticks import last_tick, what_is_late
from broker.upkeep.ways_in import places_of_groups, ways_in_findings

SHORTEST_SECRET, FEWEST_SIGNS = 32, 10
LARGEST_DIFFERENCE = dt.timedelta(seconds=2)
WRONG_CLOCK = dt.timedelta(minutes=1)
BY_NTP = "Let NTP set the clocks of this machine and of the database's."
FEWEST_ADMINS = 2


@dataclass(frozen=True, slots=True)
class Patient:
    """What is examined, and whether people rely on it."""

    settings: Settings
    db: Database
    clock: Clock
    is_production: bool


def examine(patient: Patient) -> Iterator[Finding]:
    """Look after everything that makes an installation safe to run."""
    yield from _secrets(patient)
    yield from _audit_key(patient)
    yield from _surroundings(patient)
    yield from ways_in_findings(
        patient.settings, patient.clock(), is_production=patient.is_production
    )
    try:
        check_schema(patient.db)
        with storage_errors(patient.db):
            yield good("schema", f"{patient.db.place} has schema {SCHEMA}.")
            yield from storage_findings(patient.db, is_production=patient.is_production)
            with reading(patient.db) as session:
                yield from _in_the_market(patient, session)
    except BrokerError as error:
        yield problem("database", error.sentence, error.hint)


def _secrets(patient: Patient) -> Iterator[Finding]:
    key, is_production = patient.settings.secret_key, patient.is_production
    if key is None:
        hint = "Set BROKER_SECRET_KEY to the output of `openssl rand -hex 32`."
        yield serious("secret key", "There is none.", hint, is_production=is_production)
    elif len(key) < SHORTEST_SECRET or len(set(key)) < FEWEST_SIGNS:
        hint = "Take the output of `openssl rand -hex 32`."
        sentence = f"It can be guessed: it has {len(key)} signs, {len(set(key))} of them different."
        yield serious("secret key", sentence, hint, is_production=is_production)
    else:
        yield good("secret key", "It is long.")


def _audit_key(patient: Patient) -> Iterator[Finding]:
    """Look at the key that signs the log; beside the database whoever has one has the other."""
    file = patient.settings.audit_key_file
    try:
        read_public_key(file)
    except UnusableKey as error:
        yield problem("audit key", error.sentence, error.hint)
        return
    if file.stat().st_mode & OTHERS:
        sentence = f"Others on this machine may use {file}."
        is_production = patient.is_production
        yield serious("audit key", sentence, f"chmod 600 {file}", is_production=is_production)
    elif patient.is_production and patient.settings.audit_key is None:
        hint = "Set BROKER_AUDIT_KEY_FILE to a place that backups of the database do not hold."
        yield warning("audit key", "It lies where its default is, beside the database.", hint)
    else:
        yield good("audit key", "It signs, and is for its owner alone.")


def _surroundings(patient: Patient) -> Iterator[Finding]:
    """Look at what stands around the market: who sends mails, which proxies end https."""
    settings, is_production = patient.settings, patient.is_production
    if settings.smtp_url is None:
        hint = "Set BROKER_SMTP_URL and BROKER_MAIL_FROM."
        sentence = "No mails go out: people are told in the market only."
        yield warning("mail", sentence, hint)
    else:
        try:
            outbox_of(settings.smtp_url, lambda _: None)
            yield good("mail", "Mails have a server.")
        except BrokerError as error:
            yield problem("mail", error.sentence, error.hint)
    if not is_production:
        return
    if not settings.public_url.startswith("https://"):
        hint = "Set BROKER_PUBLIC_URL to the https:// address that people use."
        yield problem("address", "Links in mails lead nowhere that is safe.", hint)
    if settings.trusted_proxies == 0:
        hint = "Set BROKER_TRUSTED_PROXIES to the number of proxies in front, at least 1."
        sentence = "No proxy is believed, so that nobody behind one can sign in."
        yield warning("proxies", sentence, hint)
    else:
        yield good("proxies", f"{settings.trusted_proxies} in front are believed.")


def _in_the_market(patient: Patient, session: Session) -> Iterator[Finding]:
    yield from _clocks(patient, session)
    yield from _ticks(patient, session)
    yield from places_of_groups(patient.settings, session)
    if purpose(session) == "demo":
        sentence = "This is the demo: its people, teams and credits are invented."
        hint = "Set BROKER_DATABASE_URL to a market of your own."
        yield serious("demo", sentence, hint, is_production=patient.is_production)
    admins = _admins(session)
    if admins < FEWEST_ADMINS:
        sentence = f"There are {admins} platform admins; what needs two persons needs two of them."
        yield warning("people", sentence, "`broker user role KEY --grant platform-admin`")
    else:
        yield good("people", f"There are {admins} platform admins.")


def _clocks(patient: Patient, session: Session) -> Iterator[Finding]:
    """Compare three clocks: the machine's, the database's, and the last event's."""
    here, there = patient.clock(), database_time(session)
    difference = abs(here - there)
    last_at = session.scalar(select(func.max(col(AuditEventRow.happened_at))))
    sentence = f"This machine and the database differ by {difference.total_seconds():.1f} s."
    if last_at is not None and last_at > there + WRONG_CLOCK:
        wrong = f"The last event is from {last_at:%Y-%m-%d %H:%M:%S} UTC, which has not come yet."
        yield problem("clock", wrong, BY_NTP)
    elif difference > WRONG_CLOCK:
        yield problem("clock", sentence, BY_NTP)
    elif difference > LARGEST_DIFFERENCE:
        yield warning("clock", sentence, BY_NTP)
    else:
        yield good("clock", sentence)


def _ticks(patient: Patient, session: Session) -> Iterator[Finding]:
    late = what_is_late(session, time_of(session, patient.clock))
    for one in late:
        is_urgent = patient.is_production or one.what != "tick"
        yield serious("ticks", one.sentence, is_production=is_urgent)
    last = last_tick(session)
    if not late:
        who = f"{last.name} ticked last" if last else "nobody ticked, and nothing waits for it"
        yield good("ticks", f"Nothing is late; {who}.")


def _admins(session: Session) -> int:
    able = select(func.count(func.distinct(col(RoleGrantRow.person_id))))
    able = able.where(in_force(), col(RoleGrantRow.role) == Role.PLATFORM_ADMIN)
    return session.scalar(able) or 0
