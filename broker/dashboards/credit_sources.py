"""What the screen about credits reads: a team's accounts, its sums per sprint, and what comes.

Sums are made by the database over the transfers of one team's accounts, which it finds by their
ids; so the questions stay few however long the ledger is.
"""

from __future__ import annotations

import datetime as dt
import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import dropwhile
from typing import Any

from sqlalchemy import ColumnElement, Select, func, or_, select
from sqlmodel import Session

from broker.dashboards.sources import DECIDED, ROUND, ROUND_TEAM, TEAM
from broker.ledger.journals import account_id
from broker.ledger.statements import ISSUED, Balance
from broker.ledger.tables import AccountKind, JournalKind
from broker.states import RoundState
from broker.tables import Table

_TABLES = Table.metadata.tables
ACCOUNT = _TABLES["account"]
JOURNAL = _TABLES["journal"]
TRANSFER = _TABLES["transfer"]
AUDIT_EVENT = _TABLES["audit_event"]

OF_TEAMS = (AccountKind.AVAILABLE, AccountKind.HELD, AccountKind.SPENT, AccountKind.REFUND)
_TEAMS: Select[Any] = select(TEAM.c.id, TEAM.c.key, TEAM.c.name)
OF_JOURNAL, OF_PERIOD = ROUND.alias("of_journal"), ROUND.alias("of_period")
PAYER, PAYEE = ACCOUNT.alias("payer"), ACCOUNT.alias("payee")
SPRINT_KEY = func.coalesce(OF_JOURNAL.c.key, OF_PERIOD.c.key)
"""The sprint for which a journal counts: its round's, else the one of its period."""


@dataclass(frozen=True, slots=True)
class Team:
    """A team whose credits can be looked at."""

    id: str
    key: str
    name: str


@dataclass(frozen=True, slots=True)
class Sprint:
    """What one sprint did to a team's credits, and what the team had left of all after it.

    `left_credits` are the available and the held ones; `corrected_credits` is what corrections
    changed in them. Each sprint's change is exactly
    endowed − expired − spent + refunded + corrected.
    """

    key: str
    name: str
    starts_on: dt.date
    is_decided: bool
    endowed_credits: int
    expired_credits: int
    spent_credits: int
    refunded_credits: int
    corrected_credits: int
    held_credits: int
    left_credits: int

    @property
    def net_spent_credits(self) -> int:
        """Return what was spent and did not come back."""
        return self.spent_credits - self.refunded_credits

    @property
    def had_credits(self) -> int:
        """Return what there was to spend in it."""
        return self.left_credits + self.net_spent_credits


@dataclass(frozen=True, slots=True)
class Endowment:
    """What a team got by the formula, and what its round had announced for it."""

    credits: int
    announced_credits: int


@dataclass(frozen=True, slots=True)
class AnnouncedAhead:
    """The next round that will endow a team, and what it announces for it."""

    name: str
    opens_at: dt.datetime | None
    announced_credits: int


def find_team(session: Session, key: str) -> Team | None:
    """Return a team by its key, or None."""
    row = session.execute(_TEAMS.where(TEAM.c.key == key)).first()
    return Team(*row) if row else None


def teams_of(session: Session, ids: Iterable[str] | None, most: int) -> tuple[Team, ...]:
    """Return the first of some teams by key; `ids` None means every team."""
    chosen = _TEAMS if ids is None else _TEAMS.where(TEAM.c.id.in_(list(ids)))
    rows = session.execute(chosen.order_by(TEAM.c.key).limit(most))
    return tuple(Team(*row) for row in rows)


def balance_of(session: Session, team_id: str) -> Balance:
    """Return what a team has now, as the database keeps it."""
    own = ACCOUNT.c.id.in_([account_id(kind, team_id) for kind in OF_TEAMS])
    rows = session.execute(select(ACCOUNT.c.kind, ACCOUNT.c.balance_credits).where(own))
    kinds = Counter({row.kind: row.balance_credits for row in rows})
    return Balance(kinds[AccountKind.AVAILABLE], kinds[AccountKind.HELD], kinds[AccountKind.SPENT])


def read_sprints(session: Session, team_id: str) -> tuple[Sprint, ...]:
    """Return every sprint since a team had credits, oldest first, with its sums."""
    moved = _moved(session, team_id)
    rounds = session.execute(
        select(ROUND.c.key, ROUND.c.name, ROUND.c.starts_on, ROUND.c.state)
        .where(_moved_credits())
        .order_by(ROUND.c.starts_on, ROUND.c.key)
    )
    facts = [(row.key, row.name, row.starts_on, row.state in DECIDED) for row in rounds]
    return tuple(_sprints(facts, moved))


def announced_ahead(session: Session, team_id: str) -> AnnouncedAhead | None:
    """Return the next scheduled round of a team that endows by the formula, or None."""
    row = session.execute(
        select(ROUND.c.name, ROUND.c.opens_at, ROUND_TEAM.c.credits)
        .join(ROUND_TEAM, ROUND_TEAM.c.round_id == ROUND.c.id)
        .where(
            ROUND_TEAM.c.team_id == team_id,
            ROUND.c.state == RoundState.SCHEDULED,
            ROUND.c.imported_sha256.is_(None),
        )
        .order_by(ROUND.c.starts_on, ROUND.c.key)
        .limit(1)
    ).first()
    return AnnouncedAhead(*row) if row else None


def last_endowment(session: Session, team: Team) -> Endowment | None:
    """Return the last endowment that a team got by the formula, or None before the first.

    What its round announced stands in the audit event, as the round's own number is replaced at
    its close by what the team can spend.
    """
    row = session.execute(
        select(TRANSFER.c.amount_credits, AUDIT_EVENT.c.facts)
        .join(JOURNAL, JOURNAL.c.number == TRANSFER.c.journal_number)
        .join(AUDIT_EVENT, AUDIT_EVENT.c.sequence == JOURNAL.c.number)
        .where(
            TRANSFER.c.credit_account == account_id(AccountKind.AVAILABLE, team.id),
            JOURNAL.c.kind == JournalKind.ENDOWMENT,
        )
        .order_by(JOURNAL.c.number.desc())
        .limit(1)
    ).first()
    if row is None:
        return None
    return Endowment(row.amount_credits, json.loads(row.facts)["announced"][team.key])


def of_team(team_id: str) -> ColumnElement[bool]:
    """Return the condition that a transfer is one of a team's."""
    ids = [account_id(kind, team_id) for kind in OF_TEAMS]
    return or_(TRANSFER.c.debit_account.in_(ids), TRANSFER.c.credit_account.in_(ids))


def in_full(transfers: Select[Any]) -> Select[Any]:
    """Join transfers with their journals, both accounts, and the sprints for which they count."""
    return (
        transfers.select_from(TRANSFER)
        .join(JOURNAL, JOURNAL.c.number == TRANSFER.c.journal_number)
        .join(PAYER, PAYER.c.id == TRANSFER.c.debit_account)
        .join(PAYEE, PAYEE.c.id == TRANSFER.c.credit_account)
        .join(OF_PERIOD, OF_PERIOD.c.key == JOURNAL.c.period_key)
        .outerjoin(OF_JOURNAL, OF_JOURNAL.c.id == JOURNAL.c.round_id)
    )


# --- sums per sprint -------------------------------------------------------------------------

_Facts = tuple[str, str, dt.date, bool]
"""Key, name and first day of a sprint, and whether its round is decided."""
_Sums = Mapping[tuple[str, str, str], int]
"""Credits by kind of journal, debited and credited kind of account."""
_Moved = Mapping[str, _Sums]
"""Those by sprint key."""


def _moved(session: Session, team_id: str) -> _Moved:
    sides = (JOURNAL.c.kind, PAYER.c.kind, PAYEE.c.kind)
    sums = select(SPRINT_KEY, *sides, func.sum(TRANSFER.c.amount_credits))
    by_side = in_full(sums).where(of_team(team_id)).group_by(SPRINT_KEY, *sides)
    found: dict[str, dict[tuple[str, str, str], int]] = defaultdict(dict)
    for key, kind, debit, credit, amount in session.execute(by_side):
        found[key][kind, debit, credit] = int(amount)
    return found


def _moved_credits() -> ColumnElement[bool]:
    journals = select(JOURNAL.c.round_id).where(JOURNAL.c.round_id.is_not(None))
    return or_(ROUND.c.id.in_(journals), ROUND.c.key.in_(select(JOURNAL.c.period_key)))


def _sprints(rounds: Iterable[_Facts], moved: _Moved) -> Iterator[Sprint]:
    left = 0
    for facts in dropwhile(lambda facts: facts[0] not in moved, rounds):
        sums = moved.get(facts[0], {})
        left += _onto(sums, AccountKind.AVAILABLE) + _onto(sums, AccountKind.HELD)
        yield _sprint(facts, sums, left)


def _sprint(facts: _Facts, sums: _Sums, left: int) -> Sprint:
    endowed = sum(amount for (kind, _, _), amount in sums.items() if kind in ISSUED)
    expired = sum(n for (kind, _, _), n in sums.items() if kind == JournalKind.CARRY_OVER)
    settled = {sides: n for sides, n in sums.items() if sides[0] != JournalKind.REFUND}
    spent = _onto(settled, AccountKind.SPENT)
    refunded = _refunded(sums)
    change = _onto(sums, AccountKind.AVAILABLE) + _onto(sums, AccountKind.HELD)
    return Sprint(
        *facts,
        endowed_credits=endowed,
        expired_credits=expired,
        spent_credits=spent,
        refunded_credits=refunded,
        corrected_credits=change - (endowed - expired - spent + refunded),
        held_credits=_onto(sums, AccountKind.HELD),
        left_credits=left,
    )


def _onto(sums: _Sums, kind: AccountKind) -> int:
    """Return what came onto the accounts of a kind, less what left them."""
    return sum(
        amount * ((credit == kind) - (debit == kind)) for (_, debit, credit), amount in sums.items()
    )


def _refunded(sums: _Sums) -> int:
    back, available = AccountKind.REFUND, AccountKind.AVAILABLE
    return sum(
        amount * (((debit, credit) == (back, available)) - ((debit, credit) == (available, back)))
        for (_, debit, credit), amount in sums.items()
    )
