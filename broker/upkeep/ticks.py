"""Whether somebody looks after the clock: which hosts tick, and what is overdue.

Every tick notes its host. A market in which something is due is late once nobody did it for a
quarter of an hour, whatever the reason. Read ticking.py for what a tick does.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import case, select
from sqlmodel import Session, col

from broker.clock import in_words
from broker.states import RoundState
from broker.tables import RoundRow
from broker.upkeep.tables import HostRow

NOTICED_AFTER = dt.timedelta(minutes=10)
"""How late something may be before it is said; a check every five minutes then finds it in 15."""


@dataclass(frozen=True, slots=True)
class Late:
    """Something that should have happened by itself: what, since when, in a sentence."""

    what: str
    since: dt.datetime | None
    sentence: str


def note_tick(session: Session, name: str, at: dt.datetime) -> None:
    """Note that a host ticks. Its clock decides nothing here; the database's does."""
    host = session.get(HostRow, name)
    if host is None:
        session.add(HostRow(name=name, ticked_at=at))
    else:
        host.ticked_at = at


def last_tick(session: Session) -> HostRow | None:
    """Return the host that ticked last; None before the first tick."""
    return session.scalars(select(HostRow).order_by(col(HostRow.ticked_at).desc()).limit(1)).first()


def what_is_late(session: Session, at: dt.datetime) -> list[Late]:
    """Say what nobody did in time: ticks themselves, and rounds that wait for one."""
    return [*_missing_ticks(session, at), *_overdue_rounds(session, at)]


def _missing_ticks(session: Session, at: dt.datetime) -> Iterator[Late]:
    """Say that nobody ticks, in a market that has something to wait for."""
    last = last_tick(session)
    if last is not None and last.ticked_at > at - NOTICED_AFTER:
        return
    if last is not None:
        when = in_words(last.ticked_at)
        sentence = f"`broker tick` last ran at {when}, on {last.name}; see its crontab or timer."
        yield Late("tick", last.ticked_at, sentence)
    elif session.scalars(select(RoundRow).where(_SINCE.is_not(None)).limit(1)).first() is not None:
        yield Late("tick", None, "`broker tick` never ran here; add it to a crontab or timer.")


def _overdue_rounds(session: Session, at: dt.datetime) -> Iterator[Late]:
    waiting = select(col(RoundRow.key), col(RoundRow.state), _SINCE).where(
        at - NOTICED_AFTER >= _SINCE
    )
    for key, state, since in session.execute(waiting.order_by(col(RoundRow.key))):
        sentence = f"Round {key} {_SHOULD[state][1]} since {in_words(since)}; run `broker tick`."
        yield Late(f"round:{key}", since, sentence)


_SHOULD = {
    RoundState.SCHEDULED: (col(RoundRow.opens_at), "should be open"),
    RoundState.OPEN: (col(RoundRow.closes_at), "should be closed"),
    RoundState.CLOSED: (col(RoundRow.closed_at), "waits to be allocated"),
}
"""Since when a round of each state waits for a tick, and for what."""
_SINCE = case(*((col(RoundRow.state) == state, since) for state, (since, _) in _SHOULD.items()))
