"""What one team holds in a decided sprint, per pool and day: of the dashboard's filter by team."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import select
from sqlmodel import Session

from allocation.problem import Tier
from broker.dashboards.sources import BID, POOL, TEAM, holdings
from broker.errors import NotFound

PoolDay = tuple[str, dt.date]


@dataclass(frozen=True, slots=True)
class TeamUnits:
    """A team's units. Shape: by the key of the pool and the day; what is not named is none."""

    key: str
    name: str
    reserved: Mapping[PoolDay, int]
    spot: Mapping[PoolDay, int]


def units_of_team(session: Session, round_id: str, team_key: str) -> TeamUnits:
    """Return what a team holds on every day of a decided sprint. Raises: NotFound."""
    team = session.execute(select(TEAM.c.id, TEAM.c.name).where(TEAM.c.key == team_key)).first()
    if team is None:
        raise NotFound(f"There is no team {team_key}.", key=team_key)
    held = holdings(round_id).cte("held").prefix_with("MATERIALIZED")
    rows = session.execute(
        select(POOL.c.key, held.c.tier, held.c.first_day, held.c.last_day, held.c.units)
        .select_from(held)
        .join(BID, BID.c.id == held.c.bid_id)
        .join(POOL, POOL.c.id == held.c.pool_id)
        .where(BID.c.team_id == team.id)
    )
    units: dict[Tier, Counter[PoolDay]] = {tier: Counter() for tier in Tier}
    for pool, tier, first, last, count in rows:
        for number in range((last - first).days + 1):
            units[Tier(tier)][pool, first + dt.timedelta(days=number)] += count
    return TeamUnits(team_key, team.name, units[Tier.RESERVED], units[Tier.SPOT])
