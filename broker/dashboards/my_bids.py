"""Screen 5, my bids: what the teams of whoever asks wrote, and what became of it.

A team sees its own bids here and nobody else's, before the close and after it. What a bid says
stands in broker/bids/reading.py, how many are read in broker/bids/lists.py; here is the list that
people sort, filter and take away.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, replace

from sqlalchemy import select
from sqlmodel import Session

from broker.access import Action, Actor, nothing_here, require
from broker.bids.lists import EarlierBids, bid_rows, count_earlier, leads
from broker.bids.reading import Standing
from broker.dashboards.bid_desk import open_rounds
from broker.dashboards.briefs import RoundBrief
from broker.dashboards.listings import (
    Column,
    Kind,
    Listing,
    Question,
    Subject,
    Table,
    list_rows,
)
from broker.dashboards.sources import TEAM

COLUMNS = (
    Column("title", "Bid", filtered=True, names=Subject.BID, reference="bid_id"),
    Column("state", "State", Kind.CHOICE, choices=tuple(Standing), filtered=True),
    Column("round", "Round", filtered=True, names=Subject.ROUND, reference="round_key"),
    Column("team", "Team", filtered=True),
    Column("offer_credits", "Largest offer", Kind.COUNT, "credits"),
    Column("payment_credits", "Payment", Kind.COUNT, "credits"),
    Column("version", "Version", Kind.COUNT, shown=False),
    Column("written_at", "Last change", Kind.INSTANT),
    Column("author", "by", filtered=True),
    Column("bid_key", "Bid key", Kind.KEY, shown=False),
    Column("round_key", "Round key", Kind.KEY, shown=False),
    Column("round_state", "Round state", Kind.KEY, shown=False),
    Column("team_key", "Team key", Kind.KEY, shown=False),
    Column("bid_id", "Bid id", Kind.KEY, shown=False),
)


@dataclass(frozen=True, slots=True)
class Clone:
    """What a team submitted for its last round, to be drafted for a round that is open."""

    earlier: EarlierBids
    to: RoundBrief


@dataclass(frozen=True, slots=True)
class MyBids:
    """The bids of somebody's teams. Shape: `bids` is one page; `bid_in` the rounds open to them."""

    bids: Listing
    bid_in: tuple[RoundBrief, ...]
    clones: tuple[Clone, ...]


def my_bids(session: Session, actor: Actor, at: dt.datetime, question: Question) -> MyBids:
    """Return the bids of the teams of whoever asks."""
    bid_in = open_rounds(session, at) if leads(actor) else ()
    earlier = count_earlier(session, actor, bid_in[0].starts_on) if bid_in else ()
    clones = tuple(Clone(one, bid_in[0]) for one in earlier)
    return MyBids(list_rows(session, bid_table(actor), question), bid_in, clones)


def led_team_id(session: Session, actor: Actor, key: str) -> str:
    """Return the id of the team that somebody bids for: the one that is named, else their first.

    Raises: NotFound, NotAllowed.
    """
    led = leads(actor)
    if not led:
        require(actor, Action.PLACE_BID, team_id=next(iter(actor.teams), None))
    if not key:
        return led[0]
    for id_ in session.scalars(select(TEAM.c.id).where(TEAM.c.key == key, TEAM.c.id.in_(led))):
        return str(id_)
    raise nothing_here()


def bid_table(actor: Actor) -> Table:
    """Return the table of all bids of an actor's teams, the latest sprint first."""
    order = ("-starts_on", "-written_at", "bid_id")
    columns = tuple(
        replace(one, shown=one.shown and (one.key != "team" or len(actor.teams) > 1))
        for one in COLUMNS
    )
    return Table("my_bids", "Bids of my teams", columns, bid_rows(actor), order)
