"""What programs change: the same services as the pages, one call each.

A call returns what it changed as a document. Who may do what is decided by the services.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from allocation.errors import InvalidProblem
from allocation.folders import PoolLabel, RoundFolder
from allocation.problem import DayUnits, Pool, PoolKey, Problem, RoundKey, Team, TeamKey
from broker.approvals.decisions import Answer, DecideApproval, decide
from broker.approvals.requests import ApprovalWish, request_approval, withdraw_request
from broker.bids.drafts import draft_from
from broker.bids.reading import find_bid
from broker.bids.writing import BidWish, edit_bid, save_draft, submit_bid, withdraw_bid
from broker.dashboards.my_bids import led_team_id
from broker.deadlines import DeadlineWish, approve_deadline, propose_deadline, refuse_deadline
from broker.deliveries.reports import ReportDelivery, report_delivery
from broker.deliveries.verdicts import GiveVerdict, Verdict, give_verdict
from broker.errors import InvalidRound
from broker.holdings.releases import ReleaseAward, release_award
from broker.people.teams import add_team, bring_team_back, rename_team, retire_team
from broker.policy.proposals import activate_policy, propose_policy, refuse_policy
from broker.pools.calendars import Calendar, Maintenance, OtherDay, Units
from broker.pools.changes import (
    Changed,
    PoolWish,
    approve_change,
    change_pool,
    define_pool,
    refuse_change,
)
from broker.pools.definitions import PoolDefinition
from broker.round_documents import show_round
from broker.rounds import Times, lock_round
from broker.rounds_by_hand import (
    announce_round,
    cancel_round,
    close_by_hand,
    open_by_hand,
    schedule_by_hand,
)
from broker.run_requests import ask_run
from broker.spot.acceptances import answer_award
from broker.spot.losses import LossWish, report_loss
from broker.spot.tables import TeamAnswer, WaitlistWish
from broker.spot.waitlists import wish_for
from broker.sprints.versions import activate_rule, end_rule, propose_rule, refuse_rule
from broker.states import BidState, RunPurpose
from web.api import corrections, own_matters, schemas
from web.api.bodies import Nothing
from web.api.commands import DONE, Call, Command, Document, plainly, post, put
from web.api.reads import bid_document
from web.desk import moment

# --- rounds ------------------------------------------------------------------------------------


def _announce(call: Call[schemas.RoundIn]) -> Document:
    body = call.body
    times = Times(body.opens_at, body.closes_at)
    try:
        offer = _offer(body)
    except InvalidProblem as error:
        raise InvalidRound(body.round_key, [f"capacity: {error}"]) from error
    announce_round(call.session, call.actor, offer, times, call.at)
    return show_round(call.session, body.round_key)


def _offer(body: schemas.RoundIn) -> RoundFolder:
    problem = Problem(
        round_key=RoundKey(body.round_key),
        starts_on=body.starts_on,
        days=body.days,
        pools=tuple(Pool(PoolKey(p.pool_key), p.reserve_price_credits) for p in body.pools),
        capacity=tuple(map(_units, body.capacity)),
        commitments=tuple(map(_units, body.commitments)),
        teams=tuple(Team(TeamKey(team.team_key), team.credits) for team in body.teams),
    )
    return RoundFolder(
        problem=problem,
        name=body.name,
        pools={
            PoolKey(p.pool_key): PoolLabel(
                p.name, p.kind, p.unit, p.owner, p.description, p.classification
            )
            for p in body.pools
        },
        teams={TeamKey(team.team_key): team.name for team in body.teams},
        titles={},
    )


def _units(line: schemas.UnitsIn) -> DayUnits:
    return DayUnits(PoolKey(line.pool_key), line.day, line.reserved_units, line.spot_units)


def _to_a_round(act: Callable[[Call[Any], str, Any], Any]) -> Callable[[Call[Any]], Document]:
    """Do something to a round under its lock, at the moment at which the lock is held."""

    def work(call: Call[Any]) -> Document:
        key = call.where["key"]
        lock_round(call.session, key)
        act(call, key, moment(call.session))
        return show_round(call.session, key)

    return work


def _schedule(call: Call[schemas.TimesIn], key: str, at: Any) -> None:
    times = Times(call.body.opens_at, call.body.closes_at)
    schedule_by_hand(call.session, call.actor, key, times, at)


def _propose_deadline(call: Call[schemas.DeadlineIn]) -> Document:
    key, body = call.where["key"], call.body
    lock_round(call.session, key)
    wish = DeadlineWish(key, body.closes_at, body.reason)
    proposal = propose_deadline(call.session, call.actor, wish, moment(call.session))
    return {"proposal_id": proposal}


def _run(call: Call[schemas.RunIn]) -> Document:
    purpose = RunPurpose(call.body.purpose)
    request = ask_run(call.session, call.actor, call.where["key"], purpose, call.at)
    return {"request_id": request}


# --- bids --------------------------------------------------------------------------------------


def _new_bid(call: Call[schemas.NewBidIn]) -> Document:
    body = call.body
    team_id = led_team_id(call.session, call.actor, body.team_key)
    wish = BidWish(team_id, body.round_key, draft_from(body.draft.model_dump(mode="json")))
    service = submit_bid if body.submit else save_draft
    return bid_document(service(call.session, call.actor, wish, call.at))


def _bid_again(call: Call[schemas.BidIn]) -> Document:
    """Write another version: of a draft, which may be submitted with it, or of a submitted bid."""
    body, bid_id = call.body, call.where["bid_id"]
    bid, draft = (
        find_bid(call.session, call.actor, bid_id),
        draft_from(body.draft.model_dump(mode="json")),
    )
    if bid.state is BidState.SUBMITTED:
        seen = body.expected_version
        return bid_document(edit_bid(call.session, call.actor, bid_id, draft, seen, call.at))
    wish = BidWish(bid.team_id, bid.round.key, draft, bid_id, body.expected_version)
    service = submit_bid if body.submit else save_draft
    return bid_document(service(call.session, call.actor, wish, call.at))


def _withdraw(call: Call[schemas.SeenIn]) -> Document:
    seen = call.body.expected_version
    bid = withdraw_bid(call.session, call.actor, call.where["bid_id"], seen, call.at)
    return bid_document(bid)


# --- pools -------------------------------------------------------------------------------------


def _define(call: Call[schemas.NewPoolIn]) -> Document:
    body = call.body
    wish = _pool_wish(body.pool_key, body.definition)
    return _changed(define_pool(call.session, call.actor, wish, None, call.at))


def _change_pool(call: Call[schemas.DefinitionIn]) -> Document:
    wish = _pool_wish(call.where["key"], call.body)
    return _changed(change_pool(call.session, call.actor, wish, call.at))


def _pool_wish(key: str, body: schemas.DefinitionIn) -> PoolWish:
    calendar = body.calendar
    definition = PoolDefinition(
        name=body.name,
        unit=body.unit,
        calendar=Calendar(
            first_day=calendar.first_day,
            week=tuple(map(_pair, calendar.week)),
            exceptions=tuple(OtherDay(o.day, _pair(o.units), o.note) for o in calendar.exceptions),
            maintenance=tuple(
                Maintenance(m.day, _pair(m.away) if m.away else None, m.note)
                for m in calendar.maintenance
            ),
            drains_from=calendar.drains_from,
            is_paused=calendar.is_paused,
        ),
        reserve_price_credits=body.reserve_price_credits,
        description=body.description,
        classification=body.classification,
    )
    return PoolWish(key, definition, body.reason, body.follows)


def _pair(units: schemas.UnitPairIn) -> Units:
    return Units(units.reserved_units, units.spot_units)


def _changed(changed: Changed) -> Document:
    return {
        "change_id": changed.version_id,
        "version": changed.number,
        "is_in_force": changed.is_in_force,
    }


# --- policy, sprints, teams ---------------------------------------------------------------------


def _propose_policy(call: Call[schemas.DocumentIn]) -> Document:
    content = json.dumps(dict(call.body.document), ensure_ascii=False).encode()
    row = propose_policy(call.session, call.actor, content, call.body.reason, call.at)
    return {"proposal_id": row.id, "document_sha256": row.document_sha256}


def _activate_policy(call: Call[Nothing]) -> Document:
    proposal = call.where["proposal_id"]
    return {"version": activate_policy(call.session, call.actor, proposal, call.at)}


def _propose_rule(call: Call[schemas.DocumentIn]) -> Document:
    content = json.dumps(dict(call.body.document), ensure_ascii=False)
    version = propose_rule(call.session, call.actor, content, call.body.reason, call.at)
    return {"version": version}


def _add_team(call: Call[schemas.NewTeamIn]) -> Document:
    add_team(call.session, call.actor, call.body.team_key, call.body.name, call.at)
    return {"team_key": call.body.team_key}


def _rename_team(call: Call[schemas.NameIn]) -> Document:
    rename_team(call.session, call.actor, call.where["key"], call.body.name, call.at)
    return {"team_key": call.where["key"]}


# --- approvals and deliveries -------------------------------------------------------------------


def _ask(call: Call[schemas.ApprovalIn]) -> Document:
    body = call.body
    wish = ApprovalWish(
        team_id=led_team_id(call.session, call.actor, body.team_key),
        pool_key=body.pool_key,
        purpose_key=body.purpose_key,
        purpose=body.purpose,
        most_credits=body.most_credits,
        valid_from=body.valid_from,
        valid_until=body.valid_until,
    )
    return {"request_id": request_approval(call.session, call.actor, wish, call.at)}


def _answer(call: Call[schemas.AnswerIn]) -> Document:
    wish = DecideApproval(call.where["request_id"], Answer(call.body.answer), call.body.reason)
    decide(call.session, call.actor, wish, call.at)
    return DONE


def _release(call: Call[schemas.ReleaseIn]) -> Document:
    body = call.body
    wish = ReleaseAward(call.where["bid_id"], body.lots, body.from_day, body.follows)
    done = release_award(call.session, call.actor, wish, call.at)
    return {"number": done.number, "refund_credits": done.refund_credits}


def _lose(call: Call[schemas.LossIn]) -> Document:
    body = call.body
    wish = LossWish(call.where["key"], body.units, body.first_day, body.last_day, body.reason)
    reported = report_loss(call.session, call.actor, wish, call.at)
    return {"loss_id": reported.loss_id, "is_new": reported.is_new}


def _wait(call: Call[schemas.WaitIn]) -> Document:
    wish = WaitlistWish(call.body.wish)
    return {"is_new": wish_for(call.session, call.actor, call.where["bid_id"], wish, call.at)}


def _accept(call: Call[schemas.AcceptIn]) -> Document:
    answer = TeamAnswer(call.body.answer)
    return {"is_new": answer_award(call.session, call.actor, call.where["bid_id"], answer, call.at)}


def _report(call: Call[schemas.ReportIn]) -> Document:
    body = call.body
    wish = ReportDelivery(
        bid_id=call.where["bid_id"],
        delivered_percent=body.delivered_percent,
        evidence=body.evidence,
        link=body.link,
        follows=body.follows,
        correction=body.correction,
    )
    return {"version": report_delivery(call.session, call.actor, wish, call.at)}


def _verdict(call: Call[schemas.VerdictIn]) -> Document:
    body = call.body
    wish = GiveVerdict(call.where["bid_id"], body.version, Verdict(body.verdict), body.note)
    return {"is_new": give_verdict(call.session, call.actor, wish, call.at)}


def _open(call: Call[Nothing], key: str, at: Any) -> None:
    open_by_hand(call.session, call.actor, key, at)


def _close(call: Call[Nothing], key: str, at: Any) -> None:
    close_by_hand(call.session, call.actor, key, at)


def _cancel(call: Call[schemas.ReasonIn], key: str, at: Any) -> None:
    cancel_round(call.session, call.actor, key, call.body.reason, at)


_DEADLINE, _CHANGE = "/rounds/<key>/deadline/<change_id>", "/pools/<key>/changes/<change_id>"
_POLICY, _RULE = "/policy/proposals/<proposal_id>", "/sprints/rules/<int:version>"
COMMANDS: tuple[Command[Any], ...] = (
    post("/rounds", "AnnounceRound", "rounds", schemas.RoundIn, _announce),
    put("/rounds/<key>/times", "ScheduleRound", "rounds", schemas.TimesIn, _to_a_round(_schedule)),
    post("/rounds/<key>/open", "OpenRound", "rounds", Nothing, _to_a_round(_open)),
    post("/rounds/<key>/close", "CloseRound", "rounds", Nothing, _to_a_round(_close)),
    post("/rounds/<key>/cancel", "CancelRound", "rounds", schemas.ReasonIn, _to_a_round(_cancel)),
    post("/rounds/<key>/runs", "AskForRun", "rounds", schemas.RunIn, _run),
    post(
        "/rounds/<key>/deadline", "ProposeDeadline", "rounds", schemas.DeadlineIn, _propose_deadline
    ),
    post(
        f"{_DEADLINE}/approve",
        "ApproveDeadline",
        "rounds",
        Nothing,
        plainly(approve_deadline, "key", "change_id"),
    ),
    post(
        f"{_DEADLINE}/refuse",
        "RefuseDeadline",
        "rounds",
        Nothing,
        plainly(refuse_deadline, "key", "change_id"),
    ),
    post("/bids", "NewBid", "bids", schemas.NewBidIn, _new_bid),
    put("/bids/<bid_id>", "WriteBid", "bids", schemas.BidIn, _bid_again),
    post("/bids/<bid_id>/withdraw", "WithdrawBid", "bids", schemas.SeenIn, _withdraw),
    post("/pools", "DefinePool", "pools", schemas.NewPoolIn, _define),
    put("/pools/<key>", "ChangePool", "pools", schemas.DefinitionIn, _change_pool),
    post(
        f"{_CHANGE}/approve",
        "ApprovePoolChange",
        "pools",
        Nothing,
        plainly(approve_change, "key", "change_id"),
    ),
    post(
        f"{_CHANGE}/refuse",
        "RefusePoolChange",
        "pools",
        Nothing,
        plainly(refuse_change, "key", "change_id"),
    ),
    post("/policy/proposals", "ProposePolicy", "policy", schemas.DocumentIn, _propose_policy),
    post(f"{_POLICY}/activate", "ActivatePolicy", "policy", Nothing, _activate_policy),
    post(
        f"{_POLICY}/refuse",
        "RefusePolicy",
        "policy",
        Nothing,
        plainly(refuse_policy, "proposal_id"),
    ),
    post("/sprints/rules", "ProposeRule", "sprints", schemas.DocumentIn, _propose_rule),
    post(
        f"{_RULE}/activate", "ActivateRule", "sprints", Nothing, plainly(activate_rule, "version")
    ),
    post(f"{_RULE}/refuse", "RefuseRule", "sprints", Nothing, plainly(refuse_rule, "version")),
    post(f"{_RULE}/end", "EndRule", "sprints", Nothing, plainly(end_rule, "version")),
    post("/teams", "AddTeam", "teams", schemas.NewTeamIn, _add_team),
    put("/teams/<key>/name", "RenameTeam", "teams", schemas.NameIn, _rename_team),
    post("/teams/<key>/retire", "RetireTeam", "teams", Nothing, plainly(retire_team, "key")),
    post("/teams/<key>/return", "ReturnTeam", "teams", Nothing, plainly(bring_team_back, "key")),
    post("/approvals", "AskForApproval", "approvals", schemas.ApprovalIn, _ask),
    post(
        "/approvals/<request_id>/answer", "AnswerApproval", "approvals", schemas.AnswerIn, _answer
    ),
    post(
        "/approvals/<request_id>/withdraw",
        "WithdrawApproval",
        "approvals",
        Nothing,
        plainly(withdraw_request, "request_id"),
    ),
    post("/pools/<key>/losses", "ReportLoss", "pools", schemas.LossIn, _lose),
    post("/awards/<bid_id>/release", "ReleaseAward", "bids", schemas.ReleaseIn, _release),
    post("/declines/<bid_id>/waitlist", "WaitForUnits", "bids", schemas.WaitIn, _wait),
    post("/awards/<bid_id>/answer", "AnswerAward", "bids", schemas.AcceptIn, _accept),
    post("/deliveries/<bid_id>/report", "ReportDelivery", "deliveries", schemas.ReportIn, _report),
    post("/deliveries/<bid_id>/verdict", "GiveVerdict", "deliveries", schemas.VerdictIn, _verdict),
    *own_matters.COMMANDS,
    *corrections.COMMANDS,
)
