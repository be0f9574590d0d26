"""What people ask on the receipt of a declined bid: the exact answer, and what-ifs.

Asking only writes the question down; the worker answers it. Who may ask is decided by the service.
"""

from __future__ import annotations

from flask import Blueprint, redirect, request, url_for
from sqlmodel import Session
from werkzeug.wrappers import Response

from allocation.counterfactuals import WhatIf
from broker.counterfactuals.questions import InvalidWhatIf, ask_exact, ask_what_if
from broker.errors import BrokerError, Refused
from web.auth import current_actor
from web.desk import moment, write
from web.errors import status_of
from web.hypermedia import is_swap
from web.receipts import receipt_page
from web.what_if_forms import WhatIfForm, what_if_form

questions = Blueprint("questions", __name__)
SEE_OTHER = 303
UNREADABLE = WhatIf(0)
"""Stands for what nobody could read: it is refused, after who asks is known."""


@questions.post("/receipts/<receipt_id>/exact")
def exact(receipt_id: str) -> Response:
    """Ask what would have won, as exactly as time allows."""
    write(lambda session: ask_exact(session, current_actor(), receipt_id, moment(session)))
    return receipt_page(receipt_id) if is_swap() else _back(receipt_id, "would_have_won")


@questions.post("/receipts/<receipt_id>/what-if")
def what_if(receipt_id: str) -> Response:
    """Ask whether the bid would have won with another offer, start, number of lots or tier."""
    form = what_if_form(request.form)
    asked_for = form.asked_for or UNREADABLE

    def ask(session: Session) -> None:
        ask_what_if(session, current_actor(), receipt_id, asked_for, moment(session))

    try:
        write(ask)
    except (InvalidWhatIf, Refused) as error:
        return _asked_again(receipt_id, form.refused_for(error), error)
    return _back(receipt_id, "what_ifs")


def _asked_again(receipt_id: str, form: WhatIfForm, error: BrokerError) -> Response:
    response = receipt_page(receipt_id, form)
    response.status_code = status_of(error)
    return response


def _back(receipt_id: str, part: str) -> Response:
    return redirect(url_for("receipts.show", receipt_id=receipt_id, _anchor=part), SEE_OTHER)
