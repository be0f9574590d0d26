"""What the teams of the fictional company say came of their awards, and what others say to that.

A team has a habit: some deliver more than they promised, most about as much, a few less. Now and
then nobody reports, or nobody looks. Everything follows from the seed, the sprint and the bid.
Nothing here knows a database or a clock; broker/demo_deliveries.py plays it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from broker.company.dice import dice
from broker.company.teams import Role

REPORTED_PERCENT = 70
DISPUTED_PERCENT = 8
CONFIRMED_PERCENT = 82
"""How many in a hundred reports are disputed, or confirmed; the rest waits."""
CORRECTED_PERCENT = 60
"""How many in a hundred disputed reports their authors correct."""
HABITS = (62, 84, 95, 98, 100, 102, 106, 114)
"""What teams usually deliver, in percent; each team has one of them."""
SPREAD_PERCENT = 12
MOST_PERCENT = 150
EVIDENCE: Mapping[Role, tuple[str, ...]] = {
    Role.PRODUCT: (
        "Members waited {share} % as much less as we had promised",
        "The pilot in two regions reached {share} % of the measure",
        "Live since the last week, {share} % of the measure in the first count",
    ),
    Role.ANALYTICS: (
        "On last year's cases the forecast gained {share} % of what we had promised",
        "The backtest shows {share} % of the measure; the notebook is linked",
        "The new features account for {share} % of the measure",
    ),
    Role.PLATFORM: (
        "The teams that use it are {share} % of those we had promised",
        "Usage in the first month is at {share} % of the measure",
    ),
    Role.ASSURANCE: (
        "Findings closed or owned: {share} % of the measure",
        "The audit list is done to {share} % of the measure",
    ),
}
DISPUTES = (
    "The board that is linked shows a smaller number",
    "Half of it was there before the sprint began",
    "The count leaves out the second region",
)
CORRECTIONS = (
    "The board was read on the wrong day",
    "What was there before is taken out",
    "The second region is counted now",
)


@dataclass(frozen=True, slots=True)
class Say:
    """What a lead reports about an award. Units: percent of what was promised."""

    delivered_percent: int
    evidence: str
    link: str


@dataclass(frozen=True, slots=True)
class CompanyDelivery:
    """What is said about one award: a report, perhaps a dispute and a correction.

    Shape: `correction` comes with its reason after a dispute only; what is confirmed is the last
    report there is. `decider` chooses who decides among those who may.
    """

    report: Say
    dispute: str | None
    correction: tuple[str, Say] | None
    is_confirmed: bool
    decider: int


def delivery_of(seed: int, sprint_key: str, bid_key: str, role: Role) -> CompanyDelivery | None:
    """Return what is said about an award; None if its lead has not found the time."""
    draw = dice(seed, sprint_key, bid_key, "delivery")
    if draw.randrange(100) >= REPORTED_PERCENT:
        return None
    team_key = bid_key.rpartition("-")[0]
    usual = dice(seed, team_key, "habit").choice(HABITS)
    percent = min(MOST_PERCENT, usual + draw.randint(-SPREAD_PERCENT, SPREAD_PERCENT))
    words = draw.choice(EVIDENCE[role])
    fate, decider, which = draw.randrange(100), draw.randrange(1000), draw.randrange(len(DISPUTES))
    say = _say(percent, words, sprint_key, bid_key)
    if fate >= DISPUTED_PERCENT:
        is_confirmed = fate < DISPUTED_PERCENT + CONFIRMED_PERCENT
        return CompanyDelivery(say, None, None, is_confirmed, decider)
    if draw.randrange(100) >= CORRECTED_PERCENT:
        return CompanyDelivery(say, DISPUTES[which], None, is_confirmed=False, decider=decider)
    less = _say(percent * 2 // 3, words, sprint_key, bid_key)
    correction = CORRECTIONS[which], less
    return CompanyDelivery(say, DISPUTES[which], correction, is_confirmed=True, decider=decider)


def _say(percent: int, words: str, sprint_key: str, bid_key: str) -> Say:
    link = f"https://boards.larkfield.example/{sprint_key}/{bid_key}"
    return Say(percent, words.format(share=percent), link)
