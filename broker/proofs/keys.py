"""The key that signs checkpoints: an Ed25519 key in a file of its own, outside the database.

Whoever holds the database alone can sign nothing. Somebody who only checks needs no more than the
public key: a file with that is enough for every check.
"""

from __future__ import annotations

import os
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from broker.errors import UnusableKey
from broker.proofs.checkpoints import public_hex

FOR_ITS_OWNER = 0o600
MAKE = "`broker migrate` makes one where BROKER_AUDIT_KEY_FILE says, if there is none."


def make_key(file: Path) -> bool:
    """Write a new key that only its owner can read, unless there is a file; say whether it did.

    Raises: OSError.
    """
    text = Ed25519PrivateKey.generate().private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
    )
    try:
        opened = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, FOR_ITS_OWNER)
    except FileExistsError:
        return False
    with os.fdopen(opened, "wb") as out:
        out.write(text)
    return True


def read_signer(file: Path) -> Ed25519PrivateKey:
    """Return the key that signs. Raises: UnusableKey."""
    try:
        key = load_pem_private_key(_content(file), None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise _unusable(file, "holds no private key without a password") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise _unusable(file, "holds another kind of key than Ed25519")
    return key


def read_public_key(file: Path) -> str:
    """Return the public key of a file with either key, as checkpoints name it.

    Raises: UnusableKey.
    """
    content = _content(file)
    if b"PRIVATE KEY" in content:
        return public_hex(read_signer(file).public_key())
    try:
        key = load_pem_public_key(content)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise _unusable(file, "holds no key") from error
    if not isinstance(key, Ed25519PublicKey):
        raise _unusable(file, "holds another kind of key than Ed25519")
    return public_hex(key)


def _content(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise _unusable(file, f"cannot be read: {error.strerror}") from error


def _unusable(file: Path, why: str) -> UnusableKey:
    return UnusableKey(f"The key of the audit log, {file}, {why}.", hint=MAKE)
