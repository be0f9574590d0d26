"""The states of rounds, runs, access to data and hours of experts, in one table of transitions.

No other module writes these states: the functions here change them with one guarded UPDATE and
write exactly one audit event beside it. What a transition means stands in rounds.py, runs.py,
access_grants/ and experts/.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from sqlalchemy import ColumnElement, CursorResult, Update, update
from sqlmodel import Session, col

from broker.audit import Change, record
from broker.errors import Refused
from broker.tables import RoundRow, RunRow

if TYPE_CHECKING:
    from broker.access_grants.tables import AccessGrantRow
    from broker.experts.tables import ExpertHoursRow


class RoundState(StrEnum):
    """Where a round stands in its life."""

    SCHEDULED = "scheduled"
    OPEN = "open"
    CLOSED = "closed"
    PUBLISHED = "published"
    FINISHED = "finished"
    CANCELLED = "cancelled"


class RunState(StrEnum):
    """Where a run of a round stands."""

    SOLVING = "solving"
    CHECKED = "checked"
    PUBLISHED = "published"
    FAILED = "failed"
    STALE = "stale"


class RunPurpose(StrEnum):
    """What a run is for: its outcome is published, or it is a rehearsal."""

    PUBLICATION = "publication"
    REHEARSAL = "rehearsal"


class BidState(StrEnum):
    """Where a team's bid stands until its round closes; what the round made of it is a result."""

    DRAFT = "draft"
    SUBMITTED = "submitted"
    WITHDRAWN = "withdrawn"


class AccessState(StrEnum):
    """Where a grant of access to data stands."""

    GRANTED = "granted"
    EXPIRED = "expired"
    REVOKED = "revoked"


class HoursState(StrEnum):
    """Where hours of an expert stand: open, asked for, answered, or taken over by others."""

    TO_BE_NAMED = "to-be-named"
    ASKED = "asked"
    CONFIRMED = "confirmed"
    DECLINED = "declined"
    REPLACED = "replaced"


LIVE_HOURS = (HoursState.TO_BE_NAMED, HoursState.ASKED, HoursState.CONFIRMED)
"""What is still promised to a team; on every day of an award it adds up to what was awarded."""
TRANSITIONS: Mapping[type[StrEnum], Mapping[StrEnum, frozenset[StrEnum]]] = {
    RoundState: {
        RoundState.SCHEDULED: frozenset({RoundState.OPEN, RoundState.CANCELLED}),
        RoundState.OPEN: frozenset({RoundState.CLOSED, RoundState.CANCELLED}),
        RoundState.CLOSED: frozenset({RoundState.PUBLISHED, RoundState.CANCELLED}),
        RoundState.PUBLISHED: frozenset({RoundState.FINISHED}),
        RoundState.FINISHED: frozenset(),
        RoundState.CANCELLED: frozenset(),
    },
    RunState: {
        RunState.SOLVING: frozenset({RunState.CHECKED, RunState.FAILED, RunState.STALE}),
        RunState.CHECKED: frozenset({RunState.PUBLISHED, RunState.FAILED, RunState.STALE}),
        RunState.PUBLISHED: frozenset(),
        RunState.FAILED: frozenset(),
        RunState.STALE: frozenset(),
    },
    BidState: {
        BidState.DRAFT: frozenset({BidState.DRAFT, BidState.SUBMITTED, BidState.WITHDRAWN}),
        BidState.SUBMITTED: frozenset({BidState.SUBMITTED, BidState.WITHDRAWN}),
        BidState.WITHDRAWN: frozenset(),
    },
    AccessState: {
        AccessState.GRANTED: frozenset({AccessState.EXPIRED, AccessState.REVOKED}),
        AccessState.EXPIRED: frozenset(),
        AccessState.REVOKED: frozenset(),
    },
    HoursState: {
        HoursState.TO_BE_NAMED: frozenset({HoursState.REPLACED}),
        HoursState.ASKED: frozenset(
            {HoursState.CONFIRMED, HoursState.DECLINED, HoursState.REPLACED}
        ),
        HoursState.CONFIRMED: frozenset({HoursState.DECLINED, HoursState.REPLACED}),
        HoursState.DECLINED: frozenset(),
        HoursState.REPLACED: frozenset(),
    },
}
"""What may follow each state; nothing follows an empty set. `published` is a state of both."""


def sources_of(state: StrEnum) -> list[str]:
    """Return the states from which this one may be reached."""
    return [
        source.value for source, targets in TRANSITIONS[type(state)].items() if state in targets
    ]


def move_round(
    session: Session,
    row: RoundRow,
    state: RoundState,
    change: Change,
    *,
    guards: tuple[ColumnElement[bool], ...] = (),
    facts: Mapping[str, Any] | None = None,
    **columns: Any,
) -> None:
    """Bring a round into a state, with what else changes in the same moment.

    Raises: Refused if the round is in no state that this one may follow, or if a guard fails
    because somebody else changed the round meanwhile.
    """
    if not _change_state(session, row, state, guards, columns):
        raise _refusal(f"Round {row.key}", row.state, state)
    record(session, change, f"round.{state}", f"round:{row.key}", **(facts or {}))


def move_run(
    session: Session,
    row: RunRow,
    state: RunState,
    change: Change,
    *,
    facts: Mapping[str, Any] | None = None,
    **columns: Any,
) -> None:
    """Bring a run into a state. Raises: Refused if its state does not allow it."""
    if not _change_state(session, row, state, (), columns):
        raise _refusal(f"Run {row.id}", row.state, state)
    record(session, change, f"run.{state}", f"run:{row.id}", **(facts or {}))


def move_access(
    session: Session, row: AccessGrantRow, state: AccessState, change: Change, *, reason: str = ""
) -> None:
    """End a grant of access. Raises: Refused if it has ended already."""
    ended = {"ended_at": change.at, "ended_by": change.actor, "reason": reason}
    if not _change_state(session, row, state, (), ended):
        raise _refusal("This access", row.state, state)
    facts = {"bid_id": row.bid_id, "team_id": row.team_id, "pool_id": row.pool_id}
    record(session, change, f"access.{state}", f"access:{row.id}", **facts)


def move_hours(
    session: Session,
    rows: Sequence[ExpertHoursRow],
    state: HoursState,
    change: Change,
    subject: str,
    *,
    reason: str = "",
) -> None:
    """Bring some hours into a state, all or none, with one event for all of them.

    Raises: Refused if one of them is in no state that this one may follow.
    """
    answered = {"answered_at": change.at, "answered_by": change.actor, "reason": reason}
    columns = {} if state is HoursState.REPLACED else answered
    for row in rows:
        if not _change_state(session, row, state, (), columns):
            raise _refusal("These hours", row.state, state)
    facts = {"hours": sum(row.hours for row in rows), "rows": sorted(row.id for row in rows)}
    record(session, change, f"hours.{state}", subject, **facts)


def _change_state(
    session: Session,
    row: RoundRow | RunRow | AccessGrantRow | ExpertHoursRow,
    state: StrEnum,
    guards: tuple[ColumnElement[bool], ...],
    columns: Mapping[str, Any],
) -> bool:
    """Update the row if its state and the guards allow it; the row then tells what is stored."""
    table = type(row)
    legal = (col(table.id) == row.id, col(table.state).in_(sources_of(state)), *guards)
    changed = changes_one(session, update(table).where(*legal).values(state=state, **columns))
    session.refresh(row)
    return changed


def changes_one(session: Session, statement: Update) -> bool:
    """Run a guarded UPDATE and say whether it found its row."""
    result = session.execute(statement, execution_options={"synchronize_session": False})
    return isinstance(result, CursorResult) and result.rowcount == 1


def _refusal(subject: str, found: str, wanted: StrEnum) -> Refused:
    if found in sources_of(wanted):
        return Refused(f"{subject} was changed by another host meanwhile.", subject=subject)
    return Refused(
        f"{subject} is {found} and cannot become {wanted}.", subject=subject, state=found
    )
