"""Screen 10: pools and their calendars, for platform admins and for the owner of each pool.

A change is checked first, which shows what it would do, and saved from there; from the form or from
a sheet alike. Who may do what is decided by the services.
"""

from __future__ import annotations

import csv
import datetime as dt
import io
import json
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from flask import Blueprint, Response, make_response, redirect, request, url_for
from sqlmodel import Session
from werkzeug.wrappers import Response as AnyResponse

from broker.access import Action, require
from broker.dashboards.pool_desk import active_people, pool_desk, pool_list, weeks_of
from broker.errors import InvalidPool, NotFound, Refused
from broker.pools.calendars import NONE, WEEKDAYS, Calendar, DayCapacity
from broker.pools.changes import (
    PoolWish,
    approve_change,
    change_pool,
    define_pool,
    preview_change,
    refuse_change,
)
from broker.pools.definitions import EXPERT, PoolDefinition
from broker.pools.handovers import approve_owner, propose_owner
from broker.pools.roster_sheets import RosterRead, read_roster_sheet, roster_sheet_of
from broker.pools.rosters import Roster
from broker.pools.sheets import is_day, read_sheet, sheet_of
from broker.texts import safe_cell
from web.auth import current_actor
from web.deadline_forms import FieldFinding
from web.desk import market, moment, now, write
from web.grids import day_asked
from web.hypermedia import answer
from web.pool_forms import NOT_A_DAY, OF_DATA, PoolForm, form_of, read_form, read_terms

pool_admin = Blueprint("pool_admin", __name__, url_prefix="/admin/pools")
SEE_OTHER, UNPROCESSABLE = 303, 422
NEW = ("key", "kind", "name", "unit", "owner", "first_day", "reason", *OF_DATA)


@pool_admin.get("")
def index() -> Response:
    """Show the pools that one may change, and let platform admins define another one."""
    return _list(PoolForm({"first_day": now().date().isoformat()}))


@pool_admin.post("")
def define() -> AnyResponse:
    """Define a pool that was not there; its calendar is filled in on its own page."""
    require(current_actor(), Action.DEFINE_POOL)
    form = PoolForm({name: request.form.get(name, "").strip() for name in NEW})
    if not is_day(form.text("first_day")):
        return _listed_again(form, [FieldFinding("first_day", NOT_A_DAY)])
    calendar = Calendar(dt.date.fromisoformat(form.text("first_day")), (NONE,) * len(WEEKDAYS))
    terms = read_terms(form.typed)
    if form.text("kind") == EXPERT:
        calendar = replace(calendar, roster=Roster())
    definition = PoolDefinition(form.text("name"), form.text("unit"), calendar, data=terms)
    wish = PoolWish(form.text("key"), definition, form.text("reason"))
    actor, owner = current_actor(), form.text("owner")
    try:
        write(lambda session: define_pool(session, actor, wish, owner, moment(session)))
    except InvalidPool as error:
        return _listed_again(form, form.refused(error.findings).findings)
    except (NotFound, Refused) as error:
        return _listed_again(form, [FieldFinding("key", str(error))])
    return _back(wish.pool_key)


@pool_admin.get("/<key>")
def show(key: str) -> Response:
    """Show a pool's calendar, its history and the forms that change it."""
    return _page(key)


@pool_admin.post("/<key>/calendar")
def change(key: str) -> AnyResponse:
    """Check what was typed, or save it; `do` says which."""
    form = read_form(request.form)
    if request.form.get("do") == "change" or form.definition is None:
        return _page(key, form)
    if request.form.get("do") != "save":
        return _preview(key, form)
    return _save(key, form, form.definition)


@pool_admin.post("/<key>/sheet")
def check_sheet(key: str) -> AnyResponse:
    """Read a calendar from a sheet and show what it would do; nothing is saved."""
    with market() as session:
        desk = pool_desk(session, current_actor(), key, now().date())
    sheet, why = _sheet_sent()
    is_roster = desk.definition.kind == EXPERT
    read = read_roster_sheet(sheet) if is_roster else read_sheet(sheet)
    findings = why or read.findings
    if findings or read.calendar is None:
        return _page(key, sheet=sheet, sheet_findings=findings)
    definition = replace(desk.definition, calendar=read.calendar)
    names = {**desk.names, **read.names} if isinstance(read, RosterRead) else {}
    return _preview(key, form_of(definition, desk.version, names))


@pool_admin.post("/<key>/changes/<version_id>/approve")
def approve(key: str, version_id: str) -> AnyResponse:
    """Bring a proposed change in force, as the second person."""
    actor = current_actor()
    return _done(key, lambda s: approve_change(s, actor, key, version_id, moment(s)))


@pool_admin.post("/<key>/changes/<version_id>/refuse")
def refuse(key: str, version_id: str) -> AnyResponse:
    """Turn a proposed change down, or take the own one back."""
    actor = current_actor()
    return _done(key, lambda s: refuse_change(s, actor, key, version_id, moment(s)))


@pool_admin.post("/<key>/owner")
def hand_over(key: str) -> AnyResponse:
    """Propose a new owner of a pool."""
    actor, person = current_actor(), request.form.get("person", "")
    return _done(key, lambda s: propose_owner(s, actor, key, person, moment(s)))


@pool_admin.post("/<key>/owner/<grant_id>/approve")
def take_over(key: str, grant_id: str) -> AnyResponse:
    """Hand a pool over to its proposed owner, as the second person."""
    actor = current_actor()
    return _done(key, lambda s: approve_owner(s, actor, key, grant_id, moment(s)))


@pool_admin.get("/<key>/sheet.csv")
def sheet(key: str) -> Response:
    """Hand out the calendar as a sheet that can be edited and sent back."""
    with market() as session:
        desk = pool_desk(session, current_actor(), key, now().date())
    calendar = desk.definition.calendar
    text = roster_sheet_of(calendar, desk.names) if calendar.roster else sheet_of(calendar)
    return _file(text, f"{key}-calendar", "csv")


@pool_admin.get("/<key>/days.<any(csv, json):ending>")
def days(key: str, ending: str) -> Response:
    """Hand out what the days on the page offer, and why."""
    with market() as session:
        desk = pool_desk(session, current_actor(), key, now().date(), day_asked("from"))
    shown = [one for week in desk.weeks.weeks for one in week] if desk.weeks else []
    rows = [_day_row(key, one) for one in shown]
    return _file(_days_as(rows, ending), f"{key}-days", ending)


def _day_row(key: str, one: DayCapacity) -> dict[str, Any]:
    return {
        "pool_key": key,
        "day": one.day.isoformat(),
        **one.units._asdict(),
        "cause": str(one.cause),
        "note": one.note,
    }


def _days_as(rows: list[dict[str, Any]], ending: str) -> str:
    if ending == "json":
        return json.dumps({"table": "days", "total": len(rows), "rows": rows}) + "\n"
    out = io.StringIO()
    names = ("pool_key", "day", "reserved_units", "spot_units", "cause", "note")
    writer = csv.DictWriter(out, names, lineterminator="\r\n")
    writer.writeheader()
    writer.writerows({**row, "note": safe_cell(row["note"])} for row in rows)
    return out.getvalue()


def _file(body: str, name: str, ending: str) -> Response:
    response = Response(body, mimetype="text/csv" if ending == "csv" else "application/json")
    kind = "attachment" if ending == "csv" else "inline"
    response.headers["Content-Disposition"] = f'{kind}; filename="{name}.{ending}"'
    return response


def _sheet_sent() -> tuple[str, tuple[str, ...]]:
    """Return the sheet that was pasted or sent as a file, and what keeps it from being read."""
    file = request.files.get("file")
    if file is None or not file.filename:
        return request.form.get("sheet", ""), ()
    try:
        return file.read().decode(), ()
    except UnicodeDecodeError:
        return "", ("line 1: the file is not UTF-8; save it as UTF-8.",)


def _save(key: str, form: PoolForm, definition: PoolDefinition) -> AnyResponse:
    wish = PoolWish(key, definition, form.text("reason"), form.follows, form.names)
    actor = current_actor()
    try:
        write(lambda session: change_pool(session, actor, wish, moment(session)))
    except InvalidPool as error:
        return _preview(key, form.refused(error.findings))
    return _back(key)


def _preview(key: str, form: PoolForm) -> AnyResponse:
    """Show what a change would do; what it cannot be goes back into the form."""
    definition, today = form.definition, now().date()
    if definition is None:
        return _page(key, form)
    wish = PoolWish(key, definition, form.text("reason"), form.follows, form.names)
    try:
        with market() as session:
            effect = preview_change(session, current_actor(), wish, today)
            stewards = active_people(session) if definition.data else {}
    except InvalidPool as error:
        return _page(key, form.refused(error.findings))
    first = max(definition.calendar.first_day, today)
    weeks = weeks_of(definition.calendar, first)
    page = answer(
        "pool_change",
        key=key,
        form=form,
        effect=effect,
        weeks=weeks,
        people=stewards,
        today=today,
    )
    return make_response(page, UNPROCESSABLE) if form.findings else page


def _page(
    key: str, form: PoolForm | None = None, sheet: str = "", sheet_findings: tuple[str, ...] = ()
) -> Response:
    first = day_asked("from")
    with market() as session:
        desk = pool_desk(session, current_actor(), key, now().date(), first)
    page = answer(
        "pool_desk",
        desk=desk,
        form=form or form_of(desk.definition, desk.version, desk.names),
        is_asked=form is not None,
        sheet=sheet,
        sheet_findings=tuple(FieldFinding("sheet", said) for said in sheet_findings),
        first=first,
        today=now().date(),
    )
    is_wrong = bool(sheet_findings or (form and form.findings))
    return make_response(page, UNPROCESSABLE) if is_wrong else page


def _list(form: PoolForm) -> Response:
    with market() as session:
        screen = pool_list(session, current_actor(), now().date())
    return answer("pool_desks", screen=screen, form=form)


def _listed_again(form: PoolForm, findings: Iterable[FieldFinding]) -> AnyResponse:
    asked = PoolForm(form.typed, findings=tuple(findings))
    return make_response(_list(asked), UNPROCESSABLE)


def _done(key: str, work: Callable[[Session], Any]) -> AnyResponse:
    write(work)
    return _back(key)


def _back(key: str) -> AnyResponse:
    return redirect(url_for("pool_admin.show", key=key), SEE_OTHER)
