"""The tables of the finance screens: periods, the journal, balances, runs, overrides.

Sums are made by the database over journals and accounts. What a run says about its result is there
once its round is decided.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

from sqlalchemy import ColumnElement, Select, Text, and_, case, func, or_, select
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from broker.dashboards.credit_sources import ACCOUNT, JOURNAL, PAYEE, PAYER, TRANSFER
from broker.dashboards.listings import Column, Kind, Subject, Table
from broker.dashboards.sources import BID, DECIDED, ROUND, RUN, TEAM, or_zero, total, when
from broker.ledger.statements import ISSUED
from broker.ledger.tables import AccountKind, JournalKind, PeriodRow
from broker.overrides.tables import OverrideKind, OverrideRow, OverrideState
from broker.people.tables import PersonRow
from broker.states import RunPurpose, RunState
from broker.tables import Table as Stored
from broker.tables import Whole

PERIOD = Stored.metadata.tables[str(PeriodRow.__tablename__)]
OVERRIDE = Stored.metadata.tables[str(OverrideRow.__tablename__)]
PERSON = Stored.metadata.tables[str(PersonRow.__tablename__)]
CURRENT, TO_CLOSE, CLOSED = "current", "to-close", "closed"
ROUND_COLUMN = Column(
    "round_key", "Round", Kind.KEY, filtered=True, names=Subject.ROUND, reference="round_key"
)
PERIOD_COLUMNS = (
    Column("position", "Position", Kind.COUNT, shown=False),
    Column("period", "Period", Kind.KEY, names=Subject.PERIOD, reference="period"),
    Column("starts_on", "Begins", Kind.DAY),
    Column("state", "State", Kind.CHOICE, choices=(CURRENT, TO_CLOSE, CLOSED), filtered=True),
    Column("issued_credits", "Issued", Kind.COUNT, "credits"),
    Column("expired_credits", "Expired", Kind.COUNT, "credits"),
    Column("settled_credits", "Settled", Kind.COUNT, "credits"),
    Column("refunded_credits", "Refunded", Kind.COUNT, "credits"),
    Column("corrected_credits", "Corrected", Kind.COUNT, "credits"),
    Column("journals", "Journals", Kind.COUNT),
    Column("closed_at", "Closed", Kind.INSTANT),
    Column("closed_by", "Closed by"),
)
ENTRY_COLUMNS = (
    Column("journal", "Journal", Kind.COUNT, names=Subject.JOURNAL, reference="journal"),
    Column("posted_at", "Posted", Kind.INSTANT),
    Column("period", "Period", Kind.KEY, filtered=True, shown=False),
    Column("kind", "Kind", Kind.CHOICE, choices=tuple(JournalKind), filtered=True),
    Column("team_key", "Team key", Kind.KEY, shown=False),
    Column("team", "Team", filtered=True, names=Subject.TEAM_CREDITS, reference="team_key"),
    ROUND_COLUMN,
    Column("bid", "Bid", names=Subject.RECEIPT, reference="receipt"),
    Column("receipt", "Receipt", Kind.KEY, shown=False),
    Column("debit", "From", Kind.CHOICE, choices=tuple(AccountKind), filtered=True),
    Column("credit", "To", Kind.CHOICE, choices=tuple(AccountKind), filtered=True),
    Column("amount_credits", "Amount", Kind.COUNT, "credits"),
    Column("reason", "Reason", filtered=True),
    Column("corrects", "Takes back", Kind.COUNT, shown=False),
    Column("run_id", "Run", Kind.KEY, filtered=True, shown=False),
    Column("actor", "Actor", Kind.KEY, shown=False),
    Column("approver", "Approver", Kind.KEY, shown=False),
    Column("idempotency_key", "Key", Kind.KEY, shown=False),
    Column("transfer", "Transfer", Kind.COUNT, shown=False),
)
BALANCE_COLUMNS = (
    Column("team_key", "Team key", Kind.KEY, shown=False),
    Column("team", "Team", filtered=True, names=Subject.TEAM_CREDITS, reference="team_key"),
    Column("available_credits", "Available", Kind.COUNT, "credits"),
    Column("held_credits", "Held", Kind.COUNT, "credits"),
    Column("spent_credits", "Spent", Kind.COUNT, "credits"),
    Column("refund_credits", "On refund", Kind.COUNT, "credits"),
    Column("issued_credits", "Issued to it", Kind.COUNT, "credits"),
    Column("difference_credits", "Difference", Kind.COUNT, "credits"),
)
RUN_COLUMNS = (
    ROUND_COLUMN,
    Column("run_id", "Run", Kind.KEY, filtered=True, names=Subject.RUN, reference="run_id"),
    Column("purpose", "Purpose", Kind.CHOICE, choices=tuple(RunPurpose), filtered=True),
    Column("state", "State", Kind.CHOICE, choices=tuple(RunState), filtered=True),
    Column("revision", "Revision", Kind.COUNT),
    Column("finished_at", "Finished", Kind.INSTANT),
    Column("status", "Status"),
    Column("proof", "Proof"),
    Column("value", "Value", Kind.COUNT, "points"),
    Column("certified_bound", "Certified bound", Kind.COUNT, "points"),
    Column("outcome_sha256", "Outcome", Kind.KEY, shown=False),
    Column("failure", "Why it failed", shown=False),
)
OVERRIDE_COLUMNS = (
    ROUND_COLUMN,
    Column("override", "Override", Kind.KEY, shown=False),
    Column("bid", "Bid", filtered=True, names=Subject.RECEIPT, reference="receipt"),
    Column("receipt", "Receipt", Kind.KEY, shown=False),
    Column("kind", "What", Kind.CHOICE, choices=tuple(OverrideKind), filtered=True),
    Column("state", "State", Kind.CHOICE, choices=tuple(OverrideState), filtered=True),
    Column("revision", "Revision", Kind.COUNT, shown=False),
    Column("price_points", "Price", Kind.COUNT, "points"),
    Column("reason", "Why", filtered=True),
    Column("proposed_by", "Proposed by"),
    Column("proposed_at", "Proposed", Kind.INSTANT, shown=False),
    Column("decided_by", "Decided by"),
    Column("decided_at", "Decided", Kind.INSTANT),
)
OF_TEAMS = (AccountKind.AVAILABLE, AccountKind.HELD, AccountKind.SPENT, AccountKind.REFUND)


class document_text(FunctionElement[str]):  # noqa: N801  # reads as the SQL function that it is
    """What a stored JSON document says under a name, or under names with dots, as text."""

    name = "document_text"
    type = Text()
    inherit_cache = True


@compiles(document_text, "sqlite")
def _document_text_of_sqlite(element: document_text, compiler: SQLCompiler, **options: Any) -> str:
    document, name = (compiler.process(part, **options) for part in element.clauses)
    return f"json_extract({document}, '$.' || {name})"


@compiles(document_text)
def _document_text(element: document_text, compiler: SQLCompiler, **options: Any) -> str:
    document, name = (compiler.process(part, **options) for part in element.clauses)
    return f"(CAST({document} AS json) #>> string_to_array({name}, '.'))"


def period_table() -> Table:
    """Return every period with what it moved, the newest first."""
    sums = _sums_by_period()
    last = select(func.max(PERIOD.c.position)).scalar_subquery()
    state = case(
        (PERIOD.c.closed_at.is_not(None), CLOSED),
        (PERIOD.c.position == last, CURRENT),
        else_=TO_CLOSE,
    )
    rows: Select[Any] = (
        select(
            PERIOD.c.key.label("period"),
            PERIOD.c.position,
            PERIOD.c.starts_on,
            state.label("state"),
            *(or_zero(sums.c[name]).label(name) for name in _SUM_NAMES),
            PERIOD.c.closed_at,
            func.coalesce(PERSON.c.name, PERIOD.c.closed_by).label("closed_by"),
        )
        .select_from(PERIOD)
        .outerjoin(sums, sums.c.period_key == PERIOD.c.key)
        .outerjoin(PERSON, PERSON.c.id == PERIOD.c.closed_by)
    )
    caption = "Every period of the books, and what it moved"
    return Table("periods", caption, PERIOD_COLUMNS, rows, ("-position",))


_SUM_NAMES = (
    *("issued_credits", "expired_credits", "settled_credits", "refunded_credits"),
    *("corrected_credits", "journals"),
)


def _sums_by_period() -> Any:
    amount, kind = JOURNAL.c.amount_credits, JOURNAL.c.kind
    return (
        select(
            JOURNAL.c.period_key,
            total(when(kind.in_(ISSUED), amount)).label("issued_credits"),
            total(when(kind == JournalKind.CARRY_OVER, amount)).label("expired_credits"),
            total(when(kind == JournalKind.SETTLEMENT, amount)).label("settled_credits"),
            total(when(kind == JournalKind.REFUND, amount / 2)).label("refunded_credits"),
            total(when(kind == JournalKind.CORRECTION, amount)).label("corrected_credits"),
            func.count().label("journals"),
        )
        .group_by(JOURNAL.c.period_key)
        .subquery("moved")
    )


def entry_table(
    first: dt.date | None = None,
    last: dt.date | None = None,
    *,
    period_key: str | None = None,
    number: int | None = None,
) -> Table:
    """Return every transfer, the newest first: from day to day, of a period or of a journal."""
    rows = _entries()
    if first is not None:
        rows = rows.where(JOURNAL.c.posted_at >= _midnight(first))
    if last is not None:
        rows = rows.where(JOURNAL.c.posted_at < _midnight(last + dt.timedelta(days=1)))
    if period_key is not None:
        rows = rows.where(JOURNAL.c.period_key == period_key)
    if number is not None:
        rows = rows.where(JOURNAL.c.number == number)
    caption = "Every transfer of credits, with the journal that says why"
    return Table("entries", caption, ENTRY_COLUMNS, rows, ("-transfer",))


def balance_table() -> Table:
    """Return what every team has, and by how much its accounts miss what was issued to it."""
    accounts = {kind: ACCOUNT.alias(kind.value) for kind in OF_TEAMS}
    balances = [or_zero(one.c.balance_credits) for one in accounts.values()]
    issued = _issued_by_team()
    difference = sum(balances[1:], balances[0]) - or_zero(issued.c.credits)
    rows: Select[Any] = select(
        TEAM.c.key.label("team_key"),
        TEAM.c.name.label("team"),
        *(one.label(f"{kind}_credits") for kind, one in zip(accounts, balances, strict=True)),
        or_zero(issued.c.credits).label("issued_credits"),
        difference.label("difference_credits"),
    ).select_from(TEAM)
    for kind, one in accounts.items():
        rows = rows.outerjoin(one, and_(one.c.team_id == TEAM.c.id, one.c.kind == kind.value))
    rows = rows.outerjoin(issued, issued.c.team_id == TEAM.c.id)
    caption = "What every team has now, beside what was issued to it"
    return Table("balances", caption, BALANCE_COLUMNS, rows, ("team", "team_key"))


def run_table() -> Table:
    """Return every run of every round, the newest first."""
    is_decided = ROUND.c.state.in_(DECIDED)

    def said(name: str) -> ColumnElement[Any]:
        return case((is_decided, document_text(RUN.c.report, name)))

    rows: Select[Any] = (
        select(
            ROUND.c.key.label("round_key"),
            ROUND.c.starts_on,
            RUN.c.id.label("run_id"),
            RUN.c.purpose,
            RUN.c.state,
            RUN.c.revision,
            RUN.c.started_at,
            RUN.c.finished_at,
            said("status").label("status"),
            said("proof").label("proof"),
            func.cast(said("value"), Whole).label("value"),
            func.cast(said("certified_bound"), Whole).label("certified_bound"),
            case((is_decided, RUN.c.outcome_sha256)).label("outcome_sha256"),
            case((is_decided, RUN.c.failure)).label("failure"),
        )
        .select_from(RUN)
        .join(ROUND, ROUND.c.id == RUN.c.round_id)
    )
    caption = "Every run of every round, with what proves its result"
    return Table("finance_runs", caption, RUN_COLUMNS, rows, ("-started_at", "run_id"))


def override_table() -> Table:
    """Return every override with its price: the value before less the value after, once solved."""
    proposer, decider = PERSON.alias("proposer"), PERSON.alias("decider")
    before = func.cast(document_text(RUN.c.report, "override.before_value"), Whole)
    rows: Select[Any] = (
        select(
            ROUND.c.key.label("round_key"),
            OVERRIDE.c.id.label("override"),
            BID.c.title.label("bid"),
            BID.c.id.label("receipt"),
            OVERRIDE.c.kind,
            OVERRIDE.c.state,
            RUN.c.revision,
            (before - func.cast(document_text(RUN.c.report, "value"), Whole)).label("price_points"),
            func.coalesce(proposer.c.name, OVERRIDE.c.proposed_by).label("proposed_by"),
            OVERRIDE.c.proposed_at,
            func.coalesce(decider.c.name, OVERRIDE.c.decided_by).label("decided_by"),
            OVERRIDE.c.decided_at,
            OVERRIDE.c.reason,
        )
        .select_from(OVERRIDE)
        .join(ROUND, ROUND.c.id == OVERRIDE.c.round_id)
        .join(BID, BID.c.id == OVERRIDE.c.bid_id)
        .outerjoin(RUN, RUN.c.id == OVERRIDE.c.run_id)
        .outerjoin(proposer, proposer.c.id == OVERRIDE.c.proposed_by)
        .outerjoin(decider, decider.c.id == OVERRIDE.c.decided_by)
    )
    caption = "Every human correction of a result, and what it costs in value"
    return Table("finance_overrides", caption, OVERRIDE_COLUMNS, rows, ("-proposed_at", "override"))


def _entries() -> Select[Any]:
    of_round = ROUND.alias("of_journal_round")
    return (
        select(
            JOURNAL.c.number.label("journal"),
            JOURNAL.c.posted_at,
            JOURNAL.c.period_key.label("period"),
            JOURNAL.c.kind,
            TEAM.c.key.label("team_key"),
            TEAM.c.name.label("team"),
            of_round.c.key.label("round_key"),
            BID.c.title.label("bid"),
            BID.c.id.label("receipt"),
            PAYER.c.kind.label("debit"),
            PAYEE.c.kind.label("credit"),
            TRANSFER.c.amount_credits,
            JOURNAL.c.reason,
            JOURNAL.c.corrects,
            JOURNAL.c.run_id,
            JOURNAL.c.actor,
            JOURNAL.c.approver,
            JOURNAL.c.idempotency_key,
            TRANSFER.c.id.label("transfer"),
        )
        .select_from(TRANSFER)
        .join(JOURNAL, JOURNAL.c.number == TRANSFER.c.journal_number)
        .join(PAYER, PAYER.c.id == TRANSFER.c.debit_account)
        .join(PAYEE, PAYEE.c.id == TRANSFER.c.credit_account)
        .join(TEAM, TEAM.c.id == func.coalesce(PAYER.c.team_id, PAYEE.c.team_id))
        .outerjoin(of_round, of_round.c.id == JOURNAL.c.round_id)
        .outerjoin(BID, BID.c.id == TRANSFER.c.bid_id)
    )


def _issued_by_team() -> Any:
    """Return by team what came from the issue, less what went back to it."""
    is_onto = PAYER.c.kind == AccountKind.ISSUE
    amount = case((is_onto, TRANSFER.c.amount_credits), else_=-TRANSFER.c.amount_credits)
    team_id = func.coalesce(PAYER.c.team_id, PAYEE.c.team_id)
    return (
        select(team_id.label("team_id"), total(amount).label("credits"))
        .select_from(TRANSFER)
        .join(PAYER, PAYER.c.id == TRANSFER.c.debit_account)
        .join(PAYEE, PAYEE.c.id == TRANSFER.c.credit_account)
        .where(or_(is_onto, PAYEE.c.kind == AccountKind.ISSUE))
        .group_by(team_id)
        .subquery("issued")
    )


def _midnight(day: dt.date) -> dt.datetime:
    return dt.datetime.combine(day, dt.time(), dt.UTC)
