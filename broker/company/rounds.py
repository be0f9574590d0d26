"""Five rounds of the fictional company: three past sprints, this one, and the next.

The same seed and day give the same rounds. Bidding for a sprint is open during the sprint before,
and closes at the midnight (UTC) at which the sprint starts. Nothing here knows a database or a
clock; broker/demo.py plays these rounds through the services.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from allocation.folders import PoolLabel, RoundFolder
from allocation.problem import (
    Bid,
    BidKey,
    DayUnits,
    Pool,
    PoolKey,
    Problem,
    RoundKey,
    Team,
    TeamKey,
)
from broker.company.bids import Market, PlannedBid, plan_bids
from broker.company.calendars import SPRINT_DAYS, Sprint, is_working_day, sprint_of
from broker.company.dice import dice
from broker.company.drafts import Supply
from broker.company.policies import CompanyPolicy, policy_for
from broker.company.pools import POOLS
from broker.company.teams import TEAMS
from broker.policy.pledges import Pledge

COMPANY = "Larkfield Health"
NOTICE = f"{COMPANY} is a fictional health insurer. Its people, teams, pools and bids are invented."
PAST_SPRINTS = 3

DAY_BEGINS_AT = dt.time(13, tzinfo=dt.UTC)
DAY_SECONDS = 10 * 3600
RUSH = 0.85
"""Where in the bidding time most bids arrive, 0..1."""


class Standing(StrEnum):
    """Where a sprint stands on the day on which the story is told."""

    PAST = "past"
    CURRENT = "current"
    NEXT = "next"


@dataclass(frozen=True, slots=True)
class CompanyRound:
    """A round with the moments at which it opens and closes, and the policy that it closes under.

    Bids stand in `folder` by key, and so do their pledges.
    """

    sprint: Sprint
    standing: Standing
    folder: RoundFolder
    pledges: Mapping[BidKey, Pledge]
    adopted: CompanyPolicy
    opens_at: dt.datetime
    closes_at: dt.datetime

    @property
    def finishes_at(self) -> dt.datetime:
        """Return the midnight at which the sprint is over."""
        return _midnight(self.sprint.later(1).starts_on)

    @property
    def arrivals(self) -> tuple[tuple[dt.datetime, Bid], ...]:
        """Return when each bid was placed, first to last."""
        bids = self.folder.problem.bids
        placed = [(bid.submitted_at, bid.key, bid) for bid in bids if bid.submitted_at]
        return tuple((at, bid) for at, _, bid in sorted(placed, key=lambda row: row[:2]))


def five_rounds(seed: int, today: dt.date) -> tuple[CompanyRound, ...]:
    """Return the company's rounds around a day, oldest first."""
    current = sprint_of(today)
    sprints = [current.later(n) for n in range(-PAST_SPRINTS, 2)]
    return tuple(company_round(seed, sprint, today) for sprint in sprints)


def company_round(seed: int, sprint: Sprint, today: dt.date) -> CompanyRound:
    """Return one sprint's round; only the arrival of bids in an open round depends on today."""
    supply = supply_of(sprint, seed)
    adopted = policy_for(sprint)
    draws = dice(seed, sprint.key), dice(seed, sprint.key, "pledges")
    planned = plan_bids(Market(sprint, supply, adopted.policy, *draws))
    opens_at, closes_at = _midnight(sprint.later(-1).starts_on), _midnight(sprint.starts_on)
    until = min(closes_at, max(opens_at, _midnight(today)))
    arrivals = _arrivals(len(planned), opens_at, until, seed)
    keys = _bid_keys(planned)
    bids = tuple(
        Bid(key, bid.team_key, bid.alternatives, arrival)
        for key, bid, arrival in zip(keys, planned, arrivals, strict=True)
    )
    folder = RoundFolder(
        problem=_problem(sprint, supply, bids),
        name=f"Sprint {sprint.number} of {sprint.year}, {COMPANY} (fictional)",
        pools=pool_labels(),
        teams={key: team.name for key, team in TEAMS.items()},
        titles={key: bid.title for key, bid in zip(keys, planned, strict=True)},
    )
    pledges = {key: bid.pledge for key, bid in zip(keys, planned, strict=True)}
    standing = _standing(sprint, today)
    return CompanyRound(sprint, standing, folder, pledges, adopted, opens_at, closes_at)


def supply_of(sprint: Sprint, seed: int) -> Supply:
    """Return the units of every pool on every day of a sprint."""
    supply = {}
    for key, plan in POOLS.items():
        by_day = plan.calendar.units_by_day(sprint, seed)
        supply[key] = tuple(by_day[day] for day in sprint.days)
    return supply


def pool_labels() -> Mapping[PoolKey, PoolLabel]:
    """Return what people read about each pool."""
    return {
        key: PoolLabel(
            name=plan.name,
            kind=plan.kind,
            unit=plan.unit,
            owner=plan.owner,
            description=plan.description,
            classification=plan.classification,
        )
        for key, plan in POOLS.items()
    }


def _problem(sprint: Sprint, supply: Supply, bids: tuple[Bid, ...]) -> Problem:
    capacity = tuple(
        DayUnits(key, day, units.reserved, units.spot)
        for key, by_day in supply.items()
        for day, units in zip(sprint.days, by_day, strict=True)
    )
    return Problem(
        round_key=RoundKey(sprint.key),
        starts_on=sprint.starts_on,
        days=SPRINT_DAYS,
        pools=tuple(Pool(key, plan.reserve_price_credits) for key, plan in POOLS.items()),
        capacity=capacity,
        teams=tuple(Team(key, team.credits) for key, team in TEAMS.items()),
        bids=bids,
    )


def _standing(sprint: Sprint, today: dt.date) -> Standing:
    if sprint.ends_on < today:
        return Standing.PAST
    return Standing.CURRENT if sprint.starts_on <= today else Standing.NEXT


def _bid_keys(planned: Sequence[PlannedBid]) -> list[BidKey]:
    """Give each team's bids numbers in the order in which they arrive."""
    seen: Counter[TeamKey] = Counter()
    keys = []
    for bid in planned:
        seen[bid.team_key] += 1
        keys.append(BidKey(f"{bid.team_key}-{seen[bid.team_key]:02d}"))
    return keys


def _arrivals(
    count: int, opens_at: dt.datetime, until: dt.datetime, seed: int
) -> list[dt.datetime]:
    """Return when bids arrive: in working hours, most of them towards the end."""
    days = (until - opens_at).days
    working = [d for n in range(days) if is_working_day(d := opens_at.date() + dt.timedelta(n))]
    draw = dice(seed, opens_at, "arrivals")
    if not working:
        return [opens_at] * count
    return sorted(_moment(working, draw.triangular(0, 1, RUSH)) for _ in range(count))


def _moment(working: Sequence[dt.date], ratio: float) -> dt.datetime:
    day, part = divmod(min(ratio, 1 - 1e-9) * len(working), 1)
    begins_at = dt.datetime.combine(working[int(day)], DAY_BEGINS_AT)
    return begins_at + dt.timedelta(seconds=int(part * DAY_SECONDS))


def _midnight(day: dt.date) -> dt.datetime:
    return dt.datetime.combine(day, dt.time(), tzinfo=dt.UTC)
