"""What runs decided: of a published one from its rows, of any other checked one as it was kept.

A rehearsal publishes nothing, so its awards never stand where those of published runs do: nothing
that reads results can take them for one.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from sqlalchemy import select
from sqlmodel import Session, col

from allocation.outcome import ListPrice, Outcome
from allocation.problem import BidKey, PoolKey, Tier
from allocation.wire import canonical_json, outcome_document, outcome_from_document
from broker.policy.comparing import Decided, Won
from broker.round_tables import RunOutcomeRow
from broker.tables import AwardRow, BidRow, ListPriceRow, PoolRow, RunRow, TeamRow


def keep_outcome(session: Session, run: RunRow, outcome: Outcome) -> None:
    """Keep the outcome of a checked run that is not published, or that decides about awards."""
    document = canonical_json(outcome_document(outcome)).decode()
    session.add(RunOutcomeRow(run_id=run.id, document=document))
    session.flush()


def kept_outcome(session: Session, run_id: str) -> Outcome | None:
    """Return the outcome of a checked run that is not published; None if none was kept."""
    row = session.get(RunOutcomeRow, run_id)
    return outcome_from_document(json.loads(row.document)) if row else None


def decided_by(outcome: Outcome, teams: Mapping[BidKey, str]) -> Decided:
    """Return what an outcome decides, as far as two are compared; the team of a bid, if known."""
    return Decided(
        outcome.report.outcome_sha256,
        tuple(_won(award.bid_key, teams.get(award.bid_key, ""), award) for award in outcome.awards),
        outcome.prices,
    )


def published_decision(session: Session, run: RunRow) -> Decided:
    """Return what a published run decided, as far as two are compared."""
    awards = (
        select(col(BidRow.key), col(TeamRow.key), AwardRow)
        .join(BidRow, col(BidRow.id) == col(AwardRow.bid_id))
        .join(TeamRow, col(TeamRow.id) == col(BidRow.team_id))
        .where(col(AwardRow.run_id) == run.id)
    )
    prices = (
        select(col(PoolRow.key), ListPriceRow)
        .join(PoolRow, col(PoolRow.id) == col(ListPriceRow.pool_id))
        .where(col(ListPriceRow.run_id) == run.id)
    )
    return Decided(
        run.outcome_sha256 or "",
        tuple(_won(key, team, award) for key, team, award in session.execute(awards)),
        tuple(_price(key, line) for key, line in session.execute(prices)),
    )


def _won(bid_key: str, team_key: str, award: Any) -> Won:
    return Won(
        bid_key,
        team_key,
        award.alternative,
        award.start,
        award.lots,
        award.value_score,
        award.payment_credits,
    )


def _price(pool_key: str, line: ListPriceRow) -> ListPrice:
    return ListPrice(PoolKey(pool_key), line.day, Tier(line.tier), line.list_price_microcredits)
