"""How long it takes to check a market with a long audit log: `python -m bench.logs [EVENTS]`.

The market is made here, every event with what it changed: two in five move credits, two in five
change a team, the others change no row. Making it takes longer than checking it.
"""

from __future__ import annotations

import datetime as dt
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import insert, update
from sqlmodel import Session

from bench.machine import describe_machine, load_average
from bench.parts import rewrite_part
from broker.audit import ActorId, Change, record
from broker.db import Database, connect, reading, writing
from broker.ledger.journals import ISSUE, Transfer, account_id, transfers_sha256
from broker.ledger.periods import begin_period
from broker.ledger.tables import AccountKind, AccountRow, JournalKind, JournalRow, TransferRow
from broker.proofs.checkpoints import public_hex
from broker.proofs.keeping import take_checkpoint
from broker.proofs.leaves import LoggedEvent
from broker.proofs.noting import take_touched
from broker.proofs.sealing import append_leaves, changes_text, touched_lines
from broker.proofs.verifying import Evidence, collect, verify
from broker.schema import migrate
from broker.tables import AuditEventRow, TeamRow

DOCUMENT = Path(__file__).resolve().parents[1] / "docs" / "BENCHMARKS.md"
COMMAND = "python -m bench.logs"
TEXT = """## Checking a long audit log

A market of 200,000 events, every one with what it changed: two in five move credits, two in five
change a team, the others change no row; a checkpoint after every two thousand. What is measured is
`broker verify` inside the process. Target: no finding, in at most 10 s."""
EVENTS = 200_000
TEAMS = 200
AT_ONCE = 2_000
BEGAN = dt.datetime(2026, 1, 5, tzinfo=dt.UTC)
KEY = Ed25519PrivateKey.from_private_bytes(bytes(32))


def main(arguments: list[str]) -> None:
    events = int(arguments[0]) if arguments else EVENTS
    before = load_average()
    with tempfile.TemporaryDirectory() as folder:
        db = connect(f"sqlite:///{Path(folder) / 'broker.db'}")
        with _timed(f"made and sealed {events} events"):
            fill(db, events)
        lines = [f"| database | {db.file.stat().st_size / 1e6:.0f} MB |", *_check(db)]
        db.dispose()
    print("\n".join(lines))
    if events == EVENTS:
        said = f"{describe_machine()}; load before {before}."
        table = ["| until | seconds |", "| --- | ---: |", *lines]
        rewrite_part(DOCUMENT, COMMAND, [TEXT, "", f"Command: `{COMMAND}`", "", said, "", *table])


def _check(db: Database) -> Iterator[str]:
    """Check the market, and tell after how long each step was done."""
    steps = []
    with reading(db) as session:
        at, cpu = perf_counter(), process_time()
        for step in verify(session, Evidence(public_hex(KEY.public_key()))):
            yield f"| {step.name} | {perf_counter() - at:.2f} |"
            steps.append(step)
        seconds, busy = perf_counter() - at, process_time() - cpu
    findings = collect(steps).findings
    for finding in findings[:9]:
        print(finding)
    yield f"| **the whole check**, of it {busy:.2f} s of work | **{seconds:.2f}** |"
    yield f"| findings | {len(findings)} |"


def fill(db: Database, events: int) -> None:
    """Make a market with so many events; a checkpoint is kept after every few thousand."""
    migrate(db)
    with writing(db) as session:
        begin_period(session, "first", BEGAN.date(), _change(0))
        for number in range(TEAMS):
            session.add(TeamRow(id=f"t{number}", key=f"team-{number}", name="A team"))
            record(session, _change(0), "team.registered", f"team:team-{number}")
        _open_accounts(session)
    done = TEAMS + 1
    while done < events:
        some = range(done + 1, min(events, done + AT_ONCE) + 1)
        with writing(db) as session:
            _happen(session, some)
        done = some[-1]
        with writing(db) as session:
            take_checkpoint(session, KEY, _change(done).at)


def _open_accounts(session: Session) -> None:
    rows: list[dict[str, Any]] = [{"id": ISSUE, "kind": ISSUE, "team_id": None}]
    rows += [
        {"id": account_id(kind, f"t{number}"), "kind": kind.value, "team_id": f"t{number}"}
        for number in range(TEAMS)
        for kind in (AccountKind.AVAILABLE, AccountKind.HELD)
    ]
    session.execute(insert(AccountRow), [{**row, "balance_credits": 0} for row in rows])


def _happen(session: Session, numbers: range) -> None:
    """Write events with all that they change in bulk, and seal each with its own rows."""
    events = [_event(number) for number in numbers]
    columns = ("sequence", "happened_at", "actor", "kind", "subject", "facts")
    rows = [{name: getattr(event, name) for name in columns} for event in events]
    session.execute(insert(AuditEventRow), rows)
    journals = [_journal(number) for number in numbers if number % 5 in {0, 1}]
    session.execute(insert(TransferRow), [line for _, lines in journals for line in lines])
    session.execute(insert(JournalRow), [row for row, _ in journals])
    changed = {f"t{n % TEAMS}": n for n in numbers if n % 5 in {2, 3}}
    names = [{"id": team, "name": f"A team of {number}"} for team, number in changed.items()]
    session.execute(update(TeamRow), names)
    lines = touched_lines(session, take_touched(session))
    before_last = [str(row["number"]) for row, _ in journals if row["number"] != numbers[-1]]
    own = {key: lines["journal"].pop(key) for key in before_last}
    sealed = [_with(event, own.get(str(event.sequence))) for event in events]
    sealed[-1] = replace(sealed[-1], changes=changes_text(lines))
    append_leaves(session, sealed)


def _with(event: LoggedEvent, journal: str | None) -> LoggedEvent:
    if journal is None:
        return event
    return replace(event, changes=changes_text({"journal": {str(event.sequence): journal}}))


def _event(number: int) -> LoggedEvent:
    team = f"team:team-{number % TEAMS}"
    kind, subject, facts = {
        0: ("ledger.endowment", f"journal:endowment/{number}", "{}"),
        1: ("ledger.endowment", f"journal:endowment/{number}", "{}"),
        2: ("team.relabelled", team, '{"changed":["name"]}'),
        3: ("team.relabelled", team, '{"changed":["name"]}'),
        4: ("session.began", f"person:p{number % 97}", f'{{"session_id":"{number}"}}'),
    }[number % 5]
    return LoggedEvent(number, _change(number).at, "bench", kind, subject, facts)


def _journal(number: int) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    available, held = (
        account_id(kind, f"t{number % TEAMS}") for kind in (AccountKind.AVAILABLE, AccountKind.HELD)
    )
    lines = (Transfer(ISSUE, available, 10), Transfer(available, held, 3))
    row = {
        "number": number,
        "idempotency_key": f"endowment/{number}",
        "kind": JournalKind.ENDOWMENT.value,
        "period_key": "first",
        "posted_at": _change(number).at,
        "actor": "bench",
        "transfer_count": 2,
        "amount_credits": 13,
        "transfers_sha256": transfers_sha256(lines),
    }
    transfers = [
        {
            "journal_number": number,
            "debit_account": line.debit,
            "credit_account": line.credit,
            "amount_credits": line.amount_credits,
        }
        for line in lines
    ]
    return row, transfers


def _change(number: int) -> Change:
    return Change(ActorId("bench"), BEGAN + dt.timedelta(seconds=number))


@contextmanager
def _timed(what: str) -> Iterator[None]:
    began = perf_counter()
    yield
    print(f"{perf_counter() - began:8.2f} s: {what}")


if __name__ == "__main__":
    main(sys.argv[1:])
