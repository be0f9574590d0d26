"""Canonical JSON and SHA-256 of problems and outcomes, and the way back from JSON.

Anybody can recompute the hashes: MODEL.md gives the layout, and canonical JSON is the JSON with
sorted keys, no spaces, UTF-8. Lists stand in the order of their keys. Nothing here knows files.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, replace
from fractions import Fraction
from typing import Any

from allocation.outcome import (
    Award,
    Baselines,
    Certificate,
    ClearingReport,
    ContestReport,
    Counts,
    Decline,
    FloorReport,
    ListPrice,
    Outcome,
    Override,
    OverrideReport,
    Placed,
    PriceRule,
    Pricing,
    Proof,
    Reason,
    Report,
    Status,
    StoppedBy,
    TeamFloor,
    TieBreak,
)
from allocation.problem import (
    Alternative,
    Bid,
    BidKey,
    Contest,
    DayUnits,
    Item,
    Pool,
    PoolKey,
    Problem,
    RoundKey,
    Team,
    TeamKey,
    Tier,
)

FORMAT = 1
Document = dict[str, Any]
"""A JSON object."""
Row = tuple[Any, ...]
"""A JSON list; as a tuple it costs the garbage collector nothing, and there are many."""


def canonical_json(value: object) -> bytes:
    """Return the one way to write a value as JSON: sorted keys, no spaces, UTF-8, no NaN."""
    text = json.dumps(
        value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    )
    return text.encode()


def sha256_of(value: object) -> str:
    """Return the hex SHA-256 of a value's canonical JSON."""
    return hashlib.sha256(canonical_json(value)).hexdigest()


# --- problems ------------------------------------------------------------------------------


def problem_document(problem: Problem) -> Document:
    """Return all that decides a round, and nothing else. Source: MODEL.md, Hashes."""
    contest = {} if problem.contest is None else {"contest": asdict(problem.contest)}
    return {
        "format": FORMAT,
        "nonce": problem.nonce,
        "starts_on": problem.starts_on.isoformat(),
        "days": problem.days,
        "floor_ratio": [problem.floor_ratio.numerator, problem.floor_ratio.denominator],
        "pools": [(pool.key, pool.reserve_price_credits) for pool in problem.pools],
        "capacity": [_day_units(row) for row in problem.capacity],
        "commitments": [_day_units(row) for row in problem.commitments],
        "teams": [(team.key, team.credits) for team in problem.teams],
        "bids": [
            (bid.key, bid.team_key, tuple(_alternative(a) for a in bid.alternatives))
            for bid in problem.bids
        ],
        **contest,
    }


def problem_sha256(problem: Problem) -> str:
    """Return the hash that names a problem, whatever its round is called."""
    return sha256_of(problem_document(problem))


def round_document(problem: Problem) -> Document:
    """Return a problem for storage and transport: what decides, the round's key, arrival times."""
    return {
        "round_key": problem.round_key,
        "problem": problem_document(problem),
        "submitted_at": {
            bid.key: bid.submitted_at.isoformat() for bid in problem.bids if bid.submitted_at
        },
    }


def problem_from_round_document(document: Mapping[str, Any]) -> Problem:
    """Rebuild the problem that `round_document` wrote.

    Raises: InvalidProblem if it breaks a rule; KeyError, TypeError or ValueError if it is no such
    document.
    """
    stored = document["problem"]
    submitted = document["submitted_at"]
    return Problem(
        round_key=RoundKey(document["round_key"]),
        nonce=stored["nonce"],
        starts_on=dt.date.fromisoformat(stored["starts_on"]),
        days=stored["days"],
        floor_ratio=Fraction(*stored["floor_ratio"]),
        pools=tuple(Pool(PoolKey(key), price) for key, price in stored["pools"]),
        capacity=_read_day_units(stored["capacity"]),
        commitments=_read_day_units(stored["commitments"]),
        teams=tuple(Team(TeamKey(key), credits_) for key, credits_ in stored["teams"]),
        bids=tuple(
            Bid(
                key=BidKey(key),
                team_key=TeamKey(team),
                alternatives=tuple(_read_alternative(row) for row in alternatives),
                submitted_at=_read_instant(submitted.get(key)),
            )
            for key, team, alternatives in stored["bids"]
        ),
        contest=_read_contest(stored.get("contest")),
    )


def _read_contest(document: Mapping[str, Any] | None) -> Contest | None:
    if document is None:
        return None
    first, holders = document["first"], document["holders"]
    return Contest(tuple(map(BidKey, first)), tuple(map(BidKey, holders)))


def _day_units(row: DayUnits) -> Row:
    return row.pool_key, row.day.isoformat(), row.reserved_units, row.spot_units


def _read_day_units(rows: Iterable[list[Any]]) -> tuple[DayUnits, ...]:
    return tuple(
        DayUnits(PoolKey(pool), dt.date.fromisoformat(day), reserved, spot)
        for pool, day, reserved, spot in rows
    )


def _alternative(alternative: Alternative) -> Row:
    return (
        alternative.number,
        alternative.tier.value,
        alternative.offer_credits_per_lot,
        alternative.value_score_per_lot,
        alternative.min_lots,
        alternative.max_lots,
        alternative.earliest_start.isoformat(),
        alternative.latest_start.isoformat(),
        tuple([(i.pool_key, i.offset_days, i.days, i.units_per_lot) for i in alternative.items]),
    )


def _read_alternative(row: list[Any]) -> Alternative:
    number, tier, offer, value, min_lots, max_lots, earliest, latest, items = row
    return Alternative(
        number=number,
        tier=Tier(tier),
        offer_credits_per_lot=offer,
        value_score_per_lot=value,
        min_lots=min_lots,
        max_lots=max_lots,
        earliest_start=dt.date.fromisoformat(earliest),
        latest_start=dt.date.fromisoformat(latest),
        items=tuple(
            Item(PoolKey(pool), offset, days, units) for pool, offset, days, units in items
        ),
    )


def _read_instant(text: str | None) -> dt.datetime | None:
    return dt.datetime.fromisoformat(text) if text else None


# --- outcomes ------------------------------------------------------------------------------


def decision_document(
    awards: Iterable[Award], declines: Iterable[Decline], prices: Iterable[ListPrice]
) -> Document:
    """Return what an outcome decides: awards, reason codes, prices. Source: MODEL.md, Hashes."""
    return {
        "format": FORMAT,
        "awards": [_award(award) for award in awards],
        "declines": [(d.bid_key, d.reason.value) for d in declines],
        "prices": [_list_price(price) for price in prices],
    }


def outcome_sha256(
    awards: Iterable[Award], declines: Iterable[Decline], prices: Iterable[ListPrice]
) -> str:
    """Return the hash that names a decision, whoever found it and however long it took."""
    return sha256_of(decision_document(awards, declines, prices))


def certificate_document(certificate: Certificate) -> Document:
    """Return the certificate as `certificate.json` holds it."""
    return {
        "format": FORMAT,
        "scale": certificate.scale,
        "reserved_prices": [(p, d.isoformat(), n) for p, d, n in certificate.reserved_prices],
        "total_prices": [(p, d.isoformat(), n) for p, d, n in certificate.total_prices],
        "credit_prices": list(certificate.credit_prices),
    }


def certificate_from_document(document: Mapping[str, Any]) -> Certificate:
    """Rebuild a certificate. Raises: KeyError, TypeError or ValueError if it is none."""
    return Certificate(
        scale=document["scale"],
        reserved_prices=_read_day_prices(document["reserved_prices"]),
        total_prices=_read_day_prices(document["total_prices"]),
        credit_prices=tuple((TeamKey(team), n) for team, n in document["credit_prices"]),
    )


def report_document(report: Report) -> Document:
    """Return the report as `report.json` holds it."""
    floors = {} if report.floors is None else {"floors": floors_document(report.floors)}
    clearing = {} if report.clearing is None else {"clearing": asdict(report.clearing)}
    override = (
        {} if report.override is None else {"override": override_report_document(report.override)}
    )
    contest = {} if report.contest is None else {"contest": asdict(report.contest)}
    return {
        "format": FORMAT,
        "round_key": report.round_key,
        "problem_sha256": report.problem_sha256,
        "outcome_sha256": report.outcome_sha256,
        "pricing": report.pricing.value,
        "status": report.status.value,
        "proof": report.proof.value,
        "tie_break": report.tie_break.value,
        "value": report.value,
        "bound": report.bound,
        "certified_bound": report.certified_bound,
        "gap_ratio": report.gap_ratio,
        "stopped_by": report.stopped_by.value,
        "seconds": dict(report.seconds),
        "solver": dict(report.solver),
        "baselines": asdict(report.baselines),
        "counts": asdict(report.counts),
        **floors,
        **clearing,
        **override,
        **contest,
    }


def floors_document(floors: FloorReport) -> Document:
    """Return the `floors` of `report.json`."""
    return {
        "ratio": floors.ratio,
        "shortfall_ratio": floors.shortfall_ratio,
        "proven": floors.is_proven,
        "teams": [asdict(team) for team in floors.teams],
        "value_without_floors": floors.value_without_floors,
        "price_of_fairness": floors.price_of_fairness,
    }


def floors_from_document(document: Mapping[str, Any]) -> FloorReport:
    """Rebuild the floors of a report. Raises: KeyError or TypeError if they are none."""
    return FloorReport(
        ratio=document["ratio"],
        shortfall_ratio=document["shortfall_ratio"],
        is_proven=document["proven"],
        teams=tuple(TeamFloor(**team) for team in document["teams"]),
        value_without_floors=document["value_without_floors"],
        price_of_fairness=document["price_of_fairness"],
    )


def clearing_from_document(document: Mapping[str, Any]) -> ClearingReport:
    """Rebuild what a report says of its prices. Raises: TypeError or ValueError if it is none."""
    rebuilt = ClearingReport(**document)
    return replace(rebuilt, price_rule=PriceRule(rebuilt.price_rule))


def report_from_document(document: Mapping[str, Any]) -> Report:
    """Rebuild a report. Raises: KeyError, TypeError or ValueError if it is none."""
    return Report(
        round_key=RoundKey(document["round_key"]),
        problem_sha256=document["problem_sha256"],
        outcome_sha256=document["outcome_sha256"],
        pricing=Pricing(document["pricing"]),
        status=Status(document["status"]),
        proof=Proof(document["proof"]),
        tie_break=TieBreak(document["tie_break"]),
        value=document["value"],
        bound=document["bound"],
        certified_bound=document["certified_bound"],
        gap_ratio=document["gap_ratio"],
        stopped_by=StoppedBy(document["stopped_by"]),
        seconds=dict(document["seconds"]),
        solver=dict(document["solver"]),
        baselines=Baselines(**document["baselines"]),
        counts=Counts(**document["counts"]),
        floors=floors_from_document(document["floors"]) if "floors" in document else None,
        clearing=clearing_from_document(document["clearing"]) if "clearing" in document else None,
        override=(
            override_report_from_document(document["override"]) if "override" in document else None
        ),
        contest=ContestReport(**document["contest"]) if "contest" in document else None,
    )


def override_document(override: Override) -> Document:
    """Return what people decided after a run."""
    return {
        "pinned": [_placed(placed) for placed in override.pinned],
        "excluded": list(override.excluded),
        "payable": list(override.payable),
    }


def override_from_document(document: Mapping[str, Any]) -> Override:
    """Rebuild an override. Raises: KeyError, TypeError or ValueError if it is none."""
    return Override(
        pinned=tuple(map(_read_placed, document["pinned"])),
        excluded=tuple(BidKey(key) for key in document["excluded"]),
        payable=tuple((TeamKey(team), credits_) for team, credits_ in document["payable"]),
    )


def override_report_document(report: OverrideReport) -> Document:
    """Return the `override` of `report.json`."""
    return {
        **override_document(report.override),
        "before_sha256": report.before_sha256,
        "before_value": report.before_value,
        "before_awards": [_placed(placed) for placed in report.before_awards],
        "kept": report.kept,
        "changed": report.changed,
        "fewest": report.is_fewest,
        "best": report.is_best,
    }


def override_report_from_document(document: Mapping[str, Any]) -> OverrideReport:
    """Rebuild what an outcome overrides. Raises: KeyError, TypeError, ValueError if it is none."""
    return OverrideReport(
        override=override_from_document(document),
        before_sha256=document["before_sha256"],
        before_value=document["before_value"],
        before_awards=tuple(map(_read_placed, document["before_awards"])),
        kept=document["kept"],
        is_fewest=document["fewest"],
        is_best=document["best"],
    )


def _placed(placed: Placed) -> Row:
    return placed.bid_key, placed.alternative, placed.start.isoformat(), placed.lots


def _read_placed(row: list[Any]) -> Placed:
    bid_key, alternative, start, lots = row
    return Placed(BidKey(bid_key), alternative, dt.date.fromisoformat(start), lots)


def outcome_document(outcome: Outcome) -> Document:
    """Return a whole outcome for transport between processes."""
    return {
        "awards": [_award(award) for award in outcome.awards],
        "declines": [_decline(decline) for decline in outcome.declines],
        "prices": [_list_price(price) for price in outcome.prices],
        "certificate": certificate_document(outcome.certificate),
        "report": report_document(outcome.report),
    }


def outcome_from_document(document: Mapping[str, Any]) -> Outcome:
    """Rebuild an outcome. Raises: KeyError, TypeError or ValueError if it is none."""
    return Outcome(
        awards=tuple(
            Award(BidKey(bid), alternative, dt.date.fromisoformat(start), lots, value, payment)
            for bid, alternative, start, lots, value, payment in document["awards"]
        ),
        declines=tuple(
            Decline(
                BidKey(bid),
                Reason(reason),
                alternative,
                PoolKey(pool) if pool else None,
                dt.date.fromisoformat(day) if day else None,
                offer,
                detail,
            )
            for bid, reason, alternative, pool, day, offer, detail in document["declines"]
        ),
        prices=tuple(
            ListPrice(PoolKey(pool), dt.date.fromisoformat(day), Tier(tier), price)
            for pool, day, tier, price in document["prices"]
        ),
        certificate=certificate_from_document(document["certificate"]),
        report=report_from_document(document["report"]),
    )


def _award(award: Award) -> Row:
    place = award.bid_key, award.alternative, award.start.isoformat(), award.lots
    return *place, award.value_score, award.payment_credits


def _decline(decline: Decline) -> Row:
    day = decline.day.isoformat() if decline.day else None
    place = decline.alternative, decline.pool_key, day
    offer = decline.minimum_winning_offer_credits
    return decline.bid_key, decline.reason.value, *place, offer, decline.detail


def _list_price(price: ListPrice) -> Row:
    day = price.day.isoformat()
    return price.pool_key, day, price.tier.value, price.list_price_microcredits


def _read_day_prices(rows: Iterable[list[Any]]) -> tuple[tuple[PoolKey, dt.date, int], ...]:
    return tuple((PoolKey(pool), dt.date.fromisoformat(day), n) for pool, day, n in rows)
