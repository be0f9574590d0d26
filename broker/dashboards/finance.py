"""Screen 13, finance: periods, the line that must be zero, checks of everything, corrections.

For finance auditors; platform admins and programs read along. Tables stand in finance_tables.py.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Select, case, func, select
from sqlmodel import Session, col

from broker.access import Action, Actor, may, require
from broker.books.corrections import CORRECTABLE
from broker.books.tables import (
    CorrectionRow,
    CorrectionState,
    ExchangeRateRow,
    PeriodCloseRow,
    VerificationRow,
    VerificationState,
)
from broker.books.verifications import findings_of
from broker.dashboards.credit_sources import ACCOUNT, JOURNAL, TRANSFER
from broker.dashboards.finance_tables import (
    CLOSED,
    PERSON,
    TO_CLOSE,
    entry_table,
    period_table,
)
from broker.dashboards.listings import Listing, Question, Row, Table, all_rows, list_rows
from broker.dashboards.sources import or_zero, total
from broker.errors import NotFound
from broker.ledger.tables import AccountKind, PeriodRow

MOST_RATES = 12
"""How many rates the page shows; the pack of a period has all of them."""


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """What must be zero: all balances together, and accounts that miss the replay of transfers.

    Units: credits. `issued_credits` is what the issue gave in all, less what went back.
    """

    issued_credits: int
    available_credits: int
    held_credits: int
    spent_credits: int
    refund_credits: int
    total_credits: int
    accounts: int
    wrong_accounts: int

    @property
    def is_zero(self) -> bool:
        """Whether the books are in order."""
        return self.total_credits == 0 and self.wrong_accounts == 0


@dataclass(frozen=True, slots=True)
class Rate:
    """What a credit is worth outside. Units: millionths of a unit of currency per credit."""

    number: int
    currency: str
    micros_per_credit: int
    reason: str
    set_by: str
    set_at: dt.datetime


@dataclass(frozen=True, slots=True)
class Check:
    """A check of everything: how far it is, or what it found."""

    id: str
    state: str
    stage: str
    closes: str | None
    asked_by: str
    asked_at: dt.datetime
    finished_at: dt.datetime | None
    events: int | None
    findings: tuple[str, ...]
    first_bad: int | None
    failure: str | None

    @property
    def is_over(self) -> bool:
        """Whether there is nothing more to wait for."""
        return self.state in {VerificationState.DONE, VerificationState.FAILED}

    @property
    def is_clean(self) -> bool:
        """Whether everything was checked and nothing was found."""
        return self.state == VerificationState.DONE and not self.findings


@dataclass(frozen=True, slots=True)
class Correction:
    """A proposed or decided correction of a journal."""

    id: str
    journal: int
    state: str
    reason: str
    proposed_by: str
    proposed_at: dt.datetime
    decided_by: str | None
    decided_at: dt.datetime | None
    correction: int | None
    is_own: bool


@dataclass(frozen=True, slots=True)
class FinanceScreen:
    """The books at one look."""

    now: dt.datetime
    reconciliation: Reconciliation
    to_close: tuple[str, ...]
    rate: Rate | None
    rates: tuple[Rate, ...]
    check: Check | None
    waiting: tuple[Correction, ...]
    periods: Listing
    may_verify: bool
    may_close: bool
    may_set_rate: bool
    may_correct: bool


@dataclass(frozen=True, slots=True)
class PeriodScreen:
    """One period: what it moved, and what its close fixed."""

    period: Row
    ends_before: dt.date | None
    close: PeriodCloseRow | None
    rate: Rate | None
    waits_for: str | None
    check: Check | None
    may_close: bool
    entries: Listing

    @property
    def is_closable(self) -> bool:
        """Whether it can be closed now."""
        return self.period["state"] == TO_CLOSE and self.waits_for is None

    @property
    def is_closed(self) -> bool:
        """Whether it never changes any more."""
        return bool(self.period["state"] == CLOSED)


@dataclass(frozen=True, slots=True)
class JournalScreen:
    """One journal with its transfers, what it takes back and what takes it back."""

    number: int
    first: Row
    entries: Listing
    corrected_by: int | None
    proposals: tuple[Correction, ...]
    may_correct: bool

    @property
    def waiting(self) -> Correction | None:
        """Return the proposal that waits for a second person."""
        return next((one for one in self.proposals if one.state == CorrectionState.PROPOSED), None)

    @property
    def is_correctable(self) -> bool:
        """Whether somebody may still ask that it be taken back."""
        is_free = self.corrected_by is None and self.waiting is None
        return is_free and self.first["kind"] in CORRECTABLE


def finance_screen(
    session: Session, actor: Actor, question: Question, now: dt.datetime
) -> FinanceScreen:
    """Return the books at one look. Raises: SignInNeeded, NotAllowed."""
    require(actor, Action.READ_FINANCE)
    rates = _rates(session)
    return FinanceScreen(
        now=now,
        reconciliation=reconciliation(session),
        to_close=_to_close(session),
        rate=rates[0] if rates else None,
        rates=rates,
        check=_latest_check(session),
        waiting=_corrections(session, actor, col(CorrectionRow.state) == CorrectionState.PROPOSED),
        periods=list_rows(session, period_table(), question),
        may_verify=may(actor, Action.VERIFY),
        may_close=may(actor, Action.CLOSE_PERIOD),
        may_set_rate=may(actor, Action.SET_EXCHANGE_RATE),
        may_correct=may(actor, Action.PROPOSE_CORRECTION),
    )


def period_screen(session: Session, actor: Actor, key: str, question: Question) -> PeriodScreen:
    """Return one period with its journal. Raises: SignInNeeded, NotAllowed, NotFound."""
    require(actor, Action.READ_FINANCE)
    found = [row for row in all_rows(session, period_table(), Question()) if row["period"] == key]
    if not found:
        raise NotFound(f"There is no period {key[:64]}.", period_key=key)
    close = session.get(PeriodCloseRow, key)
    rate = session.get(ExchangeRateRow, close.rate_number) if close else None
    return PeriodScreen(
        period=found[0],
        ends_before=_ends_before(session, found[0]["position"]),
        close=close,
        rate=_rate(rate, rate.set_by) if rate else None,
        waits_for=_earlier_open(session, found[0]["position"]),
        check=_latest_check(session, closes=key),
        may_close=may(actor, Action.CLOSE_PERIOD),
        entries=list_rows(session, entry_table(period_key=key), question),
    )


def journal_screen(
    session: Session, actor: Actor, number: int, question: Question
) -> JournalScreen:
    """Return one journal. Raises: SignInNeeded, NotAllowed, NotFound."""
    require(actor, Action.READ_FINANCE)
    listing = list_rows(session, entry_table(number=number), question)
    if not listing.rows:
        raise NotFound(f"There is no journal {number}.", number=number)
    corrected = select(JOURNAL.c.number).where(JOURNAL.c.corrects == number)
    return JournalScreen(
        number=number,
        first=listing.rows[0],
        entries=listing,
        corrected_by=session.execute(corrected).scalar_one_or_none(),
        proposals=_corrections(session, actor, col(CorrectionRow.journal_number) == number),
        may_correct=may(actor, Action.PROPOSE_CORRECTION),
    )


def overview(session: Session, actor: Actor, table: Table, question: Question) -> Listing:
    """Return one page of a finance table. Raises: SignInNeeded, NotAllowed, InvalidQuestion."""
    require(actor, Action.READ_FINANCE)
    return list_rows(session, table, question)


def check_screen(session: Session, actor: Actor, check_id: str) -> Check:
    """Return how far a check is. Raises: SignInNeeded, NotAllowed, NotFound."""
    require(actor, Action.READ_FINANCE)
    found = _first_check(session, _checks().where(col(VerificationRow.id) == check_id))
    if found is None:
        raise NotFound("There is no such check.", hint="Is the address complete?")
    return found


def reconciliation(session: Session) -> Reconciliation:
    """Return what the books add up to, by the balances and by the replay of all transfers."""
    kinds = select(ACCOUNT.c.kind, func.sum(ACCOUNT.c.balance_credits)).group_by(ACCOUNT.c.kind)
    sums = {kind: int(credits_) for kind, credits_ in session.execute(kinds)}
    accounts, wrong = session.execute(_replayed()).one()
    return Reconciliation(
        issued_credits=-sums.get(AccountKind.ISSUE, 0),
        available_credits=sums.get(AccountKind.AVAILABLE, 0),
        held_credits=sums.get(AccountKind.HELD, 0),
        spent_credits=sums.get(AccountKind.SPENT, 0),
        refund_credits=sums.get(AccountKind.REFUND, 0),
        total_credits=sum(sums.values()),
        accounts=accounts,
        wrong_accounts=int(wrong or 0),
    )


def _replayed() -> Select[int, int]:
    """Count the accounts, and those whose balance is not the replay of their transfers."""
    onto, off = (
        select(side.label("id"), total(TRANSFER.c.amount_credits).label("credits"))
        .group_by(side)
        .subquery(name)
        for name, side in (
            ("onto", TRANSFER.c.credit_account),
            ("off", TRANSFER.c.debit_account),
        )
    )
    replay = or_zero(onto.c.credits) - or_zero(off.c.credits)
    return (
        select(func.count(), func.sum(case((ACCOUNT.c.balance_credits != replay, 1), else_=0)))
        .select_from(ACCOUNT)
        .outerjoin(onto, onto.c.id == ACCOUNT.c.id)
        .outerjoin(off, off.c.id == ACCOUNT.c.id)
    )


def _to_close(session: Session) -> tuple[str, ...]:
    """Return the periods that another followed and that are not closed, the earliest first."""
    last = select(func.max(col(PeriodRow.position))).scalar_subquery()
    waiting = select(col(PeriodRow.key)).where(
        col(PeriodRow.closed_at).is_(None), col(PeriodRow.position) < last
    )
    return tuple(session.scalars(waiting.order_by(col(PeriodRow.position))))


def _earlier_open(session: Session, position: int) -> str | None:
    """Return the first period that has to be closed before one at a position."""
    earlier = select(col(PeriodRow.key)).where(
        col(PeriodRow.closed_at).is_(None), col(PeriodRow.position) < position
    )
    return session.scalars(earlier.order_by(col(PeriodRow.position))).first()


def _ends_before(session: Session, position: int) -> dt.date | None:
    after = select(col(PeriodRow.starts_on)).where(col(PeriodRow.position) == position + 1)
    return session.scalars(after).first()


def _rates(session: Session) -> tuple[Rate, ...]:
    rows = session.execute(
        select(ExchangeRateRow, func.coalesce(PERSON.c.name, col(ExchangeRateRow.set_by)))
        .outerjoin(PERSON, PERSON.c.id == col(ExchangeRateRow.set_by))
        .order_by(col(ExchangeRateRow.number).desc())
        .limit(MOST_RATES)
    )
    return tuple(_rate(row, name) for row, name in rows)


def _rate(row: ExchangeRateRow, name: str) -> Rate:
    worth = row.currency, row.micros_per_credit
    return Rate(row.number, *worth, row.reason, name, row.set_at)


def _checks() -> Select[VerificationRow, str]:
    return (
        select(VerificationRow, func.coalesce(PERSON.c.name, col(VerificationRow.asked_by)))
        .outerjoin(PERSON, PERSON.c.id == col(VerificationRow.asked_by))
        .order_by(col(VerificationRow.asked_at).desc(), col(VerificationRow.id))
        .limit(1)
    )


def _latest_check(session: Session, closes: str | None = None) -> Check | None:
    wanted = _checks() if closes is None else _checks().where(col(VerificationRow.closes) == closes)
    return _first_check(session, wanted)


def _first_check(session: Session, wanted: Select[VerificationRow, str]) -> Check | None:
    found = session.execute(wanted).first()
    if found is None:
        return None
    row, name = found
    return Check(
        id=row.id,
        state=row.state,
        stage=row.stage,
        closes=row.closes,
        asked_by=name,
        asked_at=row.asked_at,
        finished_at=row.finished_at,
        events=row.events,
        findings=findings_of(row),
        first_bad=row.first_bad,
        failure=row.failure,
    )


def _corrections(
    session: Session, actor: Actor, which: ColumnElement[bool]
) -> tuple[Correction, ...]:
    proposer, decider = PERSON.alias("proposer"), PERSON.alias("decider")
    rows = session.execute(
        select(
            CorrectionRow,
            func.coalesce(proposer.c.name, col(CorrectionRow.proposed_by)),
            func.coalesce(decider.c.name, col(CorrectionRow.decided_by)),
        )
        .outerjoin(proposer, proposer.c.id == col(CorrectionRow.proposed_by))
        .outerjoin(decider, decider.c.id == col(CorrectionRow.decided_by))
        .where(which)
        .order_by(col(CorrectionRow.proposed_at).desc(), col(CorrectionRow.id))
    )
    return tuple(
        Correction(
            id=row.id,
            journal=row.journal_number,
            state=row.state,
            reason=row.reason,
            proposed_by=proposed_by,
            proposed_at=row.proposed_at,
            decided_by=decided_by,
            decided_at=row.decided_at,
            correction=row.correction_number,
            is_own=row.proposed_by == actor.id,
        )
        for row, proposed_by, decided_by in rows
    )
