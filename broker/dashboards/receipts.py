"""What became of one bid, and why: the award or the decline with the facts that decided it."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from sqlalchemy import Select, and_, select
from sqlmodel import Session, col

from allocation.outcome import Reason
from broker.dashboards.briefs import PublishedRun, RoundBrief, brief_columns, published_run
from broker.dashboards.counterfactuals import WinningFacts, winning_facts
from broker.dashboards.disclosures import shown_team
from broker.dashboards.heatmaps import DayUse, day_use
from broker.dashboards.overrides import BidOverride, override_of_bid
from broker.dashboards.sources import (
    ALTERNATIVE,
    AWARD,
    BID,
    DECLINE,
    ITEM,
    LIST_PRICE,
    POOL,
    PUBLISHED_RUN,
    ROUND,
    TEAM,
)
from broker.dashboards.use import day_table
from broker.errors import NotFound
from broker.policy.frozen import score_of
from broker.spot.tables import AcceptanceRow
from broker.tables import BidRow


@dataclass(frozen=True, slots=True)
class ItemFacts:
    """One pool of an alternative, with the words for it."""

    pool_key: str
    pool: str
    unit: str
    offset_days: int
    days: int
    units_per_lot: int


@dataclass(frozen=True, slots=True)
class AlternativeFacts:
    """One way to serve the bid, as it was asked for."""

    number: int
    tier: str
    offer_credits_per_lot: int
    value_score_per_lot: int
    min_lots: int
    max_lots: int
    earliest_start: dt.date
    latest_start: dt.date
    items: tuple[ItemFacts, ...]

    @property
    def span_days(self) -> int:
        """How many days a placement takes, from its first to its last."""
        return max(item.offset_days + item.days for item in self.items)

    @property
    def last_day(self) -> dt.date:
        """The last day that any placement of this alternative could use."""
        return self.latest_start + dt.timedelta(days=self.span_days - 1)


@dataclass(frozen=True, slots=True)
class AwardFacts:
    """What the bid won. Units: value, offer and payment are of the whole award."""

    alternative: AlternativeFacts
    start: dt.date
    lots: int
    value_score: int
    payment_credits: int

    @property
    def offer_credits(self) -> int:
        """What the team would have paid at most."""
        return self.alternative.offer_credits_per_lot * self.lots

    @property
    def kept_credits(self) -> int:
        """What is left of the offer after the payment."""
        return self.offer_credits - self.payment_credits


@dataclass(frozen=True, slots=True)
class DeclineFacts:
    """Why the bid did not win. The pool and day are None where no single place decided it.

    Units: the list cost is of one lot at its cheapest start, in millionths of a credit at a
    multiplier of 100 %.
    """

    reason: str
    alternative: AlternativeFacts | None
    pool_key: str | None
    pool: str | None
    unit: str | None
    owner: str | None
    day: dt.date | None
    detail: str
    winning: WinningFacts | None
    list_cost_microcredits: int | None


@dataclass(frozen=True, slots=True)
class FactorFacts:
    """One published reason why an offer counts more or less than it is. Units: percent."""

    percent: Fraction
    reason: str


@dataclass(frozen=True, slots=True)
class BarFacts:
    """A rule of the policy that kept an alternative out of the round, and how to meet it."""

    alternative: int
    reason: str
    detail: str


@dataclass(frozen=True, slots=True)
class ScoreFacts:
    """How the offer became the value score: frozen at the close. Units: percent.

    `multiplier_percent` is None where value scores came with the round's files. `bars` say which
    alternatives a rule of the policy kept out, and how to meet it.
    """

    multiplier_percent: int | None
    policy_version: int | None
    factors: tuple[FactorFacts, ...]
    bars: tuple[BarFacts, ...]


@dataclass(frozen=True, slots=True)
class AcceptanceFacts:
    """That a team is asked to accept an award by a time, and what it answered."""

    accept_by: dt.datetime
    answer: str | None
    answered_at: dt.datetime | None


@dataclass(frozen=True, slots=True)
class Receipt:
    """The decision on one bid: exactly one of `award` and `decline` is there.

    Shape: `place` holds the days of the pool that decided it, over the days the bid could use;
    `override` is the one that last decided the bid otherwise.
    """

    bid_key: str
    title: str
    team: str
    team_id: str
    submitted_at: dt.datetime | None
    round: RoundBrief
    run: PublishedRun
    alternatives: tuple[AlternativeFacts, ...]
    award: AwardFacts | None
    decline: DeclineFacts | None
    place: tuple[DayUse, ...]
    score: ScoreFacts
    override: BidOverride | None
    acceptance: AcceptanceFacts | None


def receipt(session: Session, bid_id: str) -> Receipt:
    """Return the decision on a bid.

    Raises: NotFound if there is no such bid, or its round is not decided: both look the same.
    """
    bid = session.execute(_decided_bid(bid_id)).mappings().first()
    if bid is None:
        raise NotFound(f"There is no receipt {bid_id}.", receipt=bid_id)
    brief = RoundBrief(**{name: bid[name] for name in RoundBrief.__slots__})
    run = published_run(session, brief.id)
    if run is None:
        raise NotFound(f"There is no receipt {bid_id}.", receipt=bid_id)
    alternatives = _alternatives(session, bid_id)
    award, decline = None, None
    if bid["is_awarded"]:
        award = _award(session, run.run_id, bid_id, alternatives)
    else:
        decline = _decline(session, run, bid_id, alternatives)
    return Receipt(
        bid_key=bid["bid_key"],
        title=bid["title"],
        team=bid["team"],
        team_id=bid["team_id"],
        submitted_at=bid["submitted_at"],
        round=brief,
        run=run,
        alternatives=alternatives,
        award=award,
        decline=decline,
        place=_place(session, brief.id, decline),
        score=_score(session, bid["BidRow"], brief),
        override=override_of_bid(session, brief.id, bid_id) if run.revision > 1 else None,
        acceptance=_acceptance(bid["AcceptanceRow"]),
    )


def _acceptance(row: AcceptanceRow | None) -> AcceptanceFacts | None:
    return AcceptanceFacts(row.accept_by, row.answer, row.answered_at) if row else None


def _score(session: Session, bid: BidRow, brief: RoundBrief) -> ScoreFacts:
    at = brief.closed_at or dt.datetime.combine(brief.starts_on, dt.time(), dt.UTC)
    score = score_of(session, bid, at)
    factors = tuple(FactorFacts(factor.percent, factor.reason) for factor in score.factors)
    bars = tuple(BarFacts(bar.alternative, bar.reason, bar.detail) for bar in score.bars)
    return ScoreFacts(score.multiplier_percent, score.policy_version, factors, bars)


def _decided_bid(bid_id: str) -> Select[Any]:
    return (
        select(
            *brief_columns(),
            BidRow,
            AcceptanceRow,
            BID.c.key.label("bid_key"),
            BID.c.title,
            BID.c.submitted_at,
            shown_team(BID.c.round_id).label("team"),
            BID.c.team_id,
            AWARD.c.bid_id.is_not(None).label("is_awarded"),
        )
        .select_from(BID)
        .join(ROUND, ROUND.c.id == BID.c.round_id)
        .join(PUBLISHED_RUN, PUBLISHED_RUN.c.round_id == BID.c.round_id)
        .join(TEAM, TEAM.c.id == BID.c.team_id)
        .outerjoin(
            AWARD, and_(AWARD.c.run_id == PUBLISHED_RUN.c.run_id, AWARD.c.bid_id == BID.c.id)
        )
        .outerjoin(AcceptanceRow, col(AcceptanceRow.bid_id) == BID.c.id)
        .where(BID.c.id == bid_id)
    )


def _alternatives(session: Session, bid_id: str) -> tuple[AlternativeFacts, ...]:
    asked = [name for name in AlternativeFacts.__slots__ if name != "items"]
    rows = session.execute(
        select(*(ALTERNATIVE.c[name] for name in asked), *_ITEM_FACTS)
        .select_from(ALTERNATIVE)
        .join(
            ITEM, (ITEM.c.bid_id == ALTERNATIVE.c.bid_id) & (ITEM.c.number == ALTERNATIVE.c.number)
        )
        .join(POOL, POOL.c.id == ITEM.c.pool_id)
        .where(ALTERNATIVE.c.bid_id == bid_id)
        .order_by(ALTERNATIVE.c.number, ITEM.c.position)
    )
    items: dict[tuple[Any, ...], list[ItemFacts]] = {}
    for row in rows:
        facts = tuple(row)
        items.setdefault(facts[: len(asked)], []).append(ItemFacts(*facts[len(asked) :]))
    return tuple(
        AlternativeFacts(**dict(zip(asked, facts, strict=True)), items=tuple(found))
        for facts, found in items.items()
    )


_ITEM_FACTS = (
    POOL.c.key,
    POOL.c.name,
    POOL.c.unit,
    ITEM.c.offset_days,
    ITEM.c.days,
    ITEM.c.units_per_lot,
)


def _award(
    session: Session, run_id: str, bid_id: str, alternatives: tuple[AlternativeFacts, ...]
) -> AwardFacts | None:
    row = session.execute(
        select(AWARD).where(AWARD.c.run_id == run_id, AWARD.c.bid_id == bid_id)
    ).first()
    if row is None:
        return None
    chosen = next(one for one in alternatives if one.number == row.alternative)
    return AwardFacts(chosen, row.start, row.lots, row.value_score, row.payment_credits)


def _decline(
    session: Session, run: PublishedRun, bid_id: str, alternatives: tuple[AlternativeFacts, ...]
) -> DeclineFacts | None:
    row = session.execute(
        select(
            DECLINE,
            POOL.c.key.label("pool_key"),
            POOL.c.name.label("pool"),
            POOL.c.unit,
            POOL.c.owner,
        )
        .select_from(DECLINE)
        .outerjoin(POOL, POOL.c.id == DECLINE.c.pool_id)
        .where(and_(DECLINE.c.run_id == run.run_id, DECLINE.c.bid_id == bid_id))
    ).first()
    if row is None:
        return None
    asked = next((one for one in alternatives if one.number == row.alternative), None)
    offer, market_run_id = row.minimum_winning_offer_credits, run.market_run_id
    is_overridden = row.reason == Reason.OVERRIDE
    return DeclineFacts(
        reason=row.reason,
        alternative=asked,
        pool_key=row.pool_key,
        pool=row.pool,
        unit=row.unit,
        owner=row.owner,
        day=row.day,
        detail=row.detail,
        winning=None if is_overridden else winning_facts(session, market_run_id, bid_id, offer),
        list_cost_microcredits=_list_cost(session, run.run_id, asked) if asked else None,
    )


def _list_cost(session: Session, run_id: str, asked: AlternativeFacts) -> int | None:
    """Return what one lot costs at list prices at its cheapest start, if it has a price."""
    keys = {item.pool_key for item in asked.items}
    rows = session.execute(
        select(POOL.c.key, LIST_PRICE.c.day, LIST_PRICE.c.list_price_microcredits)
        .join(POOL, POOL.c.id == LIST_PRICE.c.pool_id)
        .where(
            LIST_PRICE.c.run_id == run_id,
            LIST_PRICE.c.tier == asked.tier,
            POOL.c.key.in_(sorted(keys)),
            LIST_PRICE.c.day.between(asked.earliest_start, asked.last_day),
        )
    )
    prices = {(key, day): price for key, day, price in rows}
    days = (asked.latest_start - asked.earliest_start).days + 1
    starts = (asked.earliest_start + dt.timedelta(days=n) for n in range(days))
    costs = [cost for start in starts if (cost := _cost_from(start, asked, prices)) is not None]
    return min(costs, default=None)


def _cost_from(
    start: dt.date, asked: AlternativeFacts, prices: dict[tuple[str, dt.date], int]
) -> int | None:
    """Return what one lot costs from a start day; None where a day has no units, so no price."""
    cost = 0
    for item in asked.items:
        for n in range(item.offset_days, item.offset_days + item.days):
            price = prices.get((item.pool_key, start + dt.timedelta(days=n)))
            if price is None:
                return None
            cost += item.units_per_lot * price
    return cost


def _place(session: Session, round_id: str, decline: DeclineFacts | None) -> tuple[DayUse, ...]:
    if decline is None or decline.day is None or decline.alternative is None:
        return ()
    window = (decline.alternative.earliest_start, decline.alternative.last_day)
    rows = day_table(round_id, None, window).rows.where(POOL.c.key == decline.pool_key)
    found = session.execute(rows).mappings().all()
    return tuple(sorted((day_use(row) for row in found), key=lambda use: use.day))
