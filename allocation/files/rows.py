"""One row of a table, asked for its cells kind by kind: keys, numbers, days, instants, texts.

What is wrong with a cell becomes a finding, and the row hands back a harmless stand-in, so that
reading goes on and `is_sound` tells later rules which cells they may believe. Nothing here knows
which tables there are. Read files/tables.py for the text around the cells.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from dataclasses import dataclass

from allocation.files.findings import WHOLE_ROW, Finding, quoted

LARGEST_NUMBER = 10**12
LONGEST_TEXT = 1000
NOT_UTF_8 = re.compile(r"[\ud800-\udfff]")
"""What the bytes of a text became that are no UTF-8: lone surrogates."""
_LONGEST_NUMBER = len(str(LARGEST_NUMBER))

_KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_NONCE = re.compile(r"[A-Za-z0-9]{1,64}")
_WHOLE = re.compile(r"0|[1-9][0-9]*")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_INSTANT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:[.,][0-9]{1,9})?)?"
    r"(?:Z|[+-](?:[01][0-9]|2[0-3])(?::[0-5][0-9])?)"
)
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_KEY_HINT = "use 1 to 64 of A-Z, a-z, 0-9, dot, underscore and hyphen, first a letter or digit"
_NOTHING: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Keys:
    """The keys that a file defines, as they are written there.

    `is_whole` is False where the file could not be read: then a key that is not among them proves
    nothing, and is not reported a second time.
    """

    file: str
    texts: frozenset[str]
    is_whole: bool


class Row:
    """The cells of one record, and what has been found wrong with them."""

    __slots__ = ("_cells", "_file", "_findings", "_places", "_unsound", "line")

    def __init__(
        self,
        file: str,
        line: int,
        places: Mapping[str, int],
        cells: list[str],
        findings: list[Finding],
    ) -> None:
        self._file = file
        self._places = places
        self._cells = cells
        self._findings = findings
        self._unsound: frozenset[str] = _NOTHING
        self.line = line

    def is_sound(self, *columns: str) -> bool:
        """Say whether the cells of these columns are there and were found right."""
        return not self._unsound or self._unsound.isdisjoint(columns)

    def refuse(self, column: str, wrong: str, hint: str) -> None:
        """Report what is wrong with a cell, or with the whole row."""
        self._unsound = self._unsound | {column}
        self._findings.append(Finding(self._file, self.line, column, wrong, hint))

    def refuse_whole(self, wrong: str, hint: str) -> None:
        """Report what is wrong with the row as a whole."""
        self.refuse(WHOLE_ROW, wrong, hint)

    def raw(self, column: str) -> str:
        """Return a cell as it is written; nothing, and unsound, if the table lacks the column."""
        place = self._places.get(column)
        if place is None:
            self._unsound = self._unsound | {column}
            return ""
        return self._cells[place]

    def has(self, column: str) -> bool:
        """Say whether a cell is there and not empty."""
        return column in self._places and self._cells[self._places[column]] != ""

    def key(self, column: str, first_lines: dict[str, int]) -> str:
        """Return the key that this row defines, and remember its line; a second one is refused."""
        text = self.raw(column)
        self._check_key(column, text)
        if self.is_sound(column) and first_lines.setdefault(text, self.line) != self.line:
            wrong = f"{quoted(text)} already stands in line {first_lines[text]}"
            self.refuse(column, wrong, "give every row a key of its own")
        return text

    def reference(self, column: str, keys: Keys) -> str:
        """Return the key of a row of another file; one that is not there is refused."""
        text = self.raw(column)
        if text in keys.texts and text:
            return text
        if not (keys.is_whole and text):
            self._check_key(column, text)
        elif self.is_sound(column):
            hint = f"use a key of {keys.file}, or add its row there"
            self._refuse_text(column, text, f"{quoted(text)} is not in {keys.file}", hint)
        return text

    def whole(self, column: str, least: int = 0, most: int = LARGEST_NUMBER) -> int:
        """Return a whole number in a range. A number of any length costs no more than its text."""
        text = self.raw(column)
        if len(text) <= _LONGEST_NUMBER and _WHOLE.fullmatch(text):
            number = int(text)
            if least <= number <= most:
                return number
        if self.is_sound(column):
            self._refuse_text(column, text, *_wrong_number(text, least, most))
        return least

    def day(self, column: str) -> dt.date:
        """Return a day of the calendar."""
        text = self.raw(column)
        if _DAY.fullmatch(text):
            try:
                return dt.date.fromisoformat(text)
            except ValueError:
                wrong = f"{quoted(text)} is not in the calendar"
                self.refuse(column, wrong, "write a day that exists, such as 2026-03-02")
        elif self.is_sound(column):
            wrong = f"{quoted(text)} is not a day" if text else "is empty"
            self._refuse_text(column, text, wrong, "write year-month-day, such as 2026-03-02")
        return dt.date.min

    def instant(self, column: str) -> dt.datetime | None:
        """Return an instant in UTC, to the microsecond; None if the cell is empty or not there."""
        if not self.has(column):
            return None
        text = self.raw(column)
        try:
            if _INSTANT.fullmatch(text):
                return dt.datetime.fromisoformat(text).astimezone(dt.UTC)
        except (ValueError, OverflowError):
            wrong = f"{quoted(text)} is not in the calendar"
            self.refuse(column, wrong, "write an instant that exists, such as 2026-03-02T09:30:00Z")
            return None
        wrong = f"{quoted(text)} is not an instant with an offset"
        hint = "write it such as 2026-03-02T09:30:00Z or 2026-03-02T09:30:00+01:00"
        self._refuse_text(column, text, wrong, hint)
        return None

    def choice(self, column: str, *choices: str) -> str:
        """Return one of a closed set of words."""
        text = self.raw(column)
        if text in choices:
            return text
        if self.is_sound(column):
            wrong = f"{quoted(text)} is none of the choices" if text else "is empty"
            self._refuse_text(column, text, wrong, f"write {' or '.join(choices)}")
        return choices[0]

    def text(self, column: str) -> str:
        """Return free text; empty if the cell is empty or the table lacks the column."""
        if column not in self._places:
            return ""
        text = self._cells[self._places[column]]
        if len(text) > LONGEST_TEXT:
            wrong = f"has {len(text)} characters"
            self._refuse_text(column, text, wrong, f"shorten it to {LONGEST_TEXT}")
        elif not text.isprintable() and (_CONTROL.search(text) or NOT_UTF_8.search(text)):
            wrong = f"{quoted(text)} holds a control character or a line break"
            self._refuse_text(column, text, wrong, "remove it")
        return text

    def nonce(self, column: str) -> str:
        """Return a nonce; empty if the cell is empty or the table lacks the column."""
        if not self.has(column):
            return ""
        text = self.raw(column)
        if not _NONCE.fullmatch(text):
            wrong = f"{quoted(text)} is not a nonce"
            self._refuse_text(column, text, wrong, "use 1 to 64 ASCII letters or digits")
        return text

    def _check_key(self, column: str, text: str) -> None:
        if self.is_sound(column) and not _KEY.fullmatch(text):
            wrong = f"{quoted(text)} is not a key" if text else "is empty"
            self._refuse_text(column, text, wrong, _KEY_HINT)

    def _refuse_text(self, column: str, text: str, wrong: str, hint: str) -> None:
        """Report a cell for what is wrong with it, or for its bytes where those are the cause."""
        if NOT_UTF_8.search(text):
            wrong, hint = f"{quoted(text)} is not UTF-8", "save the file as UTF-8"
        elif "\0" in text:
            wrong, hint = f"{quoted(text)} holds a NUL character", "remove it"
        self.refuse(column, wrong, hint)


def _wrong_number(text: str, least: int, most: int) -> tuple[str, str]:
    bounds = f"from {least} to {most}"
    if not text:
        return "is empty", f"write a whole number {bounds}"
    if _WHOLE.fullmatch(text):
        return f"{quoted(text)} is out of range", f"write a whole number {bounds}"
    hint = f"write plain digits without sign, point, space or leading zero, {bounds}"
    return f"{quoted(text)} is not a whole number", hint
