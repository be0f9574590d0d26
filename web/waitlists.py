"""The waitlist: a team's lead lets a declined bid wait, or takes it off, on its receipt.

Where the team wants to be asked, the lead accepts what the bid won, on the receipt of that.
"""

from __future__ import annotations

from flask import Blueprint, redirect, request, url_for
from werkzeug.wrappers import Response

from broker.errors import InvalidInput
from broker.spot.acceptances import answer_award
from broker.spot.tables import TeamAnswer, WaitlistWish
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


@waitlists.post("/receipts/<receipt_id>/answer")
def answer_award_of(receipt_id: str) -> Response:
    """Accept what a waiting bid won, or decline it."""
    said = _answer(request.form.get("answer", ""))
    write(lambda session: answer_award(session, current_actor(), receipt_id, said, moment(session)))
    return redirect(
        url_for("receipts.show", receipt_id=receipt_id, _anchor="acceptance"), SEE_OTHER
    )


def _answer(text: str) -> TeamAnswer:
    """Read what was answered. Raises: InvalidInput if nothing was."""
    if text not in {TeamAnswer.ACCEPTED, TeamAnswer.DECLINED}:
        raise InvalidInput("award", ["answer: accept it or decline it."])
    return TeamAnswer(text)


def _wish(text: str) -> WaitlistWish:
    """Read what was chosen. Raises: InvalidInput if nothing was."""
    if text not in set(WaitlistWish):
        raise InvalidInput("waitlist", ["wish: choose to wait or not to wait."])
    return WaitlistWish(text)
