"""Screen 3, one pool: its days, its past rounds, its prices, and who holds it now."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import select
from sqlmodel import Session

from allocation.problem import Tier
from broker.dashboards.briefs import (
    RoundBrief,
    current_round,
    find_round,
    round_of_day,
    rounds_ahead,
    rounds_decided,
)
from broker.dashboards.departures import departures
from broker.dashboards.disclosures import shown_team
from broker.dashboards.heatmaps import Heatmap, heatmap
from broker.dashboards.histories import history_table
from broker.dashboards.listings import Column, Kind, Listing, Question, Subject, Table, list_rows
from broker.dashboards.losses import LossFacts, losses_of
from broker.dashboards.sources import BID, POOL, TEAM, holdings
from broker.dashboards.use import day_table
from broker.errors import NotFound
from broker.people.tables import PersonRow
from broker.pools.data_terms import DataTerms
from broker.pools.definitions import DATA
from broker.pools.terms_in_force import terms_now

PERSON = PersonRow.metadata.tables[PersonRow.__tablename__]
HOLDER_COLUMNS = (
    Column("bid_key", "Bid key", Kind.KEY, shown=False),
    Column("receipt", "Receipt", Kind.KEY, shown=False),
    Column("title", "Bid", filtered=True, names=Subject.RECEIPT, reference="receipt"),
    Column("team", "Team", filtered=True),
    Column("tier", "Tier", Kind.CHOICE, choices=tuple(Tier), filtered=True),
    Column("first_day", "From", Kind.DAY),
    Column("last_day", "To", Kind.DAY),
    Column("units", "Units a day", Kind.COUNT),
)


@dataclass(frozen=True, slots=True)
class PoolFacts:
    """What a pool is, whatever the round."""

    id: str
    key: str
    name: str
    kind: str
    unit: str
    owner: str
    description: str
    classification: str


@dataclass(frozen=True, slots=True)
class ShownTerms:
    """What a pool of data asks of whoever bids for it, with the name of its steward."""

    terms: DataTerms
    steward: str


@dataclass(frozen=True, slots=True)
class PoolDaysAsked:
    """Days that matter to the screen: the present, the heatmap's first, the one of the holders."""

    today: dt.date
    first: dt.date | None = None
    on: dt.date | None = None


@dataclass(frozen=True, slots=True)
class PoolScreen:
    """One pool in one round; `round` is None as long as no round has offered anything.

    `losses` are those on the days of the round, `terms` those of a pool of data; `departures` say
    who has left of those who answer for it.
    """

    pool: PoolFacts
    terms: ShownTerms | None
    departures: tuple[str, ...]
    round: RoundBrief | None
    rounds: tuple[RoundBrief, ...]
    heatmap: Heatmap | None
    history: Listing
    days: Listing | None
    holders: Listing | None
    losses: tuple[LossFacts, ...] = ()


def pool_screen(
    session: Session,
    key: str,
    round_key: str,
    days: PoolDaysAsked,
    questions: Mapping[str, Question],
) -> PoolScreen:
    """Return a pool in the round that was named, else in this sprint's, else in the next one.

    Shape: questions by table: history, capacity, holders.

    Raises: NotFound if there is no such pool or round.
    """
    pool = find_pool(session, key)
    ahead, decided = rounds_ahead(session), rounds_decided(session)
    usual = round_of_day(decided, days.today) or next(iter(ahead), None)
    chosen = find_round(session, round_key) if round_key else usual
    return PoolScreen(
        pool=pool,
        terms=_terms(session, pool),
        departures=departures(session, pool.id).get(pool.id, ()),
        round=chosen,
        rounds=(*ahead, *decided),
        heatmap=heatmap(session, chosen, days.first, pool.id) if chosen else None,
        history=list_rows(session, history_table(pool.id), questions["history"]),
        days=_days(session, pool, chosen, questions["capacity"]),
        holders=_holders(session, pool, chosen, days.on, questions["holders"]),
        losses=_losses(session, pool, chosen),
    )


def _losses(session: Session, pool: PoolFacts, chosen: RoundBrief | None) -> tuple[LossFacts, ...]:
    """Return what was lost on the days of a round."""
    if chosen is None:
        return ()
    last = chosen.starts_on + dt.timedelta(days=chosen.days - 1)
    return losses_of(session, pool.id, (chosen.starts_on, last))


def find_pool(session: Session, key: str) -> PoolFacts:
    """Return a pool by its key. Raises: NotFound if there is none."""
    columns = [POOL.c[name] for name in PoolFacts.__slots__]
    row = session.execute(select(*columns).where(POOL.c.key == key)).mappings().first()
    if row is None:
        raise NotFound(f"There is no pool {key}.", key=key)
    return PoolFacts(**row)


def _terms(session: Session, pool: PoolFacts) -> ShownTerms | None:
    """Return the terms that are in force now."""
    terms = terms_now(session).get(pool.key) if pool.kind == DATA else None
    if terms is None:
        return None
    name = session.scalar(select(PERSON.c.name).where(PERSON.c.id == terms.steward_id))
    return ShownTerms(terms, name or "")


def choose_round(session: Session, round_key: str, today: dt.date) -> RoundBrief | None:
    """Return the round that was named, else this sprint's, else the next one."""
    if round_key:
        return find_round(session, round_key)
    return current_round(session, today) or next(iter(rounds_ahead(session)), None)


def holder_table(round_id: str, pool_id: str, on: dt.date | None = None) -> Table:
    """Return the table of awards that hold a pool's units, on one day where it is named.

    Awards are found before they are asked for their pool: the other way round, the time it takes
    would tell how many sealed bids ask for that pool.
    """
    held = holdings(round_id).cte("held").prefix_with("MATERIALIZED")
    rows = (
        select(
            BID.c.key.label("bid_key"),
            BID.c.id.label("receipt"),
            BID.c.title,
            shown_team(BID.c.round_id).label("team"),
            held.c.tier,
            held.c.first_day,
            held.c.last_day,
            held.c.units,
            held.c.position,
        )
        .select_from(held)
        .join(BID, BID.c.id == held.c.bid_id)
        .join(TEAM, TEAM.c.id == BID.c.team_id)
        .where(held.c.pool_id == pool_id)
    )
    if on is not None:
        rows = rows.where(held.c.first_day <= on, held.c.last_day >= on)
    order = ("first_day", "bid_key", "position")
    return Table("holders", "Awards that hold this pool", HOLDER_COLUMNS, rows, order)


def _days(
    session: Session, pool: PoolFacts, brief: RoundBrief | None, question: Question
) -> Listing | None:
    return list_rows(session, day_table(brief.id, (pool.id,)), question) if brief else None


def _holders(
    session: Session,
    pool: PoolFacts,
    brief: RoundBrief | None,
    on: dt.date | None,
    question: Question,
) -> Listing | None:
    if brief is None or not brief.is_decided:
        return None
    return list_rows(session, holder_table(brief.id, pool.id, on), question)
