"""What a publication writes: awards, declines and list prices of a checked run, payments, notices.

Every revision of a round is published here, the first by runs.py, a later one by
overrides/approvals.py. The database takes these rows only while the run is checked, and keeps them
for ever.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from sqlalchemy import insert
from sqlmodel import Session

from allocation.outcome import Award, Decline, ListPrice, Outcome
from broker.access_grants.issuing import issue_access
from broker.audit import Change
from broker.directory import bid_ids_of, pool_ids_of
from broker.experts.naming import name_experts
from broker.holdings.contests import settle_contest, without_holders
from broker.ledger.holds import settle_round
from broker.ledger.overriding import Superseded, resettle_round
from broker.notices.causes import tell_overridden, tell_published
from broker.policy.frozen import barred_bids
from broker.policy.rules import BarredBid
from broker.spot.acceptances import ask_teams
from broker.states import RunState, move_run
from broker.tables import AwardRow, DeclineRow, ListPriceRow, RoundRow, RunRow

Ids = Mapping[str, str]
"""The stored id of every key."""


def publish_outcome(
    session: Session,
    row: RoundRow,
    run: RunRow,
    outcome: Outcome,
    change: Change,
    superseded: Superseded | None = None,
) -> None:
    """Show an outcome to everybody: decisions, prices, payments, notices; the run is published.

    Whoever calls holds the round fast. `superseded` is there for a revision after the first.

    Raises: Overdrawn if a team cannot pay, in which case nothing of all this is written.
    """
    store_outcome(session, row, run, without_holders(session, row, outcome))
    issue_access(session, row, run, change)
    name_experts(session, row, run, change)
    if superseded is None:
        settle_round(session, row, run, change)
    else:
        resettle_round(session, run, superseded, change)
    facts = {"outcome_sha256": outcome.report.outcome_sha256, "revision": run.revision}
    move_run(session, run, RunState.PUBLISHED, change, facts=facts)
    settle_contest(session, row, outcome, change)
    if superseded is None:
        tell_published(session, row, run, change.at)
        ask_teams(session, row, change.at)
    else:
        tell_overridden(session, row, superseded.run, run, change.at)


def store_outcome(session: Session, row: RoundRow, run: RunRow, outcome: Outcome) -> None:
    """Write the decision on every bid of a round, those that the policy barred included; prices."""
    bid_ids = bid_ids_of(session, row)
    pool_ids = pool_ids_of(session, row)
    for table, rows in (
        (AwardRow, _awards(run, outcome.awards, bid_ids)),
        (DeclineRow, _declines(run, outcome.declines, bid_ids, pool_ids)),
        (DeclineRow, _barred(run, barred_bids(session, row), pool_ids)),
        (ListPriceRow, _prices(run, outcome.prices, pool_ids)),
    ):
        values = list(rows)
        if values:
            session.execute(insert(table), values)


def _awards(run: RunRow, awards: tuple[Award, ...], bid_ids: Ids) -> Iterator[dict[str, Any]]:
    for award in awards:
        yield {
            "run_id": run.id,
            "bid_id": bid_ids[award.bid_key],
            "alternative": award.alternative,
            "start": award.start,
            "lots": award.lots,
            "value_score": award.value_score,
            "payment_credits": award.payment_credits,
        }


def _declines(
    run: RunRow, declines: tuple[Decline, ...], bid_ids: Ids, pool_ids: Ids
) -> Iterator[dict[str, Any]]:
    for decline in declines:
        yield {
            "run_id": run.id,
            "bid_id": bid_ids[decline.bid_key],
            "reason": decline.reason,
            "alternative": decline.alternative,
            "pool_id": pool_ids[decline.pool_key] if decline.pool_key else None,
            "day": decline.day,
            "minimum_winning_offer_credits": decline.minimum_winning_offer_credits,
            "detail": decline.detail,
        }


def _barred(
    run: RunRow, declines: Mapping[str, BarredBid], pool_ids: Ids
) -> Iterator[dict[str, Any]]:
    """Decline what no run was asked about: bids that a rule kept out at the close."""
    for bid_id, decline in declines.items():
        yield {
            "run_id": run.id,
            "bid_id": bid_id,
            "reason": decline.reason,
            "alternative": decline.alternative,
            "pool_id": pool_ids[decline.pool_key] if decline.pool_key else None,
            "detail": decline.detail,
        }


def _prices(run: RunRow, prices: tuple[ListPrice, ...], pool_ids: Ids) -> Iterator[dict[str, Any]]:
    for price in prices:
        yield {
            "run_id": run.id,
            "pool_id": pool_ids[price.pool_key],
            "day": price.day,
            "tier": price.tier,
            "list_price_microcredits": price.list_price_microcredits,
        }
