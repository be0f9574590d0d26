"""One award and what came of it: the pledge, every version of the report, and what was said."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, select
from sqlmodel import Session

from broker.access import Action, Actor, may
from broker.dashboards.deliveries import DELIVERY, PLEDGE, VERDICT, last_day
from broker.dashboards.disclosures import shown_team, shown_team_key
from broker.dashboards.sources import (
    ALTERNATIVE,
    AWARD,
    BID,
    ITEM,
    POOL,
    PUBLISHED_RUN,
    ROUND,
    TEAM,
)
from broker.deliveries.records import track_records
from broker.deliveries.verdicts import may_decide
from broker.holdings.awards import no_award
from broker.people.tables import PersonRow
from broker.policy.scores import NO_RECORD, TrackRecord, calibration_percent
from broker.policy.versions import policy_in_force

PERSON = PersonRow.metadata.tables[PersonRow.__tablename__]


@dataclass(frozen=True, slots=True)
class AwardBrief:
    """What a team won and what it pledged with it. Units: the promise is in points of value."""

    bid_id: str
    title: str
    team: str
    team_id: str
    team_key: str
    round_key: str
    round_name: str
    tier: str
    start: dt.date
    last_day: dt.date
    lots: int
    promised_points: int
    owner_after_award: str | None
    success_measure: str | None
    pledged_until: dt.date | None


@dataclass(frozen=True, slots=True)
class PoolUse:
    """One pool of an award. Units: of the pool, a day, for all lots."""

    pool_id: str
    pool_key: str
    pool: str
    unit: str
    units: int
    days: int


@dataclass(frozen=True, slots=True)
class ReportVersion:
    """One version of a report, and what another person said about it; nothing while that is None.

    People are named as they are known now; None where nobody is known by that id any more.
    """

    version: int
    delivered_percent: int
    evidence: str
    link: str
    correction: str
    author_id: str
    author: str | None
    reported_at: dt.datetime
    verdict: str | None
    note: str | None
    approver: str | None
    decided_at: dt.datetime | None


@dataclass(frozen=True, slots=True)
class TeamCalibration:
    """What the team's confirmed deliveries make of its next bids. Units: percent.

    Shape: no percentage and no version where no policy is in force.
    """

    record: TrackRecord
    percent: int | None
    prior_points: int | None
    policy_version: int | None


@dataclass(frozen=True, slots=True)
class DeliveryScreen:
    """An award with all that was said about it, and what the reader may add.

    Shape: versions are newest first.
    """

    award: AwardBrief
    pools: tuple[PoolUse, ...]
    versions: tuple[ReportVersion, ...]
    calibration: TeamCalibration
    has_ended: bool
    may_report: bool
    may_decide: bool

    @property
    def latest(self) -> ReportVersion | None:
        """The version that speaks for the award; None while nothing is reported."""
        return next(iter(self.versions), None)


def delivery_screen(session: Session, actor: Actor, bid_id: str, at: dt.datetime) -> DeliveryScreen:
    """Return an award and what came of it. Raises: NotFound if the bid has no published award."""
    row = session.execute(_award(bid_id)).mappings().first()
    if row is None:
        raise no_award(bid_id)
    award = AwardBrief(**{name: row[name] for name in AwardBrief.__slots__})
    pools, versions = _pools(session, bid_id), _versions(session, bid_id)
    has_ended = award.last_day < at.astimezone(dt.UTC).date()
    return DeliveryScreen(
        award,
        pools,
        versions,
        _calibration(session, award.team_key, at),
        has_ended,
        has_ended and may(actor, Action.REPORT_DELIVERY, team_id=award.team_id),
        _may_decide(actor, award, pools, versions),
    )


def _may_decide(
    actor: Actor,
    award: AwardBrief,
    pools: tuple[PoolUse, ...],
    versions: tuple[ReportVersion, ...],
) -> bool:
    """Say whether the newest version waits for a word that the reader may give."""
    if not versions or versions[0].verdict or versions[0].author_id == actor.id:
        return False
    return may_decide(actor, award.team_id, frozenset(pool.pool_id for pool in pools))


def _award(bid_id: str) -> Select[Any]:
    return (
        select(
            BID.c.id.label("bid_id"),
            BID.c.title,
            shown_team(BID.c.round_id).label("team"),
            TEAM.c.id.label("team_id"),
            shown_team_key(BID.c.round_id).label("team_key"),
            ROUND.c.key.label("round_key"),
            ROUND.c.name.label("round_name"),
            ALTERNATIVE.c.tier,
            AWARD.c.start,
            last_day().label("last_day"),
            AWARD.c.lots,
            AWARD.c.value_score.label("promised_points"),
            PLEDGE.c.owner_after_award,
            PLEDGE.c.success_measure,
            PLEDGE.c.ends_on.label("pledged_until"),
        )
        .select_from(AWARD)
        .join(PUBLISHED_RUN, PUBLISHED_RUN.c.run_id == AWARD.c.run_id)
        .join(BID, BID.c.id == AWARD.c.bid_id)
        .join(ROUND, ROUND.c.id == BID.c.round_id)
        .join(TEAM, TEAM.c.id == BID.c.team_id)
        .join(
            ALTERNATIVE,
            (ALTERNATIVE.c.bid_id == AWARD.c.bid_id)
            & (ALTERNATIVE.c.number == AWARD.c.alternative),
        )
        .outerjoin(PLEDGE, PLEDGE.c.bid_id == BID.c.id)
        .where(BID.c.id == bid_id)
    )


def _pools(session: Session, bid_id: str) -> tuple[PoolUse, ...]:
    rows = session.execute(
        select(
            POOL.c.id,
            POOL.c.key,
            POOL.c.name,
            POOL.c.unit,
            ITEM.c.units_per_lot * AWARD.c.lots,
            ITEM.c.days,
        )
        .select_from(AWARD)
        .join(PUBLISHED_RUN, PUBLISHED_RUN.c.run_id == AWARD.c.run_id)
        .join(ITEM, (ITEM.c.bid_id == AWARD.c.bid_id) & (ITEM.c.number == AWARD.c.alternative))
        .join(POOL, POOL.c.id == ITEM.c.pool_id)
        .where(AWARD.c.bid_id == bid_id)
        .order_by(ITEM.c.position)
    )
    return tuple(PoolUse(*row) for row in rows)


def _versions(session: Session, bid_id: str) -> tuple[ReportVersion, ...]:
    author, approver = PERSON.alias("report_author"), PERSON.alias("report_approver")
    rows = session.execute(
        select(
            DELIVERY.c.version,
            DELIVERY.c.delivered_percent,
            DELIVERY.c.evidence,
            DELIVERY.c.link,
            DELIVERY.c.correction,
            DELIVERY.c.author,
            author.c.name,
            DELIVERY.c.reported_at,
            VERDICT.c.verdict,
            VERDICT.c.note,
            approver.c.name,
            VERDICT.c.decided_at,
        )
        .select_from(DELIVERY)
        .outerjoin(VERDICT, VERDICT.c.delivery_id == DELIVERY.c.id)
        .outerjoin(author, author.c.id == DELIVERY.c.author)
        .outerjoin(approver, approver.c.id == VERDICT.c.approver)
        .where(DELIVERY.c.bid_id == bid_id)
        .order_by(DELIVERY.c.version.desc())
    )
    return tuple(ReportVersion(*row) for row in rows)


def _calibration(session: Session, team_key: str, at: dt.datetime) -> TeamCalibration:
    record = track_records(session, at).get(team_key, NO_RECORD)
    in_force = policy_in_force(session, at)
    if in_force is None:
        return TeamCalibration(record, None, None, None)
    rule = in_force.policy.calibration
    percent = calibration_percent(rule, record)
    return TeamCalibration(record, percent, rule.prior_weight, in_force.version)
