"""What can go wrong in an allocation, each as a type of its own.

Nothing here knows a file format, a database or a screen. Every message is a sentence that a
person can act on and that names what it is about.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Violation:
    """One broken rule that the judge found. `code` is stable; `sentence` names what it is about."""

    code: str
    sentence: str

    def __str__(self) -> str:
        return f"{self.code}: {self.sentence}"


class AllocationError(Exception):
    """Something that keeps a round from getting a checked outcome."""


class InvalidProblem(AllocationError):  # noqa: N818  # the market's word; every subclass is an error
    """The problem breaks a rule of the market, so there is nothing to decide."""


class NoOutcome(AllocationError):  # noqa: N818  # the market's word; every subclass is an error
    """Every stage of the engine failed, so there is nothing to publish."""


class ImpossibleOverride(NoOutcome):
    """What people want to decide cannot stand: no outcome of the round has it."""


class BrokenOutcome(AllocationError):  # noqa: N818  # the market's word; every subclass is an error
    """The judge refused an outcome; it must not reach anybody."""

    def __init__(self, round_key: str, violations: Sequence[Violation]) -> None:
        self.round_key = round_key
        self.violations = tuple(violations)
        first = self.violations[0] if self.violations else "no violation was named"
        super().__init__(
            f"The outcome of round {round_key} failed its check with "
            f"{len(self.violations)} violation(s) and was not published. First: {first}"
        )
