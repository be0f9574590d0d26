"""What is a caller's own: templates of their teams, notices, hours to answer, access to data."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

from sqlmodel import Session

from broker.access import Action, Actor, require_scope
from broker.access_grants.endings import revoke_access
from broker.bids.drafts import draft_document
from broker.bids.templates import own_templates, remove_template, save_template, use_template
from broker.dashboards.access_grants import access_of, access_table
from broker.dashboards.expert_hours import own_hours_table, pool_hours_table
from broker.dashboards.listings import Table
from broker.dashboards.notices import notice_table, settings_screen
from broker.experts.answers import confirm_hours, decline_hours, name_hours
from broker.notices.reading import choose, mark_all_read, mark_read
from broker.notices.tables import Channel, NoticeKind
from web.api import schemas
from web.api.bodies import Nothing
from web.api.commands import DONE, Call, Document, plainly, post, put
from web.api.documents import DocumentOf
from web.api.lists import SOMEBODY, ListOf, of_the_actor, row_document

# --- templates ---------------------------------------------------------------------------------


def _templates(session: Session, actor: Actor, at: dt.datetime) -> Document:
    del at
    require_scope(actor, Action.READ_TEAM_BIDS)
    templates = [
        {
            "template_id": one.id,
            "team_key": one.team_key,
            "name": one.name,
            "starts_on": one.starts_on.isoformat(),
            "draft": draft_document(one.draft),
        }
        for one in own_templates(session, actor)
    ]
    return {"templates": templates}


def _draft(session: Session, actor: Actor, at: dt.datetime, key: str, template_id: str) -> Document:
    del at
    return {"draft": draft_document(use_template(session, actor, template_id, key))}


def _save_template(call: Call[schemas.NameIn]) -> Document:
    bid_id = call.where["bid_id"]
    saved = save_template(call.session, call.actor, bid_id, call.body.name, call.at)
    return {"template_id": saved.id}


def _remove_template(call: Call[Nothing]) -> Document:
    remove_template(call.session, call.actor, call.where["template_id"])
    return DONE


# --- notices -----------------------------------------------------------------------------------


def _choices(session: Session, actor: Actor, at: dt.datetime) -> Document:
    del at
    screen = settings_screen(session, actor)
    unwanted = [{"kind": kind, "channel": channel} for kind, channel in sorted(screen.unwanted)]
    return {"address": screen.address, "unwanted": unwanted}


def _read_all(call: Call[schemas.UntilIn]) -> Document:
    mark_all_read(call.session, call.actor, call.body.until, call.at)
    return DONE


def _choose(call: Call[schemas.ChoicesIn]) -> Document:
    unwanted = [(NoticeKind(one.kind), Channel(one.channel)) for one in call.body.unwanted]
    choose(call.session, call.actor, unwanted, call.at)
    return DONE


# --- hours -------------------------------------------------------------------------------------


def _pool_hours(session: Session, actor: Actor, at: dt.datetime, key: str) -> Table:
    del at
    return pool_hours_table(session, actor, key)


def _confirm(call: Call[schemas.HoursIn]) -> Document:
    return {"hours": confirm_hours(call.session, call.actor, call.body.hours_ids, call.at)}


def _decline(call: Call[schemas.NoHoursIn]) -> Document:
    body = call.body
    hours = decline_hours(call.session, call.actor, body.hours_ids, body.reason, call.at)
    return {"hours": hours}


def _name(call: Call[schemas.ExpertIn]) -> Document:
    hours_id, expert = call.where["hours_id"], call.body.expert_key
    return {"hours": name_hours(call.session, call.actor, hours_id, expert, call.at)}


# --- access to data ----------------------------------------------------------------------------


def _access(session: Session, actor: Actor, at: dt.datetime) -> Table:
    del session
    return access_table(actor, at.date())


def _one_access(session: Session, actor: Actor, at: dt.datetime, access_id: str) -> Document:
    screen = access_of(session, actor, access_id, at)
    table = access_table(actor, at.date())
    more = {"steward": screen.steward, "ended_by": screen.ended_by}
    return {**row_document(table, screen.grant), **more}


def _revoke(call: Call[schemas.ReasonIn]) -> Document:
    access_id, reason = call.where["access_id"], call.body.reason
    revoke_access(call.session, call.actor, access_id, reason, call.at)
    return DONE


LISTS = (
    ListOf("/notices", "Notices", "notices", notice_table(SOMEBODY), of_the_actor(notice_table)),
    ListOf("/hours", "Hours", "hours", own_hours_table(SOMEBODY), of_the_actor(own_hours_table)),
    ListOf(
        "/pools/<key>/hours",
        "PoolHours",
        "hours",
        replace(own_hours_table(SOMEBODY), caption="Hours of the pool"),
        _pool_hours,
    ),
    ListOf("/access-grants", "Access", "access", access_table(SOMEBODY, dt.date.min), _access),
)
DOCUMENTS = (
    DocumentOf("/templates", "Templates", "bids", _templates),
    DocumentOf("/rounds/<key>/templates/<template_id>", "TemplateDraft", "bids", _draft),
    DocumentOf("/notices/choices", "NoticeChoices", "notices", _choices),
    DocumentOf("/access-grants/<access_id>", "OneAccess", "access", _one_access),
)
COMMANDS = (
    post("/bids/<bid_id>/template", "SaveTemplate", "bids", schemas.NameIn, _save_template),
    post("/templates/<template_id>/remove", "RemoveTemplate", "bids", Nothing, _remove_template),
    post(
        "/notices/<notice_id>/read",
        "MarkNoticeRead",
        "notices",
        Nothing,
        plainly(mark_read, "notice_id"),
    ),
    post("/notices/read", "MarkNoticesRead", "notices", schemas.UntilIn, _read_all),
    put("/notices/choices", "ChooseNotices", "notices", schemas.ChoicesIn, _choose),
    post("/hours/confirm", "ConfirmHours", "hours", schemas.HoursIn, _confirm),
    post("/hours/decline", "DeclineHours", "hours", schemas.NoHoursIn, _decline),
    post("/hours/<hours_id>/name", "NameExpert", "hours", schemas.ExpertIn, _name),
    post("/access-grants/<access_id>/revoke", "RevokeAccess", "access", schemas.ReasonIn, _revoke),
)
