"""The waitlist: a team's lead lets a declined bid wait, or takes it off, on its receipt."""

from __future__ import annotations

from flask import Blueprint, redirect, request, url_for
from werkzeug.wrappers import Response

from broker.errors import InvalidInput
from broker.spot.tables import WaitlistWish
from broker.spot.waitlists import wish_for
from web.auth import current_actor
from web.desk import moment, write

waitlists = Blueprint("waitlists", __name__)
SEE_OTHER = 303


@waitlists.post("/receipts/<receipt_id>/waitlist")
def wish(receipt_id: str) -> Response:
    """Put a bid on the waitlist or take it off; what is so already stays so."""
    wanted = _wish(request.form.get("wish", ""))
    write(lambda session: wish_for(session, current_actor(), receipt_id, wanted, moment(session)))
    return redirect(url_for("receipts.show", receipt_id=receipt_id, _anchor="waiting"), SEE_OTHER)


def _wish(text: str) -> WaitlistWish:
    """Read what was chosen. Raises: InvalidInput if nothing was."""
    if text not in set(WaitlistWish):
        raise InvalidInput("waitlist", ["wish: choose to wait or not to wait."])
    return WaitlistWish(text)
