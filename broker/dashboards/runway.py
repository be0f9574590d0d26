"""How long credits last at the present pace: a forecast whose every assumption can be said.

Numbers in, numbers out: it knows no database and no bids. What it starts from is read from the
ledger in credits.py; the carry-over is the formula of ledger/endowments.py.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from broker.ledger.endowments import KEPT_PERCENT, carried_over

MEASURED_SPRINTS = 4
"""How many decided sprints the pace is the mean of, at most."""
AHEAD_SPRINTS = 4
"""How many sprints after the present one the forecast looks ahead."""
_TEAM = "team"


@dataclass(frozen=True, slots=True)
class Pace:
    """What a team spent in its last decided sprints, less what came back."""

    sprints: int
    spent_credits: int

    @property
    def per_sprint_credits(self) -> int:
        """Return the mean of a sprint, rounded up: a forecast errs to the careful side."""
        return max(0, -(-self.spent_credits // self.sprints))


@dataclass(frozen=True, slots=True)
class Terms:
    """What the forecast expects of a change of sprints: the endowment, and what expires.

    `cap_credits` is the most that is carried over; None where nothing expires.
    """

    endowment_credits: int = 0
    cap_credits: int | None = None
    kept_percent: int = KEPT_PERCENT

    def kept(self, left_credits: int) -> int:
        """Return what is carried over of what is left."""
        if self.cap_credits is None:
            return left_credits
        return carried_over({_TEAM: left_credits}, {_TEAM: self.cap_credits})[_TEAM]

    def expiring(self, left_credits: int) -> int:
        """Return what expires of what is left."""
        return left_credits - self.kept(left_credits)


@dataclass(frozen=True, slots=True)
class SprintAhead:
    """A sprint that is still to be paid for; `number` 0 is the present one.

    `short_credits` is what the pace would want and the team would not have.
    """

    number: int
    expired_credits: int
    endowed_credits: int
    had_credits: int
    spent_credits: int
    short_credits: int

    @property
    def left_credits(self) -> int:
        """Return what would be left at its end."""
        return self.had_credits - self.spent_credits


@dataclass(frozen=True, slots=True)
class Runway:
    """Where the present pace leads. `pace` is None before the first decided sprint."""

    has_credits: int
    pace: Pace | None
    terms: Terms
    ahead: tuple[SprintAhead, ...]

    @property
    def short(self) -> SprintAhead | None:
        """Return the first sprint that the credits would not pay whole."""
        return next((sprint for sprint in self.ahead if sprint.short_credits), None)

    @property
    def lasts_sprints(self) -> int | None:
        """Return how many whole sprints the credits would pay without any new; None: no pace."""
        if self.pace is None or not self.pace.per_sprint_credits:
            return None
        return self.has_credits // self.pace.per_sprint_credits


def pace_of(spent_credits: Sequence[int]) -> Pace | None:
    """Return the pace of the last sprints, oldest first; None where there are none."""
    measured = spent_credits[-MEASURED_SPRINTS:]
    return Pace(len(measured), sum(measured)) if measured else None


def runway(has_credits: int, pace: Pace | None, terms: Terms, *, pays_now: bool) -> Runway:
    """Say where the pace leads; `pays_now`: the present sprint is still to be paid for."""
    if pace is None:
        return Runway(has_credits, None, terms, ())
    ahead = _ahead(has_credits, pace.per_sprint_credits, terms, pays_now=pays_now)
    return Runway(has_credits, pace, terms, tuple(ahead))


def _ahead(
    has_credits: int, wanted_credits: int, terms: Terms, *, pays_now: bool
) -> Iterator[SprintAhead]:
    left = has_credits
    if pays_now:
        now = _sprint(0, (0, 0), has_credits, wanted_credits)
        left = now.left_credits
        yield now
    for number in range(1, AHEAD_SPRINTS + 1):
        expired = terms.expiring(left)
        had = left - expired + terms.endowment_credits
        sprint = _sprint(number, (expired, terms.endowment_credits), had, wanted_credits)
        left = sprint.left_credits
        yield sprint


def _sprint(number: int, changed: tuple[int, int], had: int, wanted: int) -> SprintAhead:
    expired, endowed = changed
    spent = min(had, wanted)
    return SprintAhead(number, expired, endowed, had, spent, wanted - spent)
