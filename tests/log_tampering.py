"""Attacks on a market's database, by somebody who holds it: triggers dropped, checks ignored.

An attack changes the database through a connection of its own and says from which event on the log
is not to be believed any more; None if it found nothing to change. What happens is drawn.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from sqlalchemy import StaticPool, create_engine
from sqlmodel import Session

from broker.proofs.audited import VOLATILE, audited_tables, hashed_names, key_text
from broker.proofs.leaves import LoggedEvent, leaf_of
from broker.proofs.standing import vouched
from broker.proofs.trees import FIRST_LINK, completed, link_hash
from broker.states import RoundState, RunState

LOG = ("audit_event", "audit_leaf", "audit_checkpoint", "audit_salt")


@dataclass(frozen=True, slots=True)
class Attack:
    """What was done, and the first event that cannot be believed any more, if that can be known.

    `latest` is the first event that the attack really changed: of a log that was hashed anew
    nobody can tell more than between which checkpoints it changed.
    """

    what: str
    first_bad: int | None
    latest: int | None = None
    own: int | None = None
    """The event that a law of its own names: of a journal, or the one that told a state last."""


class Intruder:
    """Somebody at the database, with what the log vouched for before they came."""

    def __init__(self, file: Path, random: Random) -> None:
        self.random = random
        self.connection = sqlite3.connect(file, isolation_level=None, check_same_thread=False)
        self._drop_triggers()
        self.connection.execute("PRAGMA ignore_check_constraints=ON")
        self.engine = create_engine(
            "sqlite+pysqlite://", creator=lambda: self.connection, poolclass=StaticPool
        )
        with Session(self.engine) as session:
            self.said = vouched(session)
        self.size = self.one("SELECT max(sequence) FROM audit_event")

    def one(self, query: str, *values: Any) -> Any:
        return self.connection.execute(query, values).fetchone()[0]

    def _drop_triggers(self) -> None:
        names = "SELECT name FROM sqlite_master WHERE type = 'trigger'"
        for (name,) in self.connection.execute(names).fetchall():
            self.connection.execute(f"DROP TRIGGER {name}")

    @contextmanager
    def undone(self) -> Iterator[Session]:
        """Let an attack happen, hand out a session that sees it, and undo it."""
        self.connection.execute("BEGIN")
        try:
            with Session(self.engine) as session:
                yield session
        finally:
            if self.connection.in_transaction:
                self.connection.execute("ROLLBACK")

    def tables(self) -> list[str]:
        """Name the tables to attack that have rows."""
        names = [*audited_tables(), *LOG, "transfer"]
        return [name for name in names if self.one(f"SELECT count(*) FROM {name}")]  # noqa: S608  # ours

    def row_of(self, table: str) -> tuple[int, dict[str, Any]]:
        """Return the row id and the values of a row that is drawn."""
        where = self._where(table)
        count = self.one(f"SELECT count(*) FROM {table} WHERE {where}")  # noqa: S608  # ours
        place = self.random.randrange(count)
        cursor = self.connection.execute(
            f"SELECT rowid, * FROM {table} WHERE {where} ORDER BY rowid LIMIT 1 OFFSET {place}"  # noqa: S608  # ours
        )
        rowid, *values = cursor.fetchone()
        names = [column[0] for column in cursor.description[1:]]
        return rowid, dict(zip(names, values, strict=True))

    @staticmethod
    def _where(table: str) -> str:
        """Leave out drafts, which nobody vouches for before they are submitted."""
        closed = "SELECT id FROM round WHERE closed_at IS NOT NULL"
        bids = f"SELECT id FROM bid WHERE round_id IN ({closed})"  # noqa: S608  # ours
        submitted = (
            "SELECT team_bid.id FROM team_bid JOIN bid_version ON bid_id = team_bid.id "  # noqa: S608  # ours
            f"WHERE bid_version.state = 'submitted' AND round_id IN ({closed})"
        )
        return {
            "team_bid": f"id IN ({submitted})",
            "bid_version": f"bid_id IN ({submitted})",
            "bid": f"round_id IN ({closed})",
            "alternative": f"bid_id IN ({bids})",
            "item": f"bid_id IN ({bids})",
            "bid_pledge": f"bid_id IN ({bids})",
        }.get(table, "1")

    def columns_of(self, table: str) -> list[str]:
        """Name the columns whose change changes something."""
        tables = audited_tables()
        if table in tables:
            keys = {column.name for column in tables[table].primary_key}
            return [
                name
                for name in hashed_names(tables[table])
                if name not in keys and name not in VOLATILE.get(table, ())
            ]
        return {
            "audit_event": ["happened_at", "actor", "kind", "subject", "facts"],
            "audit_leaf": ["changes", "hashes", "head"],
            "audit_checkpoint": ["line"],
            "audit_salt": ["salt"],
            "transfer": ["debit_account", "credit_account", "amount_credits", "bid_id"],
        }[table]

    def last_event_about(self, table: str, row: Mapping[str, Any]) -> int | None:
        """Return the event that cannot be believed once a row is changed."""
        if table in {"audit_event", "audit_leaf"}:
            return int(row["sequence"])
        if table == "transfer":
            return int(row["journal_number"])
        if table == "audit_salt":
            return self.said[row["table_name"]][row["row_key"]][1]
        if table == "audit_checkpoint":
            before = "SELECT coalesce(max(size), 0) FROM audit_checkpoint WHERE size < ?"
            return int(self.one(before, row["size"])) + 1
        keys = audited_tables()[table].primary_key
        return self.said[table][key_text(row[column.name] for column in keys)][1]

    def own_event(self, table: str, row: Mapping[str, Any]) -> int | None:
        """Return the event that a law of its own names: a journal's, or that of a state."""
        states = {"round": (RoundState, "key"), "run": (RunState, "id")}
        if table not in states:
            return int(row["number"]) if table == "journal" else None
        kind, name = states[table]
        told = ", ".join(f"'{table}.{state}'" for state in kind)
        last = f"SELECT max(sequence) FROM audit_event WHERE subject = ? AND kind IN ({told})"  # noqa: S608  # ours
        found: int | None = self.one(last, f"{table}:{row[name]}")
        return found


def edit(me: Intruder) -> Attack | None:
    """Change one value of one row."""
    table = me.random.choice(me.tables())
    columns = me.columns_of(table)
    rowid, row = me.row_of(table)
    if not columns:
        return None
    column = me.random.choice(columns)
    changed = _other(me.random, row[column])
    first_bad = me.last_event_about(table, row)
    me.connection.execute(f"UPDATE {table} SET {column} = ? WHERE rowid = ?", (changed, rowid))  # noqa: S608  # ours
    return Attack(f"edit {table}.{column} of {rowid}", first_bad, own=me.own_event(table, row))


def delete(me: Intruder) -> Attack | None:
    """Delete one row."""
    table = me.random.choice(me.tables())
    if table == "audit_checkpoint":
        return None
    rowid, row = me.row_of(table)
    first_bad = me.last_event_about(table, row)
    me.connection.execute(f"DELETE FROM {table} WHERE rowid = ?", (rowid,))  # noqa: S608  # ours
    return Attack(f"delete {table} {rowid}", first_bad, own=me.own_event(table, row))


def swap(me: Intruder) -> Attack | None:
    """Let two rows exchange what they say in one column."""
    table = me.random.choice(me.tables())
    columns = me.columns_of(table)
    (one, first), (other, second) = me.row_of(table), me.row_of(table)
    differing = [name for name in columns if first[name] != second[name]]
    if one == other or not differing:
        return None
    column = me.random.choice(differing)
    bad = [me.last_event_about(table, row) for row in (first, second)]
    statement = f"UPDATE {table} SET {column} = ? WHERE rowid = ?"  # noqa: S608  # ours
    try:
        for value, rowid in ((first[column], other), (second[column], one)):
            me.connection.execute(statement, (value, rowid))
    except sqlite3.IntegrityError:
        return None
    known = [number for number in bad if number is not None]
    what = f"swap {table}.{column} of {one} and {other}"
    own = [me.own_event(table, row) for row in (first, second)]
    told = [number for number in own if number is not None]
    return Attack(what, min(known, default=None), own=min(told, default=None))


def swap_events(me: Intruder) -> Attack | None:
    """Let two events change their places, with their leaves or without."""
    if me.size < 3:
        return None
    first = me.random.randrange(1, me.size)
    second = me.random.randrange(first + 1, me.size + 1)
    tables = me.random.choice([("audit_event",), ("audit_event", "audit_leaf")])
    for table in tables:
        for now, then in ((first, -1), (second, first), (-1, second)):
            me.connection.execute(
                f"UPDATE {table} SET sequence = ? WHERE sequence = ?",  # noqa: S608  # ours
                (then, now),
            )
    return Attack(f"swap events {first} and {second} in {tables}", first)


def truncate(me: Intruder) -> Attack | None:
    """Cut the end of the log off, with all that proves it."""
    size = me.random.randrange(0, me.size)
    for table, column in (
        ("audit_event", "sequence"),
        ("audit_leaf", "sequence"),
        ("audit_checkpoint", "size"),
    ):
        me.connection.execute(f"DELETE FROM {table} WHERE {column} > ?", (size,))  # noqa: S608  # ours
    return Attack(f"truncate to {size}", None, size + 1)


def hash_anew(me: Intruder) -> Attack | None:
    """Change an event, or what it says of a row, and hash everything from there on anew."""
    first = me.random.randrange(1, me.size + 1)
    column = me.random.choice(["actor", "kind", "subject", "facts"])
    was = me.one(f"SELECT {column} FROM audit_event WHERE sequence = ?", first)  # noqa: S608  # ours
    me.connection.execute(
        f"UPDATE audit_event SET {column} = ? WHERE sequence = ?",  # noqa: S608  # ours
        (_other(me.random, was), first),
    )
    _rehash(me)
    if me.random.random() < 0.5:  # a coin
        me.connection.execute("DELETE FROM audit_checkpoint WHERE size >= ?", (first,))
    return Attack(f"hash anew from {first}", None, first)


def _rehash(me: Intruder) -> None:
    """Make every leaf right again, as the program would."""
    rows = me.connection.execute(
        "SELECT e.sequence, happened_at, actor, kind, subject, facts, changes "
        "FROM audit_event e JOIN audit_leaf l ON l.sequence = e.sequence ORDER BY 1"
    ).fetchall()
    known: dict[int, list[bytes]] = {}
    head, leaves = FIRST_LINK, []
    for row in rows:
        event = LoggedEvent(*row)
        size, leaf = event.sequence, leaf_of(event)
        known[size] = completed(leaf, size, lambda end, level: known[end][level])
        head = link_hash(head, leaf)
        leaves.append((b"".join(known[size]).hex(), head.hex(), size))
    me.connection.executemany(
        "UPDATE audit_leaf SET hashes = ?, head = ? WHERE sequence = ?", leaves
    )


def _other(random: Random, value: Any) -> Any:
    """Return another value of the same kind."""
    if value is None:
        return "x"
    if isinstance(value, int):
        return value + random.choice([-1, 1, 1000])
    if not value:
        return "x"
    place = random.randrange(len(value))
    letter = "0" if value[place] != "0" else "1"
    return value[:place] + letter + value[place + 1 :]


ATTACKS: tuple[Callable[[Intruder], Attack | None], ...] = (
    edit,
    edit,
    delete,
    swap,
    swap_events,
    truncate,
    hash_anew,
)
"""What may happen; what is most likely stands there twice."""
