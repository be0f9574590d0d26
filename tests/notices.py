"""Markets with people in them, and what they were told."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping

from sqlalchemy import select
from sqlmodel import col

from broker.clock import Clock
from broker.db import Database, reading
from broker.notices.mails import Sender
from broker.notices.outboxes import Outbox, outbox_of
from broker.notices.sending import Mailed, send_due, write_reminders
from broker.notices.tables import DigestRow, NoticeRow
from broker.people.tables import PersonRow
from tests.cast import Places, bring_people
from tests.credit_markets import a_sprint
from tests.ledgers import announce
from tests.mail_server import Postbox
from tests.markets import NOON

SENDER = Sender("market@example.org", "https://market.example.org")
DAY = dt.timedelta(days=1)


def clock_at(at: dt.datetime) -> Clock:
    """Return a clock that stands still."""
    return lambda: at


def a_peopled_market(db: Database) -> None:
    """Open a round of the teams red and blue, and bring the cast into them."""
    announce(db, a_sprint(1))
    bring_people(db, Places("red", "blue", "gpu"))


def told(db: Database, kind: str = "") -> Mapping[str, list[str]]:
    """Return what everybody has not read yet, by the person's key; of one kind or of all."""
    wanted = select(col(PersonRow.key), col(NoticeRow.sentence)).join(
        NoticeRow, col(NoticeRow.person_id) == col(PersonRow.id)
    )
    wanted = wanted.where(col(NoticeRow.read_at).is_(None))
    if kind:
        wanted = wanted.where(col(NoticeRow.kind) == kind)
    found: dict[str, list[str]] = {}
    with reading(db) as session:
        for key, sentence in session.execute(
            wanted.order_by(col(NoticeRow.written_at), col(NoticeRow.key))
        ):
            found.setdefault(key, []).append(sentence)
    return found


def digests(db: Database) -> list[DigestRow]:
    """Return every mail that there was to send."""
    with reading(db) as session:
        return list(session.scalars(select(DigestRow).order_by(col(DigestRow.day))))


def outbox(postbox: Postbox) -> Outbox:
    """Return the way to a mail server."""
    found = outbox_of(postbox.url, print)
    assert found is not None
    return found


def post(db: Database, postbox: Postbox, at: dt.datetime = NOON) -> list[Mailed]:
    """Write reminders and send what is due, at a moment."""
    write_reminders(db, clock_at(at))
    return list(send_due(db, outbox(postbox), SENDER, clock_at(at)))
