"""Whether a decided round shows whose bids it decided: as the policy that it froze says.

Where team names are not disclosed, tables and receipts speak of bids without their teams, and what
names teams beyond repair (report, certificate, bundle) is for platform admins and auditors.
"""

from __future__ import annotations

from sqlalchemy import ColumnElement, case, exists, literal, null, select
from sqlmodel import Session

from broker.access import Action, Actor, require
from broker.dashboards.finance_tables import document_text
from broker.dashboards.sources import TEAM
from broker.policy.documents import NO_TEAM_NAMES
from broker.policy.tables import PolicyVersionRow, RoundPolicyRow
from broker.tables import Table as Stored

FROZEN = Stored.metadata.tables[str(RoundPolicyRow.__tablename__)]
VERSION = Stored.metadata.tables[str(PolicyVersionRow.__tablename__)]
NOT_NAMED = "Not named"


def is_nameless(round_id: ColumnElement[str]) -> ColumnElement[bool]:
    """Say whether a round keeps the names of its teams to itself."""
    said = document_text(VERSION.c.document, "disclosure")
    return exists().where(
        FROZEN.c.round_id == round_id,
        VERSION.c.version == FROZEN.c.policy_version,
        said == NO_TEAM_NAMES,
    )


def shown_team(round_id: ColumnElement[str]) -> ColumnElement[str]:
    """Return the name of a bid's team, as far as its round shows it."""
    return case((is_nameless(round_id), literal(NOT_NAMED)), else_=TEAM.c.name)


def shown_team_key(round_id: ColumnElement[str]) -> ColumnElement[str | None]:
    """Return the key of a bid's team, nothing where its round does not show it."""
    return case((is_nameless(round_id), null()), else_=TEAM.c.key)


def shows_teams(session: Session, round_id: str) -> bool:
    """Say whether a round shows whose bids it decided."""
    return not session.scalar(select(is_nameless(literal(round_id))))


def require_names(session: Session, actor: Actor, round_id: str) -> None:
    """Make sure that somebody may read what names the teams of a round.

    Raises: SignInNeeded or NotAllowed where its policy discloses no names.
    """
    if not shows_teams(session, round_id):
        require(actor, Action.READ_FINANCE)
