"""A round from files into the market: all of it or nothing, and the same content only once.

The round goes through the same steps as one that people make: announced, opened, bid for, closed.
What may stand in the files is the business of allocation/folders.py.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

from sqlalchemy import select
from sqlmodel import Session, col

from allocation.folders import RoundFolder
from allocation.problem import Problem
from allocation.wire import Document, round_document, sha256_of
from broker.audit import Change
from broker.bids.desks import KEPT_FOR_BIDS
from broker.bids.placing import store_bids
from broker.directory import directory_of
from broker.errors import Refused
from broker.rounds import close_round, create_round, open_round
from broker.states import RoundState
from broker.tables import RoundRow
from broker.texts import LARGEST_ROUND_VALUE


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import did, or would do: the round, its state, whether it was there before."""

    round_key: str
    state: RoundState
    was_there: bool
    bids: int


def import_round(
    session: Session, folder: RoundFolder, change: Change, *, is_open: bool = False
) -> Imported:
    """Store a round ready to run, or still open for bids.

    Raises: Refused if the market has a round of this key with other content, or if it should stay
    open and its bids leave no room for the values of others.
    """
    planned = plan_import(session, folder, is_open=is_open)
    if planned.was_there:
        return planned
    row = create_round(session, folder, change, imported_sha256=content_sha256(folder))
    open_round(session, row.key, change)
    store_bids(session, directory_of(session, row), folder.problem.bids, folder.titles, change)
    if not is_open:
        close_round(session, row.key, change)
    return planned


def plan_import(session: Session, folder: RoundFolder, *, is_open: bool = False) -> Imported:
    """Say what an import would do, and write nothing. Raises: Refused as the import itself."""
    problem = folder.problem
    row = session.scalars(select(RoundRow).where(col(RoundRow.key) == problem.round_key)).first()
    if row is None:
        if is_open:
            _check_room(problem)
        state = RoundState.OPEN if is_open else RoundState.CLOSED
        return Imported(problem.round_key, state, was_there=False, bids=len(problem.bids))
    if row.imported_sha256 != content_sha256(folder):
        raise Refused(
            f"There is a round {row.key} already, {row.state}, with other content.",
            hint="Give the round another key; what was announced is never replaced.",
            round_key=row.key,
        )
    return Imported(row.key, RoundState(row.state), was_there=True, bids=len(problem.bids))


def _check_room(problem: Problem) -> None:
    """Refuse to keep a round open in which bids to come could make the sum of values inexact."""
    largest = sum(
        max(way.value_score_per_lot * way.max_lots for way in bid.alternatives)
        for bid in problem.bids
    )
    if largest > LARGEST_ROUND_VALUE - KEPT_FOR_BIDS:
        raise Refused(
            f"The bids of round {problem.round_key} come to {largest} points, more than half of "
            f"the {LARGEST_ROUND_VALUE} that stay exact, and leave no room for other bids.",
            hint="Import it without --open.",
            round_key=problem.round_key,
        )


def content_sha256(folder: RoundFolder) -> str:
    """Return the hash of all that a round folder says, names and titles included."""
    document: Document = {
        "round": round_document(folder.problem),
        "name": folder.name,
        "pools": {key: asdict(label) for key, label in folder.pools.items()},
        "teams": dict(folder.teams),
        "titles": dict(folder.titles),
    }
    return sha256_of(document)
