"""Releases: a team's lead gives back what its award does not need, on the award's receipt."""

from __future__ import annotations

from flask import Blueprint, redirect, request, url_for
from werkzeug.wrappers import Response

from broker.errors import Refused
from broker.holdings.releases import InvalidRelease, release_award
from web.auth import current_actor
from web.desk import moment, write
from web.errors import status_of
from web.receipts import receipt_page
from web.release_forms import release_form

releases = Blueprint("releases", __name__)
SEE_OTHER = 303


@releases.post("/receipts/<receipt_id>/release")
def release(receipt_id: str) -> Response:
    """Give back lots of an award from a day on; what comes back follows from the policy's curve."""
    form = release_form(request.form)
    wish = form.wish(receipt_id)
    try:
        write(lambda session: release_award(session, current_actor(), wish, moment(session)))
    except (InvalidRelease, Refused) as error:
        response = receipt_page(receipt_id, release=form.refused_for(error))
        response.status_code = status_of(error)
        return response
    return redirect(
        url_for("receipts.show", receipt_id=receipt_id, _anchor="award_life"), SEE_OTHER
    )
