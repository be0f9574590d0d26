"""What a decided round published: its awards, its declines and its list prices, row by row.

The columns that `awards.csv`, `declines.csv` and `prices.csv` of a run have carry the same names
here. A round that is not decided has none of these rows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import FromClause, Select, and_, func, select
from sqlmodel import Session

from allocation.counterfactuals import Standing
from allocation.outcome import Reason
from allocation.problem import Tier
from broker.dashboards.briefs import PublishedRun, RoundBrief, find_decided, published_run
from broker.dashboards.counterfactuals import COUNTERFACTUAL
from broker.dashboards.disclosures import shown_team, shown_team_key
from broker.dashboards.listings import Column, Kind, Listing, Question, Subject, Table, list_rows
from broker.dashboards.sources import (
    ALTERNATIVE,
    AWARD,
    BID,
    DECLINE,
    LIST_PRICE,
    POOL,
    PUBLISHED_RUN,
    RUN,
    TEAM,
)
from broker.states import RunState

BID_COLUMNS = (
    Column("bid_key", "Bid key", Kind.KEY, filtered=True, shown=False),
    Column("title", "Bid", filtered=True, names=Subject.RECEIPT, reference="receipt"),
    Column("team", "Team", filtered=True),
    Column("team_key", "Team key", Kind.KEY, shown=False),
    Column("receipt", "Receipt", Kind.KEY, shown=False),
)
AWARD_COLUMNS = (
    *BID_COLUMNS,
    Column("tier", "Tier", Kind.CHOICE, choices=tuple(Tier), filtered=True),
    Column("alternative", "Alternative", Kind.COUNT, shown=False),
    Column("start", "Starts", Kind.DAY, filtered=True),
    Column("lots", "Lots", Kind.COUNT),
    Column("value_score", "Value", Kind.COUNT, "points"),
    Column("offer_credits", "Offer", Kind.COUNT, "credits"),
    Column("payment_credits", "Payment", Kind.COUNT, "credits"),
)
DECLINE_COLUMNS = (
    *BID_COLUMNS,
    Column("reason", "Reason", Kind.CHOICE, choices=tuple(Reason), filtered=True),
    Column("alternative", "Alternative", Kind.COUNT, shown=False),
    Column("pool_key", "Pool key", Kind.KEY, shown=False),
    Column("pool", "Decided on", filtered=True, names=Subject.POOL, reference="pool_key"),
    Column("day", "on day", Kind.DAY, filtered=True),
    Column("minimum_winning_offer_credits", "Would have won at", Kind.COUNT, "credits per lot"),
    Column("detail", "Detail", shown=False),
)
PRICE_COLUMNS = (
    Column("pool_key", "Pool key", Kind.KEY, shown=False),
    Column("pool", "Pool", filtered=True, names=Subject.POOL, reference="pool_key"),
    Column("day", "Day", Kind.DAY, filtered=True),
    Column("tier", "Tier", Kind.CHOICE, choices=tuple(Tier), filtered=True),
    Column("list_price_credits", "List price", Kind.MICROCREDITS, "credits"),
)


@dataclass(frozen=True, slots=True)
class ResultScreen:
    """One list of a round's result, and the run that decided it."""

    round: RoundBrief
    run: PublishedRun | None
    rows: Listing


def awards_screen(session: Session, key: str, question: Question) -> ResultScreen:
    """Return the awards of a round. Raises: NotFound if it is not decided."""
    brief = find_decided(session, key)
    return _screen(session, brief, award_table(brief.id), question)


def declines_screen(session: Session, key: str, question: Question) -> ResultScreen:
    """Return the declines of a round. Raises: NotFound if it is not decided."""
    brief = find_decided(session, key)
    return _screen(session, brief, decline_table(brief.id), question)


def prices_screen(session: Session, key: str, question: Question) -> ResultScreen:
    """Return the list prices of a round. Raises: NotFound if it is not decided."""
    brief = find_decided(session, key)
    return _screen(session, brief, price_table(brief.id), question)


def _screen(session: Session, brief: RoundBrief, table: Table, question: Question) -> ResultScreen:
    run = published_run(session, brief.id)
    return ResultScreen(brief, run, list_rows(session, table, question))


def award_table(round_id: str, speaking: FromClause = PUBLISHED_RUN) -> Table:
    """Return the table of a round's awards; offer, value and payment are of the whole award.

    `speaking` is the run that is read, by its round: that which speaks for it, if no other.
    """
    chosen = and_(
        ALTERNATIVE.c.bid_id == AWARD.c.bid_id, ALTERNATIVE.c.number == AWARD.c.alternative
    )
    rows = (
        _bids(round_id, speaking)
        .join(AWARD, and_(AWARD.c.bid_id == BID.c.id, AWARD.c.run_id == speaking.c.run_id))
        .join(ALTERNATIVE, chosen)
        .add_columns(
            ALTERNATIVE.c.tier,
            AWARD.c.alternative,
            AWARD.c.start,
            AWARD.c.lots,
            AWARD.c.value_score,
            (ALTERNATIVE.c.offer_credits_per_lot * AWARD.c.lots).label("offer_credits"),
            AWARD.c.payment_credits,
        )
    )
    return Table("awards", "Bids that won", AWARD_COLUMNS, rows, ("bid_key",))


def decline_table(round_id: str, speaking: FromClause = PUBLISHED_RUN) -> Table:
    """Return the table of a round's declines: the reason and the place that decided each."""
    rows = (
        _bids(round_id, speaking)
        .join(DECLINE, and_(DECLINE.c.bid_id == BID.c.id, DECLINE.c.run_id == speaking.c.run_id))
        .outerjoin(POOL, POOL.c.id == DECLINE.c.pool_id)
        .outerjoin(
            COUNTERFACTUAL,
            and_(
                COUNTERFACTUAL.c.bid_id == DECLINE.c.bid_id,
                DECLINE.c.reason != Reason.OVERRIDE,
                COUNTERFACTUAL.c.standing == Standing.EXACT,
            ),
        )
        .add_columns(
            DECLINE.c.reason,
            DECLINE.c.alternative,
            POOL.c.key.label("pool_key"),
            POOL.c.name.label("pool"),
            DECLINE.c.day,
            func.coalesce(
                DECLINE.c.minimum_winning_offer_credits, COUNTERFACTUAL.c.upper_credits
            ).label("minimum_winning_offer_credits"),
            DECLINE.c.detail,
        )
    )
    return Table("declines", "Bids that did not win, and why", DECLINE_COLUMNS, rows, ("bid_key",))


def price_table(round_id: str, speaking: FromClause = PUBLISHED_RUN) -> Table:
    """Return the table of a round's list prices per pool, day and tier."""
    rows = (
        select(
            POOL.c.key.label("pool_key"),
            POOL.c.name.label("pool"),
            LIST_PRICE.c.day,
            LIST_PRICE.c.tier,
            LIST_PRICE.c.list_price_microcredits.label("list_price_credits"),
        )
        .select_from(LIST_PRICE)
        .join(speaking, speaking.c.run_id == LIST_PRICE.c.run_id)
        .join(POOL, POOL.c.id == LIST_PRICE.c.pool_id)
        .where(speaking.c.round_id == round_id)
    )
    caption = "List price per unit and day"
    return Table("prices", caption, PRICE_COLUMNS, rows, ("pool", "pool_key", "day", "tier"))


def revision(run_id: str) -> FromClause:
    """Return one published run by its round, as the tables read the one that speaks for it."""
    published = and_(RUN.c.id == run_id, RUN.c.state == RunState.PUBLISHED)
    return select(RUN.c.id.label("run_id"), RUN.c.round_id).where(published).subquery("revision")


def _bids(round_id: str, speaking: FromClause) -> Select[Any]:
    """Return the bids of a round that is decided: none before."""
    return (
        select(
            BID.c.key.label("bid_key"),
            BID.c.title,
            shown_team(BID.c.round_id).label("team"),
            shown_team_key(BID.c.round_id).label("team_key"),
            BID.c.id.label("receipt"),
        )
        .select_from(BID)
        .join(speaking, speaking.c.round_id == BID.c.round_id)
        .join(TEAM, TEAM.c.id == BID.c.team_id)
        .where(BID.c.round_id == round_id)
    )
