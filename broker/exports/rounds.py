"""What `broker export` hands out of a round: its awards, its credits, its events, or its bundle.

Tables come as CSV and JSON, credits for hledger as well; a bundle is an archive. What comes from
bids is there once the round is decided.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from sqlalchemy import Select, or_, select
from sqlmodel import Session

from broker.dashboards.briefs import find_decided, find_round
from broker.dashboards.credit_sources import JOURNAL
from broker.dashboards.listings import Column, Kind, Question, Table, all_rows
from broker.dashboards.results import award_table
from broker.dashboards.sources import RUN
from broker.errors import InvalidInput
from broker.exports.bundles import run_bundle
from broker.exports.rows import as_csv, as_json
from broker.ledger.entries import read_entries
from broker.ledger.exports import FORMS as LEDGER_FORMS
from broker.tables import Table as Stored

EVENT = Stored.metadata.tables["audit_event"]
EVENT_COLUMNS = (
    Column("sequence", "Event", Kind.COUNT),
    Column("happened_at", "When", Kind.INSTANT),
    Column("kind", "What", Kind.KEY),
    Column("subject", "About", Kind.KEY),
    Column("actor", "By", Kind.KEY),
    Column("facts", "Facts"),
)
Write = Callable[[Session, str], bytes]
WRITERS: Mapping[str, Callable[..., str]] = {"csv": as_csv, "json": as_json}


def export_round(
    session: Session, key: str, what: str, form: str, revision: int | None = None
) -> bytes:
    """Return something of a round in a format; a bundle of another revision than the one in force.

    Raises: NotFound; Refused while a bundle cannot be made; InvalidInput if it has no such format,
    or no revisions.
    """
    forms = EXPORTS[what]
    if form not in forms:
        sentence = f"format: {what} comes as {', '.join(forms)}, not as {form}."
        raise InvalidInput(key[:64], [sentence])
    if what == "bundle":
        return run_bundle(session, key, revision)
    if revision is not None:
        sentence = "revision: only a bundle is of a revision; leave it out."
        raise InvalidInput(key[:64], [sentence])
    return forms[form](session, key)


def event_table(round_id: str, round_key: str) -> Table:
    """Return the events of the audit log that speak of a round, its runs and its journals."""
    runs = select("run:" + RUN.c.id).where(RUN.c.round_id == round_id)
    journals = select(JOURNAL.c.number).where(JOURNAL.c.round_id == round_id)
    about = or_(
        EVENT.c.subject == f"round:{round_key}",
        EVENT.c.subject.in_(runs),
        EVENT.c.sequence.in_(journals),
    )
    rows: Select[tuple[object, ...]] = select(*(EVENT.c[one.key] for one in EVENT_COLUMNS))
    caption = "Events of the audit log about this round"
    return Table("audit", caption, EVENT_COLUMNS, rows.where(about), ("sequence",))


def _tables(find: Callable[[Session, str], Table]) -> Mapping[str, Write]:
    def writer(write: Callable[..., str]) -> Write:
        def written(session: Session, key: str) -> bytes:
            table = find(session, key)
            return write(table, all_rows(session, table, Question())).encode()

        return written

    return {form: writer(write) for form, write in WRITERS.items()}


def _ledger(form: str) -> Write:
    def written(session: Session, key: str) -> bytes:
        round_key = find_round(session, key).key
        entries = (entry for entry in read_entries(session) if entry.round_key == round_key)
        return LEDGER_FORMS[form](entries).encode()

    return written


def _awards(session: Session, key: str) -> Table:
    return award_table(find_decided(session, key).id)


def _events(session: Session, key: str) -> Table:
    brief = find_round(session, key)
    return event_table(brief.id, brief.key)


EXPORTS: Mapping[str, Mapping[str, Write]] = {
    "awards": _tables(_awards),
    "ledger": {form: _ledger(form) for form in LEDGER_FORMS},
    "audit": _tables(_events),
    "bundle": {"zip": run_bundle},
}
"""What can be had, and in which formats."""
