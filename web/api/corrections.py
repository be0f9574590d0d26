"""What else might have been: overrides, replays of a policy, and what would have won.

All of it is solved by the worker; a call only asks, and the answer is read when it is there.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

from sqlmodel import Session

from allocation.counterfactuals import WhatIf
from allocation.problem import Tier
from broker.access import Action, Actor, require
from broker.counterfactuals.questions import ask_exact, ask_what_if
from broker.dashboards.briefs import find_decided
from broker.dashboards.listings import Question
from broker.dashboards.overrides import (
    OverriddenBid,
    OverrideBrief,
    override_screen,
    round_overrides,
)
from broker.dashboards.replays import Replay, replay_screen
from broker.overrides.approvals import approve_override
from broker.overrides.proposals import (
    OverrideWish,
    propose_override,
    refuse_override,
    solve_again,
)
from broker.overrides.tables import OverrideKind
from broker.policy.comparing import Figures, Won
from broker.policy.proposals import find_policy
from broker.policy.replaying import ask_replays
from web.api import schemas
from web.api.bodies import Nothing
from web.api.commands import DONE, Call, Document, plainly, post
from web.api.documents import DocumentOf

# --- overrides ---------------------------------------------------------------------------------


def _overrides(session: Session, actor: Actor, at: dt.datetime, key: str) -> Document:
    del at
    require(actor, Action.READ_RESULTS)
    found = round_overrides(session, actor, find_decided(session, key))
    return {"overrides": [_brief(one) for one in found.overrides]}


def _override(session: Session, actor: Actor, at: dt.datetime, override_id: str) -> Document:
    require(actor, Action.READ_RESULTS)
    screen = override_screen(session, actor, override_id, at, Question())
    return {
        "round_key": screen.round.key,
        **_brief(screen.override),
        "payments_before": screen.payments_before,
        "payments_after": screen.payments_after,
        "bids": [_overridden(one) for one in screen.bids],
    }


def _brief(one: OverrideBrief) -> dict[str, Any]:
    return {
        "override_id": one.id,
        "state": one.state,
        "kind": one.kind,
        "bid_id": one.bid_id,
        "bid_key": one.bid_key,
        "alternative": one.alternative,
        "start": one.start.isoformat() if one.start else None,
        "lots": one.lots,
        "reason": one.reason,
        "proposed_at": one.proposed_at.isoformat(),
        "decided_at": one.decided_at.isoformat() if one.decided_at else None,
        "run_state": one.run_state,
        "revision": one.revision,
        "price": one.price,
    }


def _overridden(one: OverriddenBid) -> dict[str, Any]:
    before, after = _won(one.before), _won(one.after)
    return {"bid_id": one.bid_id, "is_set": one.is_set, "before": before, "after": after}


def _won(won: Won | None) -> dict[str, Any] | None:
    if won is None:
        return None
    return {
        "alternative": won.alternative,
        "start": won.start.isoformat(),
        "lots": won.lots,
        "payment_credits": won.payment_credits,
    }


def _propose(call: Call[schemas.OverrideIn]) -> Document:
    body = call.body
    wish = OverrideWish(
        call.where["key"],
        body.bid_key,
        OverrideKind(body.kind),
        body.reason,
        body.alternative,
        body.start,
        body.lots,
    )
    return {"override_id": propose_override(call.session, call.actor, wish, call.at)}


# --- replays -----------------------------------------------------------------------------------


def _replays(session: Session, actor: Actor, at: dt.datetime, sha256: str) -> Document:
    del at
    require(actor, Action.READ_RESULTS)
    screen = replay_screen(session, actor, sha256)
    return {
        "document_sha256": screen.policy_sha256,
        "version": screen.version,
        "is_over": screen.is_over,
        "replays": [_replay(one) for one in screen.replays],
    }


def _replay(one: Replay) -> dict[str, Any]:
    found = one.found
    return {
        "round_key": one.round_key,
        "state": one.state,
        "failure": one.failure,
        "status": found.status if found else None,
        "real": _figures(found.real) if found else None,
        "replayed": _figures(found.replayed) if found else None,
        "bids": [{"bid_id": bid.bid_id, "change": bid.change} for bid in one.bids],
    }


def _figures(one: Figures) -> dict[str, Any]:
    return {
        "value": one.value,
        "awards": one.awards,
        "payment_credits": one.payment_credits,
        "jain_millionths": one.jain_millionths,
    }


def _ask_replays(call: Call[Nothing]) -> Document:
    require(call.actor, Action.REPLAY_POLICY)
    policy = find_policy(call.session, call.where["sha256"])
    return {"document_sha256": ask_replays(call.session, call.actor, policy, call.at)}


# --- what would have won -----------------------------------------------------------------------


def _ask_what_if(call: Call[schemas.WhatIfIn]) -> Document:
    body = call.body
    tier = Tier(body.tier) if body.tier else None
    asked_for = WhatIf(body.offer_credits_per_lot, body.start, body.lots, tier)
    ask_what_if(call.session, call.actor, call.where["bid_id"], asked_for, call.at)
    return DONE


_ONE = "/overrides/<override_id>"
DOCUMENTS = (
    DocumentOf("/rounds/<key>/overrides", "Overrides", "overrides", _overrides),
    DocumentOf(_ONE, "Override", "overrides", _override),
    DocumentOf("/policy/replays/<sha256>", "Replays", "policy", _replays),
)
COMMANDS = (
    post("/rounds/<key>/overrides", "ProposeOverride", "overrides", schemas.OverrideIn, _propose),
    post(
        f"{_ONE}/approve",
        "ApproveOverride",
        "overrides",
        Nothing,
        plainly(approve_override, "override_id"),
    ),
    post(
        f"{_ONE}/refuse",
        "RefuseOverride",
        "overrides",
        Nothing,
        plainly(refuse_override, "override_id"),
    ),
    post(
        f"{_ONE}/solve", "SolveOverride", "overrides", Nothing, plainly(solve_again, "override_id")
    ),
    post("/policy/replays/<sha256>", "ReplayPolicy", "policy", Nothing, _ask_replays),
    post("/declines/<bid_id>/what-ifs", "AskWhatIf", "results", schemas.WhatIfIn, _ask_what_if),
    post("/declines/<bid_id>/exact", "AskExact", "results", Nothing, plainly(ask_exact, "bid_id")),
)
