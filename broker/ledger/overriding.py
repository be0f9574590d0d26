"""What an override does with credits: the settlement is taken back, and a new one is made.

Nothing is edited: a correction reverses the payments of the run that is overridden, by two persons;
a further hold takes from a team what its new awards cost more, the settlement of the new revision
follows, and what a team no longer pays is released.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import select
from sqlmodel import Session, col

from broker.audit import ActorId, Change
from broker.ledger.holds import AVAILABLE, HELD, payments_of
from broker.ledger.journals import (
    Journal,
    Transfer,
    account_id,
    find_journal,
    post_journal,
    reverse_journal,
    transfers_of,
)
from broker.ledger.tables import JournalKind, JournalRow
from broker.tables import RunRow


@dataclass(frozen=True, slots=True)
class Superseded:
    """A published run that another revision takes the place of: why, and who proposed it."""

    run: RunRow
    reason: str
    proposed_by: ActorId


def resettle_round(session: Session, run: RunRow, superseded: Superseded, change: Change) -> None:
    """Take the payments of a run back, and settle those of its next revision.

    Raises: Overdrawn if a team has too little left for its new awards.
    """
    before = settled_credits(session, superseded.run)
    _take_back(session, superseded, change)
    payments = tuple(payments_of(session, run))
    after = Counter[str]()
    for payment in payments:
        after[payment.debit.partition("/")[2]] += payment.amount_credits
    teams = sorted(before.keys() | after.keys())
    more = {team: after[team] - before.get(team, 0) for team in teams}
    _post(session, JournalKind.HOLD, "hold", run, _moved(more, 1), superseded.reason, change)
    _post(session, JournalKind.SETTLEMENT, "settlement", run, payments, "", change)
    _post(session, JournalKind.RELEASE, "release", run, _moved(more, -1), superseded.reason, change)


def settled_credits(session: Session, run: RunRow) -> Mapping[str, int]:
    """Return what every team paid in the settlement of a run, by the team's id."""
    settlement = find_journal(session, f"settlement/{run.id}")
    paid = Counter[str]()
    for transfer in transfers_of(session, settlement.number) if settlement else ():
        paid[transfer.debit.partition("/")[2]] += transfer.amount_credits
    return paid


def has_changed_since(session: Session, run: RunRow) -> bool:
    """Say whether payments of a run were refunded or corrected, so that they must stay."""
    settlement = find_journal(session, f"settlement/{run.id}")
    kinds = col(JournalRow.kind).in_([JournalKind.REFUND, JournalKind.CORRECTION])
    of_run = kinds & (col(JournalRow.run_id) == run.id)
    if settlement is not None:
        of_run |= col(JournalRow.corrects) == settlement.number
    return session.scalars(select(col(JournalRow.number)).where(of_run)).first() is not None


def _take_back(session: Session, superseded: Superseded, change: Change) -> None:
    settlement = find_journal(session, f"settlement/{superseded.run.id}")
    if settlement is not None:
        reverse_journal(
            session,
            settlement.number,
            change,
            reason=superseded.reason,
            proposed_by=superseded.proposed_by,
        )


def _moved(more: Mapping[str, int], sign: int) -> tuple[Transfer, ...]:
    """Hold what teams pay more (sign 1), or release what they pay less (sign −1)."""
    pairs = ((account_id(AVAILABLE, team), account_id(HELD, team), n) for team, n in more.items())
    wanted = [Transfer(available, held, abs(n)) for available, held, n in pairs if n * sign > 0]
    return tuple(one if sign > 0 else one.reversed for one in wanted)


def _post(
    session: Session,
    kind: JournalKind,
    name: str,
    run: RunRow,
    transfers: tuple[Transfer, ...],
    reason: str,
    change: Change,
) -> None:
    journal = Journal(
        kind, f"{name}/{run.id}", transfers, reason=reason, round_id=run.round_id, run_id=run.id
    )
    post_journal(session, journal, change)
