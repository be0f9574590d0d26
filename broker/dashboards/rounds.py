"""The list of rounds: every sprint, its state, and what became of its bids once it is decided."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, case, func, select
from sqlalchemy import Table as Source
from sqlmodel import Session

from broker.dashboards.listings import Column, Kind, Listing, Question, Subject, Table, list_rows
from broker.dashboards.sources import AWARD, DECLINE, PUBLISHED_RUN, ROUND, or_zero, total
from broker.states import RoundState

STATES = tuple(RoundState)
COLUMNS = (
    Column("round_key", "Round key", Kind.KEY, filtered=True, shown=False),
    Column("name", "Round", filtered=True, names=Subject.ROUND, reference="round_key"),
    Column("state", "State", Kind.CHOICE, choices=STATES, filtered=True),
    Column("starts_on", "Sprint starts", Kind.DAY),
    Column("days", "Days", Kind.COUNT),
    Column("closes_at", "Closes", Kind.INSTANT),
    Column("published_at", "Published", Kind.INSTANT),
    Column("awarded", "Awarded", Kind.COUNT, "bids"),
    Column("declined", "Declined", Kind.COUNT, "bids"),
    Column("value", "Value", Kind.COUNT, "points"),
)


@dataclass(frozen=True, slots=True)
class RoundsScreen:
    """Every round of the market."""

    rounds: Listing


def rounds_screen(session: Session, question: Question) -> RoundsScreen:
    """Return the rounds, the newest sprint first."""
    return RoundsScreen(list_rows(session, round_table(), question))


def round_table() -> Table:
    """Return the table of rounds. A round that is not decided has no counts and no value."""
    rows = (
        select(
            ROUND.c.key.label("round_key"),
            ROUND.c.name,
            ROUND.c.state,
            ROUND.c.starts_on,
            ROUND.c.days,
            ROUND.c.closes_at,
            ROUND.c.published_at,
            _of_run(AWARD, func.count()).label("awarded"),
            _of_run(DECLINE, func.count()).label("declined"),
            _of_run(AWARD, total(AWARD.c.value_score)).label("value"),
        )
        .select_from(ROUND)
        .outerjoin(PUBLISHED_RUN, PUBLISHED_RUN.c.round_id == ROUND.c.id)
    )
    return Table("rounds", "Rounds of the market", COLUMNS, rows, ("-starts_on", "round_key"))


def _of_run(source: Source, amount: ColumnElement[Any]) -> ColumnElement[Any]:
    """Return an amount over the rows of the published run, nothing where there is none."""
    found = select(amount).where(source.c.run_id == PUBLISHED_RUN.c.run_id).scalar_subquery()
    return case((PUBLISHED_RUN.c.run_id.is_not(None), or_zero(found)))
