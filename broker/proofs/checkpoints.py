"""Checkpoints: how long the audit log was and what its root was at a moment, signed.

One line of canonical JSON, to be kept elsewhere: whoever changes the log afterwards cannot change
that line. The key signs with Ed25519 and lies outside the database; keys.py reads it.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from allocation.wire import canonical_json
from broker.errors import InvalidCheckpoint
from broker.proofs.leaves import instant_text

FORMAT = 1
SIGNED_AS = b"capacity-broker checkpoint 1\n"
"""What stands before the JSON that is signed, so that no signature means anything else."""
LONGEST_LINE = 4096


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The size and root of the log at a moment, under a public key and its signature.

    Units: root, key and signature are lower-case hex, as they are written.
    """

    size: int
    root: str
    taken_at: dt.datetime
    key: str
    signature: str

    @property
    def line(self) -> str:
        """Return the checkpoint as one line."""
        return canonical_json(_claim(self) | {"signature": self.signature}).decode()

    def is_signed(self) -> bool:
        """Say whether the key that it names signed it."""
        try:
            key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(self.key))
            key.verify(bytes.fromhex(self.signature), signed_bytes(self))
        except (InvalidSignature, ValueError):
            return False
        return True


def public_hex(key: Ed25519PublicKey) -> str:
    """Return a public key as checkpoints name it."""
    return key.public_bytes_raw().hex()


def sign_checkpoint(
    key: Ed25519PrivateKey, size: int, root: bytes, taken_at: dt.datetime
) -> Checkpoint:
    """Sign what the log was at a moment."""
    unsigned = Checkpoint(size, root.hex(), taken_at, public_hex(key.public_key()), "")
    signature = key.sign(signed_bytes(unsigned)).hex()
    return Checkpoint(size, unsigned.root, taken_at, unsigned.key, signature)


def signed_bytes(checkpoint: Checkpoint) -> bytes:
    """Return what is signed: a line that says what it is, then the JSON without its signature."""
    return SIGNED_AS + canonical_json(_claim(checkpoint))


def read_checkpoint(text: str) -> Checkpoint:
    """Read a line that `broker checkpoint` printed; its signature is not checked here.

    Raises: InvalidCheckpoint if it is no such line.
    """
    try:
        checkpoint = _from(json.loads(text[:LONGEST_LINE]))
        if checkpoint.line == text.strip():
            return checkpoint
    except (ValueError, KeyError, TypeError):
        pass
    raise InvalidCheckpoint(
        "This is no checkpoint.", hint="Give a line that `broker checkpoint` printed, unchanged."
    )


def _from(document: Mapping[str, Any]) -> Checkpoint:
    return Checkpoint(
        size=int(document["size"]),
        root=str(document["root"]),
        taken_at=dt.datetime.fromisoformat(document["taken_at"]),
        key=str(document["key"]),
        signature=str(document["signature"]),
    )


def _claim(checkpoint: Checkpoint) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "size": checkpoint.size,
        "root": checkpoint.root,
        "taken_at": instant_text(checkpoint.taken_at),
        "key": checkpoint.key,
    }
