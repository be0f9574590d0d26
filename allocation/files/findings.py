"""What is wrong with a file that people write: where, what, and what to do about it.

Findings are values: a reader collects all of them before it refuses anything. Nothing here knows
which files there are; folders.py and the modules it names do. Read files/tables.py next.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from allocation.errors import AllocationError

WHOLE_FILE = 1
"""The line of a finding that concerns a whole file."""
WHOLE_ROW = "-"
"""The column of a finding that concerns a whole row, or more."""
SHOWN_CHARACTERS = 40


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """One thing that is wrong with a file, as a line that a person can act on."""

    file: str
    line: int
    column: str
    wrong: str
    hint: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.column}: {self.wrong}; {self.hint}"


class InvalidFolder(AllocationError):  # noqa: N818  # the market's word; every subclass is an error
    """A folder breaks rules of its format; nothing in it was used. Shape: findings are sorted."""

    def __init__(self, folder: Path, findings: Iterable[Finding]) -> None:
        self.folder = folder
        self.findings = tuple(sorted(findings))
        first = self.findings[0] if self.findings else "no finding was named"
        super().__init__(
            f"The folder {pathname(folder)} was refused with {len(self.findings)} finding(s). "
            f"First: {first}"
        )


def quoted(text: str) -> str:
    """Return a text in quotes, on one line, unprintable characters escaped, long ones cut."""
    cut = text[:SHOWN_CHARACTERS]
    return repr(cut) + ("…" if len(text) > len(cut) else "")


def named(column: str) -> str:
    """Return a column's name as it is where it is short and shows whole, else in quotes."""
    is_short = 0 < len(column) <= SHOWN_CHARACTERS
    is_plain = is_short and column.isprintable() and column == column.strip()
    return column if is_plain else quoted(column)


def pathname(path: Path) -> str:
    """Return a path on one line, in quotes where it does not print as it is."""
    return str(path) if str(path).isprintable() else repr(str(path))
