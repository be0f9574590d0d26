"""Receipts: what became of one bid, and why; as a page, on paper, and for programs."""

from __future__ import annotations

import json
from dataclasses import replace

from flask import Blueprint, Response
from sqlmodel import Session

from allocation.problem import Tier
from broker.dashboards.acceptances import to_accept
from broker.dashboards.award_lives import AwardLife, award_life
from broker.dashboards.overrides import may_override
from broker.dashboards.questions import asking
from broker.dashboards.receipt_documents import receipt_document
from broker.dashboards.receipts import Receipt, receipt
from broker.dashboards.waitlists import waiting
from web.auth import current_actor
from web.charts import ColumnChart, use_columns
from web.desk import market, now
from web.hypermedia import answer
from web.release_forms import ReleaseForm
from web.what_if_forms import WhatIfForm

receipts = Blueprint("receipts", __name__)


@receipts.get("/receipts/<receipt_id>")
def show(receipt_id: str) -> Response:
    """Show the decision on a bid with the facts that decided it; parts of it watch for answers."""
    return receipt_page(receipt_id)


def receipt_page(
    receipt_id: str, form: WhatIfForm | None = None, release: ReleaseForm | None = None
) -> Response:
    """Return a receipt; a form that was refused comes back with what was typed."""
    with market() as session:
        screen = receipt(session, receipt_id)
        asked = asking(session, current_actor(), screen, receipt_id, now())
        life = _life(session, screen, receipt_id)
        waits = waiting(session, current_actor(), screen, receipt_id, now())
        question = to_accept(current_actor(), screen, now())
        if life is not None and question is not None and question.answer is None:
            life = replace(life, ways=())
    return answer(
        "receipt",
        swaps=("would_have_won", "what_ifs"),
        screen=screen,
        asking=asked,
        life=life,
        waiting=waits,
        to_accept=question,
        release=release or ReleaseForm(),
        form=form or WhatIfForm(),
        may_override=may_override(current_actor(), screen.round),
        chart=_chart(screen),
        receipt_id=receipt_id,
    )


@receipts.get("/receipts/<receipt_id>.json")
def document(receipt_id: str) -> Response:
    """Hand the same facts to a program."""
    with market() as session:
        screen = receipt(session, receipt_id)
        asked = asking(session, current_actor(), screen, receipt_id, now())
        life = _life(session, screen, receipt_id)
    facts = receipt_document(screen, asked, life)
    body = json.dumps(facts, ensure_ascii=False, allow_nan=False) + "\n"
    response = Response(body, mimetype="application/json")
    response.headers["Content-Disposition"] = f'inline; filename="receipt-{receipt_id}.json"'
    return response


def _life(session: Session, screen: Receipt, receipt_id: str) -> AwardLife | None:
    return award_life(session, current_actor(), receipt_id, now()) if screen.award else None


def _chart(screen: Receipt) -> ColumnChart | None:
    """Draw the place that decided a decline, where a single one did."""
    decline = screen.decline
    if decline is None or decline.alternative is None or not screen.place:
        return None
    return use_columns(screen.place, Tier(decline.alternative.tier), decline.day)
