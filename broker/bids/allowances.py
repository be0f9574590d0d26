"""How much the bids of one team may count for in a round, so that the sum of all stays exact.

Every team has an equal share, whatever the others bid: a common limit would tell how much of it
others have used. Half of what is exact is kept for what a folder brought in.

Source: FORMATS, section 1: the sum of every bid's largest value up to 2⁵³.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import case, func, select
from sqlmodel import Session, col

from broker.bids.drafts import BidDraft
from broker.bids.findings import Finding, most_points
from broker.policy.documents import MOST_PERCENT
from broker.policy.tables import BidPledgeRow
from broker.tables import AlternativeRow, BidRow, RoundRow, RoundTeamRow
from broker.texts import LARGEST_ROUND_VALUE

KEPT_FOR_BIDS = LARGEST_ROUND_VALUE // 2
"""What the bids that are placed here may count for together."""


def findings_in_allowance(
    session: Session, draft: BidDraft, row: RoundRow, team_id: str, bid_id: str | None
) -> Iterator[Finding]:
    """Say whether a team's bids in a round would count for more than its share."""
    largest = max((most_points(one) for one in draft.alternatives), default=0)
    others = _points_of_own(session, row, team_id, bid_id)
    if others + largest > KEPT_FOR_BIDS // _teams(session, row):
        sentence = (
            "alternatives: the team's bids together exceed the largest value that is exact; "
            "offer less."
        )
        yield Finding("alternatives", sentence)


def _teams(session: Session, row: RoundRow) -> int:
    teams = (
        select(func.count()).select_from(RoundTeamRow).where(col(RoundTeamRow.round_id) == row.id)
    )
    return session.scalar(teams) or 1


def _points_of_own(session: Session, row: RoundRow, team_id: str, bid_id: str | None) -> int:
    """Return what a team's other bids in a round can come to, each at its largest value."""
    score = col(AlternativeRow.value_score_per_lot)
    most = col(AlternativeRow.offer_credits_per_lot) * MOST_PERCENT // 100
    value = case((score > most, score), else_=most) * col(AlternativeRow.max_lots)
    per_bid = (
        select(func.max(value).label("largest"))
        .join(BidRow, col(BidRow.id) == col(AlternativeRow.bid_id))
        .join(BidPledgeRow, col(BidPledgeRow.bid_id) == col(BidRow.id))
        .where(col(BidRow.round_id) == row.id, col(BidRow.team_id) == team_id)
        .where(col(BidRow.id) != (bid_id or ""))
        .group_by(col(AlternativeRow.bid_id))
        .subquery()
    )
    return session.scalar(select(func.sum(per_bid.c.largest))) or 0
