"""Rounds: announced with their offer, opened for bids, closed for good, finished.

Every function works inside the caller's transaction and writes its audit event there. Bids stand
in bids.py, the frozen copy of a round in snapshots.py, allocation and publication in runs.py.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from sqlalchemy import ColumnElement, delete, func, insert, select
from sqlmodel import Session, col

from allocation.folders import RoundFolder
from allocation.problem import DayUnits, PoolKey, Problem
from broker.audit import Change, record
from broker.clock import in_words
from broker.directory import keep_pools, keep_teams, pool_ids_of
from broker.errors import InvalidRound, NotFound, Refused, TooLate
from broker.ledger.endowments import endow_round, fix_credits
from broker.ledger.holds import hold_round, prepare_close
from broker.nonces import Draw, draw_nonce, nonce_at_opening, nonce_sha256
from broker.notices.causes import settle_bidding, tell_deliveries_due, tell_opened
from broker.policy.freezing import freeze_policy
from broker.proofs.sealed import enter_bids_of
from broker.snapshots import take_snapshot
from broker.states import RoundState, move_round
from broker.tables import CapacityRow, CommitmentRow, RoundPoolRow, RoundRow, RoundTeamRow
from broker.texts import findings_in_key, findings_in_number, findings_in_text

NEXT_ROUND = "Keep it as a draft for the next round."
QUEUE_LOCK = 7362
"""The number that PostgreSQL's locks before rounds share; any, but always the same."""
AFTER_OPEN = frozenset({RoundState.CLOSED, RoundState.PUBLISHED, RoundState.FINISHED})


@dataclass(frozen=True, slots=True)
class Times:
    """When a round opens and closes by itself; None leaves it to people."""

    opens_at: dt.datetime | None = None
    closes_at: dt.datetime | None = None


def find_round(session: Session, key: str) -> RoundRow:
    """Return a round by its key. Raises: NotFound."""
    row = session.scalars(select(RoundRow).where(col(RoundRow.key) == key)).first()
    if row is None:
        raise _no_round(key)
    return row


def lock_open_round(session: Session, round_id: str, at: dt.datetime) -> RoundRow:
    """Return a round that takes bids at a moment, kept from closing until the transaction ends.

    Whoever stores a bid calls this first: what is then committed is in the snapshot. Bidders share
    the lock; a writer of SQLite is alone from its beginning.

    Raises: NotFound; TooLate if the round or its time is over; Refused if it takes no bids.
    """
    row = _locked(session, col(RoundRow.id) == round_id, round_id, is_shared=True)
    if row.state in AFTER_OPEN:
        raise TooLate(
            f"Round {row.key} is {row.state} and takes no bids.", hint=NEXT_ROUND, round_key=row.key
        )
    if row.state != RoundState.OPEN:
        raise Refused(f"Round {row.key} is {row.state} and takes no bids.", round_key=row.key)
    if row.closes_at is not None and at >= row.closes_at:
        raise TooLate(
            f"Round {row.key} closed for bids at {in_words(row.closes_at)}.",
            hint=NEXT_ROUND,
            round_key=row.key,
        )
    return row


def lock_round(session: Session, key: str) -> RoundRow:
    """Return a round that nobody else changes or bids in until the transaction ends.

    Waits for bids that are being stored. Raises: NotFound.
    """
    return _locked(session, col(RoundRow.key) == key, key, is_shared=False)


def create_round(
    session: Session,
    offer: RoundFolder,
    change: Change,
    *,
    opens_at: dt.datetime | None = None,
    closes_at: dt.datetime | None = None,
    imported_sha256: str | None = None,
    facts: Mapping[str, Any] | None = None,
) -> RoundRow:
    """Announce a round with its pools, capacity and bidders; bids come when it is open.

    Bids of `offer` are not placed here; `facts` say in the log why it is announced.

    Raises: InvalidRound, or Refused if the key is taken.
    """
    _check_offer(offer)
    problem = offer.problem
    if session.scalars(select(RoundRow).where(col(RoundRow.key) == problem.round_key)).first():
        raise Refused(f"There is a round {problem.round_key} already.", round_key=problem.round_key)
    row = RoundRow(
        id=str(uuid4()),
        key=problem.round_key,
        name=offer.name,
        state=RoundState.SCHEDULED,
        starts_on=problem.starts_on,
        days=problem.days,
        nonce=problem.nonce,
        floor_ratio=problem.floor_ratio,
        imported_sha256=imported_sha256,
        opens_at=opens_at,
        closes_at=closes_at,
    )
    session.add(row)
    session.flush()
    _store_offer(session, row, offer, change)
    record(session, change, f"round.{row.state}", f"round:{row.key}", **(facts or {}))
    return row


def open_round(session: Session, key: str, change: Change, draw: Draw = draw_nonce) -> bool:
    """Draw the nonce, endow the teams and let them bid; return False if they could already.

    Raises: NotFound, Refused.
    """
    row = lock_round(session, key)
    if row.state == RoundState.OPEN:
        return False
    if row.closes_at is not None and change.at >= row.closes_at:
        raise Refused(
            f"Round {key} cannot open any more: it was to close at {in_words(row.closes_at)}.",
            hint=f"`broker round schedule {key}` gives it other times.",
            round_key=key,
        )
    opens_at = min(row.opens_at or change.at, change.at)
    nonce = nonce_at_opening(row, draw)
    facts = {"nonce_sha256": nonce_sha256(nonce)}
    move_round(session, row, RoundState.OPEN, change, facts=facts, opens_at=opens_at, nonce=nonce)
    endow_round(session, row, change)
    tell_opened(session, row, change.at)
    return True


def renew_offer(session: Session, row: RoundRow, problem: Problem) -> None:
    """Say anew what an open round offers: units of its pools, commitments, and teams' credits."""
    for table in (CapacityRow, CommitmentRow):
        session.execute(delete(table).where(col(table.round_id) == row.id))
    pool_ids = {PoolKey(key): id_ for key, id_ in pool_ids_of(session, row).items()}
    _insert(session, CapacityRow, _day_units(row, problem.capacity, pool_ids))
    _insert(session, CommitmentRow, _day_units(row, problem.commitments, pool_ids))
    fix_credits(session, row)


def close_round(session: Session, key: str, change: Change) -> bool:
    """End the bidding, freeze policy and bids, hold what they could cost; False if that was done.

    Raises: NotFound, Refused.
    """
    row = lock_round(session, key)
    if row.state in AFTER_OPEN:
        return False
    if row.state != RoundState.OPEN:
        raise Refused(f"Round {key} is {row.state}; only an open round can close.", round_key=key)
    prepare_close(session, row, change)
    frozen = freeze_policy(session, row, change)
    snapshot = take_snapshot(session, row, change)
    facts = {
        "problem_sha256": snapshot.problem_sha256,
        "snapshot_sha256": snapshot.document_sha256,
        "nonce": row.nonce,
        **frozen,
        **enter_bids_of(session, row),
    }
    move_round(session, row, RoundState.CLOSED, change, facts=facts, closed_at=change.at)
    hold_round(session, row, change)
    settle_bidding(session, row, change.at)
    return True


def schedule_round(session: Session, key: str, times: Times, change: Change) -> None:
    """Say when a round that is not open yet will open and close.

    Raises: NotFound; Refused once it is open, for then two persons change its deadline;
    InvalidRound.
    """
    row = lock_round(session, key)
    if row.state != RoundState.SCHEDULED:
        raise Refused(
            f"Round {key} is {row.state} and is not scheduled anew.",
            hint="While a round is open, two persons change its closing time.",
            round_key=key,
        )
    check_times(key, times, change.at)
    row.opens_at, row.closes_at = times.opens_at, times.closes_at
    session.flush()
    facts = {"opens_at": _written(times.opens_at), "closes_at": _written(times.closes_at)}
    record(session, change, "round.rescheduled", f"round:{key}", **facts)


def check_times(key: str, times: Times, at: dt.datetime) -> None:
    """Make sure that bids can come between the times of a round. Raises: InvalidRound."""
    opens_at, closes_at = times.opens_at, times.closes_at
    if closes_at is not None and closes_at <= max(at, opens_at or at):
        finding = f"closes at: {in_words(closes_at)} leaves no time to bid; name a later time."
        raise InvalidRound(key, [finding])


def _written(at: dt.datetime | None) -> str | None:
    return at.isoformat() if at else None


def finish_round(session: Session, key: str, change: Change) -> bool:
    """Say that a published round's sprint is over; return False if that was said.

    Raises: NotFound, Refused.
    """
    row = lock_round(session, key)
    if row.state == RoundState.FINISHED:
        return False
    move_round(session, row, RoundState.FINISHED, change)
    tell_deliveries_due(session, row, change.at)
    return True


def _locked(
    session: Session, which: ColumnElement[bool], name: str, *, is_shared: bool
) -> RoundRow:
    """Wait for a round's lock, and read the round as it is once the lock is held."""
    _queue(session, which, is_shared=is_shared)
    wanted = select(RoundRow).where(which).with_for_update(read=is_shared)
    row = session.scalars(wanted, execution_options={"populate_existing": True}).first()
    if row is None:
        raise _no_round(name)
    return row


def _queue(session: Session, which: ColumnElement[bool], *, is_shared: bool) -> None:
    """Let whoever came first to a round's row have its lock first.

    The row lock of PostgreSQL knows no queue: as long as one bid after the other shares it, a close
    would wait for ever. Behind this lock bids wait for a close that waits. A writer of SQLite is
    alone from its beginning.
    """
    if session.get_bind().dialect.name == "postgresql":
        lock = func.pg_advisory_xact_lock_shared if is_shared else func.pg_advisory_xact_lock
        session.execute(select(lock(QUEUE_LOCK, func.hashtext(col(RoundRow.id)))).where(which))


def _no_round(name: str) -> NotFound:
    hint = "`broker round list` names them."
    return NotFound(f"There is no round {name[:64]}.", hint=hint, round_key=name)


def _check_offer(offer: RoundFolder) -> None:
    findings = list(_findings_in_offer(offer))
    if findings:
        raise InvalidRound(offer.problem.round_key[:64], findings)


def _findings_in_offer(offer: RoundFolder) -> Iterator[str]:
    problem = offer.problem
    yield from findings_in_key("round", problem.round_key)
    yield from findings_in_text("name", offer.name)
    yield from findings_in_number("days", problem.days, 1, 366)
    for pool in problem.pools:
        yield from findings_in_key("pool", pool.key)
        yield from findings_in_number(f"pool {pool.key}", pool.reserve_price_credits, 0)
        label = offer.pools[pool.key]
        for text in (label.name, label.unit, label.owner, label.description, label.classification):
            yield from findings_in_text(f"pool {pool.key}", text)
    for team in problem.teams:
        yield from findings_in_key("team", team.key)
        yield from findings_in_number(f"team {team.key}", team.credits, 0)
        yield from findings_in_text(f"team {team.key}", offer.teams[team.key])
    for units in (*problem.capacity, *problem.commitments):
        what = f"units of {units.pool_key} on {units.day}"
        yield from findings_in_number(what, units.reserved_units, 0)
        yield from findings_in_number(what, units.spot_units, 0)


def _store_offer(session: Session, row: RoundRow, offer: RoundFolder, change: Change) -> None:
    pool_ids = keep_pools(session, offer.pools, change)
    team_ids = keep_teams(session, offer.teams, change)
    problem = offer.problem
    _insert(
        session,
        RoundPoolRow,
        (
            {
                "round_id": row.id,
                "pool_id": pool_ids[pool.key],
                "kind": offer.pools[pool.key].kind,
                "unit": offer.pools[pool.key].unit,
                "reserve_price_credits": pool.reserve_price_credits,
            }
            for pool in problem.pools
        ),
    )
    _insert(session, CapacityRow, _day_units(row, problem.capacity, pool_ids))
    _insert(session, CommitmentRow, _day_units(row, problem.commitments, pool_ids))
    _insert(
        session,
        RoundTeamRow,
        (
            {"round_id": row.id, "team_id": team_ids[team.key], "credits": team.credits}
            for team in problem.teams
        ),
    )


def _day_units(
    row: RoundRow, units: Iterable[DayUnits], pool_ids: Mapping[PoolKey, str]
) -> Iterator[dict[str, Any]]:
    for line in units:
        yield {
            "round_id": row.id,
            "pool_id": pool_ids[line.pool_key],
            "day": line.day,
            "reserved_units": line.reserved_units,
            "spot_units": line.spot_units,
        }


def _insert(session: Session, table: type[Any], rows: Iterable[dict[str, Any]]) -> None:
    values = list(rows)
    if values:
        session.execute(insert(table), values)
