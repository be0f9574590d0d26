"""What decided sprints were worth and to whom, and what is scarce: to decide what to buy or hire.

Read from the figures that workers kept, as the market decided before any override.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from sqlmodel import Session

from broker.dashboards.briefs import RoundBrief, rounds_decided
from broker.dashboards.capacity import choose_decided
from broker.dashboards.listings import Listing, Question, Row, Table, all_rows, list_rows
from broker.dashboards.sprint_figures import scarcity_table, sprint_table, team_table
from broker.dashboards.use import pool_table

TREND_SPRINTS = 12
UNUSED_SHOWN = {
    "pool": "Pool",
    "unit": "Unit",
    "reserved_unit_days": "There were",
    "reserved_used_unit_days": "Reserved by awards",
    "spot_on_reserved_unit_days": "Handed out as spot",
    "reserved_free_unit_days": "Used by nobody",
}
"""The columns of reserved units that nobody reserved, and what they are called there."""


@dataclass(frozen=True, slots=True)
class ValueScreen:
    """The value of sprints and who got it. Shape: `trend` is the newest sprints, oldest first.

    `figures` are those of the chosen round; None before a worker has summed it up.
    """

    round: RoundBrief | None
    rounds: tuple[RoundBrief, ...]
    trend: tuple[Row, ...]
    figures: Row | None
    sprints: Listing
    teams: Listing | None


@dataclass(frozen=True, slots=True)
class ScarcityScreen:
    """What one more unit of each pool would have added in a sprint, and what nobody reserved.

    `dearest` is the pool of which one more reserved unit would have added most; None where no unit
    more would have added anything, or before a worker has summed the round up.
    """

    round: RoundBrief | None
    rounds: tuple[RoundBrief, ...]
    dearest: Row | None
    value: int | None
    scarcity: Listing | None
    unused: Listing | None


def value_screen(
    session: Session, round_key: str, sprints: Question, teams: Question
) -> ValueScreen:
    """Return what sprints were worth. Raises: NotFound if the named round is not decided."""
    newest = rounds_decided(session)
    chosen = choose_decided(session, newest, round_key)
    every = all_rows(session, sprint_table(), Question())
    return ValueScreen(
        round=chosen,
        rounds=newest,
        trend=tuple(reversed(every[:TREND_SPRINTS])),
        figures=_of(every, chosen),
        sprints=list_rows(session, sprint_table(), sprints),
        teams=list_rows(session, team_table(chosen.id), teams) if chosen else None,
    )


def scarcity_screen(
    session: Session, round_key: str, scarcity: Question, unused: Question
) -> ScarcityScreen:
    """Return what is scarce. Raises: NotFound if the named round is not decided."""
    newest = rounds_decided(session)
    chosen = choose_decided(session, newest, round_key)
    if chosen is None:
        return ScarcityScreen(None, newest, None, None, None, None)
    figures = _of(all_rows(session, sprint_table(), Question()), chosen)
    most = next(iter(all_rows(session, scarcity_table(chosen.id), Question())), None)
    return ScarcityScreen(
        round=chosen,
        rounds=newest,
        dearest=most if most and most["reserved_scarcity"] else None,
        value=figures["value"] if figures else None,
        scarcity=list_rows(session, scarcity_table(chosen.id), scarcity),
        unused=list_rows(session, unused_table(chosen), unused),
    )


def unused_table(brief: RoundBrief) -> Table:
    """Return the pools of a round with what became of their reserved units, as it stands now."""
    caption = "Reserved units × days: reserved by awards, handed out as spot, used by nobody"
    table = pool_table(brief.id).showing("unused", caption, tuple(UNUSED_SHOWN))
    columns = tuple(
        replace(one, label=UNUSED_SHOWN.get(one.key, one.label)) for one in table.columns
    )
    return replace(table, columns=columns, order=("-reserved_free_unit_days", *table.order))


def _of(rows: Sequence[Row], brief: RoundBrief | None) -> Row | None:
    return next((row for row in rows if brief and row["round_key"] == brief.key), None)
