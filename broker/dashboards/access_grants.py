"""Who may use which data, for what and until when: for those who operate the data, and for teams.

Access follows from published awards only, so nothing of a sealed bid is in here.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import ColumnElement, Select, func, select, true
from sqlmodel import Session

from broker.access import Action, Actor, may, nothing_here, require
from broker.access_grants.held import GRANT, seats_on, until_on
from broker.dashboards.listings import (
    Column,
    Kind,
    Listing,
    Question,
    Row,
    Subject,
    Table,
    list_rows,
)
from broker.dashboards.sources import BID, POOL, ROUND, TEAM
from broker.people.tables import PersonRow
from broker.pools.data_terms import DataTerms
from broker.pools.terms_in_force import terms_at
from broker.states import AccessState

PERSON = PersonRow.metadata.tables[PersonRow.__tablename__]

COLUMNS = (
    Column("access", "Access", Kind.KEY, shown=False),
    Column("team", "Team", filtered=True, names=Subject.ACCESS, reference="access"),
    Column("pool", "Data", filtered=True, names=Subject.POOL, reference="pool_key"),
    Column("purpose", "Purpose", filtered=True),
    Column("seats", "Seats", Kind.COUNT),
    Column("from_on", "From", Kind.DAY),
    Column("until_on", "Until", Kind.DAY),
    Column("state", "State", Kind.CHOICE, choices=tuple(AccessState), filtered=True),
    Column("title", "Award", names=Subject.RECEIPT, reference="bid_id"),
    Column("sprint", "Sprint", filtered=True, shown=False),
    Column("granted_at", "Granted", Kind.INSTANT, shown=False),
    Column("ended_at", "Ended", Kind.INSTANT, shown=False),
    Column("reason", "Why it ended", shown=False),
    Column("pool_key", "Data key", Kind.KEY, filtered=True, shown=False),
    Column("team_key", "Team key", Kind.KEY, shown=False),
    Column("round_key", "Round key", Kind.KEY, shown=False),
    Column("bid_id", "Receipt", Kind.KEY, shown=False),
)
ORDER = ("-until_on", "pool", "team", "access")


@dataclass(frozen=True, slots=True)
class AccessScreen:
    """One grant with its data's terms, and whether the asker may take it back."""

    grant: Row
    terms: DataTerms | None
    steward: str
    ended_by: str
    may_revoke: bool

    @property
    def is_granted(self) -> bool:
        """Whether it has not ended."""
        return bool(self.grant["state"] == AccessState.GRANTED)


def access_screen(session: Session, actor: Actor, question: Question, today: dt.date) -> Listing:
    """Return every grant, a page of it. Raises: SignInNeeded, NotAllowed."""
    return list_rows(session, access_table(actor, today), question)


def access_table(actor: Actor, today: dt.date) -> Table:
    """Return the table of every grant. Raises: SignInNeeded, NotAllowed."""
    require(actor, Action.READ_ACCESS_GRANTS)
    return Table("access", "Access to data", COLUMNS, _grants(true(), today), ORDER)


def team_access(
    session: Session, team_ids: Collection[str], question: Question, today: dt.date
) -> Listing:
    """Return what data some teams may use or might."""
    return list_rows(session, team_access_table(team_ids, today), question)


def team_access_table(team_ids: Collection[str], today: dt.date) -> Table:
    """Return the table of what data some teams may use or might."""
    own = GRANT.c.team_id.in_(sorted(team_ids))
    columns = tuple(
        replace(one, names=Subject.ACCESS, reference="access")
        if one.key == "pool"
        else replace(one, shown=one.shown and (one.key != "team" or len(team_ids) > 1))
        for one in COLUMNS
    )
    return Table("access", "Data that the team may use", columns, _grants(own, today), ORDER)


def access_of(session: Session, actor: Actor, access_id: str, at: dt.datetime) -> AccessScreen:
    """Return one grant. Raises: SignInNeeded, NotAllowed; NotFound."""
    require(actor, Action.READ_ACCESS_GRANTS)
    today = at.astimezone(dt.UTC).date()
    wanted = _grants(GRANT.c.id == access_id, today).add_columns(GRANT.c.pool_id, GRANT.c.ended_by)
    row = session.execute(wanted).mappings().first()
    if row is None:
        raise nothing_here()
    terms = terms_at(session, at).get(row["pool_key"])
    steward_id = terms.steward_id if terms else None
    names = _names(session, steward_id, row["ended_by"])
    may_revoke = may(actor, Action.REVOKE_ACCESS, pool_id=row["pool_id"], person_id=steward_id)
    return AccessScreen(
        grant=row,
        terms=terms,
        steward=names.get(steward_id or "", ""),
        ended_by=names.get(row["ended_by"] or "", row["ended_by"] or ""),
        may_revoke=may_revoke and row["state"] == AccessState.GRANTED,
    )


def _grants(which: ColumnElement[bool], today: dt.date) -> Select[Any]:
    """Return grants with what is left of them today, and until when."""
    return (
        select(
            GRANT.c.id.label("access"),
            TEAM.c.name.label("team"),
            POOL.c.name.label("pool"),
            func.coalesce(func.nullif(GRANT.c.purpose, ""), "not stated").label("purpose"),
            seats_on(today).label("seats"),
            GRANT.c.from_on,
            until_on().label("until_on"),
            GRANT.c.state,
            BID.c.title,
            ROUND.c.name.label("sprint"),
            GRANT.c.granted_at,
            GRANT.c.ended_at,
            GRANT.c.reason,
            POOL.c.key.label("pool_key"),
            TEAM.c.key.label("team_key"),
            ROUND.c.key.label("round_key"),
            GRANT.c.bid_id,
        )
        .select_from(GRANT)
        .join(TEAM, TEAM.c.id == GRANT.c.team_id)
        .join(POOL, POOL.c.id == GRANT.c.pool_id)
        .join(BID, BID.c.id == GRANT.c.bid_id)
        .join(ROUND, ROUND.c.id == BID.c.round_id)
        .where(which)
    )


def _names(session: Session, *ids: str | None) -> dict[str, str]:
    wanted = [id_ for id_ in ids if id_]
    named = select(PERSON.c.id, PERSON.c.name).where(PERSON.c.id.in_(wanted))
    return dict(session.execute(named).all()) if wanted else {}
