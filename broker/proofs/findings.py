"""What a check of the market finds: a sentence, under a code, with the event from which on."""

from __future__ import annotations

from dataclasses import dataclass

LOG, ROLLBACK, FORK = "log", "rollback", "fork"


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that must never be. `sequence` is the first event that is not vouched for any more.

    `code` is that of an invariant (`I1` …), or names what was compared: `log`, `row`,
    `checkpoint`; against a checkpoint that was kept elsewhere, `rollback` or `fork`.
    """

    code: str
    sentence: str
    sequence: int | None = None

    def __str__(self) -> str:
        """Return one line."""
        return f"{self.code}: {self.sentence}"
