"""What a team starts new bids from: a bid under a name, whose days follow the sprint it is used in.

Templates are the team's own, like its bids. A second one of the same name takes the first one's
place.
"""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from sqlalchemy import delete, insert, select
from sqlmodel import Session, col

from allocation.wire import canonical_json
from broker.access import Action, Actor, nothing_here, require
from broker.bids.drafts import BidDraft, draft_document, draft_from, moved, renumbered
from broker.bids.findings import Finding, InvalidDraft
from broker.bids.reading import find_bid
from broker.bids.tables import BidTemplateRow
from broker.rounds import find_round
from broker.tables import TeamRow
from broker.texts import findings_in_text

MOST_TEMPLATES = 100
"""How many templates a team keeps; a list of choices has an end."""


@dataclass(frozen=True, slots=True)
class BidTemplate:
    """A template of a team. `starts_on` is the sprint that the days of its draft belong to."""

    id: str
    team_id: str
    team_key: str
    team_name: str
    name: str
    starts_on: dt.date
    draft: BidDraft
    written_at: dt.datetime


def list_templates(session: Session, actor: Actor, team_id: str) -> tuple[BidTemplate, ...]:
    """Return a team's templates, by name. Raises: NotFound if the asker is not of the team."""
    require(actor, Action.READ_TEAM_BIDS, team_id=team_id)
    return _listed(session, (team_id,))


def own_templates(session: Session, actor: Actor) -> tuple[BidTemplate, ...]:
    """Return the templates of all teams of somebody, by team and name."""
    return _listed(session, tuple(sorted(actor.teams)))


def _listed(session: Session, team_ids: tuple[str, ...]) -> tuple[BidTemplate, ...]:
    kept = (
        select(BidTemplateRow, TeamRow)
        .join(TeamRow, col(TeamRow.id) == col(BidTemplateRow.team_id))
        .where(col(BidTemplateRow.team_id).in_(team_ids))
        .order_by(col(TeamRow.name), col(TeamRow.key), col(BidTemplateRow.name))
    )
    return tuple(_template(row, team) for row, team in session.execute(kept))


def save_template(
    session: Session, actor: Actor, bid_id: str, name: str, at: dt.datetime
) -> BidTemplate:
    """Keep what a bid says now as a template of its team.

    Raises: NotFound, NotAllowed; InvalidDraft about the name, or if the team has too many.
    """
    bid = find_bid(session, actor, bid_id)
    require(actor, Action.PLACE_BID, team_id=bid.team_id)
    name = name.strip()
    others = [one for one in list_templates(session, actor, bid.team_id) if one.name != name]
    _check(name, len(others))
    same = (col(BidTemplateRow.team_id) == bid.team_id, col(BidTemplateRow.name) == name)
    session.execute(delete(BidTemplateRow).where(*same))
    columns: dict[str, Any] = {
        "id": str(uuid4()),
        "team_id": bid.team_id,
        "name": name,
        "starts_on": bid.round.starts_on,
        "document": canonical_json(draft_document(renumbered(bid.draft))).decode(),
        "written_by": actor.id,
        "written_at": at,
    }
    session.execute(insert(BidTemplateRow), [columns])
    return _find(session, actor, columns["id"], Action.PLACE_BID)


def use_template(session: Session, actor: Actor, template_id: str, round_key: str) -> BidDraft:
    """Return the draft of a template, with its days moved to the sprint of a round.

    Raises: NotFound, in the same words whether there is no such template or it is another team's.
    """
    template = _find(session, actor, template_id, Action.READ_TEAM_BIDS)
    row = find_round(session, round_key)
    return moved(template.draft, template.starts_on, row.starts_on, row.days)


def remove_template(session: Session, actor: Actor, template_id: str) -> None:
    """Forget a template. Raises: NotFound, NotAllowed."""
    template = _find(session, actor, template_id, Action.PLACE_BID)
    session.execute(delete(BidTemplateRow).where(col(BidTemplateRow.id) == template.id))


def _find(session: Session, actor: Actor, template_id: str, action: Action) -> BidTemplate:
    row = session.get(BidTemplateRow, template_id)
    require(actor, action, team_id=row.team_id if row else None)
    if row is None:
        raise nothing_here()
    return _template(row, session.get_one(TeamRow, row.team_id))


def _check(name: str, others: int) -> None:
    found = [Finding("name", sentence) for sentence in findings_in_text("name", name)]
    if not name:
        found.append(Finding("name", "name: is empty; say what the template is for."))
    if others >= MOST_TEMPLATES:
        sentence = f"name: a team keeps at most {MOST_TEMPLATES} templates; remove one first."
        found.append(Finding("name", sentence))
    if found:
        raise InvalidDraft(name[:64], found)


def _template(row: BidTemplateRow, team: TeamRow) -> BidTemplate:
    draft, of = draft_from(json.loads(row.document)), (row.team_id, team.key, team.name)
    return BidTemplate(row.id, *of, row.name, row.starts_on, draft, row.written_at)
