"""What a round does with credits: one hold per team at its close, then settlement and release.

The hold is what a team's bids could cost at most, and no more than what it can spend in the round;
so a settlement can never fail. rounds.py closes, runs.py publishes, and both call in here inside
their own transaction.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlmodel import Session, col

from broker.audit import Change
from broker.errors import InvalidInput, NotFound, Overdrawn, Refused
from broker.ledger.accounts import balances
from broker.ledger.endowments import ensure_endowed, fix_credits, top_up
from broker.ledger.journals import (
    Journal,
    Transfer,
    account_id,
    find_journal,
    post_journal,
    transfers_of,
)
from broker.ledger.tables import AccountKind, JournalKind, JournalRow, TransferRow
from broker.tables import AlternativeRow, AwardRow, BidRow, RoundRow, RoundTeamRow, RunRow
from broker.texts import findings_in_number

AVAILABLE, HELD = AccountKind.AVAILABLE, AccountKind.HELD
SPENT, REFUND = AccountKind.SPENT, AccountKind.REFUND


@dataclass(frozen=True, slots=True)
class Refund:
    """Credits that go back to a team for an award: all of its payment or a part, for a reason."""

    key: str
    run_id: str
    bid_id: str
    amount_credits: int
    reason: str


def prepare_close(session: Session, row: RoundRow, change: Change) -> None:
    """Fix what each team can spend, before the bids freeze; an imported round says it itself."""
    ensure_endowed(session, row, change)
    if row.imported_sha256 is None:
        fix_credits(session, row)


def hold_round(session: Session, row: RoundRow, change: Change) -> None:
    """Set aside what the bids of each team could cost, once for a round."""
    key = f"hold/{row.key}"
    if find_journal(session, key) is not None:
        return
    wanted = _largest_cost(session, row)
    top_up(session, row, wanted, "close", change)
    transfers = tuple(
        Transfer(account_id(AVAILABLE, team), account_id(HELD, team), amount)
        for team, amount in sorted(wanted.items())
        if amount
    )
    post_journal(session, Journal(JournalKind.HOLD, key, transfers, round_id=row.id), change)


def settle_round(session: Session, row: RoundRow, run: RunRow, change: Change) -> None:
    """Take the payments of a run's awards from what is held, and give back the rest.

    Raises: Overdrawn if the awards of a team cost more than was held for it.
    """
    ensure_endowed(session, row, change)
    hold_round(session, row, change)
    payments = tuple(payments_of(session, run))
    settlement = Journal(
        JournalKind.SETTLEMENT, f"settlement/{run.id}", payments, round_id=row.id, run_id=run.id
    )
    release = Journal(
        JournalKind.RELEASE,
        f"release/{run.id}",
        _rest(session, row, payments),
        round_id=row.id,
        run_id=run.id,
    )
    post_journal(session, settlement, change)
    post_journal(session, release, change)


def release_hold(session: Session, row: RoundRow, reason: str, change: Change) -> int | None:
    """Give back all that is held for a round that will not be allocated.

    Returns the journal's number; None where nothing is held.
    """
    release = Journal(
        JournalKind.RELEASE,
        f"release/{row.key}",
        _rest(session, row, ()),
        reason=reason,
        round_id=row.id,
    )
    return post_journal(session, release, change)


def refund_award(session: Session, refund: Refund, change: Change) -> int | None:
    """Give a team back what it paid for an award, or a part of it.

    Raises: NotFound if the run has no such award; InvalidInput; Refused if more would come back
    than was paid.
    """
    row, run, team_id = _awarded(session, refund)
    findings = list(findings_in_number("amount", refund.amount_credits, 1))
    if findings:
        raise InvalidInput(refund.key[:64], findings)
    key = f"refund/{refund.key}"
    if find_journal(session, key) is None:
        _check_refund(session, refund, row)
    spent, refunded, available = (account_id(kind, team_id) for kind in (SPENT, REFUND, AVAILABLE))
    transfers = (
        Transfer(spent, refunded, refund.amount_credits, refund.bid_id),
        Transfer(refunded, available, refund.amount_credits, refund.bid_id),
    )
    journal = Journal(
        JournalKind.REFUND,
        key,
        transfers,
        reason=refund.reason,
        round_id=run.round_id,
        run_id=run.id,
    )
    return post_journal(session, journal, change)


def _offers(session: Session, row: RoundRow) -> Mapping[str, int]:
    """Return the sum of the largest offers of each team's bids."""
    offer = col(AlternativeRow.offer_credits_per_lot) * col(AlternativeRow.max_lots)
    per_bid = (
        select(col(BidRow.team_id).label("team_id"), func.max(offer).label("largest"))
        .join(AlternativeRow, col(AlternativeRow.bid_id) == col(BidRow.id))
        .where(col(BidRow.round_id) == row.id)
        .group_by(col(BidRow.id), col(BidRow.team_id))
        .subquery()
    )
    totals = select(per_bid.c.team_id, func.sum(per_bid.c.largest)).group_by(per_bid.c.team_id)
    return {team: int(total) for team, total in session.execute(totals)}


def _largest_cost(session: Session, row: RoundRow) -> dict[str, int]:
    """Return what each team's awards could cost: its bids, or what it can spend if that is less."""
    costs = _offers(session, row)
    bidders = select(col(RoundTeamRow.team_id), col(RoundTeamRow.credits)).where(
        col(RoundTeamRow.round_id) == row.id
    )
    return {team: min(limit, costs.get(team, 0)) for team, limit in session.execute(bidders)}


def payments_of(session: Session, run: RunRow) -> Iterator[Transfer]:
    """Yield what the awards of a run cost, each from what is held for its team."""
    awards = (
        select(col(BidRow.team_id), col(BidRow.id), col(AwardRow.payment_credits))
        .join(AwardRow, col(AwardRow.bid_id) == col(BidRow.id))
        .where(col(AwardRow.run_id) == run.id, col(AwardRow.payment_credits) > 0)
        .order_by(col(BidRow.key))
    )
    for team_id, bid_id, payment in session.execute(awards):
        yield Transfer(account_id(HELD, team_id), account_id(SPENT, team_id), payment, bid_id)


def _rest(session: Session, row: RoundRow, payments: tuple[Transfer, ...]) -> tuple[Transfer, ...]:
    rest: Counter[str] = Counter()
    for transfer in _held_transfers(session, row):
        rest[transfer.credit] += transfer.amount_credits
    for payment in payments:
        rest[payment.debit] -= payment.amount_credits
    short = [account for account, amount in rest.items() if amount < 0]
    if short:
        raise Overdrawn(f"The awards of round {row.key} cost more than was held: {short[0]}.")
    return tuple(_released(account, amount) for account, amount in sorted(rest.items()) if amount)


def _released(held: str, amount: int) -> Transfer:
    team_id = held.partition("/")[2]
    return Transfer(account_id(HELD, team_id), account_id(AVAILABLE, team_id), amount)


def _held_transfers(session: Session, row: RoundRow) -> tuple[Transfer, ...]:
    hold = find_journal(session, f"hold/{row.key}")
    return () if hold is None else transfers_of(session, hold.number)


def _awarded(session: Session, refund: Refund) -> tuple[AwardRow, RunRow, str]:
    award = session.get(AwardRow, (refund.run_id, refund.bid_id))
    run, bid = session.get(RunRow, refund.run_id), session.get(BidRow, refund.bid_id)
    if award is None or run is None or bid is None:
        raise NotFound(f"Run {refund.run_id[:64]} awarded no bid {refund.bid_id[:64]}.")
    return award, run, bid.team_id


def _check_refund(session: Session, refund: Refund, award: AwardRow) -> None:
    """Refuse to give back more than was paid."""
    left = refundable_credits(session, award)
    if refund.amount_credits > left:
        raise Refused(
            f"{refund.amount_credits} credits cannot go back for bid {refund.bid_id}: "
            f"{left} of its payment are left.",
            hint="Refund at most that.",
        )


def refundable_credits(session: Session, award: AwardRow) -> int:
    """Return what of a payment has not come back; the spent account is locked until we are done."""
    balances(session, SPENT)
    of_award = (
        col(JournalRow.kind) == JournalKind.REFUND,
        col(JournalRow.run_id) == award.run_id,
        col(TransferRow.bid_id) == award.bid_id,
        col(TransferRow.debit_account).startswith(f"{SPENT}/"),
    )
    before = (
        select(func.sum(col(TransferRow.amount_credits)))
        .join(JournalRow, col(JournalRow.number) == col(TransferRow.journal_number))
        .where(*of_award)
    )
    return award.payment_credits - int(session.scalar(before) or 0)
