"""Filling in a bid: the form, its checks, its review, its submission.

Every button of the form is a named submit button, so that all of it works without a script; a
script swaps the form's rows and the estimate only. What is refused comes back as it was typed.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from flask import Blueprint, Response, redirect, request, url_for
from sqlmodel import Session
from werkzeug.wrappers import Response as AnyResponse

from broker.access import Action, Actor, nothing_here, require
from broker.bids.drafts import BidDraft
from broker.bids.estimates import Opinion, look_up, opinion_of
from broker.bids.findings import InvalidDraft
from broker.bids.reading import TeamBid, find_bid, list_bids
from broker.bids.templates import list_templates, use_template
from broker.bids.writing import (
    BidWish,
    VersionConflict,
    clone_draft,
    edit_bid,
    save_draft,
    submit_bid,
)
from broker.dashboards.bid_desk import (
    BidDesk,
    bid_desk,
    filled_draft,
    fresh_draft,
    open_rounds,
    suggested_offers,
    with_open_ends,
    with_suggested_offers,
)
from broker.dashboards.my_bids import led_team_id
from broker.errors import Refused
from broker.states import BidState, RoundState
from web.auth import current_actor, sign_in_required
from web.bid_forms import (
    RESHAPING,
    FieldFinding,
    TypedBid,
    field_finding,
    read_typed,
    reshaped,
    typed_bid,
    typed_of,
    with_offers,
)
from web.bid_guesses import guess_of
from web.bid_screens import BidForm, Start, conflict_of
from web.desk import market, now, write
from web.hypermedia import answer

filling = Blueprint("filling", __name__)
SEE_OTHER, CONFLICT, UNPROCESSABLE = 303, 409, 422
MOST_STARTS = 100
LONGEST_VERSION = 10
TAKES_DRAFTS = frozenset({RoundState.SCHEDULED, RoundState.OPEN})
NOT_NOW = "The bid was not written"
NOT_YET = "This bid cannot be submitted yet"
WHOLE = "Nothing is missing. Review it, then submit it."


@dataclass(frozen=True, slots=True)
class Place:
    """Where a form belongs: a round and a team, and the bid that it changes if there is one."""

    round_key: str
    team_id: str
    action: str
    estimate_url: str
    bid: TeamBid | None = None

    @property
    def heading(self) -> str:
        """What the form does."""
        if self.bid is None:
            return "New bid"
        return f"Change “{self.bid.draft.title or 'a draft'}”"

    @property
    def is_submitted(self) -> bool:
        """Whether the bid is in its round already."""
        return self.bid is not None and self.bid.state is BidState.SUBMITTED


FindPlace = Callable[[Session], Place]
Source = TypedBid | BidDraft | None
"""What a form shows: what was typed, a draft that is there, or what a new form starts from."""


# --- pages -----------------------------------------------------------------------------------


@filling.get("/bids/new")
@sign_in_required
def new() -> Response:
    """Show the form of a new bid: empty, or from a bid of another sprint, or from a template."""
    kind, _, id_ = request.args.get("from", "").partition("-")
    with market() as session:
        place = _new_place(session)
        if kind:
            form = replace(_shown(session, place, _start(session, place, kind, id_)), is_copy=True)
        else:
            form = replace(_shown(session, place, None), starts=_starts(session, place))
    return answer("bid_form", form=form)


@filling.post("/bids/new")
@sign_in_required
def fill_new() -> AnyResponse:
    """Do with a new bid what the button says."""
    return _do(_new_place)


@filling.get("/bids/<bid_id>/edit")
@sign_in_required
def edit(bid_id: str) -> Response:
    """Show the form of a bid that is there."""
    with market() as session:
        place = _place_of_bid(session, bid_id)
        form = _shown(session, place, _draft_of(place))
    return answer("bid_form", form=form)


@filling.post("/bids/<bid_id>/edit")
@sign_in_required
def fill(bid_id: str) -> AnyResponse:
    """Do with a bid what the button says."""
    return _do(lambda session: _place_of_bid(session, bid_id))


@filling.get("/bids/<bid_id>/review")
@sign_in_required
def review(bid_id: str) -> AnyResponse:
    """Show a draft once more as others will read it, before it is submitted."""
    with market() as session:
        place = _place_of_bid(session, bid_id)
        form = _shown(session, place, _draft_of(place))
    if place.is_submitted:
        return redirect(url_for("bids.show", bid_id=bid_id), SEE_OTHER)
    return answer("bid_review", form=form)


# --- where a form belongs --------------------------------------------------------------------


def _new_place(session: Session) -> Place:
    """Find round and team of a new bid. Raises: NotFound, NotAllowed; Refused if none is open."""
    team_id = led_team_id(session, current_actor(), request.values.get("team", ""))
    return Place(
        request.values.get("round", "") or _first_open(session),
        team_id,
        url_for("filling.fill_new"),
        url_for("filling.fill_new", do="estimate"),
    )


def _first_open(session: Session) -> str:
    for brief in open_rounds(session, now()):
        return brief.key
    raise Refused("No round is open for bids now. The market's home says when one opens.")


def _draft_of(place: Place) -> BidDraft:
    return place.bid.draft if place.bid else BidDraft()


def _place_of_bid(session: Session, bid_id: str) -> Place:
    """Find the place of a bid that can still change. Raises: NotFound, NotAllowed, Refused."""
    bid = find_bid(session, current_actor(), bid_id)
    require(current_actor(), Action.PLACE_BID, team_id=bid.team_id)
    if bid.state is BidState.WITHDRAWN or bid.round.state not in TAKES_DRAFTS:
        state = "withdrawn" if bid.state is BidState.WITHDRAWN else f"in a {bid.round.state} round"
        raise Refused(f"“{bid.draft.title}” is {state} and cannot change. Bid again with it.")
    return Place(
        bid.round.key,
        bid.team_id,
        url_for("filling.fill", bid_id=bid.id),
        url_for("filling.fill", bid_id=bid.id, do="estimate"),
        bid,
    )


def _start(session: Session, place: Place, kind: str, id_: str) -> BidDraft:
    """Return the draft of an earlier bid or of a template, for the round of the new one."""
    service = {"bid": clone_draft, "template": use_template}.get(kind)
    if service is None:
        raise nothing_here()
    return service(session, current_actor(), id_, place.round_key)


def _starts(session: Session, place: Place) -> tuple[tuple[str, tuple[Start, ...]], ...]:
    """Return what a new form could start from: templates, and earlier bids of the team."""
    actor = current_actor()
    templates = tuple(
        Start(f"template-{one.id}", one.name)
        for one in list_templates(session, actor, place.team_id)
    )
    earlier = tuple(
        Start(f"bid-{bid.id}", f"{bid.draft.title} · {bid.round.name}")
        for bid in list_bids(session, actor, place.team_id, limit=MOST_STARTS)
        if bid.draft.title
    )
    groups = (("Templates of the team", templates), ("Bids of the team", earlier))
    return tuple((label, group) for label, group in groups if group)


# --- what the buttons do ---------------------------------------------------------------------


def _do(find_place: FindPlace) -> AnyResponse:
    wish = request.args.get("do") or request.form.get("do", "check")
    sent = Sent(find_place, typed_bid(request.form), request.form.get("version", ""))
    return DEEDS.get(wish, _show_again)(sent)


@dataclass(frozen=True, slots=True)
class Sent:
    """What a form sent: where it belongs, what was typed, and which version was seen."""

    find_place: FindPlace
    typed: TypedBid
    version: str

    @property
    def expected_version(self) -> int | None:
        """The number of the version that was seen, None for a new bid."""
        return (
            int(self.version)
            if self.version.isdecimal() and len(self.version) < LONGEST_VERSION
            else None
        )


def _show_again(sent: Sent) -> Response:
    """Show the form with a row more or less, or as it was."""
    wish = request.form.get("do", "")
    typed = reshaped(sent.typed, wish)
    with market() as session:
        form = _shown(session, sent.find_place(session), typed, sent.version)
    return answer("bid_form", swaps=("bid_form",), form=replace(form, focus=_focus(typed, wish)))


def _estimate(sent: Sent) -> Response:
    """Show what is expected of a bid, and what is wrong with the fields that are filled in."""
    with market() as session:
        place = sent.find_place(session)
        form, findings = _checked(session, place, sent)
    typed_in = tuple(one for one in findings if form.text(one.field))
    form = replace(form, typed=sent.typed, findings=typed_in)
    return answer("bid_form", swaps=("estimate",), form=form, is_live=True)


def _check(sent: Sent) -> Response:
    """Say everything that keeps a bid from being submitted, beside its fields."""
    with market() as session:
        form, findings = _checked(session, sent.find_place(session), sent)
    if findings:
        return _refused(form, findings)
    return answer("bid_form", form=replace(form, said=WHOLE))


def _review(sent: Sent) -> AnyResponse:
    """Lead to the review of a whole bid; a draft is kept on the way there."""
    with market() as session:
        place = sent.find_place(session)
        form, findings = _checked(session, place, sent)
    if findings:
        return _refused(form, findings)
    if place.is_submitted:
        return answer("bid_review", form=form)
    return _kept(sent, form, "filling.review")


def _save(sent: Sent) -> AnyResponse:
    """Keep a draft, whole or not; what is no number or day would be lost, so it comes back."""
    with market() as session:
        form, _ = _checked(session, sent.find_place(session), sent)
    draft, unread = read_typed(sent.typed)
    if unread:
        return _refused(replace(form, typed=sent.typed), unread)
    return _kept(sent, replace(form, draft=draft), "bids.show")


def _kept(sent: Sent, form: BidForm, page: str) -> AnyResponse:
    """Keep a draft and lead on; one that says the same as the one before is kept already."""
    if form.bid is not None and form.bid.draft == form.draft:
        return redirect(url_for(page, bid_id=form.bid.id), SEE_OTHER)
    return _written(sent, form, save_draft, page)


def _submit(sent: Sent) -> AnyResponse:
    """Submit a bid, or the changes of one that is submitted."""
    with market() as session:
        form, findings = _checked(session, sent.find_place(session), sent)
    if findings:
        return _refused(form, findings)
    return _written(sent, form, _edit if form.is_submitted else submit_bid, "bids.show")


def _edit(session: Session, actor: Actor, wish: BidWish, at: dt.datetime) -> TeamBid:
    seen = wish.expected_version or 0
    return edit_bid(session, actor, wish.bid_id or "", wish.draft, seen, at)


def _written(
    sent: Sent,
    form: BidForm,
    service: Callable[[Session, Actor, BidWish, dt.datetime], TeamBid],
    page: str,
) -> AnyResponse:
    """Write a bid and lead on; where that is refused, nothing that was typed is lost."""
    wish = _wish(form, sent.expected_version)
    actor, at = current_actor(), now()
    try:
        bid = write(lambda session: service(session, actor, wish, at))
    except InvalidDraft as error:
        return _refused(form, tuple(map(field_finding, error.found)))
    except VersionConflict as error:
        return _conflict(form, error)
    except Refused as error:
        refused = replace(form, findings=(FieldFinding("", error.sentence),), refusal=NOT_NOW)
        return _with_status(answer("bid_form", form=refused), CONFLICT)
    return redirect(url_for(page, bid_id=bid.id), SEE_OTHER)


DEEDS: Mapping[str, Callable[[Sent], AnyResponse]] = {
    "estimate": _estimate,
    "check": _check,
    "review": _review,
    "save": _save,
    "submit": _submit,
}
"""What the named buttons do; every other one changes the rows of the form, or nothing."""


def _refused(form: BidForm, findings: tuple[FieldFinding, ...]) -> Response:
    refused = replace(form, findings=findings, refusal=NOT_YET)
    return _with_status(answer("bid_form", form=refused), UNPROCESSABLE)


def _conflict(form: BidForm, error: VersionConflict) -> Response:
    screen = conflict_of(error.theirs, form.draft)
    return _with_status(answer("bid_conflict", form=form, screen=screen), CONFLICT)


def _with_status(response: Response, status: int) -> Response:
    response.status_code = status
    return response


# --- the form --------------------------------------------------------------------------------


def _checked(
    session: Session, place: Place, sent: Sent
) -> tuple[BidForm, tuple[FieldFinding, ...]]:
    """Return the form with offers where they were left empty, and what is wrong with it."""
    form, opinion = _looked_at(session, place, sent.typed, sent.version)
    unread = read_typed(sent.typed)[1]
    silent = {one.field for one in unread}
    said = map(field_finding, opinion.findings)
    findings = (*unread, *(one for one in said if one.field not in silent))
    if not unread:
        form = replace(form, typed=with_offers(sent.typed, form.draft))
    return form, findings


def _shown(session: Session, place: Place, source: Source, version: str = "") -> BidForm:
    """Return the form as it was typed, with what is expected of it."""
    return _looked_at(session, place, source, version)[0]


def _looked_at(
    session: Session, place: Place, source: Source, version: str
) -> tuple[BidForm, Opinion]:
    """Return the form with its draft, in which nothing is empty that the form can fill in."""
    read = read_typed(source)[0] if isinstance(source, TypedBid) else source or BidDraft()
    bid_id = place.bid.id if place.bid else None
    wish = BidWish(place.team_id, place.round_key, read, bid_id)
    sight = look_up(session, current_actor(), wish, now())
    desk = bid_desk(sight.desk)
    if desk.round.state not in TAKES_DRAFTS:
        raise Refused(f"{desk.round.name} is {desk.round.state} and takes no bids.")
    typed = source if isinstance(source, TypedBid) else _typed(source, desk)
    draft = filled_draft(read_typed(typed)[0], desk.round)
    offered = with_suggested_offers(draft, opinion_of(sight, draft).estimate)
    opinion = opinion_of(sight, offered)
    form = BidForm(
        heading=place.heading,
        action=place.action,
        estimate_url=place.estimate_url,
        now=now(),
        desk=desk,
        typed=typed,
        draft=offered,
        guess=guess_of(opinion.estimate, suggested_offers(draft, offered)),
        bid=place.bid,
        version=version or (str(place.bid.version) if place.bid else ""),
    )
    return form, opinion


def _typed(draft: BidDraft | None, desk: BidDesk) -> TypedBid:
    """Return a draft as somebody would type it, the latest start that fits left empty."""
    owner = current_actor().name
    start = fresh_draft(desk.round, owner, desk.tiers[0]) if draft is None else draft
    return typed_of(with_open_ends(start, desk.round))


def _wish(form: BidForm, expected_version: int | None) -> BidWish:
    bid_id = form.bid.id if form.bid else None
    return BidWish(form.desk.team.id, form.round.key, form.draft, bid_id, expected_version)


def _focus(typed: TypedBid, wish: str) -> str:
    """Return the field that takes the focus when a row came or went."""
    found = RESHAPING.fullmatch(wish)
    if found is None:
        return ""
    rows = typed.alternatives
    number = min(int(found["number"] or len(rows)), len(rows))
    if found["what"] == "add-item":
        return f"a{number}-i{len(rows[number - 1].items)}-pool"
    return f"a{number}-offer" if found["what"] == "add-alternative" else f"a{number}-i1-pool"
