"""What of an audit event is hashed: all of it, and what its transaction changed in other tables.

The content of a leaf is canonical JSON. `facts` stands in it as the text that is stored, so that
not a byte of it can change; `changes` is the hex SHA-256 of the text that lists the changed rows
with a hash each, or null. changes.py says how rows are hashed.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from dataclasses import dataclass

from allocation.wire import canonical_json
from broker.proofs.trees import leaf_hash


@dataclass(frozen=True, slots=True)
class LoggedEvent:
    """An event as the log keeps it; `changes` is the text of what its transaction changed.

    `happened_at` may be the stored text, which is hashed as it is.
    """

    sequence: int
    happened_at: dt.datetime | str
    actor: str
    kind: str
    subject: str
    facts: str
    changes: str | None = None


def instant_text(at: dt.datetime | str) -> str:
    """Return an instant as it is hashed and signed: `2026-03-02T18:00:00.000000Z`."""
    if isinstance(at, str):
        return at
    moment = at.astimezone(dt.UTC).replace(tzinfo=None)
    return moment.isoformat(timespec="microseconds") + "Z"


def text_sha256(text: str) -> str:
    """Return the hex SHA-256 of a text."""
    return hashlib.sha256(text.encode()).hexdigest()


def leaf_content(event: LoggedEvent) -> bytes:
    """Return what is hashed of an event: canonical JSON."""
    return canonical_json(
        {
            "sequence": event.sequence,
            "happened_at": instant_text(event.happened_at),
            "actor": event.actor,
            "kind": event.kind,
            "subject": event.subject,
            "facts": event.facts,
            "changes": None if event.changes is None else text_sha256(event.changes),
        }
    )


def leaf_of(event: LoggedEvent) -> bytes:
    """Return the hash of an event as a leaf of the tree; its place is its sequence less one."""
    return leaf_hash(leaf_content(event))
