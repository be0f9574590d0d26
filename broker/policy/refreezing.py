"""A past round as it would have closed under another policy: the same bids, weighed anew.

Teams keep the records and the approvals that they had at the close, and bids from a folder the
scores of their folder. Under the policy that the round froze this is what it froze. What an earlier
classification of a pool would have barred is not kept: other policies look at the present one.
"""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

from sqlmodel import Session, col

from allocation.problem import Alternative, Bid, Problem
from broker.approvals.standings import approvals_for
from broker.deliveries.records import frozen_records
from broker.policy.documents import Policy
from broker.policy.freezing import NO_APPROVALS, NO_TERMS, WeighedBid, placed_bids, weigh
from broker.policy.frozen import frozen_bars
from broker.policy.scores import NO_RECORD, value_score_per_lot
from broker.policy.tables import RoundPolicyRow
from broker.policy.versions import policy_of_round
from broker.pools.terms_in_force import terms_at
from broker.snapshots import frozen_problem, placed_ways
from broker.tables import BidRow, RoundRow


def problem_under(session: Session, row: RoundRow, policy: Policy) -> Problem:
    """Return what a closed round would have asked under a policy. Raises: NotFound if it is open.

    Shape: without bids and alternatives that a rule of this policy bars.
    """
    problem = frozen_problem(session, row)
    weighed = {one.bid.key: one for one in _weighed(session, row, policy)}
    bids = (_under(weighed.get(bid.key), bid) for bid in placed_ways(session, row))
    floor = problem.floor_ratio
    if row.imported_sha256 is None:
        floor = Fraction(policy.floor_percent, 100)
    left = tuple(bid for bid in bids if bid.alternatives)
    return replace(problem, bids=left, floor_ratio=floor)


def _weighed(session: Session, row: RoundRow, policy: Policy) -> list[WeighedBid]:
    here = col(BidRow.round_id) == row.id
    records, placed = frozen_records(session, row), placed_bids(session, here)
    frozen = session.get(RoundPolicyRow, row.id)
    approvals = approvals_for(session, row, frozen.frozen_at) if frozen else {}
    terms = terms_at(session, frozen.frozen_at) if frozen else NO_TERMS
    weighed = [
        weigh(
            policy,
            bid,
            records.get(bid.team_key, NO_RECORD),
            approvals.get(bid.team_key, NO_APPROVALS),
            terms,
        )
        for bid in placed
    ]
    then = policy_of_round(session, row)
    if then is None or then.policy != policy:
        return weighed
    bars = frozen_bars(session, row)
    return [replace(one, bars=tuple(bars.get(one.bid.id, ()))) for one in weighed]


def _under(weighed: WeighedBid | None, bid: Bid) -> Bid:
    """Return a bid with what a policy leaves of it; one from a folder stays as it is."""
    if weighed is None:
        return bid
    barred = {bar.alternative for bar in weighed.bars}
    left = (way for way in bid.alternatives if way.number not in barred)
    return replace(bid, alternatives=tuple(_scored(way, weighed) for way in left))


def _scored(way: Alternative, weighed: WeighedBid) -> Alternative:
    score = value_score_per_lot(way.offer_credits_per_lot, weighed.multiplier_percent)
    return replace(way, value_score_per_lot=score)
