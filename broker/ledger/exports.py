"""The journal as files: CSV for spreadsheets, and the format of hledger for accountants.

Both are the same for the same ledger, byte for byte. In the hledger file every account and the
commodity are declared and dates never run back, so that `hledger check -s` has nothing to say.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import groupby

from sqlmodel import Session

from broker.ledger.entries import Entry, read_entries
from broker.ledger.tables import AccountKind
from broker.texts import safe_cell

COLUMNS = (
    "journal",
    "posted_at",
    "period",
    "kind",
    "idempotency_key",
    "actor",
    "approver",
    "reason",
    "round_key",
    "run_id",
    "bid_key",
    "debit",
    "credit",
    "amount_credits",
    "corrects",
)
COMMODITY = "credits"
_NOT_PLAIN = re.compile(r"[^A-Za-z0-9._/-]")


def export_ledger(session: Session, form: str) -> str:
    """Return the whole journal as text; `form` is a key of `FORMS`."""
    return FORMS[form](tuple(read_entries(session)))


def as_csv(entries: Iterable[Entry]) -> str:
    """Return one line for each transfer; the debited account pays, the credited one gets."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    for entry in entries:
        cells = ("" if value is None else str(value) for value in cells_of(entry))
        writer.writerow(safe_cell(cell) for cell in cells)
    return out.getvalue()


def as_hledger(entries: Iterable[Entry]) -> str:
    """Return one transaction for each journal, those of a day in the order of their numbers."""
    ordered = sorted(entries, key=lambda entry: (_day(entry), entry.journal))
    accounts = sorted({side for entry in ordered for side in _sides(entry)})
    lines = [f"commodity 1000. {COMMODITY}", "", *(f"account {name}" for name in accounts)]
    for _, journal in groupby(ordered, lambda entry: entry.journal):
        lines += ["", *_transaction(tuple(journal))]
    return "\n".join(lines) + "\n"


def as_json(entries: Iterable[Entry]) -> str:
    """Return one object for each transfer, with the names of the CSV's columns."""
    rows = [dict(zip(COLUMNS, cells_of(entry), strict=True)) for entry in entries]
    return (
        json.dumps({"table": "ledger", "total": len(rows), "rows": rows}, ensure_ascii=False) + "\n"
    )


FORMS: Mapping[str, Callable[[Iterable[Entry]], str]] = {
    "csv": as_csv,
    "json": as_json,
    "hledger": as_hledger,
}


def cells_of(entry: Entry) -> Iterator[str | int | None]:
    """Yield an entry under COLUMNS; None where there is nothing to say."""
    yield entry.journal
    yield entry.posted_at.isoformat().replace("+00:00", "Z")
    yield from (entry.period_key, entry.kind, entry.idempotency_key, entry.actor)
    yield from (entry.approver, entry.reason, entry.round_key, entry.run_id)
    yield from (entry.bid_key, *_sides(entry), entry.amount_credits, entry.corrects)


def _sides(entry: Entry) -> tuple[str, str]:
    return _account(entry.debit, entry.team_key), _account(entry.credit, entry.team_key)


def _account(kind: str, team_key: str) -> str:
    return kind if kind == AccountKind.ISSUE else f"teams:{team_key}:{kind}"


def _day(entry: Entry) -> str:
    return entry.posted_at.date().isoformat()


def _transaction(entries: tuple[Entry, ...]) -> Iterator[str]:
    first = entries[0]
    yield f"{_day(first)} * ({first.journal}) {_NOT_PLAIN.sub('_', first.idempotency_key)}"
    for entry in entries:
        debit, credit = _sides(entry)
        yield f"    {debit}  -{entry.amount_credits} {COMMODITY}"
        yield f"    {credit}  {entry.amount_credits} {COMMODITY}"
