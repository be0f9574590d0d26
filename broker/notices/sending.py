"""Sending what is due: reminders are written, and every mail of the day goes out once.

Safe at any time and from every host at once: digests.py lets one host have a mail. A mail server
that does not answer ends the round trip, and the next tick tries again.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import structlog

from broker.clock import Clock, time_of
from broker.db import Database, reading, transact
from broker.notices.causes import tell_near_deadlines
from broker.notices.digests import Digest, claim_digest, note_failed, note_sent, people_due
from broker.notices.mails import Sender, mail_of
from broker.notices.outboxes import MailNotSent, NoMailServer, Outbox

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Mailed:
    """What became of one mail; `failure` is empty where it was sent. No address, no name."""

    person_id: str
    notices: int
    failure: str = ""


def write_reminders(db: Database, clock: Clock) -> None:
    """Write the notices that only time causes."""
    transact(db, lambda session: tell_near_deadlines(session, time_of(session, clock)))


def send_due(db: Database, outbox: Outbox, sender: Sender, clock: Clock) -> Iterator[Mailed]:
    """Send the mails that are due now, and tell each when it is done."""
    with reading(db) as session:
        people = people_due(session, time_of(session, clock))
    for person_id in people:
        digest = _claim(db, person_id, clock)
        if digest is None:
            continue
        try:
            outbox.send(mail_of(digest, sender, clock()))
        except MailNotSent as error:
            _note_failed(db, digest, str(error), clock)
            yield Mailed(person_id, len(digest.lines), str(error))
            if isinstance(error, NoMailServer):
                return
            continue
        _note_sent(db, digest, clock)
        yield Mailed(person_id, len(digest.lines))


def _claim(db: Database, person_id: str, clock: Clock) -> Digest | None:
    return transact(db, lambda session: claim_digest(session, person_id, time_of(session, clock)))


def _note_sent(db: Database, digest: Digest, clock: Clock) -> None:
    if not transact(db, lambda session: note_sent(session, digest, time_of(session, clock))):
        log.warning("digest.taken-over", digest_id=digest.id, attempts=digest.attempts)


def _note_failed(db: Database, digest: Digest, why: str, clock: Clock) -> None:
    log.warning("digest.not-sent", digest_id=digest.id, why=why)
    transact(db, lambda session: note_failed(session, digest, why, time_of(session, clock)))
