"""The tables of the screen about credits: teams to choose from, sprints, and every entry."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import ColumnElement, Select, Text, and_, case, cast, column, func, select, values
from sqlalchemy.types import TypeEngine

from broker.dashboards.credit_sources import (
    ACCOUNT,
    JOURNAL,
    PAYEE,
    PAYER,
    SPRINT_KEY,
    TRANSFER,
    Sprint,
    in_full,
    of_team,
)
from broker.dashboards.listings import Column, Kind, Subject, Table
from broker.dashboards.runway import SprintAhead
from broker.dashboards.sources import BID, TEAM, or_zero
from broker.ledger.journals import account_id
from broker.ledger.tables import AccountKind, JournalKind
from broker.tables import Day, Whole

BALANCES = (AccountKind.AVAILABLE, AccountKind.HELD, AccountKind.SPENT)
PAST, PRESENT, FORECAST = "past", "present", "forecast"
TEAM_COLUMNS = (
    Column("team_key", "Team key", Kind.KEY, shown=False),
    Column("team", "Team", filtered=True, names=Subject.TEAM_CREDITS, reference="team_key"),
    Column("available_credits", "Available", Kind.COUNT, "credits"),
    Column("held_credits", "Held", Kind.COUNT, "credits"),
    Column("spent_credits", "Spent", Kind.COUNT, "credits"),
)
SPRINT_COLUMNS = (
    Column("place", "Place", Kind.COUNT, shown=False),
    Column("sprint_key", "Sprint key", Kind.KEY, shown=False),
    Column("sprint", "Sprint", names=Subject.ROUND, reference="sprint_key"),
    Column("standing", "Standing", Kind.CHOICE, choices=(PAST, PRESENT, FORECAST), filtered=True),
    Column("starts_on", "Begins", Kind.DAY),
    Column("expired_credits", "Expired", Kind.COUNT, "credits"),
    Column("endowed_credits", "Endowed", Kind.COUNT, "credits"),
    Column("corrected_credits", "Corrected", Kind.COUNT, "credits"),
    Column("had_credits", "To spend", Kind.COUNT, "credits"),
    Column("spent_credits", "Spent", Kind.COUNT, "credits"),
    Column("refunded_credits", "Came back", Kind.COUNT, "credits"),
    Column("left_credits", "Left", Kind.COUNT, "credits"),
    Column("held_credits", "of it held", Kind.COUNT, "credits"),
    Column("short_credits", "Short", Kind.COUNT, "credits"),
)
SELDOM = frozenset({"corrected_credits", "refunded_credits", "held_credits", "short_credits"})
ENTRY_COLUMNS = (
    Column("entry", "Entry", Kind.COUNT),
    Column("posted_at", "Posted", Kind.INSTANT),
    Column("kind", "Why", Kind.CHOICE, choices=tuple(JournalKind), filtered=True),
    Column("sprint", "Sprint", Kind.KEY, filtered=True, names=Subject.ROUND, reference="sprint"),
    Column("bid", "Bid", filtered=True, names=Subject.RECEIPT, reference="receipt"),
    Column("receipt", "Receipt", Kind.KEY, shown=False),
    Column("debit", "From", Kind.CHOICE, choices=tuple(AccountKind), filtered=True),
    Column("credit", "To", Kind.CHOICE, choices=tuple(AccountKind), filtered=True),
    Column("amount_credits", "Amount", Kind.COUNT, "credits"),
    Column("available_after_credits", "Available after", Kind.COUNT, "credits"),
    Column("held_after_credits", "Held after", Kind.COUNT, "credits"),
    Column("spent_after_credits", "Spent after", Kind.COUNT, "credits", shown=False),
    Column("reason", "Reason", filtered=True),
    Column("journal", "Journal", Kind.COUNT, shown=False),
)


def team_table(ids: Iterable[str] | None) -> Table:
    """Return teams with what they have; `ids` None means every team."""
    accounts = {kind: ACCOUNT.alias(kind.value) for kind in BALANCES}
    balances = [
        or_zero(a.c.balance_credits).label(f"{kind}_credits") for kind, a in accounts.items()
    ]
    rows: Select[Any] = select(TEAM.c.key.label("team_key"), TEAM.c.name.label("team"), *balances)
    rows = rows.select_from(TEAM)
    for kind, account in accounts.items():
        rows = rows.outerjoin(
            account, and_(account.c.team_id == TEAM.c.id, account.c.kind == kind.value)
        )
    chosen = rows if ids is None else rows.where(TEAM.c.id.in_(list(ids)))
    return Table("teams", "Credits of teams", TEAM_COLUMNS, chosen, ("team", "team_key"))


def sprint_table(sprints: Sequence[Sprint], ahead: Sequence[SprintAhead]) -> Table:
    """Return sprints with what they did to a team's credits, and the forecast behind them."""
    found = [*_rows_of(sprints), *_rows_ahead(ahead, len(sprints))]
    columns: list[Any] = [column(one.key, _type_of(one)) for one in SPRINT_COLUMNS]
    nothing = [(None,) * len(columns)]
    given = values(*columns, name="given").data(found or nothing).cte("sprint_total")
    rows = select(given).where(given.c.place.is_not(None))
    caption = "What each sprint did to the credits of the team, and the forecast"
    return Table("sprints", caption, tuple(_shown(found)), rows, ("place",))


def _shown(found: Sequence[tuple[Any, ...]]) -> Iterator[Column]:
    """Leave out on screens what seldom happens and did not; programs get every column."""
    for place, one in enumerate(SPRINT_COLUMNS):
        has_any = any(row[place] for row in found)
        yield replace(one, shown=one.shown and (has_any or one.key not in SELDOM))


def _type_of(one: Column) -> TypeEngine[Any]:
    if one.is_number:
        return Whole
    return Day() if one.kind is Kind.DAY else Text()


def _rows_of(sprints: Sequence[Sprint]) -> Iterator[tuple[Any, ...]]:
    for place, sprint in enumerate(sprints):
        yield (
            place,
            sprint.key,
            sprint.name,
            PAST if sprint.is_decided else PRESENT,
            sprint.starts_on,
            sprint.expired_credits,
            sprint.endowed_credits,
            sprint.corrected_credits,
            sprint.had_credits,
            sprint.spent_credits,
            sprint.refunded_credits,
            sprint.left_credits,
            sprint.held_credits,
            None,
        )


def _rows_ahead(ahead: Sequence[SprintAhead], first: int) -> Iterator[tuple[Any, ...]]:
    for place, sprint in enumerate(ahead, first):
        yield (
            place,
            None,
            ahead_name(sprint.number),
            FORECAST,
            None,
            sprint.expired_credits,
            sprint.endowed_credits,
            0,
            sprint.had_credits,
            sprint.spent_credits,
            0,
            sprint.left_credits,
            None,
            sprint.short_credits,
        )


def ahead_name(number: int) -> str:
    """Return how a sprint of the forecast is called."""
    return {0: "Rest of the present", 1: "The next"}.get(number, f"{number} ahead")


def entry_table(team_id: str, sprints: Sequence[Sprint]) -> Table:
    """Return every transfer of a team that counts for some sprints, the newest first."""
    every = _entries(team_id).subquery("every_entry")
    rows = select(every).where(every.c.sprint.in_([sprint.key for sprint in sprints]))
    caption = "Every transfer of the team's credits, with what it left behind"
    return Table("entries", caption, ENTRY_COLUMNS, rows, ("-entry",))


def _entries(team_id: str) -> Select[Any]:
    order = (TRANSFER.c.journal_number, TRANSFER.c.id)
    after = [
        cast(func.sum(_change(account_id(kind, team_id))).over(order_by=order), Whole).label(
            f"{kind}_after_credits"
        )
        for kind in BALANCES
    ]
    columns: Select[Any] = select(
        func.row_number().over(order_by=order).label("entry"),
        JOURNAL.c.posted_at,
        JOURNAL.c.kind,
        SPRINT_KEY.label("sprint"),
        BID.c.title.label("bid"),
        BID.c.id.label("receipt"),
        JOURNAL.c.reason,
        PAYER.c.kind.label("debit"),
        PAYEE.c.kind.label("credit"),
        TRANSFER.c.amount_credits,
        *after,
        JOURNAL.c.number.label("journal"),
    )
    joined = in_full(columns).outerjoin(BID, BID.c.id == TRANSFER.c.bid_id)
    return joined.where(of_team(team_id))


def _change(account: str) -> ColumnElement[int]:
    """Return what a transfer changes on an account."""
    amount = TRANSFER.c.amount_credits
    return case(
        (TRANSFER.c.credit_account == account, amount),
        (TRANSFER.c.debit_account == account, -amount),
        else_=0,
    )
