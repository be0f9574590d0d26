"""What is kept of what would have won: estimates for all, then answers, and what is still open.

An answer is written once for each bid of a run; only an interval may give way to something better.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import exists, func, insert, or_, select, update
from sqlmodel import Session, col

from allocation.counterfactuals import WINNABLE, Answer, Displaced, Standing, estimate_offer
from allocation.outcome import Award, Decline, ListPrice, Outcome, Reason
from allocation.prices import price_list
from allocation.problem import BidKey, PoolKey, Problem, Tier
from allocation.wire import (
    canonical_json,
    certificate_from_document,
    problem_sha256,
    report_from_document,
)
from broker.counterfactuals.tables import CounterfactualRow
from broker.errors import NotFound, Refused
from broker.policy.rules import BARRED_REASONS
from broker.rounds import find_round
from broker.run_outcomes import kept_outcome
from broker.runs import market_run
from broker.snapshots import frozen_problem
from broker.tables import AwardRow, BidRow, DeclineRow, ListPriceRow, PoolRow, RoundRow, RunRow

_BY_THE_RUN = col(DeclineRow.reason).not_in(BARRED_REASONS)
"""What the run declined; what a rule of the policy barred was never asked."""


@dataclass(frozen=True, slots=True)
class Decided:
    """A round with the outcome that is published, as the solver's process needs it.

    Shape: the declines are those of bids that took part; what a rule barred has its rule instead.
    """

    run_id: str
    problem: Problem
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class Progress:
    """How many declined bids of a round have which kind of answer."""

    exact: int
    interval: int
    estimate: int

    @property
    def total(self) -> int:
        """How many bids were declined."""
        return self.exact + self.interval + self.estimate


def decided_round(session: Session, round_key: str) -> Decided:
    """Return a published round as the market decided it: in its first revision, without overrides.

    Raises: NotFound; Refused before it is out.
    """
    row = find_round(session, round_key)
    run = market_run(session, row)
    if run is None:
        raise Refused(f"Round {round_key} has no published result that could be explained.")
    return decided_run(session, row, run)


def decided_run(session: Session, row: RoundRow, run: RunRow) -> Decided:
    """Return a round with the outcome of one of its published runs.

    Raises: Refused if it asks something else now than when it was decided.
    """
    problem, outcome = frozen_problem(session, row), _outcome(session, run)
    if problem_sha256(problem) != run.problem_sha256:
        raise Refused(f"Round {row.key} asks something else now than when it was decided.")
    took_part = {bid.key for bid in problem.bids}
    declines = tuple(d for d in outcome.declines if d.bid_key in took_part)
    return Decided(run.id, problem, replace(outcome, declines=declines))


def write_estimates(session: Session, decided: Decided) -> None:
    """Estimate from the list prices what every declined bid should have offered, once."""
    known = exists().where(col(CounterfactualRow.run_id) == decided.run_id)
    if session.scalar(select(known)):
        return
    ids = _bid_ids(session, decided.run_id)
    rows = [
        {"run_id": decided.run_id, "bid_id": ids[key], "standing": standing} | bounds
        for key, standing, bounds in _estimates(decided)
        if key in ids
    ]
    if rows:
        session.execute(insert(CounterfactualRow), rows)


def ask_first(session: Session, decided: Decided, bid_key: str, at: dt.datetime) -> None:
    """Have one bid answered before all others. Raises: NotFound if it did not lose to others."""
    if bid_key not in {decline.bid_key for decline in decided.outcome.declines}:
        raise NotFound(f"Bid {bid_key} is not among the bids that took part and lost.", bid=bid_key)
    bid_id = _bid_ids(session, decided.run_id)[BidKey(bid_key)]
    session.execute(
        update(CounterfactualRow)
        .where(
            col(CounterfactualRow.run_id) == decided.run_id,
            col(CounterfactualRow.bid_id) == bid_id,
        )
        .values(asked_at=at)
    )


def open_bids(session: Session, decided: Decided) -> list[BidKey]:
    """List the bids without an answer: first who was asked for, then by key."""
    rows = session.execute(
        select(col(BidRow.key))
        .join(CounterfactualRow, col(CounterfactualRow.bid_id) == col(BidRow.id))
        .where(
            col(CounterfactualRow.run_id) == decided.run_id,
            col(CounterfactualRow.standing) == Standing.ESTIMATE,
        )
        .order_by(col(CounterfactualRow.asked_at).is_(None), col(BidRow.key))
    )
    return [BidKey(key) for (key,) in rows]


def store_answers(
    session: Session,
    decided: Decided,
    answers: Iterable[Answer],
    seconds_per_bid: float,
    at: dt.datetime,
) -> None:
    """Put answers in the place of estimates, with the time each had; what is exact stays."""
    ids = _bid_ids(session, decided.run_id)
    for answer in answers:
        offer = answer.winning_offer
        if offer is None:
            continue
        session.execute(
            update(CounterfactualRow)
            .where(
                col(CounterfactualRow.run_id) == decided.run_id,
                col(CounterfactualRow.bid_id) == ids[answer.bid_key],
                col(CounterfactualRow.standing) != Standing.EXACT,
            )
            .values(
                standing=offer.standing,
                lower_credits=offer.lower_credits,
                upper_credits=offer.upper_credits,
                document=_document(answer, seconds_per_bid),
                answered_at=at,
            )
        )


def progress_of(session: Session, run_id: str) -> Progress:
    """Count the answers of a run by kind."""
    rows = session.execute(
        select(col(CounterfactualRow.standing), func.count().label("bids"))
        .where(col(CounterfactualRow.run_id) == run_id)
        .group_by(col(CounterfactualRow.standing))
    )
    counts = {row.standing: row.bids for row in rows}
    return Progress(*(counts.get(s, 0) for s in ("exact", "interval", "estimate")))


def rounds_to_explain(session: Session) -> list[str]:
    """List the published rounds with bids that have no answer yet, the newest sprint first.

    Rounds with floors keep their estimates: there a higher offer moves the team's own floor.
    """
    declined = exists().where(col(DeclineRow.run_id) == col(RunRow.id), _BY_THE_RUN)
    known = exists().where(col(CounterfactualRow.run_id) == col(RunRow.id))
    open_ = exists().where(
        col(CounterfactualRow.run_id) == col(RunRow.id),
        col(CounterfactualRow.standing) == Standing.ESTIMATE,
    )
    rows = session.execute(
        select(col(RoundRow.key), col(RoundRow.floor_ratio), known)
        .join(RunRow, col(RunRow.round_id) == col(RoundRow.id))
        .where(
            col(RunRow.state) == "published",
            col(RunRow.revision) == 1,
            declined,
            or_(~known, open_),
        )
        .order_by(col(RoundRow.starts_on).desc(), col(RoundRow.key))
    )
    return [key for key, floor_ratio, is_known in rows if not (floor_ratio and is_known)]


def _estimates(decided: Decided) -> Iterator[tuple[BidKey, Standing, dict[str, int | None]]]:
    problem = decided.problem
    listed = price_list(problem, decided.outcome.certificate)
    bids = {bid.key: bid for bid in problem.bids}
    for decline in decided.outcome.declines:
        bid = bids[decline.bid_key]
        chosen = [a for a in bid.alternatives if a.number == decline.alternative]
        is_winnable = chosen and decline.reason in WINNABLE
        offer = estimate_offer(problem, listed, bid, chosen[0]) if is_winnable else None
        bounds = {
            "lower_credits": offer.lower_credits if offer else None,
            "upper_credits": offer.upper_credits if offer else None,
        }
        yield bid.key, Standing.ESTIMATE, bounds


def _document(answer: Answer, seconds_per_bid: float) -> str:
    offer = answer.winning_offer
    document = {
        "budget_milliseconds": round(1000 * seconds_per_bid),
        "changes": [
            {
                "kind": change.kind,
                "start": change.start.isoformat() if change.start else None,
                "lots": change.lots,
                "tier": change.tier,
                "displaced": _displaced(change.displaced),
            }
            for change in answer.changes
        ],
        "displaced": _displaced(offer.displaced) if offer else None,
    }
    return canonical_json(document).decode()


def _displaced(displaced: Displaced) -> dict[str, Any]:
    return {"bids": list(displaced.bid_keys), "value": displaced.value}


def _bid_ids(session: Session, run_id: str) -> dict[BidKey, str]:
    rows = session.execute(
        select(col(BidRow.key), col(BidRow.id))
        .join(DeclineRow, col(DeclineRow.bid_id) == col(BidRow.id))
        .where(col(DeclineRow.run_id) == run_id, _BY_THE_RUN)
    )
    return {BidKey(key): bid_id for key, bid_id in rows}


# --- the outcome, read back ----------------------------------------------------------------


def _outcome(session: Session, run: RunRow) -> Outcome:
    """Read an outcome back in its own order; databases sort texts in ways of their own.

    Of a round in which awards competed it was kept whole, for what they kept is written nowhere.
    """
    kept = kept_outcome(session, run.id)
    if kept is not None and kept.report.contest is not None:
        return kept
    return Outcome(
        awards=tuple(sorted(_awards(session, run), key=lambda award: award.bid_key)),
        declines=tuple(sorted(_declines(session, run), key=lambda decline: decline.bid_key)),
        prices=tuple(sorted(_prices(session, run), key=_price_order)),
        certificate=certificate_from_document(json.loads(run.certificate or "{}")),
        report=report_from_document(json.loads(run.report or "{}")),
    )


def _price_order(price: ListPrice) -> tuple[str, dt.date, str]:
    return price.pool_key, price.day, price.tier


def _awards(session: Session, run: RunRow) -> Iterator[Award]:
    rows = session.execute(
        select(AwardRow, col(BidRow.key))
        .join(BidRow, col(BidRow.id) == col(AwardRow.bid_id))
        .where(col(AwardRow.run_id) == run.id)
    )
    for row, key in rows:
        place = BidKey(key), row.alternative, row.start, row.lots
        yield Award(*place, row.value_score, row.payment_credits)


def _declines(session: Session, run: RunRow) -> Iterator[Decline]:
    rows = session.execute(
        select(DeclineRow, col(BidRow.key), col(PoolRow.key))
        .join(BidRow, col(BidRow.id) == col(DeclineRow.bid_id))
        .outerjoin(PoolRow, col(PoolRow.id) == col(DeclineRow.pool_id))
        .where(col(DeclineRow.run_id) == run.id, _BY_THE_RUN)
    )
    for row, key, pool_key in rows:
        pool = PoolKey(pool_key) if pool_key else None
        offer = row.minimum_winning_offer_credits
        facts = row.alternative, pool, row.day, offer, row.detail
        yield Decline(BidKey(key), Reason(row.reason), *facts)


def _prices(session: Session, run: RunRow) -> Iterator[ListPrice]:
    rows = session.execute(
        select(ListPriceRow, col(PoolRow.key))
        .join(PoolRow, col(PoolRow.id) == col(ListPriceRow.pool_id))
        .where(col(ListPriceRow.run_id) == run.id)
    )
    for row, pool_key in rows:
        yield ListPrice(PoolKey(pool_key), row.day, Tier(row.tier), row.list_price_microcredits)
