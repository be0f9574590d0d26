"""Journals: the one way in which credits move, whole transfers under an idempotency key.

A journal is posted once: the same key again answers with what was posted, and another content
under that key is refused. The audit event comes first and gives the journal its number, then the
transfers, then the journal that seals them; the database posts balances and checks the rest.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, NewType

from sqlalchemy import insert, select
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col

from allocation.wire import sha256_of
from broker.audit import ActorId, Change, record
from broker.errors import NotFound, Overdrawn, Refused
from broker.ledger.periods import current_period
from broker.ledger.tables import AccountKind, AccountRow, JournalKind, JournalRow, TransferRow

AccountId = NewType("AccountId", str)
"""`issue`, or the kind and the team's id, such as `held/…`."""

ISSUE = AccountId(AccountKind.ISSUE.value)
NO_OVERDRAFT = "no_overdraft"
"""The CHECK that keeps teams above zero, as both databases name it when it refuses."""


def account_id(kind: AccountKind, team_id: str) -> AccountId:
    """Return the id of a team's account."""
    return AccountId(f"{kind.value}/{team_id}")


@dataclass(frozen=True, slots=True)
class Transfer:
    """Credits that leave the debited account for the credited one; `bid_id` says for which bid."""

    debit: AccountId
    credit: AccountId
    amount_credits: int
    bid_id: str | None = None

    @property
    def reversed(self) -> Transfer:
        """Return the transfer that takes this one back."""
        return replace(self, debit=self.credit, credit=self.debit)


@dataclass(frozen=True, slots=True)
class Journal:
    """A movement of credits as it is asked for. `actor` proposed it, if that is not who posts."""

    kind: JournalKind
    key: str
    transfers: tuple[Transfer, ...]
    reason: str = ""
    proposed_by: ActorId | None = None
    round_id: str | None = None
    run_id: str | None = None
    corrects: int | None = None

    @property
    def sha256(self) -> str:
        """Return the hash of the transfers, in their order."""
        return transfers_sha256(self.transfers)


def transfers_sha256(transfers: Iterable[Transfer]) -> str:
    """Return the hash of transfers: canonical JSON of debit, credit, amount and bid of each."""
    rows = [[t.debit, t.credit, t.amount_credits, t.bid_id] for t in transfers]
    return sha256_of({"transfers": rows})


def find_journal(session: Session, key: str) -> JournalRow | None:
    """Return the journal of an idempotency key."""
    return session.scalars(select(JournalRow).where(col(JournalRow.idempotency_key) == key)).first()


def post_journal(session: Session, journal: Journal, change: Change, **facts: Any) -> int | None:
    """Move credits and return the journal's number; None if there is nothing to move.

    Safe to repeat under the same key. With `proposed_by`, whoever posts is the second person.

    Raises: Overdrawn if an account has too little; Refused for another content under a known key,
    and where one person would be both.
    """
    if not journal.transfers:
        return None
    posted = find_journal(session, journal.key)
    if posted is not None:
        return _same(posted, journal)
    _check_persons(journal, change)
    period = current_period(session)
    number = record(session, change, f"ledger.{journal.kind}", f"journal:{journal.key}", **facts)
    _open_accounts(session, journal.transfers)
    _move(session, number, journal)
    session.execute(insert(JournalRow), [_row(number, journal, period.key, change)])
    return number


def reverse_journal(
    session: Session, number: int, change: Change, *, reason: str, proposed_by: ActorId
) -> int | None:
    """Take a journal back with a new one, as two persons decide.

    Raises: NotFound; Overdrawn if its credits went further meanwhile; Refused for one person.
    """
    wrong = session.get(JournalRow, number)
    if wrong is None:
        raise NotFound(f"There is no journal {number}.", number=number)
    transfers = tuple(transfer.reversed for transfer in transfers_of(session, number))
    correction = Journal(
        JournalKind.CORRECTION,
        f"correction/{number}",
        transfers[::-1],
        reason=reason,
        proposed_by=proposed_by,
        round_id=wrong.round_id,
        run_id=wrong.run_id,
        corrects=number,
    )
    return post_journal(session, correction, change, corrects=number)


def transfers_of(session: Session, number: int) -> tuple[Transfer, ...]:
    """Return the transfers of a journal, in the order in which they were made."""
    rows = session.scalars(
        select(TransferRow)
        .where(col(TransferRow.journal_number) == number)
        .order_by(col(TransferRow.id))
    )
    return tuple(
        Transfer(
            AccountId(row.debit_account),
            AccountId(row.credit_account),
            row.amount_credits,
            row.bid_id,
        )
        for row in rows
    )


def _same(posted: JournalRow, journal: Journal) -> int:
    if (posted.kind, posted.transfers_sha256) != (journal.kind, journal.sha256):
        raise Refused(
            f"The key {journal.key[:80]} was used for another journal, number {posted.number}.",
            hint="Ask again with the same content, or under a new key.",
            number=posted.number,
        )
    return posted.number


def _check_persons(journal: Journal, change: Change) -> None:
    """Say in a sentence what the database would refuse in its own words."""
    if journal.proposed_by == change.actor:
        raise Refused(
            f"{change.actor} proposed {journal.key[:80]} and cannot approve it as well.",
            hint="Ask a second person.",
        )


def _open_accounts(session: Session, transfers: Sequence[Transfer]) -> None:
    wanted = {account for transfer in transfers for account in (transfer.debit, transfer.credit)}
    known = set(session.scalars(select(col(AccountRow.id)).where(col(AccountRow.id).in_(wanted))))
    new = [_account(account) for account in sorted(wanted - known)]
    if new:
        session.execute(insert(AccountRow), new)


def _account(account: AccountId) -> dict[str, Any]:
    kind, _, team_id = account.partition("/")
    return {
        "id": account,
        "kind": kind,
        "team_id": team_id or None,
        "balance_credits": 0,
        "last_transfer": 0,
    }


def _move(session: Session, number: int, journal: Journal) -> None:
    rows = [_transfer(number, transfer) for transfer in journal.transfers]
    try:
        session.execute(insert(TransferRow), rows)
    except IntegrityError as error:
        if NO_OVERDRAFT not in str(error.orig):
            raise
        raise Overdrawn(
            f"There are too few credits for {journal.key[:80]}; nothing was moved.",
            hint="Look at the balances, and ask for less.",
        ) from error


def _transfer(number: int, transfer: Transfer) -> dict[str, Any]:
    return {
        "journal_number": number,
        "debit_account": transfer.debit,
        "credit_account": transfer.credit,
        "amount_credits": transfer.amount_credits,
        "bid_id": transfer.bid_id,
    }


def _row(number: int, journal: Journal, period_key: str, change: Change) -> dict[str, Any]:
    proposed_by = journal.proposed_by
    return {
        "number": number,
        "idempotency_key": journal.key,
        "kind": journal.kind.value,
        "period_key": period_key,
        "posted_at": change.at,
        "actor": proposed_by or change.actor,
        "approver": change.actor if proposed_by else None,
        "reason": journal.reason,
        "round_id": journal.round_id,
        "run_id": journal.run_id,
        "corrects": journal.corrects,
        "transfer_count": len(journal.transfers),
        "amount_credits": sum(_amounts(journal)),
        "transfers_sha256": journal.sha256,
    }


def _amounts(journal: Journal) -> Iterator[int]:
    return (transfer.amount_credits for transfer in journal.transfers)
