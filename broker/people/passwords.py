"""Passwords: what one must be, and how it is kept, as a scrypt hash with a salt of its own.

The only module that imports werkzeug below the screens; it knows nobody and no database.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator

from werkzeug.security import check_password_hash, generate_password_hash

SHORTEST, LONGEST = 12, 200
FEWEST_DIFFERENT = 5
METHOD = "scrypt:32768:8:1"
NOBODYS = (
    "scrypt:32768:8:1$mFLVTV3ngwJsJ17S$f448e365c4e1c8e348d3c6313dd6758ffb9134f2e54c416d878eb9"
    "72a5703d28c9a3e8ae996f201f544a23376e82fc81a8cab258befe45b3096717f8650eca0d"
)
"""The hash of a password that nobody kept: where nobody is known, it takes the same time."""


def findings_in_password(password: str, person_key: str) -> Iterator[str]:
    """Say what is wrong with a password: length counts, not which characters are in it."""
    if not SHORTEST <= len(password) <= LONGEST:
        yield f"password: has {len(password)} characters; use {SHORTEST} to {LONGEST}."
    elif len(set(password)) < FEWEST_DIFFERENT:
        yield f"password: repeats itself; use at least {FEWEST_DIFFERENT} different characters."
    elif person_key.lower() in password.lower():
        yield "password: holds the name that you sign in with; leave it out."


def hash_password(password: str) -> str:
    """Return what may be stored of a password."""
    return generate_password_hash(_one_form(password), METHOD)


def is_password(stored: str | None, password: str) -> bool:
    """Say whether a password is the one that was stored; as slow where none was."""
    is_right = check_password_hash(stored or NOBODYS, _one_form(password[: LONGEST + 1]))
    return is_right and stored is not None


def _one_form(password: str) -> str:
    """Return a password as every keyboard means it: one letter has several spellings."""
    return unicodedata.normalize("NFKC", password)
