"""Screen 1, the market's home: this sprint, the next one, and what the pools have left."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from sqlmodel import Session

from broker.dashboards.briefs import (
    PublishedRun,
    RoundBrief,
    current_round,
    published_run,
    rounds_ahead,
)
from broker.dashboards.listings import Listing, Question, Table, list_rows
from broker.dashboards.use import pool_table

SHOWN = (
    "pool",
    "kind",
    "unit",
    "reserved_used_unit_days",
    "spot_used_unit_days",
    "free_unit_days",
)


@dataclass(frozen=True, slots=True)
class MarketHome:
    """Where the market stands now. `pools` is of this sprint, else of the next; None if neither."""

    now: dt.datetime
    this: RoundBrief | None
    run: PublishedRun | None
    ahead: tuple[RoundBrief, ...]
    shown: RoundBrief | None
    pools: Listing | None

    @property
    def strips(self) -> tuple[RoundBrief, ...]:
        """The rounds whose state shows, this sprint's first."""
        return (self.this, *self.ahead) if self.this else self.ahead

    @property
    def is_moving(self) -> bool:
        """Whether a state may change soon, so that a screen should look again."""
        return bool(self.ahead)


def market_home(session: Session, now: dt.datetime, question: Question) -> MarketHome:
    """Say which sprint runs, which comes next, and how much of every pool is in use."""
    this = current_round(session, now.date())
    ahead = rounds_ahead(session)
    shown = this or next(iter(ahead), None)
    return MarketHome(
        now=now,
        this=this,
        run=published_run(session, this.id) if this else None,
        ahead=ahead,
        shown=shown,
        pools=list_rows(session, pool_use(shown), question) if shown else None,
    )


def pool_use(brief: RoundBrief) -> Table:
    """Return the pools of a round with what is in use and what is free over the sprint."""
    caption = "Use of every pool over the sprint, in units × days"
    return pool_table(brief.id).showing("pool_use", caption, SHOWN)
