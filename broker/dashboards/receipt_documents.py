"""A receipt for programs: the same facts as the page, exact, in one JSON document."""

from __future__ import annotations

import datetime as dt
from typing import Any

from broker.dashboards.award_lives import AwardLife
from broker.dashboards.counterfactuals import ChangeFacts, DisplacedFacts, WinningFacts
from broker.dashboards.overrides import BidOverride
from broker.dashboards.questions import Asking, WhatIfFacts
from broker.dashboards.receipts import AlternativeFacts, AwardFacts, DeclineFacts, Receipt

Document = dict[str, Any]


def receipt_document(receipt: Receipt, asking: Asking | None, life: AwardLife | None) -> Document:
    """Return a receipt as plain values: days and instants in ISO form, whole numbers.

    What-ifs are there for those who may ask; to everybody else they are null.
    """
    report = receipt.run.report
    return {
        "bid_key": receipt.bid_key,
        "title": receipt.title,
        "team": receipt.team,
        "round_key": receipt.round.key,
        "decision": "awarded" if receipt.award else "declined",
        "submitted_at": _text(receipt.submitted_at),
        "published_at": _text(receipt.round.published_at),
        "run_id": receipt.run.run_id,
        "status": report.status,
        "proof": report.proof,
        "outcome_sha256": report.outcome_sha256,
        "problem_sha256": report.problem_sha256,
        "alternatives": [_alternative(one) for one in receipt.alternatives],
        "multiplier_percent": receipt.score.multiplier_percent,
        "policy_version": receipt.score.policy_version,
        "factors": [
            {"percent": str(factor.percent), "reason": factor.reason}
            for factor in receipt.score.factors
        ],
        "bars": [
            {"alternative": bar.alternative, "reason": bar.reason, "detail": bar.detail}
            for bar in receipt.score.bars
        ],
        "revision": receipt.run.revision,
        "override": _override(receipt.override) if receipt.override else None,
        "award": _award(receipt.award) if receipt.award else None,
        "holding": _holding(life) if life else None,
        "decline": _decline(receipt.decline) if receipt.decline else None,
        "days": [
            {
                "day": use.day.isoformat(),
                "reserved_used_units": use.reserved_used_units,
                "spot_used_units": use.spot_used_units,
                "held_units": use.held_units,
                "free_units": use.free_units,
                "units": use.units,
            }
            for use in receipt.place
        ],
        "what_ifs": [_what_if(one) for one in asking.what_ifs]
        if asking and asking.may_ask
        else None,
    }


def _override(one: BidOverride) -> Document:
    return {
        "override_id": one.override_id,
        "revision": one.revision,
        "reason": one.reason,
        "price": one.price,
        "is_about_this_bid": one.is_about_it,
    }


def _holding(life: AwardLife) -> Document:
    return {
        "lots": life.lots,
        "left_lots": life.left_lots,
        "cuts": [
            {
                "number": cut.number,
                "cause": cut.cause,
                "lots": cut.lots,
                "from_day": cut.from_day.isoformat(),
                "refund_percent": cut.refund_percent,
                "refund_credits": cut.refund_credits,
                "cut_at": cut.cut_at.isoformat(),
            }
            for cut in life.cuts
        ],
    }


def _alternative(asked: AlternativeFacts) -> Document:
    return {
        "alternative": asked.number,
        "tier": asked.tier,
        "offer_credits_per_lot": asked.offer_credits_per_lot,
        "value_score_per_lot": asked.value_score_per_lot,
        "min_lots": asked.min_lots,
        "max_lots": asked.max_lots,
        "earliest_start": asked.earliest_start.isoformat(),
        "latest_start": asked.latest_start.isoformat(),
        "items": [
            {
                "pool_key": item.pool_key,
                "unit": item.unit,
                "offset_days": item.offset_days,
                "days": item.days,
                "units_per_lot": item.units_per_lot,
            }
            for item in asked.items
        ],
    }


def _award(award: AwardFacts) -> Document:
    return {
        "alternative": award.alternative.number,
        "start": award.start.isoformat(),
        "lots": award.lots,
        "value_score": award.value_score,
        "offer_credits": award.offer_credits,
        "payment_credits": award.payment_credits,
    }


def _decline(decline: DeclineFacts) -> Document:
    winning = decline.winning
    return {
        "reason": decline.reason,
        "alternative": decline.alternative.number if decline.alternative else None,
        "pool_key": decline.pool_key,
        "day": _text(decline.day),
        "detail": decline.detail,
        "list_cost_microcredits_per_lot": decline.list_cost_microcredits,
        "minimum_winning_offer_credits": winning.exact_credits if winning else None,
        "would_have_won": _winning(winning) if winning else None,
    }


def _winning(winning: WinningFacts) -> Document:
    return {
        "standing": winning.standing,
        "lower_credits_per_lot": winning.lower_credits,
        "upper_credits_per_lot": winning.upper_credits,
        "budget_milliseconds": winning.budget_milliseconds,
        "answered_at": _text(winning.answered_at),
        "displaced": _displaced(winning.displaced),
        "changes": [_change(change) for change in winning.changes],
    }


def _change(change: ChangeFacts) -> Document:
    return {
        "kind": change.kind,
        "start": _text(change.start),
        "lots": change.lots,
        "tier": change.tier,
        "displaced": _displaced(change.displaced),
    }


def _what_if(asked: WhatIfFacts) -> Document:
    return {
        "offer_credits_per_lot": asked.offer_credits_per_lot,
        "asked_start": _text(asked.asked_start),
        "asked_lots": asked.asked_lots,
        "asked_tier": asked.asked_tier,
        "asked_at": _text(asked.asked_at),
        "progress": asked.progress,
        "verdict": asked.verdict,
        "start": _text(asked.start),
        "lots": asked.lots,
        "payment_credits": asked.payment_credits,
        "displaced": {"bids": asked.displaced_bids, "value_score": asked.displaced_value},
        "is_best": asked.is_best,
        "answered_at": _text(asked.answered_at),
    }


def _displaced(displaced: DisplacedFacts | None) -> Document | None:
    return {"bids": displaced.bids, "value_score": displaced.value} if displaced else None


def _text(moment: dt.date | None) -> str | None:
    return moment.isoformat() if moment else None
