"""What teams delivered against what they promised: the record behind the calibration factor.

What counts is confirmed: of every award the newest version that somebody confirmed. A promise is
the value score of the whole award. A round freezes the records of its bidders at its close, so that
later deliveries change nothing in it. The formula stands in policy/scores.py and MODEL.md.

Units: points.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, cast, exists, func, insert, select
from sqlalchemy.orm import Mapped, aliased
from sqlmodel import Session, col

from broker.deliveries.tables import DeliveryRow, DeliveryVerdictRow, TeamRecordRow
from broker.deliveries.verdicts import Verdict
from broker.policy.scores import TrackRecord
from broker.tables import AwardRow, BidRow, RoundRow, TeamRow, Whole

PERCENT = 100


def track_records(session: Session, until: dt.datetime) -> Mapping[str, TrackRecord]:
    """Return what every team's deliveries come to that were confirmed until a moment, by its key.

    A team without any is not among them.
    """
    sums: dict[str, list[tuple[int, int, int]]] = defaultdict(list)
    for team_key, percent, awards, promised in session.execute(_promises(until)):
        sums[team_key].append((percent, awards, promised))
    return {team_key: _track_record(lines) for team_key, lines in sums.items()}


def freeze_records(session: Session, row: RoundRow, records: Mapping[str, TrackRecord]) -> None:
    """Keep what a round's scores were computed from."""
    if records:
        ids = select(col(TeamRow.key), col(TeamRow.id)).where(col(TeamRow.key).in_(records))
        team_ids = dict(session.execute(ids).all())
        session.execute(insert(TeamRecordRow), list(_rows(row, records, team_ids)))


def frozen_records(session: Session, row: RoundRow) -> Mapping[str, TrackRecord]:
    """Return the records that a round froze at its close, by the team's key."""
    kept = (
        select(
            col(TeamRow.key),
            col(TeamRecordRow.awards),
            col(TeamRecordRow.promised_points),
            col(TeamRecordRow.delivered_points),
        )
        .join(TeamRow, col(TeamRow.id) == col(TeamRecordRow.team_id))
        .where(col(TeamRecordRow.round_id) == row.id)
    )
    return {key: TrackRecord(*numbers) for key, *numbers in session.execute(kept)}


def _promises(until: dt.datetime) -> Select[str, int, int, int]:
    """Sum the promises of confirmed deliveries, per team and percentage delivered."""
    newer = aliased(DeliveryRow)
    superseded = exists().where(
        col(newer.bid_id) == col(DeliveryRow.bid_id),
        col(newer.version) > col(DeliveryRow.version),
        _is_confirmed(col(newer.id), until),
    )
    award = and_(
        col(AwardRow.run_id) == col(DeliveryRow.run_id),
        col(AwardRow.bid_id) == col(DeliveryRow.bid_id),
    )
    return (
        select(
            col(TeamRow.key),
            col(DeliveryRow.delivered_percent),
            func.count(),
            cast(func.sum(col(AwardRow.value_score)), Whole),
        )
        .select_from(DeliveryRow)
        .join(AwardRow, award)
        .join(BidRow, col(BidRow.id) == col(DeliveryRow.bid_id))
        .join(TeamRow, col(TeamRow.id) == col(BidRow.team_id))
        .where(_is_confirmed(col(DeliveryRow.id), until), ~superseded)
        .group_by(col(TeamRow.key), col(DeliveryRow.delivered_percent))
    )


def _is_confirmed(delivery_id: Mapped[str], until: dt.datetime) -> ColumnElement[bool]:
    return exists().where(
        col(DeliveryVerdictRow.delivery_id) == delivery_id,
        col(DeliveryVerdictRow.verdict) == Verdict.CONFIRMED,
        col(DeliveryVerdictRow.decided_at) <= until,
    )


def _track_record(lines: list[tuple[int, int, int]]) -> TrackRecord:
    """Add up a team's promises, and round down once what it delivered of them."""
    hundredths = sum(percent * promised for percent, _, promised in lines)
    awards = sum(awards for _, awards, _ in lines)
    promised = sum(promised for _, _, promised in lines)
    return TrackRecord(awards, promised, hundredths // PERCENT)


def _rows(
    row: RoundRow, records: Mapping[str, TrackRecord], team_ids: Mapping[str, str]
) -> Iterator[dict[str, Any]]:
    for key, record in records.items():
        yield {
            "round_id": row.id,
            "team_id": team_ids[key],
            "awards": record.awards,
            "promised_points": record.promised_points,
            "delivered_points": record.delivered_points,
        }
