"""Who runs a round: a lease that ends by itself, and a fence that tells the holders apart.

A host that stops renewing loses the round to the next one; its fence is then behind, and nothing
that it still tries to publish is accepted. runs.py says what is done under a lease.
"""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import structlog
from sqlalchemy import ColumnElement, or_, update
from sqlmodel import Session, col

from broker.clock import Clock, time_of
from broker.db import Database, transact
from broker.errors import BrokerError, HeldElsewhere
from broker.states import RoundState, changes_one
from broker.tables import RoundRow

LEASE = dt.timedelta(seconds=60)
RENEWAL_SECONDS = 15.0

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to run one round, until another host takes it over."""

    round_id: str
    holder: str
    fence: int

    @property
    def guards(self) -> tuple[ColumnElement[bool], ...]:
        """Conditions on the round's row that hold only while nobody took over."""
        return (
            col(RoundRow.id) == self.round_id,
            col(RoundRow.lease_holder) == self.holder,
            col(RoundRow.fence) == self.fence,
        )


def take_lease(
    session: Session,
    row: RoundRow,
    holder: str,
    at: dt.datetime,
    *,
    state: RoundState = RoundState.CLOSED,
) -> Lease:
    """Claim a closed round, or one in another state, by a guarded UPDATE. Raises: HeldElsewhere."""
    is_free = or_(col(RoundRow.lease_until).is_(None), col(RoundRow.lease_until) <= at)
    claim = (
        update(RoundRow)
        .where(col(RoundRow.id) == row.id, col(RoundRow.state) == state, is_free)
        .values(lease_holder=holder, lease_until=at + LEASE, fence=col(RoundRow.fence) + 1)
    )
    claimed = changes_one(session, claim)
    session.refresh(row)
    if not claimed:
        raise HeldElsewhere(
            f"Round {row.key} is being run by {row.lease_holder} until {row.lease_until}.",
            hint="Wait for its result, or run again after that time.",
            round_key=row.key,
        )
    return Lease(row.id, holder, row.fence)


def release_lease(session: Session, lease: Lease) -> None:
    """Let the next run begin at once; does nothing if another host took over meanwhile."""
    freed = update(RoundRow).where(*lease.guards).values(lease_holder=None, lease_until=None)
    changes_one(session, freed)


@contextmanager
def kept(
    db: Database, lease: Lease, clock: Clock, every_seconds: float = RENEWAL_SECONDS
) -> Iterator[None]:
    """Renew a lease in the background for as long as the work under it takes."""
    is_over = threading.Event()
    keeper = threading.Thread(
        target=_keep, args=(db, lease, clock, every_seconds, is_over), daemon=True
    )
    keeper.start()
    try:
        yield
    finally:
        is_over.set()
        keeper.join()


def _keep(
    db: Database, lease: Lease, clock: Clock, every_seconds: float, is_over: threading.Event
) -> None:
    while not is_over.wait(every_seconds):
        try:
            if not transact(db, lambda session: _renew(session, lease, time_of(session, clock))):
                log.warning("lease.lost", round_id=lease.round_id, fence=lease.fence)
                return
        except BrokerError as error:
            log.warning("lease.not-renewed", round_id=lease.round_id, why=str(error))


def _renew(session: Session, lease: Lease, at: dt.datetime) -> bool:
    renewed = update(RoundRow).where(*lease.guards).values(lease_until=at + LEASE)
    return changes_one(session, renewed)
