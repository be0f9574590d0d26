"""What keys, texts and numbers may be, wherever they come from.

Files have their own reader with lines and columns; this is the same law for what people and
programs hand in. Source: FORMATS, section 1.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

LARGEST_NUMBER = 10**12
LARGEST_UNITS = 10**9
LARGEST_ROUND_VALUE = 2**53
LONGEST_TEXT = 1000
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")

_KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_NOT_WRITABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")


def safe_cell(text: str) -> str:
    """Return a text that a spreadsheet shows and never runs."""
    return f"'{text}" if text.startswith(FORMULA_STARTS) else text


def findings_in_key(what: str, key: str) -> Iterator[str]:
    """Say what is wrong with a key."""
    if not _KEY.fullmatch(key):
        yield (
            f"{what}: {key[:40]!r} is not a key; use 1 to 64 letters, digits, dots, underscores or "
            "hyphens, the first a letter or digit."
        )


def findings_in_text(what: str, text: str) -> Iterator[str]:
    """Say what is wrong with a name, a title or a description."""
    if len(text) > LONGEST_TEXT:
        yield f"{what}: has {len(text)} characters; shorten it to {LONGEST_TEXT}."
    if _NOT_WRITABLE.search(text):
        yield f"{what}: holds a control character or a line break; remove it."


def findings_in_number(
    what: str, number: int, least: int, most: int = LARGEST_NUMBER
) -> Iterator[str]:
    """Say whether a number is out of its range."""
    if not least <= number <= most:
        yield f"{what}: {number} is out of range; use {least} to {most}."
