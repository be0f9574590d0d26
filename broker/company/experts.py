"""Larkfield Health's experts: what they are good at, and for how many teams they work at once.

Who they are and when stands in pools.py. All of them are invented. Nothing here knows a database;
broker/demo_pools.py writes it down.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from allocation.problem import PoolKey
from broker.company.calendars import Person
from broker.company.people import OTHERS

SKILLS: Mapping[PoolKey, tuple[str, ...]] = {
    PoolKey("annotation-team"): ("documents", "claims", "calls"),
    PoolKey("clinical-advisers"): ("nursing", "cardiology", "general practice"),
    PoolKey("privacy-counsel"): ("impact assessments", "contracts"),
    PoolKey("data-engineers"): ("streaming", "warehouses", "lineage"),
    PoolKey("model-risk"): ("validation", "fairness"),
}
MOST_TEAMS = (4, 4, 3)
"""For how many teams at once they work, by their places in the list, again and again."""
DECLINED_FOR = "On a training course on these days."
"""Why the demo's expert declines hours."""


def expert_key(person: Person) -> str:
    """Return the key of an expert: what they sign in with, else their name in small letters."""
    keys = {one.name: one.key for one in OTHERS}
    plain = re.sub(r"[^a-z]+", "-", person.name.lower()).strip("-")
    return keys.get(person.name, plain)


def skills_of(pool_key: PoolKey, place: int) -> tuple[str, ...]:
    """Return what the expert in a place of a pool's list is good at."""
    known = SKILLS[pool_key]
    return (known[place % len(known)], *(known[:1] if place % len(known) else ()))


def most_teams_of(place: int) -> int:
    """Return for how many teams at once the expert in a place of the list works."""
    return MOST_TEAMS[place % len(MOST_TEAMS)]
