"""What two runs of a round decided otherwise: bids, value and prices, for a screen.

What is compared stands in broker/policy/comparing.py; here bids get the names that people know.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import select
from sqlmodel import Session, col

from broker.dashboards.disclosures import shown_team
from broker.dashboards.sources import BID
from broker.policy.comparing import (
    Decided,
    PricePair,
    Winner,
    WinnerChange,
    changed_winners,
    price_pairs,
)
from broker.tables import BidRow, TeamRow

BidLabel = tuple[str, str, str]
"""The id, the title and the team's name of a bid."""


@dataclass(frozen=True, slots=True)
class ChangedBid:
    """A bid that is decided in another way."""

    bid_id: str
    bid_key: str
    title: str
    team: str
    change: WinnerChange


@dataclass(frozen=True, slots=True)
class Difference:
    """What another run decided otherwise; `bids` and `prices` have what differs alone.

    Units: value points, payments in credits; prices are means over the days.
    """

    run_id: str
    is_same: bool
    value_before: int
    value_after: int
    payments_before: int
    payments_after: int
    bids: tuple[ChangedBid, ...]
    prices: tuple[PricePair, ...]


def difference(
    session: Session, round_id: str, run_id: str, before: Decided, after: Decided
) -> Difference:
    """Compare what a run decided with another one, which comes before it."""
    winners = tuple(changed_winners(before, after))
    labels = labels_of(session, round_id, (one.bid_key for one in winners))
    pairs = price_pairs(before, after)
    return Difference(
        run_id=run_id,
        is_same=before.outcome_sha256 == after.outcome_sha256,
        value_before=sum(award.value_score for award in before.awards),
        value_after=sum(award.value_score for award in after.awards),
        payments_before=sum(award.payment_credits for award in before.awards),
        payments_after=sum(award.payment_credits for award in after.awards),
        bids=tuple(changed_bid(one, labels[one.bid_key]) for one in winners),
        prices=tuple(p for p in pairs if p.real_microcredits != p.replayed_microcredits),
    )


def changed_bid(winner: Winner, label: BidLabel) -> ChangedBid:
    """Return a bid that is decided in another way, with its names."""
    bid_id, title, team = label
    return ChangedBid(bid_id, winner.bid_key, title, team, winner.change)


def labels_of(session: Session, round_id: str, keys: Iterable[str]) -> dict[str, BidLabel]:
    """Return the labels of a round's bids by their keys."""
    rows = session.execute(
        select(col(BidRow.key), col(BidRow.id), col(BidRow.title), shown_team(BID.c.round_id))
        .join(TeamRow, col(TeamRow.id) == col(BidRow.team_id))
        .where(col(BidRow.round_id) == round_id, col(BidRow.key).in_(set(keys)))
    )
    return {key: (bid_id, title, team) for key, bid_id, title, team in rows}
