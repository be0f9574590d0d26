"""What people do to rounds by hand, asked first whether they may: announce, open, close, cancel.

Time does the same through ticking.py. Before its closing time a round closes by hand only from the
command line of a host; on the screens two persons change the deadline instead.
"""

from __future__ import annotations

import datetime as dt

from sqlalchemy import select
from sqlmodel import Session, col

from allocation.folders import RoundFolder
from allocation.problem import default_nonce
from broker.access import Action, Actor, Role, require
from broker.audit import Change
from broker.clock import in_words
from broker.errors import InvalidCancellation, InvalidRound, Refused
from broker.ledger.holds import release_hold
from broker.notices.causes import settle_bidding, tell_cancelled
from broker.proofs.sealed import enter_bids_of
from broker.round_tables import CancellationRow
from broker.rounds import (
    Times,
    check_times,
    close_round,
    create_round,
    lock_round,
    open_round,
    schedule_round,
)
from broker.spot.tables import DailyRoundRow
from broker.states import RoundState, RunPurpose, RunState, move_round, move_run
from broker.tables import RoundRow, RunRow
from broker.texts import findings_in_text


def announce_round(
    session: Session, actor: Actor, offer: RoundFolder, times: Times, at: dt.datetime
) -> None:
    """Announce a round with its pools, capacity and teams, to open and close by itself.

    Raises: NotAllowed; InvalidRound; Refused if its key is taken.
    """
    require(actor, Action.OPEN_ROUND)
    key = offer.problem.round_key
    check_times(key, times, at)
    if offer.problem.bids:
        finding = (
            "bids: a round that is announced has none; `broker import` takes a round with bids."
        )
        raise InvalidRound(key, [finding])
    if offer.problem.nonce != default_nonce(key):
        finding = "nonce: the market draws it when the round opens, so that nobody can aim at it."
        raise InvalidRound(key, [f"{finding} Leave it out."])
    change = Change(actor.id, at)
    create_round(session, offer, change, opens_at=times.opens_at, closes_at=times.closes_at)


def schedule_by_hand(
    session: Session, actor: Actor, key: str, times: Times, at: dt.datetime
) -> None:
    """Say anew when a round that is not open yet opens and closes.

    Raises: NotFound; NotAllowed; InvalidRound; Refused once it is open.
    """
    require(actor, Action.OPEN_ROUND)
    schedule_round(session, key, times, Change(actor.id, at))


def open_by_hand(session: Session, actor: Actor, key: str, at: dt.datetime) -> bool:
    """Open a scheduled round now; return False if it was open.

    Raises: NotFound; NotAllowed; Refused.
    """
    require(actor, Action.OPEN_ROUND)
    return open_round(session, key, Change(actor.id, at))


def close_by_hand(session: Session, actor: Actor, key: str, at: dt.datetime) -> bool:
    """Close an open round now; return False if that was done.

    Raises: NotFound; NotAllowed; Refused for a person before the closing time that was announced.
    """
    require(actor, Action.CLOSE_ROUND)
    row = lock_round(session, key)
    if session.get(DailyRoundRow, row.id):
        raise Refused(
            f"Round {key} is a daily round, and is closed with all that is free at its time.",
            hint="`broker tick` closes it when its time has come.",
            round_key=key,
        )
    closes_at = row.closes_at if row.state == RoundState.OPEN else None
    is_alone = Role.SERVICE not in actor.roles
    if closes_at is not None and at < closes_at and is_alone:
        raise Refused(
            f"Round {key} takes bids until {in_words(closes_at)}, and nobody ends that alone.",
            hint="Propose an earlier closing time; a second person approves it.",
            round_key=key,
        )
    return close_round(session, key, Change(actor.id, at))


def cancel_round(session: Session, actor: Actor, key: str, reason: str, at: dt.datetime) -> bool:
    """End a round that is not published: nothing is allocated, and what was held is given back.

    Endowments stay with their teams, and are carried over as every other credit. A run that is
    under way can publish nothing any more. A round that took bids enters the root of its sealed
    log, so that every receipt of submission can be proven. Returns False if that was done already.

    Raises: NotFound; NotAllowed; InvalidCancellation; Refused once it is published.
    """
    require(actor, Action.CANCEL_ROUND)
    row = lock_round(session, key)
    if row.state == RoundState.CANCELLED:
        return False
    findings = list(findings_in_text("reason", reason))
    if findings or not reason.strip():
        raise InvalidCancellation(key, findings or ["reason: is empty; say why."])
    change = Change(actor.id, at)
    facts = enter_bids_of(session, row) if row.state == RoundState.OPEN else {}
    ended = RoundState.CANCELLED
    move_round(session, row, ended, change, facts=facts, lease_holder=None, lease_until=None)
    session.add(
        CancellationRow(
            round_id=row.id, reason=reason.strip(), cancelled_by=actor.id, cancelled_at=at
        )
    )
    give_up_runs(session, row, change)
    release_hold(session, row, "The round was cancelled.", change)
    settle_bidding(session, row, at)
    tell_cancelled(session, row, at)
    return True


def give_up_runs(session: Session, row: RoundRow, change: Change) -> None:
    """End the runs that are under way or wait to be published: their hosts' results are refused."""
    unpublished = select(RunRow).where(
        col(RunRow.round_id) == row.id,
        (col(RunRow.state) == RunState.SOLVING)
        | (
            (col(RunRow.state) == RunState.CHECKED)
            & (col(RunRow.purpose) == RunPurpose.PUBLICATION)
        ),
    )
    for run in session.scalars(unpublished).all():
        ended_at = run.finished_at or change.at
        move_run(session, run, RunState.STALE, change, finished_at=ended_at)
