"""The life of a round as a strip of steps: what is done, where it stands, what comes next."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from enum import StrEnum

from broker.dashboards.briefs import RoundBrief
from broker.states import RoundState

ORDER = (
    RoundState.SCHEDULED,
    RoundState.OPEN,
    RoundState.CLOSED,
    RoundState.PUBLISHED,
    RoundState.FINISHED,
)


class Place(StrEnum):
    """Where a step lies, seen from the present."""

    DONE = "done"
    HERE = "here"
    AHEAD = "ahead"


@dataclass(frozen=True, slots=True)
class Step:
    """One state of a round, with the instant or the day it came or is due."""

    word: str
    place: Place
    at: dt.datetime | None = None
    on: dt.date | None = None


def steps_of(brief: RoundBrief) -> tuple[Step, ...]:
    """Return the steps of a round; a cancelled one has none."""
    if brief.state not in ORDER:
        return ()
    times = {
        RoundState.OPEN: brief.opens_at,
        RoundState.CLOSED: brief.closed_at or brief.closes_at,
        RoundState.PUBLISHED: brief.published_at,
    }
    here = ORDER.index(RoundState(brief.state))
    return tuple(
        Step(
            word=state.value,
            place=_place(n, here),
            at=times.get(state),
            on=brief.ends_on if state is RoundState.FINISHED else None,
        )
        for n, state in enumerate(ORDER)
    )


def _place(step: int, here: int) -> Place:
    if step == here:
        return Place.HERE
    return Place.DONE if step < here else Place.AHEAD
