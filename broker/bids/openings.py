"""Whether a closed round holds exactly what its bidders had committed to: no bid ignored or added.

Looks at stored state only and changes nothing, so that a verifier, a test and a doubting bidder get
the same answer. Value scores are left out: the close fixes them, and policy/frozen.py checks them.
"""

from __future__ import annotations

import datetime as dt
import json
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import and_, select
from sqlmodel import Session, col

from allocation.problem import Alternative, Bid
from broker.bids.drafts import alternatives_of, draft_from
from broker.bids.submissions import commitment_to
from broker.bids.tables import BidVersionRow, TeamBidRow
from broker.policy.tables import BarredAlternativeRow
from broker.snapshots import frozen_problem
from broker.states import BidState
from broker.tables import BidRow, RoundRow


@dataclass(frozen=True, slots=True)
class Opening:
    """What a bid said when its round closed, with the commitment that was given for it."""

    bid_id: str
    bid_key: str
    version: int
    document: str
    salt: str
    commitment: str


def check_submissions(session: Session, row: RoundRow) -> Iterator[str]:
    """Say where a closed round differs from what was committed to. Raises: NotFound if not closed.

    An alternative that a rule of the policy barred at the close is not missing. Awards that compete
    in the round were bid for in another one.
    """
    problem = frozen_problem(session, row)
    held = problem.contest.holders if problem.contest else ()
    frozen: dict[str, Bid] = {bid.key: bid for bid in problem.bids if bid.key not in held}
    barred = _barred(session, row)
    for opening in openings_of(session, row):
        where = f"Round {row.key}, bid {opening.bid_key}"
        if commitment_to(opening.document, opening.salt) != opening.commitment:
            yield f"{where}: version {opening.version} is not what its commitment was given for."
        committed = json.loads(opening.document)
        said = (committed["round_key"], committed["bid_key"], committed["version"])
        if said != (row.key, opening.bid_key, opening.version):
            yield f"{where}: the document of version {opening.version} is of another bid."
        bid = frozen.pop(opening.bid_key, None)
        yield from _differences(where, committed, bid, barred[opening.bid_id])
    for key in sorted(frozen):
        yield f"Round {row.key}, bid {key}: it stands in the snapshot, and nobody committed to it."


def openings_of(session: Session, row: RoundRow) -> Iterator[Opening]:
    """Return the commitments that a closed round stands on, opened, by key.

    Raises: NotFound before the close, when nobody may open them.
    """
    frozen_problem(session, row)
    latest = and_(
        col(BidVersionRow.bid_id) == col(TeamBidRow.id),
        col(BidVersionRow.version) == col(TeamBidRow.version),
    )
    kept = (
        select(
            col(TeamBidRow.id),
            col(TeamBidRow.key),
            col(BidVersionRow.version),
            col(BidVersionRow.document),
            col(BidVersionRow.salt),
            col(BidVersionRow.commitment),
        )
        .join(BidVersionRow, latest)
        .where(col(TeamBidRow.round_id) == row.id, col(TeamBidRow.state) == BidState.SUBMITTED)
        .order_by(col(TeamBidRow.key))
    )
    return (Opening(*line) for line in session.execute(kept))


def _differences(
    where: str, committed: Mapping[str, Any], bid: Bid | None, barred: frozenset[int]
) -> Iterator[str]:
    ways = {one.number: one for one in alternatives_of(draft_from(committed["bid"]))}
    expected = {number: way for number, way in ways.items() if number not in barred}
    if bid is None:
        if expected:
            yield f"{where}: it was submitted in time, and the snapshot does not hold it."
        return
    if {way.number: _unscored(way) for way in bid.alternatives} != expected:
        yield f"{where}: the snapshot holds other alternatives than were submitted."
    instant = committed["submitted_at"]
    submitted_at = dt.datetime.fromisoformat(instant) if instant else None
    if (bid.team_key, bid.submitted_at) != (committed["team_key"], submitted_at):
        yield f"{where}: the snapshot names another team or another moment."


def _unscored(way: Alternative) -> Alternative:
    return replace(way, value_score_per_lot=way.offer_credits_per_lot)


def _barred(session: Session, row: RoundRow) -> Mapping[str, frozenset[int]]:
    stored = (
        select(col(BarredAlternativeRow.bid_id), col(BarredAlternativeRow.number))
        .join(BidRow, col(BidRow.id) == col(BarredAlternativeRow.bid_id))
        .where(col(BidRow.round_id) == row.id)
    )
    found: dict[str, frozenset[int]] = defaultdict(frozenset)
    for bid_id, number in session.execute(stored):
        found[bid_id] |= {number}
    return found
