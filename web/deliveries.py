"""Deliveries: what came of awards, for everybody to search; and the forms to report and decide."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from flask import Blueprint, Response, redirect, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from broker.dashboards.deliveries import deliveries_screen, delivery_table
from broker.dashboards.delivery import DeliveryScreen, ReportVersion, delivery_screen
from broker.dashboards.listings import all_rows
from broker.deliveries.reports import InvalidDelivery, ReportDelivery, report_delivery
from broker.deliveries.verdicts import GiveVerdict, Verdict, give_verdict
from broker.errors import BrokerError, Refused
from web.auth import current_actor
from web.desk import market, now, write
from web.errors import status_of
from web.exports import export
from web.grids import grid, question
from web.hypermedia import answer

deliveries = Blueprint("deliveries", __name__)
SEE_OTHER = 303
WHOLE_NUMBER = re.compile(r"[0-9]{1,9}")
NO_NUMBER = -1
"""Stands for what nobody could read as a number: it is out of every range."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What is wrong with a field of a form, in a sentence; no field where it is about all of it."""

    field: str
    sentence: str


@dataclass(frozen=True, slots=True)
class Form:
    """What a form says again when it comes back, and what is wrong with it."""

    typed: Mapping[str, str]
    findings: tuple[Finding, ...] = ()
    focus: str = ""

    def text(self, name: str) -> str:
        """Return what stands in a field."""
        return self.typed.get(name, "")

    def errors(self, name: str) -> tuple[str, ...]:
        """Return what is wrong with a field."""
        return tuple(finding.sentence for finding in self.findings if finding.field == name)


@deliveries.get("/deliveries")
def index() -> Response:
    """Show what came of awards, the newest reports first."""
    with market() as session:
        screen = deliveries_screen(session, current_actor(), question(), now().date())
    grids = {"deliveries": grid(screen.deliveries, "deliveries.index_data")}
    return answer("deliveries", swaps=("deliveries",), screen=screen, grids=grids)


@deliveries.get("/deliveries.<any(csv, json):ending>")
def index_data(ending: str) -> Response:
    """Hand what came of awards to a program."""
    with market() as session:
        table = delivery_table(now().date())
        return export(table, all_rows(session, table, question()), "deliveries", ending)


@deliveries.get("/deliveries/<receipt_id>")
def show(receipt_id: str) -> Response:
    """Show one award, every version of its report, and the forms for those who may."""
    return _page(receipt_id)


@deliveries.post("/deliveries/<receipt_id>/report")
def report(receipt_id: str) -> AnyResponse:
    """Store what an award delivered, as its team's lead reports it."""
    typed = _typed("delivered", "evidence", "link", "correction", "follows")
    wish = ReportDelivery(
        receipt_id,
        _whole(typed["delivered"].removesuffix("%").strip()),
        typed["evidence"],
        typed["link"],
        _whole(typed["follows"]),
        typed["correction"],
    )
    try:
        write(lambda session: report_delivery(session, current_actor(), wish, now()))
    except (InvalidDelivery, Refused) as error:
        return _page(receipt_id, Form(typed, _findings(error)), error=error)
    return _back(receipt_id)


@deliveries.post("/deliveries/<receipt_id>/verdict")
def verdict(receipt_id: str) -> AnyResponse:
    """Confirm or dispute a report, as somebody from elsewhere."""
    typed = _typed("verdict", "note", "version")
    try:
        wish = GiveVerdict(
            receipt_id, _whole(typed["version"]), _verdict(typed["verdict"]), typed["note"]
        )
        write(lambda session: give_verdict(session, current_actor(), wish, now()))
    except (InvalidDelivery, Refused) as error:
        return _page(receipt_id, decision=Form(typed, _findings(error)), error=error)
    return _back(receipt_id)


def _page(
    receipt_id: str,
    form: Form | None = None,
    decision: Form | None = None,
    error: BrokerError | None = None,
) -> Response:
    """Show an award; a form that was refused keeps what was typed and says what is wrong."""
    with market() as session:
        screen = delivery_screen(session, current_actor(), receipt_id, now())
    response = answer(
        "delivery",
        screen=screen,
        form=form or _prefilled(screen),
        decision=decision or Form({}),
    )
    if error is not None:
        response.status_code = status_of(error)
    return response


def _prefilled(screen: DeliveryScreen) -> Form:
    """Begin a correction with what the last version says."""
    latest: ReportVersion | None = screen.latest
    if latest is None:
        return Form({})
    return Form(
        {
            "delivered": str(latest.delivered_percent),
            "evidence": latest.evidence,
            "link": latest.link,
        }
    )


def _typed(*names: str) -> dict[str, str]:
    return {name: request.form.get(name, "").strip() for name in names}


def _whole(text: str) -> int:
    return int(text) if WHOLE_NUMBER.fullmatch(text) else NO_NUMBER


def _verdict(text: str) -> Verdict:
    """Read what was chosen. Raises: InvalidDelivery if nothing was."""
    if text not in set(Verdict):
        raise InvalidDelivery("to decide on", ["verdict: choose whether it is so or not."])
    return Verdict(text)


def _findings(error: BrokerError) -> tuple[Finding, ...]:
    """Return what was refused, by the fields of the form."""
    if not isinstance(error, InvalidDelivery):
        return (Finding("", str(error)),)
    parts = (finding.partition(": ") for finding in error.findings)
    return tuple(Finding(name, _sentence(words)) for name, _, words in parts)


def _sentence(words: str) -> str:
    return words[:1].upper() + words[1:]


def _back(receipt_id: str) -> AnyResponse:
    return redirect(url_for("deliveries.show", receipt_id=receipt_id), SEE_OTHER)
