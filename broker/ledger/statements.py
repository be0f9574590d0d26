"""What a team has and had: balances, entries with what they left behind, holds, and its pace.

Read models for the page about credits: everything here follows from the ledger, and nothing is
written. A team sees its own statement.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from sqlalchemy import select
from sqlmodel import Session, col

from broker.errors import NotFound
from broker.ledger.entries import Entry, read_entries
from broker.ledger.tables import AccountKind, AccountRow, JournalKind, PeriodRow
from broker.tables import TeamRow

ISSUED = frozenset(
    {JournalKind.ENDOWMENT, JournalKind.ROUND_ENDOWMENT, JournalKind.ENDOWMENT_BY_HAND}
)


@dataclass(frozen=True, slots=True)
class Balance:
    """What a team has now. Units: credits; `refunded` is all that ever came back."""

    available_credits: int = 0
    held_credits: int = 0
    spent_credits: int = 0
    refunded_credits: int = 0


@dataclass(frozen=True, slots=True)
class Line:
    """An entry and the balance right after it."""

    entry: Entry
    after: Balance


@dataclass(frozen=True, slots=True)
class Hold:
    """Credits that wait for the outcome of a closed round."""

    round_key: str
    credits: int


@dataclass(frozen=True, slots=True)
class PeriodTotal:
    """What one period did to a team's credits: what a forecast at its pace starts from."""

    period_key: str
    starts_on: dt.date
    is_closed: bool
    endowed_credits: int
    expired_credits: int
    spent_credits: int
    refunded_credits: int

    @property
    def net_spent_credits(self) -> int:
        """Return what was spent and did not come back."""
        return self.spent_credits - self.refunded_credits


@dataclass(frozen=True, slots=True)
class Statement:
    """A team's credits, whole: oldest first."""

    team_key: str
    team_name: str
    balance: Balance
    lines: tuple[Line, ...]
    holds: tuple[Hold, ...]
    periods: tuple[PeriodTotal, ...]


def read_statement(session: Session, team_key: str) -> Statement:
    """Return the statement of a team; an empty one before its first credits. Raises: NotFound."""
    team = session.scalars(select(TeamRow).where(col(TeamRow.key) == team_key)).first()
    if team is None:
        raise NotFound(f"There is no team {team_key[:64]}.", team_key=team_key)
    lines = tuple(lines_of(read_entries(session, team_key)))
    periods = session.scalars(select(PeriodRow).order_by(col(PeriodRow.position)))
    return Statement(
        team_key=team.key,
        team_name=team.name,
        balance=lines[-1].after if lines else Balance(),
        lines=lines,
        holds=tuple(_holds(line.entry for line in lines)),
        periods=tuple(_period_total(period, lines) for period in periods),
    )


def read_balances(session: Session) -> Mapping[str, Balance]:
    """Return what every team with accounts has now, by team key, as the database keeps it."""
    rows = session.execute(
        select(col(TeamRow.key), col(AccountRow.kind), col(AccountRow.balance_credits))
        .join(AccountRow, col(AccountRow.team_id) == col(TeamRow.id))
        .order_by(col(TeamRow.key))
    )
    found: dict[str, Counter[str]] = {}
    for team_key, kind, credits_ in rows:
        found.setdefault(team_key, Counter())[kind] = credits_
    refunded = _refunds(read_entries(session))
    return {key: _balance(kinds, refunded[key]) for key, kinds in found.items()}


def lines_of(entries: Iterable[Entry]) -> Iterator[Line]:
    """Return a team's entries, each with the balance after it."""
    kinds: Counter[str] = Counter()
    refunded = 0
    for entry in entries:
        kinds[entry.debit] -= entry.amount_credits
        kinds[entry.credit] += entry.amount_credits
        refunded += _refunded(entry)
        yield Line(entry, _balance(kinds, refunded))


def _balance(kinds: Counter[str], refunded: int) -> Balance:
    available, held = kinds[AccountKind.AVAILABLE], kinds[AccountKind.HELD]
    return Balance(available, held, kinds[AccountKind.SPENT], refunded)


def _refunds(entries: Iterable[Entry]) -> Counter[str]:
    refunds: Counter[str] = Counter()
    for entry in entries:
        refunds[entry.team_key] += _refunded(entry)
    return refunds


def _refunded(entry: Entry) -> int:
    """Return what came back by an entry: negative where a refund was corrected."""
    if entry.debit == AccountKind.REFUND and entry.credit == AccountKind.AVAILABLE:
        return entry.amount_credits
    if entry.debit == AccountKind.AVAILABLE and entry.credit == AccountKind.REFUND:
        return -entry.amount_credits
    return 0


def _holds(entries: Iterable[Entry]) -> Iterator[Hold]:
    """Return what each round still holds."""
    held: Counter[str] = Counter()
    for entry in entries:
        if entry.round_key is not None:
            held[entry.round_key] += _onto(entry, AccountKind.HELD)
    for round_key, credits_ in sorted(held.items()):
        if credits_:
            yield Hold(round_key, credits_)


def _onto(entry: Entry, kind: AccountKind) -> int:
    """Return what an entry adds to an account of a kind."""
    return entry.amount_credits * ((entry.credit == kind) - (entry.debit == kind))


def _period_total(period: PeriodRow, lines: tuple[Line, ...]) -> PeriodTotal:
    entries = [line.entry for line in lines if line.entry.period_key == period.key]
    return PeriodTotal(
        period_key=period.key,
        starts_on=period.starts_on,
        is_closed=period.closed_at is not None,
        endowed_credits=sum(e.amount_credits for e in entries if e.kind in ISSUED),
        expired_credits=sum(e.amount_credits for e in entries if e.kind == JournalKind.CARRY_OVER),
        spent_credits=sum(
            _onto(e, AccountKind.SPENT) for e in entries if e.kind != JournalKind.REFUND
        ),
        refunded_credits=sum(_refunded(e) for e in entries if e.kind == JournalKind.REFUND),
    )
