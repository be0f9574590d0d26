"""Rounds and runs change their state only as the one table says, and every change is logged."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import false
from sqlmodel import Session

from broker.db import Database
from broker.errors import Refused
from broker.rounds import create_round
from broker.states import (
    TRANSITIONS,
    AccessState,
    BidState,
    HoursState,
    RoundState,
    RunState,
    move_round,
    move_run,
    sources_of,
)
from broker.tables import RoundRow, RunRow
from tests.markets import NOON, a_change, a_database, a_scarce_problem, described, events

CLOSED = {"closed_at": NOON}
PUBLISHED = {"published_at": NOON}
ENDED = {"finished_at": NOON}
OUTCOME = {"outcome_sha256": "0", "report": "{}", "certificate": "{}"}
COLUMNS: dict[str, dict[str, Any]] = {
    "round.closed": CLOSED,
    "round.published": PUBLISHED,
    "run.checked": ENDED | OUTCOME,
    "run.failed": ENDED | {"failure": "It failed."},
    "run.stale": ENDED,
}
"""What has to be known in a state, besides the state."""

STORED: dict[str, dict[str, Any]] = COLUMNS | {
    "round.published": CLOSED | PUBLISHED,
    "round.finished": CLOSED | PUBLISHED,
    "run.published": ENDED | OUTCOME,
}
ROUND_PAIRS = [(a, b) for a in RoundState for b in RoundState]
RUN_PAIRS = [(a, b) for a in RunState for b in RunState]


@pytest.fixture(scope="module")
def shared_market(
    migrated_file: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Database]:
    db = a_database(Path(shutil.copy(migrated_file, tmp_path_factory.mktemp("states"))))
    yield db
    db.dispose()


@pytest.fixture
def session(shared_market: Database) -> Iterator[Session]:
    """Return a transaction that leaves nothing behind."""
    with Session(shared_market.writer) as session:
        yield session
        session.rollback()


def a_round(session: Session, state: RoundState) -> RoundRow:
    row = create_round(session, described(a_scarce_problem()), a_change())
    session.refresh(row)
    for name, value in ({"state": state} | STORED.get(f"round.{state}", {})).items():
        setattr(row, name, value)
    session.flush()
    return row


def a_run(session: Session, state: RunState) -> RunRow:
    row = RunRow(
        id="run-1",
        round_id=a_round(session, RoundState.CLOSED).id,
        state=state,
        fence=1,
        problem_sha256="0",
        started_at=NOON,
        **STORED.get(f"run.{state}", {}),
    )
    session.add(row)
    session.flush()
    return row


def test_the_table_says_what_follows_every_state() -> None:
    assert {kind: set(table) for kind, table in TRANSITIONS.items()} == {
        RoundState: set(RoundState),
        RunState: set(RunState),
        BidState: set(BidState),
        AccessState: set(AccessState),
        HoursState: set(HoursState),
    }


def test_a_cancelled_round_was_never_published() -> None:
    assert sources_of(RoundState.CANCELLED) == ["scheduled", "open", "closed"]


@pytest.mark.parametrize(("found", "wanted"), ROUND_PAIRS)
def test_a_round_changes_its_state_only_as_the_table_says(
    session: Session, found: RoundState, wanted: RoundState
) -> None:
    row = a_round(session, found)
    before = len(events(session))
    columns = COLUMNS.get(f"round.{wanted}", {})
    if wanted in TRANSITIONS[RoundState][found]:
        move_round(session, row, wanted, a_change(), **columns)
        assert [event.kind for event in events(session)[before:]] == [f"round.{wanted}"]
        assert row.state == wanted
    else:
        with pytest.raises(Refused, match=f"Round sprint-1 is {found}"):
            move_round(session, row, wanted, a_change(), **columns)
        assert len(events(session)) == before
        assert row.state == found


@pytest.mark.parametrize(("found", "wanted"), RUN_PAIRS)
def test_a_run_changes_its_state_only_as_the_table_says(
    session: Session, found: RunState, wanted: RunState
) -> None:
    row = a_run(session, found)
    before = len(events(session))
    columns = COLUMNS.get(f"run.{wanted}", {})
    if wanted in TRANSITIONS[RunState][found]:
        move_run(session, row, wanted, a_change(), **columns)
        assert [event.kind for event in events(session)[before:]] == [f"run.{wanted}"]
        assert row.state == wanted
    else:
        with pytest.raises(Refused, match=f"Run run-1 is {found}"):
            move_run(session, row, wanted, a_change(), **columns)
        assert len(events(session)) == before
        assert row.state == found


def test_a_round_that_somebody_else_holds_does_not_change(session: Session) -> None:
    row = a_round(session, RoundState.CLOSED)
    before = len(events(session))
    with pytest.raises(Refused, match="changed by another host"):
        move_round(session, row, RoundState.PUBLISHED, a_change(), guards=(false(),), **PUBLISHED)
    assert row.state == RoundState.CLOSED
    assert len(events(session)) == before


def test_an_event_says_who_did_what_to_whom_and_when(session: Session) -> None:
    row = a_round(session, RoundState.SCHEDULED)
    move_round(session, row, RoundState.OPEN, a_change(2), facts={"b": 1, "a": "é"})
    event = events(session)[-1]
    assert (event.actor, event.kind, event.subject) == ("ada", "round.open", "round:sprint-1")
    assert event.happened_at == a_change(2).at
    assert event.facts == '{"a":"é","b":1}'
