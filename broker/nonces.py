"""The nonce of a round's tie-break: drawn when the round opens, so that nobody can aim at it.

From then on everybody can read its SHA-256, and from the close on the nonce itself, so that nobody
can draw it again either. A round that came from a folder keeps the nonce of its folder. Source:
docs/adr/0004-written-tie-break.md.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass

from broker.states import RoundState
from broker.tables import RoundRow

NONCE_BYTES = 32
SEALED = frozenset({RoundState.SCHEDULED, RoundState.OPEN, RoundState.CANCELLED})
"""States in which nobody is shown the nonce."""
Draw = Callable[[], str]
"""Returns a nonce that nobody knows before: 1 to 64 letters and digits."""


@dataclass(frozen=True, slots=True)
class ToldNonce:
    """What everybody may know: the hex SHA-256 once the round has opened, the nonce once closed."""

    sha256: str | None
    nonce: str | None


def draw_nonce() -> str:
    """Draw a nonce by chance."""
    return secrets.token_hex(NONCE_BYTES)


def nonce_at_opening(row: RoundRow, draw: Draw) -> str:
    """Return the nonce with which a round opens: a new one, unless its folder named it."""
    return draw() if row.imported_sha256 is None else row.nonce


def nonce_sha256(nonce: str) -> str:
    """Return what commits to a nonce."""
    return hashlib.sha256(nonce.encode()).hexdigest()


def told_nonce(state: str, nonce: str) -> ToldNonce:
    """Return what a round in a state tells of its nonce."""
    if state == RoundState.SCHEDULED:
        return ToldNonce(None, None)
    return ToldNonce(nonce_sha256(nonce), None if state in SEALED else nonce)
