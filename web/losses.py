"""Reporting that capacity of a pool is lost: checked first, which shows what it would do."""

from __future__ import annotations

from flask import Blueprint, Response, make_response, redirect, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from broker.dashboards.losses import Competing, competing, loss_screen
from broker.spot.losses import InvalidLoss, LossEffect, preview_loss, report_loss
from web.auth import current_actor
from web.desk import market, moment, now, write
from web.hypermedia import answer
from web.loss_forms import LossForm, loss_form

losses = Blueprint("losses", __name__)
SEE_OTHER, UNPROCESSABLE = 303, 422


@losses.get("/admin/pools/<key>/losses")
def show(key: str) -> Response:
    """Show the losses of a pool, and the form that reports another one."""
    return _page(key, LossForm({"first_day": now().date().isoformat()}))


@losses.post("/admin/pools/<key>/losses")
def report(key: str) -> AnyResponse:
    """Show what a loss would do, or report it; `do` says which."""
    form = loss_form(request.form)
    try:
        if request.form.get("do") != "report":
            return _page(key, form, is_checked=True)
        actor, wish = current_actor(), form.wish(key)
        write(lambda session: report_loss(session, actor, wish, moment(session)))
    except InvalidLoss as error:
        return make_response(_page(key, form.refused(error.findings)), UNPROCESSABLE)
    return redirect(url_for("losses.show", key=key), SEE_OTHER)


def _page(key: str, form: LossForm, *, is_checked: bool = False) -> Response:
    with market() as session:
        screen = loss_screen(session, current_actor(), key)
        effect: LossEffect | None = None
        awards: tuple[Competing, ...] = ()
        if is_checked:
            effect = preview_loss(session, current_actor(), form.wish(key), now())
            awards = competing(session, effect)
    return answer("losses", screen=screen, form=form, effect=effect, awards=awards)
