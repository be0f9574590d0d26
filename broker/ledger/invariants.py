"""What must always be true of money, as pure functions over what is stored.

I1 all balances sum to zero, and each is the replay of its transfers; I2 no team is below zero;
I5 awards and settlements are one to one, and no payment is above its offer; I9 one idempotency key
has one effect and one answer. `read_ledger` reads the state, `ledger_violations` judges it; an
empty list is right.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlmodel import Session, col

from broker.ledger.journals import (
    ISSUE,
    AccountId,
    Transfer,
    account_id,
    transfers_sha256,
)
from broker.ledger.tables import (
    AccountKind,
    AccountRow,
    JournalKind,
    JournalRow,
    PeriodRow,
    TransferRow,
)
from broker.proofs.findings import Finding
from broker.states import RunState
from broker.tables import AlternativeRow, AuditEventRow, AwardRow, BidRow, RoundRow, RunRow


@dataclass(frozen=True, slots=True)
class Posted:
    """A journal as it is stored, with what it says of its transfers."""

    number: int
    key: str
    kind: str
    run_id: str | None
    corrects: int | None
    transfer_count: int
    amount_credits: int
    transfers_sha256: str


@dataclass(frozen=True, slots=True)
class PaidAward:
    """An award of a published run. Units: credits of the whole award."""

    run_id: str
    bid_id: str
    team_id: str
    payment_credits: int
    offer_credits: int


@dataclass(frozen=True, slots=True)
class LedgerState:
    """All that the invariants look at."""

    balances: Mapping[str, int]
    """The stored balance of every account."""
    journals: tuple[Posted, ...]
    transfers: Mapping[int, tuple[Transfer, ...]]
    """By the number of their journal, in the order in which they were made."""
    awards: tuple[PaidAward, ...]
    """Of the runs that were published since there is a ledger."""
    events: Mapping[int, str]
    """What each audit event of the ledger is about, by its sequence number."""


def ledger_violations(state: LedgerState) -> list[Finding]:
    """Return everything in a ledger that must never be, or an empty list."""
    return [violation for check in CHECKS for violation in check(state)]


def check_balances(state: LedgerState) -> Iterator[Finding]:
    """I1: balances sum to zero, and each is the replay of its transfers."""
    replayed: Counter[str] = Counter()
    for transfers in state.transfers.values():
        for transfer in transfers:
            replayed[transfer.debit] -= transfer.amount_credits
            replayed[transfer.credit] += transfer.amount_credits
    for account in sorted(state.balances.keys() | replayed.keys()):
        stored, replay = state.balances.get(account, 0), replayed[account]
        if stored != replay:
            yield Finding("I1", f"Account {account} says {stored}; its transfers make {replay}.")
    total = sum(state.balances.values())
    if total:
        yield Finding("I1", f"All balances add up to {total} and not to zero.")


def check_overdrafts(state: LedgerState) -> Iterator[Finding]:
    """I2: no team is below zero."""
    for account, balance in sorted(state.balances.items()):
        if account != ISSUE and balance < 0:
            yield Finding("I2", f"Account {account} is overdrawn: {balance}.")


def check_settlements(state: LedgerState) -> Iterator[Finding]:
    """I5: every award is settled once, by its team, for its payment, at most its offer."""
    taken_back = {journal.corrects for journal in state.journals}
    settled: Counter[tuple[str, Transfer]] = Counter()
    ignored = set()
    for journal in state.journals:
        if journal.kind == JournalKind.SETTLEMENT and journal.number in taken_back:
            ignored.add(journal.run_id)
        elif journal.kind == JournalKind.SETTLEMENT:
            run_id = str(journal.run_id)
            settled.update((run_id, line) for line in state.transfers.get(journal.number, ()))
    due = Counter(_due(award) for award in state.awards if award.run_id not in ignored)
    for run_id, transfer in sorted((due - settled).elements(), key=str):
        yield Finding("I5", f"Bid {transfer.bid_id} in run {run_id} was awarded, not settled.")
    for run_id, transfer in sorted((settled - due).elements(), key=str):
        yield Finding("I5", f"Bid {transfer.bid_id} in run {run_id} was settled, not awarded.")
    for award in state.awards:
        if award.payment_credits > award.offer_credits:
            paid = f"pays {award.payment_credits} for an offer of {award.offer_credits}"
            yield Finding("I5", f"Bid {award.bid_id} in run {award.run_id} {paid}.")


def check_keys(state: LedgerState) -> Iterator[Finding]:
    """I9: one key, one journal, one event; and each journal is what it says it is."""
    keys = Counter(journal.key for journal in state.journals)
    for key, times in keys.items():
        if times > 1:
            yield Finding("I9", f"The key {key} has {times} journals.")
    for journal in state.journals:
        if _says(journal) != _is(state.transfers.get(journal.number, ())):
            yield Finding(
                "I9", f"Journal {journal.number} is not the sum of its transfers.", journal.number
            )
        if state.events.get(journal.number) != f"ledger.{journal.kind} journal:{journal.key}":
            yield Finding(
                "I9", f"Journal {journal.number} has no audit event of its own.", journal.number
            )
    numbers = {journal.number for journal in state.journals}
    for number in sorted(state.transfers.keys() - numbers):
        yield Finding("I9", f"Transfers of journal {number} are there, the journal is not.", number)
    for number in sorted(state.events.keys() - numbers):
        yield Finding("I9", f"Audit event {number} tells of a journal that is not there.", number)


CHECKS: tuple[Callable[[LedgerState], Iterator[Finding]], ...] = (
    check_balances,
    check_overdrafts,
    check_settlements,
    check_keys,
)


def _due(award: PaidAward) -> tuple[str, Transfer]:
    held = account_id(AccountKind.HELD, award.team_id)
    spent = account_id(AccountKind.SPENT, award.team_id)
    return award.run_id, Transfer(held, spent, award.payment_credits, award.bid_id)


def _says(journal: Posted) -> tuple[int, int, str]:
    return journal.transfer_count, journal.amount_credits, journal.transfers_sha256


def _is(transfers: tuple[Transfer, ...]) -> tuple[int, int, str]:
    amount = sum(transfer.amount_credits for transfer in transfers)
    return len(transfers), amount, transfers_sha256(transfers)


# --- reading ---------------------------------------------------------------------------------


def read_ledger(session: Session) -> LedgerState:
    """Return the stored state that the invariants judge."""
    accounts = select(col(AccountRow.id), col(AccountRow.balance_credits))
    journals = _journals(session)
    return LedgerState(
        balances=dict(session.execute(accounts).all()),
        journals=journals,
        transfers=_transfers(session),
        awards=_awards(session),
        events=_events(session),
    )


def _journals(session: Session) -> tuple[Posted, ...]:
    names = ("number", "idempotency_key", "kind", "run_id", "corrects")
    sums = ("transfer_count", "amount_credits", "transfers_sha256")
    columns = (col(getattr(JournalRow, name)) for name in (*names, *sums))
    rows = session.execute(select(*columns).order_by(col(JournalRow.number)))
    return tuple(Posted(*row) for row in rows)


def _transfers(session: Session) -> dict[int, tuple[Transfer, ...]]:
    found: dict[int, list[Transfer]] = defaultdict(list)
    names = ("journal_number", "debit_account", "credit_account", "amount_credits", "bid_id")
    columns = (col(getattr(TransferRow, name)) for name in names)
    rows = session.execute(select(*columns).order_by(col(TransferRow.id)))
    for number, debit, credit, amount, bid_id in rows:
        transfer = Transfer(AccountId(debit), AccountId(credit), amount, bid_id)
        found[number].append(transfer)
    return {number: tuple(transfers) for number, transfers in found.items()}


def _awards(session: Session) -> tuple[PaidAward, ...]:
    """Return the awards with a payment, of rounds that were published since there is a ledger."""
    began_at = select(func.min(col(PeriodRow.begun_at))).scalar_subquery()
    rows = session.execute(
        select(
            col(AwardRow.run_id),
            col(AwardRow.bid_id),
            col(BidRow.team_id),
            col(AwardRow.payment_credits),
            col(AlternativeRow.offer_credits_per_lot) * col(AwardRow.lots),
        )
        .join(RunRow, col(RunRow.id) == col(AwardRow.run_id))
        .join(RoundRow, col(RoundRow.id) == col(RunRow.round_id))
        .join(BidRow, col(BidRow.id) == col(AwardRow.bid_id))
        .join(
            AlternativeRow,
            (col(AlternativeRow.bid_id) == col(AwardRow.bid_id))
            & (col(AlternativeRow.number) == col(AwardRow.alternative)),
        )
        .where(
            col(RunRow.state) == RunState.PUBLISHED,
            col(RoundRow.published_at) >= began_at,
            col(AwardRow.payment_credits) > 0,
        )
        .order_by(col(AwardRow.run_id), col(AwardRow.bid_id))
    )
    return tuple(PaidAward(*row) for row in rows)


def _events(session: Session) -> dict[int, str]:
    event = AuditEventRow
    columns = (col(event.sequence), col(event.kind), col(event.subject))
    rows = session.execute(select(*columns).where(columns[1].startswith("ledger.")))
    return {sequence: f"{kind} {subject}" for sequence, kind, subject in rows}
