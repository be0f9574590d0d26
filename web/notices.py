"""Notices: a person's own list, what is read of it, and what they want to be told."""

from __future__ import annotations

import datetime as dt

from flask import Blueprint, Response, redirect, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from broker.dashboards.listings import all_rows
from broker.dashboards.notices import notice_table, notices_screen, settings_screen
from broker.errors import InvalidInput
from broker.notices.reading import choose, mark_all_read, mark_read
from broker.notices.tables import Channel, NoticeKind
from web.auth import current_actor, sign_in_required
from web.desk import market, now, write
from web.exports import export
from web.grids import grid, question
from web.hypermedia import answer

notices = Blueprint("notices", __name__)
SEE_OTHER = 303


@notices.get("/notices")
@sign_in_required
def index() -> Response:
    """Show what the reader was told, the newest first."""
    with market() as session:
        screen = notices_screen(session, current_actor(), question(), now())
    grids = {"notices": grid(screen.notices, "notices.index_data")}
    return answer("notices", swaps=("notices",), screen=screen, grids=grids)


@notices.get("/notices.<any(csv, json):ending>")
@sign_in_required
def index_data(ending: str) -> Response:
    """Hand the reader's notices to a program."""
    with market() as session:
        table = notice_table(current_actor())
        return export(table, all_rows(session, table, question()), "notices", ending)


@notices.post("/notices/read")
@sign_in_required
def read_all() -> AnyResponse:
    """Mark as read what the reader's list showed."""
    actor, until, at = current_actor(), _until(request.form.get("until", "")), now()
    write(lambda session: mark_all_read(session, actor, until, at))
    return redirect(url_for("notices.index"), SEE_OTHER)


@notices.post("/notices/<notice_id>/read")
@sign_in_required
def read_one(notice_id: str) -> AnyResponse:
    """Mark one notice as read."""
    actor, at = current_actor(), now()
    write(lambda session: mark_read(session, actor, notice_id, at))
    return redirect(url_for("notices.index"), SEE_OTHER)


@notices.get("/notices/settings")
@sign_in_required
def settings() -> Response:
    """Show what the reader wants to be told, and how."""
    with market() as session:
        screen = settings_screen(session, current_actor())
    return answer(
        "notice_settings",
        screen=screen,
        kinds=tuple(NoticeKind),
        channels=tuple(Channel),
        is_kept="kept" in request.args,
    )


@notices.post("/notices/settings")
@sign_in_required
def keep_settings() -> AnyResponse:
    """Keep what the reader wants to be told; what is not ticked is not wanted."""
    actor, at = current_actor(), now()
    wanted = frozenset(request.form.getlist("wanted"))
    unwanted = [
        (kind, channel)
        for kind in NoticeKind
        for channel in Channel
        if f"{kind}/{channel}" not in wanted
    ]
    write(lambda session: choose(session, actor, unwanted, at))
    return redirect(url_for("notices.settings", kept=1), SEE_OTHER)


def _until(text: str) -> dt.datetime:
    """Read up to when a list was complete. Raises: InvalidInput if it is no instant."""
    try:
        until = dt.datetime.fromisoformat(text)
    except ValueError:
        until = None
    if until is None or until.tzinfo is None:
        raise InvalidInput("until", ["until: is no instant; load the list again."])
    return until
