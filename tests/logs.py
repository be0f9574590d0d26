"""Signed checkpoints of a market's log, with a key that tests alone have."""

from __future__ import annotations

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from broker.db import Database, transact
from broker.proofs.checkpoints import public_hex
from broker.proofs.keeping import take_checkpoint
from broker.proofs.verifying import Evidence
from tests.markets import a_change

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(1, 33)))
EVIDENCE = Evidence(public_hex(KEY.public_key()))


def sign(db: Database, hours: float = 4) -> None:
    """Sign the log as it stands."""
    transact(db, lambda session: take_checkpoint(session, KEY, a_change(hours).at))
