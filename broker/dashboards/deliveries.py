"""What came of awards, for everybody to search: what was promised, reported, and said about it.

Every award of a decided round is there once its last day is past, reported on or not. Only bids of
published runs are ever read here.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, case, exists, func, select
from sqlmodel import Session

from broker.access import Actor, Role, TeamRole
from broker.dashboards.disclosures import shown_team, shown_team_key
from broker.dashboards.listings import (
    Column,
    Kind,
    Listing,
    Question,
    Subject,
    Table,
    list_rows,
)
from broker.dashboards.sources import AWARD, BID, ITEM, POOL, PUBLISHED_RUN, ROUND, TEAM, days_after
from broker.deliveries.tables import DeliveryRow, DeliveryVerdictRow
from broker.policy.tables import BidPledgeRow

_TABLES = DeliveryRow.metadata.tables
DELIVERY = _TABLES[DeliveryRow.__tablename__]
VERDICT = _TABLES[DeliveryVerdictRow.__tablename__]
PLEDGE = _TABLES[BidPledgeRow.__tablename__]


class DeliveryState(StrEnum):
    """Where an award that has ended stands: by its newest report."""

    UNREPORTED = "unreported"
    WAITING = "waiting"
    CONFIRMED = "confirmed"
    DISPUTED = "disputed"


COLUMNS = (
    Column("words", "Search", filtered=True, shown=False, handed_out=False),
    Column("bid_key", "Bid key", Kind.KEY, shown=False),
    Column("award", "Award", Kind.KEY, shown=False),
    Column("title", "Award", names=Subject.DELIVERY, reference="award"),
    Column("team", "Team", filtered=True),
    Column("team_key", "Team key", Kind.KEY, shown=False),
    Column("pools", "Pools", filtered=True),
    Column("round_key", "Round", Kind.KEY, shown=False),
    Column("sprint", "Sprint", filtered=True, shown=False),
    Column("ended_on", "Ended", Kind.DAY),
    Column("success_measure", "Success measure", shown=False),
    Column("promised_points", "Promised", Kind.COUNT, "points"),
    Column("delivered_percent", "Delivered", Kind.COUNT, "%"),
    Column("state", "State", Kind.CHOICE, choices=tuple(DeliveryState), filtered=True),
    Column("evidence", "Evidence"),
    Column("link", "Link", shown=False),
    Column("version", "Version", Kind.COUNT, shown=False),
    Column("reported_at", "Reported", Kind.INSTANT, shown=False),
    Column("note", "What was said about it", shown=False),
    Column("decided_at", "Decided", Kind.INSTANT, shown=False),
)


@dataclass(frozen=True, slots=True)
class DeliveryDuties:
    """How many awards wait for somebody: for the own report, and for a word on others' reports."""

    to_report: int = 0
    to_decide: int = 0


@dataclass(frozen=True, slots=True)
class DeliveriesScreen:
    """All deliveries, and what of them waits for the reader."""

    deliveries: Listing
    duties: DeliveryDuties


def deliveries_screen(
    session: Session, actor: Actor, question: Question, today: dt.date
) -> DeliveriesScreen:
    """Return the awards that ended before a day, the newest reports first."""
    listing = list_rows(session, delivery_table(today), question)
    return DeliveriesScreen(listing, delivery_duties(session, actor, today))


def delivery_table(today: dt.date) -> Table:
    """Return the table of all awards whose last day is past, with their newest report."""
    caption = "Awards that have ended, and what they delivered"
    order = ("-reported_at", "-ended_on", "round_key", "bid_key")
    return Table("deliveries", caption, COLUMNS, _ended(today), order, identity="award")


def delivery_duties(session: Session, actor: Actor, today: dt.date) -> DeliveryDuties:
    """Count what waits for somebody; nothing waits for those who may neither report nor decide."""
    led = [team for team, role in actor.teams.items() if role is TeamRole.TEAM_LEAD]
    if not led and not actor.pools and Role.PLATFORM_ADMIN not in actor.roles:
        return DeliveryDuties()
    to_report, to_decide = session.execute(
        select(
            _count(_unreported(today).where(BID.c.team_id.in_(led))),
            _count(_waiting(today).where(*_may_decide(actor, is_lead=bool(led)))),
        )
    ).one()
    return DeliveryDuties(to_report, to_decide)


def _unreported(today: dt.date) -> Select[Any]:
    """Return the ended awards of which nobody said what came of them."""
    return _ids(today).where(DELIVERY.c.id.is_(None))


def _waiting(today: dt.date) -> Select[Any]:
    """Return the ended awards whose newest report waits for another person's word."""
    undecided = (
        select(DELIVERY.c.bid_id)
        .outerjoin(VERDICT, VERDICT.c.delivery_id == DELIVERY.c.id)
        .where(VERDICT.c.delivery_id.is_(None))
    )
    waiting = _ids(today).where(DELIVERY.c.id.is_not(None), VERDICT.c.verdict.is_(None))
    return waiting.where(BID.c.id.in_(undecided))


def _ids(today: dt.date) -> Select[Any]:
    """Return the ids of ended awards, so that a database can begin with a team's or some bids."""
    ended = _ended(today).with_only_columns(BID.c.id)
    return ended.where(BID.c.round_id == PUBLISHED_RUN.c.round_id)


def _may_decide(actor: Actor, *, is_lead: bool) -> tuple[ColumnElement[bool], ...]:
    """Say which reports somebody may decide on: the rule of access.py, for many at once."""
    others = BID.c.team_id.not_in(list(actor.teams)), DELIVERY.c.author != actor.id
    if is_lead or Role.PLATFORM_ADMIN in actor.roles:
        return others
    in_own_pool = exists().where(
        ITEM.c.bid_id == AWARD.c.bid_id,
        ITEM.c.number == AWARD.c.alternative,
        ITEM.c.pool_id.in_(actor.pools),
    )
    return *others, in_own_pool


def _count(awards: Select[Any]) -> ColumnElement[int]:
    found = awards.subquery()
    return select(func.count()).select_from(found).scalar_subquery()


def _ended(today: dt.date) -> Select[Any]:
    """Return one row per published award whose last day is before a day."""
    pools = _pools()
    measure = func.coalesce(PLEDGE.c.success_measure, "")
    evidence = func.coalesce(DELIVERY.c.evidence, "")
    said = (BID.c.title, shown_team(BID.c.round_id), pools, measure, evidence)
    return (
        select(
            _joined(*said).label("words"),
            BID.c.key.label("bid_key"),
            BID.c.id.label("award"),
            BID.c.title,
            shown_team(BID.c.round_id).label("team"),
            shown_team_key(BID.c.round_id).label("team_key"),
            pools.label("pools"),
            ROUND.c.key.label("round_key"),
            ROUND.c.name.label("sprint"),
            last_day().label("ended_on"),
            measure.label("success_measure"),
            AWARD.c.value_score.label("promised_points"),
            DELIVERY.c.delivered_percent,
            state().label("state"),
            DELIVERY.c.evidence,
            DELIVERY.c.link,
            DELIVERY.c.version,
            DELIVERY.c.reported_at,
            VERDICT.c.note,
            VERDICT.c.decided_at,
        )
        .select_from(AWARD)
        .join(PUBLISHED_RUN, PUBLISHED_RUN.c.run_id == AWARD.c.run_id)
        .join(BID, BID.c.id == AWARD.c.bid_id)
        .join(ROUND, ROUND.c.id == BID.c.round_id)
        .join(TEAM, TEAM.c.id == BID.c.team_id)
        .outerjoin(PLEDGE, PLEDGE.c.bid_id == BID.c.id)
        .outerjoin(DELIVERY, and_(DELIVERY.c.bid_id == BID.c.id, _is_newest()))
        .outerjoin(VERDICT, VERDICT.c.delivery_id == DELIVERY.c.id)
        .where(ROUND.c.starts_on < today, last_day() < today)
    )


def last_day() -> ColumnElement[dt.date]:
    """Return the last day on which an award uses anything."""
    last_offset = (
        select(func.max(ITEM.c.offset_days + ITEM.c.days) - 1)
        .where(ITEM.c.bid_id == AWARD.c.bid_id, ITEM.c.number == AWARD.c.alternative)
        .correlate(AWARD)
        .scalar_subquery()
    )
    return days_after(AWARD.c.start, last_offset)


def state() -> ColumnElement[str]:
    """Return where an award stands, from its newest report and what was said about it."""
    return case(
        (DELIVERY.c.id.is_(None), DeliveryState.UNREPORTED),
        (VERDICT.c.verdict.is_(None), DeliveryState.WAITING),
        else_=VERDICT.c.verdict,
    )


def _is_newest() -> ColumnElement[bool]:
    newer = DELIVERY.alias("newer")
    return ~exists().where(
        newer.c.bid_id == DELIVERY.c.bid_id, newer.c.version > DELIVERY.c.version
    )


def _pools() -> ColumnElement[str]:
    """Return the names of an award's pools, each once."""
    earlier = ITEM.alias("earlier")
    again = exists().where(
        earlier.c.bid_id == ITEM.c.bid_id,
        earlier.c.number == ITEM.c.number,
        earlier.c.pool_id == ITEM.c.pool_id,
        earlier.c.position < ITEM.c.position,
    )
    return (
        select(func.aggregate_strings(POOL.c.name, ", "))
        .select_from(ITEM)
        .join(POOL, POOL.c.id == ITEM.c.pool_id)
        .where(ITEM.c.bid_id == AWARD.c.bid_id, ITEM.c.number == AWARD.c.alternative, ~again)
        .correlate(AWARD)
        .scalar_subquery()
    )


def _joined(*texts: ColumnElement[str]) -> ColumnElement[str]:
    """Return all that people search for in one text."""
    first, *rest = texts
    for text in rest:
        first = first.concat(" · ").concat(text)
    return first
