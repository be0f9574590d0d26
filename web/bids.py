"""Bids: my bids, one bid with its history, and what a team does with it outside its form.

A view parses what was sent, calls a service of broker/bids/, and answers. The form and its review
stand in bid_filling.py.
"""

from __future__ import annotations

import json
from functools import partial

from flask import Blueprint, Response, redirect, request, url_for
from sqlmodel import Session
from werkzeug.wrappers import Response as AnyResponse

from broker.access import Action, may, require
from broker.bids.drafts import BidDraft
from broker.bids.estimates import look_up, opinion_of
from broker.bids.reading import Standing, TeamBid, find_bid, receipt_of_submission, versions_of
from broker.bids.templates import own_templates, remove_template, save_template
from broker.bids.writing import BidWish, VersionConflict, clone_bids, withdraw_bid
from broker.clock import machine
from broker.dashboards.bid_desk import bid_desk, open_rounds
from broker.dashboards.listings import all_rows
from broker.dashboards.my_bids import bid_table, led_team_id, my_bids
from broker.proofs.receipts import Enclosed, enclosed, inclusion_document
from broker.rounds import find_round
from web.auth import current_actor, sign_in_required
from web.bid_guesses import guess_of
from web.bid_screens import (
    BidScreen,
    history_of_versions,
    row_steps,
    steps_of,
    template_line,
    title_of,
)
from web.desk import market, now, write
from web.exports import export
from web.grids import grid, question
from web.hypermedia import answer

bids = Blueprint("bids", __name__)
SEE_OTHER, CONFLICT = 303, 409
LONGEST_VERSION = 10


@bids.get("/bids")
@sign_in_required
def index() -> Response:
    """Show the bids of the teams of whoever asks."""
    actor = current_actor()
    with market() as session:
        screen = my_bids(session, actor, now(), question())
    return answer(
        "my_bids",
        swaps=("my_bids",),
        screen=screen,
        grids={"my_bids": grid(screen.bids, "bids.data")},
        row_steps=partial(row_steps, actor),
    )


@bids.get("/bids.<any(csv, json):ending>")
@sign_in_required
def data(ending: str) -> Response:
    """Hand the same to a program."""
    table = bid_table(current_actor())
    with market() as session:
        return export(table, all_rows(session, table, question()), "my-bids", ending)


@bids.get("/bids/<bid_id>")
@sign_in_required
def show(bid_id: str) -> Response:
    """Show a bid to its team: what it says, what happens next, and every version of it."""
    actor, at = current_actor(), now()
    with market() as session:
        bid = find_bid(session, actor, bid_id)
        may_place = may(actor, Action.PLACE_BID, team_id=bid.team_id)
        is_waiting = bid.standing in {Standing.DRAFT, Standing.SUBMITTED}
        read = bid.draft if is_waiting else BidDraft()
        wish = BidWish(bid.team_id, bid.round.key, read, bid.id)
        sight = look_up(session, actor, wish, at)
        bid_in = open_rounds(session, at) if may_place and not is_waiting else ()
        screen = BidScreen(
            bid=bid,
            desk=bid_desk(sight.desk),
            now=at,
            steps=steps_of(bid, at, bid_in, may_place=may_place),
            guess=guess_of(opinion_of(sight, bid.draft).estimate) if is_waiting else None,
            history=history_of_versions(versions_of(session, bid)),
            can_keep_template=may_place,
            enclosed=_enclosed(session, bid),
        )
    return answer("bid", screen=screen)


def _enclosed(session: Session, bid: TeamBid) -> Enclosed | None:
    if bid.latest.commitment is None:
        return None
    return enclosed(session, bid.round, bid.id, bid.version)


@bids.get("/bids/<bid_id>/submission.json")
@sign_in_required
def submission(bid_id: str) -> Response:
    """Hand out the receipt of submission; after the close, with the proof that it was counted."""
    with market() as session:
        receipt = receipt_of_submission(session, current_actor(), bid_id)
        row = find_round(session, receipt.round_key)
        found = enclosed(session, row, bid_id, receipt.version)
        inclusion = inclusion_document(session, found) if found else None
    facts = {
        "bid_id": receipt.bid_id,
        "bid_key": receipt.bid_key,
        "round_key": receipt.round_key,
        "version": receipt.version,
        "state": receipt.state,
        "submitted_at": machine(receipt.submitted_at),
        "salt": receipt.salt,
        "document": receipt.document,
        "commitment": receipt.commitment,
        "inclusion": inclusion,
    }
    body = json.dumps(facts, ensure_ascii=False, allow_nan=False) + "\n"
    response = Response(body, mimetype="application/json")
    name = f"submission-{receipt.bid_key}-{receipt.version}.json"
    response.headers["Content-Disposition"] = f'inline; filename="{name}"'
    return response


@bids.get("/bids/<bid_id>/withdraw")
@sign_in_required
def ask_withdraw(bid_id: str) -> Response:
    """Ask once more before a bid is withdrawn."""
    actor = current_actor()
    with market() as session:
        bid = find_bid(session, actor, bid_id)
    require(actor, Action.PLACE_BID, team_id=bid.team_id)
    return answer("bid_withdraw", bid=bid, title=title_of(bid))


@bids.post("/bids/<bid_id>/withdraw")
@sign_in_required
def withdraw(bid_id: str) -> AnyResponse:
    """Take a bid out of its round."""
    actor, at, version = current_actor(), now(), seen_version()
    try:
        write(lambda session: withdraw_bid(session, actor, bid_id, version, at))
    except VersionConflict as error:
        bid = error.theirs
        page = answer("bid_withdraw", bid=bid, title=title_of(bid), refusal=error.sentence)
        page.status_code = CONFLICT
        return page
    return redirect(url_for("bids.show", bid_id=bid_id), SEE_OTHER)


@bids.post("/bids/<bid_id>/template")
@sign_in_required
def keep_template(bid_id: str) -> AnyResponse:
    """Keep what a bid says, so that new bids can start from it."""
    actor, at, name = current_actor(), now(), request.form.get("name", "").strip()
    write(lambda session: save_template(session, actor, bid_id, name, at))
    return redirect(url_for("bids.show", bid_id=bid_id), SEE_OTHER)


@bids.get("/bids/templates")
@sign_in_required
def templates() -> Response:
    """Show what the teams of whoever asks start new bids from."""
    actor = current_actor()
    with market() as session:
        kept = own_templates(session, actor)
        bid_in = open_rounds(session, now())
    rows = tuple(template_line(actor, one, bid_in) for one in kept)
    return answer("templates", rows=rows)


@bids.post("/bids/templates/<template_id>/remove")
@sign_in_required
def forget_template(template_id: str) -> AnyResponse:
    """Forget a template; bids that began with it stay."""
    actor = current_actor()
    write(lambda session: remove_template(session, actor, template_id))
    return redirect(url_for("bids.templates"), SEE_OTHER)


@bids.post("/bids/clone")
@sign_in_required
def clone() -> AnyResponse:
    """Draft for an open round what the team had submitted for an earlier one."""
    actor, at, sent = current_actor(), now(), request.form
    from_, to = sent.get("from", ""), sent.get("round", "")

    def clone_all(session: Session) -> None:
        team_id = led_team_id(session, actor, sent.get("team", ""))
        clone_bids(session, actor, team_id, from_, to, at)

    write(clone_all)
    return redirect(url_for("bids.index", state="draft"), SEE_OTHER)


def seen_version() -> int:
    """Return the version that whoever sends a form has seen; 0 where it says none."""
    text = request.form.get("version", "")
    return int(text) if text.isdecimal() and len(text) < LONGEST_VERSION else 0
