"""What would have won, as the receipt tells it: the offer, other changes, and how sure they are.

Who would have been displaced is counted, never named.
"""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select
from sqlmodel import Session

from allocation.counterfactuals import Standing
from broker.counterfactuals.tables import CounterfactualRow

COUNTERFACTUAL = CounterfactualRow.metadata.tables["counterfactual"]


@dataclass(frozen=True, slots=True)
class DisplacedFacts:
    """How many bids would have lost their awards, and what those are worth in points."""

    bids: int
    value: int


@dataclass(frozen=True, slots=True)
class ChangeFacts:
    """One change that would have won at the same offer: a start, fewer lots or the other tier."""

    kind: str
    start: dt.date | None
    lots: int | None
    tier: str | None
    displaced: DisplacedFacts


@dataclass(frozen=True, slots=True)
class WinningFacts:
    """What would have won. Units: credits per lot; the bounds are equal where one offer is meant.

    `answered_at` is None while only the list prices speak, or the publication itself;
    `budget_milliseconds` is how long the answer was searched for at most, where that was noted.
    """

    standing: Standing
    lower_credits: int | None
    upper_credits: int | None
    answered_at: dt.datetime | None
    displaced: DisplacedFacts | None = None
    changes: tuple[ChangeFacts, ...] = ()
    budget_milliseconds: int | None = None

    @property
    def exact_credits(self) -> int | None:
        """The minimum winning offer where it is known for certain."""
        return self.upper_credits if self.standing is Standing.EXACT else None


@dataclass(frozen=True, slots=True)
class ExplainedCount:
    """How many declined bids of a run have which kind of answer, of how many."""

    exact: int
    interval: int
    declined: int

    @property
    def waiting(self) -> int:
        """How many have no verified answer yet."""
        return self.declined - self.exact - self.interval


def winning_facts(
    session: Session, run_id: str, bid_id: str, published_credits: int | None
) -> WinningFacts | None:
    """Return what is known of what would have won; None where there is not even an estimate.

    `published_credits` is the minimum winning offer that the outcome itself came with.
    """
    row = session.execute(
        select(COUNTERFACTUAL).where(
            COUNTERFACTUAL.c.run_id == run_id, COUNTERFACTUAL.c.bid_id == bid_id
        )
    ).first()
    is_answered = row is not None and row.answered_at is not None
    if published_credits is not None and not is_answered:
        return WinningFacts(Standing.EXACT, published_credits, published_credits, None)
    if row is None:
        return None
    document = json.loads(row.document)
    return WinningFacts(
        standing=Standing(row.standing),
        lower_credits=row.lower_credits,
        upper_credits=row.upper_credits,
        answered_at=row.answered_at,
        displaced=_displaced(document.get("displaced")),
        changes=tuple(_change(change) for change in document.get("changes", ())),
        budget_milliseconds=document.get("budget_milliseconds"),
    )


def explained_count(session: Session, run_id: str, declined: int | None) -> ExplainedCount:
    """Count the verified answers of a run, of as many as it declined, or as have any answer."""
    rows = session.execute(
        select(COUNTERFACTUAL.c.standing, func.count().label("bids"))
        .where(COUNTERFACTUAL.c.run_id == run_id)
        .group_by(COUNTERFACTUAL.c.standing)
    )
    bids = {row.standing: int(row.bids) for row in rows}
    exact, interval = bids.get(Standing.EXACT, 0), bids.get(Standing.INTERVAL, 0)
    return ExplainedCount(exact, interval, sum(bids.values()) if declined is None else declined)


def _displaced(document: dict[str, Any] | None) -> DisplacedFacts | None:
    if not document or not document["bids"]:
        return None
    return DisplacedFacts(len(document["bids"]), document["value"])


def _change(document: dict[str, Any]) -> ChangeFacts:
    start = document["start"]
    return ChangeFacts(
        kind=document["kind"],
        start=dt.date.fromisoformat(start) if start else None,
        lots=document["lots"],
        tier=document["tier"],
        displaced=_displaced(document["displaced"]) or DisplacedFacts(0, 0),
    )
