"""Webhooks, for platform admins: who is told what, the log of messages, and sending again."""

from __future__ import annotations

from flask import Blueprint, Response, redirect, url_for
from werkzeug.wrappers import Response as AnyResponse

from broker.dashboards.listings import all_rows
from broker.dashboards.webhooks import message_table, webhooks_screen
from broker.webhooks.endpoints import send_again
from web.auth import current_actor
from web.desk import market, moment, write
from web.exports import export
from web.grids import grid, question
from web.hypermedia import answer

webhooks = Blueprint("webhooks", __name__)
SEE_OTHER = 303


@webhooks.get("/admin/webhooks")
def index() -> Response:
    """Show who is told what, and what became of every message."""
    with market() as session:
        screen = webhooks_screen(session, current_actor(), question())
    grids = {"messages": grid(screen.messages, "webhooks.index_data")}
    return answer("webhooks", swaps=("messages",), screen=screen, grids=grids)


@webhooks.get("/admin/webhooks.<any(csv, json):ending>")
def index_data(ending: str) -> Response:
    """Hand the log of messages to a program."""
    with market() as session:
        table = message_table(current_actor())
        rows = all_rows(session, table, question())
    return export(table, rows, "messages", ending)


@webhooks.post("/admin/webhooks/messages/<message_id>/again")
def again(message_id: str) -> AnyResponse:
    """Have a message sent once more, with the next tick."""
    actor = current_actor()
    write(lambda session: send_again(session, actor, message_id, moment(session)))
    return redirect(url_for("webhooks.index"), SEE_OTHER)
