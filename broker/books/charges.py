"""What a period charges, read back from awards, list prices and the ledger, for its FOCUS rows.

Awards of the runs that were settled in the period, by pool and day; everything else that moved
spent credits; and the reserved units of those rounds that nobody took. An override settles a round
again, and a daily round hands out what its sprint's round left: neither counts a unit twice.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from sqlalchemy import Row, Select, and_, case, func, or_, select
from sqlmodel import Session, col

from allocation.outcome import PRICE_SCALE
from allocation.problem import Tier
from broker.books.focus import AwardCharge, Movement, Payer, Use
from broker.dashboards.credit_sources import ACCOUNT, JOURNAL, PAYEE, PAYER, TRANSFER
from broker.dashboards.listings import Question, all_rows
from broker.dashboards.sources import (
    ALTERNATIVE,
    AWARD,
    BID,
    ITEM,
    LIST_PRICE,
    POOL,
    ROUND,
    ROUND_POOL,
    RUN,
    TEAM,
)
from broker.dashboards.use import day_table
from broker.ledger.tables import AccountKind, JournalKind, PeriodRow
from broker.spot.tables import DailyRoundRow
from broker.tables import Table as Stored

DAILY = Stored.metadata.tables[str(DailyRoundRow.__tablename__)]
Prices = Mapping[tuple[str, dt.date, str], int]
"""List prices in microcredits by the pool's id, day and tier."""


@dataclass(frozen=True, slots=True)
class SettledRun:
    """A run whose payments a period settled; `sprint_round_id` names the sprint's own round."""

    round_id: str
    round_key: str
    run_id: str
    revision: int
    sprint_round_id: str


def settled_runs(session: Session, period: PeriodRow) -> tuple[SettledRun, ...]:
    """Return the runs that were settled in a period, by sprint, round and revision."""
    kinds = (JournalKind.SETTLEMENT, JournalKind.RELEASE)
    runs = (
        select(
            JOURNAL.c.round_id,
            ROUND.c.key.label("round_key"),
            JOURNAL.c.run_id,
            RUN.c.revision,
            func.coalesce(DAILY.c.sprint_round_id, ROUND.c.id).label("sprint_round_id"),
            ROUND.c.starts_on,
        )
        .join(ROUND, ROUND.c.id == JOURNAL.c.round_id)
        .join(RUN, RUN.c.id == JOURNAL.c.run_id)
        .outerjoin(DAILY, DAILY.c.round_id == ROUND.c.id)
        .where(JOURNAL.c.period_key == period.key, JOURNAL.c.kind.in_(kinds))
        .distinct()
        .order_by(ROUND.c.starts_on, ROUND.c.key, RUN.c.revision)
    )
    return tuple(SettledRun(*row[:-1]) for row in session.execute(runs))


def decided_rounds(runs: Iterable[SettledRun]) -> tuple[SettledRun, ...]:
    """Return each round that a period decided, once: with the last of its runs.

    A round that was only overridden in the period was decided in an earlier one.
    """
    first = {run.round_id for run in runs if run.revision == 1}
    last = {run.round_id: run for run in runs if run.round_id in first}
    return tuple(last.values())


def award_charges(session: Session, run_id: str) -> Iterator[AwardCharge]:
    """Yield the awards of a run with what each uses, in the order of their bids."""
    prices = _prices(session, run_id)
    rows = session.execute(_items(run_id)).all()
    names = _service_names(session)
    for _, items in _by_bid(rows):
        first = items[0]
        yield AwardCharge(
            payer=Payer(first.team_key, first.team),
            bid_key=first.bid_key,
            tier=Tier(first.tier),
            payment_credits=first.payment_credits,
            uses=tuple(_uses(items, prices, names)),
        )


def movements(session: Session, period: PeriodRow) -> Iterator[Movement]:
    """Yield what else moved spent credits in a period, in the order of the ledger."""
    earlier = _settled_before(period)
    is_onto = PAYEE.c.kind == AccountKind.SPENT
    amount = case((is_onto, TRANSFER.c.amount_credits), else_=-TRANSFER.c.amount_credits)
    corrected = JOURNAL.alias("corrected")
    rows = (
        select(
            JOURNAL.c.number,
            JOURNAL.c.kind,
            JOURNAL.c.posted_at,
            TEAM.c.key.label("team_key"),
            TEAM.c.name.label("team"),
            ROUND.c.key.label("round_key"),
            BID.c.key.label("bid_key"),
            amount.label("amount_credits"),
            func.coalesce(
                corrected.c.period_key != period.key, JOURNAL.c.run_id.in_(earlier)
            ).label("is_of_earlier"),
        )
        .select_from(TRANSFER)
        .join(JOURNAL, JOURNAL.c.number == TRANSFER.c.journal_number)
        .join(PAYER, PAYER.c.id == TRANSFER.c.debit_account)
        .join(PAYEE, PAYEE.c.id == TRANSFER.c.credit_account)
        .join(TEAM, TEAM.c.id == func.coalesce(PAYER.c.team_id, PAYEE.c.team_id))
        .outerjoin(corrected, corrected.c.number == JOURNAL.c.corrects)
        .outerjoin(ROUND, ROUND.c.id == JOURNAL.c.round_id)
        .outerjoin(BID, BID.c.id == TRANSFER.c.bid_id)
        .where(
            JOURNAL.c.period_key == period.key,
            JOURNAL.c.kind != JournalKind.SETTLEMENT,
            or_(is_onto, PAYER.c.kind == AccountKind.SPENT),
        )
        .order_by(TRANSFER.c.journal_number, TRANSFER.c.id)
    )
    for row in session.execute(rows):
        yield Movement(
            payer=Payer(row.team_key, row.team),
            journal=row.number,
            kind=row.kind,
            posted_at=row.posted_at,
            round_key=row.round_key,
            bid_key=row.bid_key,
            amount_credits=row.amount_credits,
            is_of_earlier=bool(row.is_of_earlier),
        )


def spent_in(session: Session, period: PeriodRow) -> int:
    """Return what the period added to the spent credits of all teams, by the ledger."""
    onto, off = (
        select(func.coalesce(func.sum(TRANSFER.c.amount_credits), 0))
        .join(JOURNAL, JOURNAL.c.number == TRANSFER.c.journal_number)
        .join(ACCOUNT, ACCOUNT.c.id == side)
        .where(JOURNAL.c.period_key == period.key, ACCOUNT.c.kind == AccountKind.SPENT)
        for side in (TRANSFER.c.credit_account, TRANSFER.c.debit_account)
    )
    return int(session.execute(onto).scalar_one()) - int(session.execute(off).scalar_one())


def unused_units(session: Session, runs: Iterable[SettledRun]) -> Iterator[Use]:
    """Yield the reserved units that neither reserved nor spot awards of some rounds took.

    What a daily round left stands for what its sprint's round had left of the same days.
    """
    rounds = decided_rounds(tuple(runs))
    sprints = {run.round_id for run in rounds}
    left: dict[tuple[str, str, dt.date], Use] = {}
    for run in rounds:
        if run.sprint_round_id in sprints:
            uses = _left_units(session, run)
            left |= {(run.sprint_round_id, use.pool_key, use.day): use for use in uses}
    return (use for use in left.values() if use.units)


def _left_units(session: Session, run: SettledRun) -> Iterator[Use]:
    prices, names = _prices(session, run.run_id), _service_names(session)
    keys = {row.pool_key: row.id for row in session.execute(_pool_ids(run.round_id))}
    table = day_table(run.round_id)
    for row in all_rows(session, table, Question()):
        pool_id = keys[row["pool_key"]]
        price = prices.get((pool_id, row["day"], Tier.RESERVED))
        if price is not None:
            yield Use(
                *(run.round_key, row["pool_key"], names[pool_id], row["kind"], row["unit"]),
                *(row["day"], max(0, row["reserved_free_units"]), price),
            )


def _items(run_id: str) -> Select[Any]:
    chosen = and_(
        ALTERNATIVE.c.bid_id == AWARD.c.bid_id, ALTERNATIVE.c.number == AWARD.c.alternative
    )
    used = and_(ITEM.c.bid_id == AWARD.c.bid_id, ITEM.c.number == AWARD.c.alternative)
    offered = and_(ROUND_POOL.c.round_id == BID.c.round_id, ROUND_POOL.c.pool_id == ITEM.c.pool_id)
    return (
        select(
            BID.c.key.label("bid_key"),
            ROUND.c.key.label("round_key"),
            TEAM.c.key.label("team_key"),
            TEAM.c.name.label("team"),
            ALTERNATIVE.c.tier,
            AWARD.c.payment_credits,
            AWARD.c.start,
            ITEM.c.pool_id,
            POOL.c.key.label("pool_key"),
            ROUND_POOL.c.kind,
            ROUND_POOL.c.unit,
            ROUND_POOL.c.reserve_price_credits,
            ITEM.c.offset_days,
            ITEM.c.days,
            (ITEM.c.units_per_lot * AWARD.c.lots).label("units"),
        )
        .select_from(AWARD)
        .join(BID, BID.c.id == AWARD.c.bid_id)
        .join(ROUND, ROUND.c.id == BID.c.round_id)
        .join(TEAM, TEAM.c.id == BID.c.team_id)
        .join(ALTERNATIVE, chosen)
        .join(ITEM, used)
        .join(POOL, POOL.c.id == ITEM.c.pool_id)
        .join(ROUND_POOL, offered)
        .where(AWARD.c.run_id == run_id)
    )


def _by_bid(rows: Sequence[Row[Any]]) -> Iterator[tuple[str, list[Row[Any]]]]:
    """Gather the items of every award, in an order that no database decides."""
    ordered = sorted(rows, key=lambda row: (row.bid_key, row.pool_key, row.offset_days))
    for key, items in groupby(ordered, lambda row: row.bid_key):
        yield key, list(items)


def _uses(items: Sequence[Row[Any]], prices: Prices, names: Mapping[str, str]) -> Iterator[Use]:
    """Yield the units of each pool and day; items that meet on one add up."""
    units: Counter[tuple[str, dt.date]] = Counter()
    about = {item.pool_key: item for item in items}
    for item in items:
        first = item.start + dt.timedelta(days=item.offset_days)
        for number in range(item.days):
            units[item.pool_key, first + dt.timedelta(days=number)] += item.units
    for (pool_key, day), count in sorted(units.items()):
        item = about[pool_key]
        least = item.reserve_price_credits * PRICE_SCALE
        price = prices.get((item.pool_id, day, item.tier), least)
        yield Use(
            *(item.round_key, pool_key, names[item.pool_id], item.kind, item.unit, day),
            *(count, price),
        )


def _prices(session: Session, run_id: str) -> Prices:
    rows = session.execute(
        select(
            LIST_PRICE.c.pool_id,
            LIST_PRICE.c.day,
            LIST_PRICE.c.tier,
            LIST_PRICE.c.list_price_microcredits,
        ).where(LIST_PRICE.c.run_id == run_id)
    )
    return {(pool_id, day, tier): price for pool_id, day, tier, price in rows}


def _service_names(session: Session) -> dict[str, str]:
    """Return what each pool is called, by its id: its name, or its key where two share a name."""
    pools = session.execute(select(POOL.c.id, POOL.c.key, POOL.c.name)).all()
    shared = Counter(pool.name for pool in pools)
    return {pool.id: pool.name if shared[pool.name] == 1 else pool.key for pool in pools}


def _pool_ids(round_id: str) -> Select[Any]:
    return (
        select(POOL.c.key.label("pool_key"), POOL.c.id)
        .join(ROUND_POOL, ROUND_POOL.c.pool_id == POOL.c.id)
        .where(ROUND_POOL.c.round_id == round_id)
    )


def _settled_before(period: PeriodRow) -> Select[Any]:
    """Return the runs that earlier periods settled."""
    earlier = select(col(PeriodRow.key)).where(col(PeriodRow.position) < period.position)
    return select(JOURNAL.c.run_id).where(
        JOURNAL.c.kind == JournalKind.SETTLEMENT, JOURNAL.c.period_key.in_(earlier)
    )
