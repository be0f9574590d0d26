"""When the log is signed: a checkpoint of every size at which somebody asks, kept beside the log.

`broker run`, `broker tick` and whoever closes a period take one after their work; `broker
checkpoint` prints the latest, to be kept elsewhere.
"""

from __future__ import annotations

import datetime as dt

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import insert, select
from sqlmodel import Session, col

from broker.proofs.checkpoints import Checkpoint, public_hex, read_checkpoint, sign_checkpoint
from broker.proofs.logs import log_root, log_size
from broker.proofs.pending import lock_log
from broker.proofs.tables import AuditCheckpointRow


def take_checkpoint(session: Session, key: Ed25519PrivateKey, at: dt.datetime) -> Checkpoint | None:
    """Return a checkpoint of the log as it stands, signed now unless it was; None for an empty log.

    Works inside a transaction that writes nothing else.
    """
    lock_log(session)
    size = log_size(session)
    if size == 0:
        return None
    root = log_root(session, size)
    kept = session.get(AuditCheckpointRow, size)
    if kept is None:
        checkpoint = sign_checkpoint(key, size, root, at)
        row = {"size": size, "taken_at": at, "line": checkpoint.line}
        session.execute(insert(AuditCheckpointRow), [row])
        return checkpoint
    checkpoint = read_checkpoint(kept.line)
    is_ours = (checkpoint.key, checkpoint.root) == (public_hex(key.public_key()), root.hex())
    return checkpoint if is_ours else sign_checkpoint(key, size, root, at)


def latest_checkpoint(session: Session) -> Checkpoint | None:
    """Return the latest checkpoint that is kept beside the log."""
    latest = select(AuditCheckpointRow).order_by(col(AuditCheckpointRow.size).desc()).limit(1)
    row = session.scalars(latest).first()
    return read_checkpoint(row.line) if row else None
