"""What programs read: lists with cursors, and single things as documents.

Everything comes from the read models of the screens. Results are there once a round is decided.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from typing import Any

from sqlmodel import Session

from broker.access import Action, Actor, require, require_scope
from broker.bids.drafts import draft_document
from broker.bids.reading import TeamBid, find_bid, history_of
from broker.dashboards.approvals import approval_screen, approval_table
from broker.dashboards.audit_events import event_table
from broker.dashboards.award_lives import award_life
from broker.dashboards.briefs import RoundBrief, find_decided, find_round
from broker.dashboards.credit_tables import entry_table, team_table
from broker.dashboards.credits import SprintRange, credits_table, readable_teams
from broker.dashboards.deliveries import delivery_table
from broker.dashboards.histories import price_history_table
from broker.dashboards.listings import Table
from broker.dashboards.my_bids import bid_table
from broker.dashboards.policies import version_screen
from broker.dashboards.pool import find_pool
from broker.dashboards.pool_desk import pool_desk
from broker.dashboards.pools import pool_table, pools_listed
from broker.dashboards.questions import asking
from broker.dashboards.receipt_documents import receipt_document
from broker.dashboards.receipts import receipt
from broker.dashboards.results import award_table, decline_table, price_table
from broker.dashboards.round_runs import run_table
from broker.dashboards.rounds import round_table
from broker.dashboards.sprints import sprints_screen
from broker.dashboards.teams import list_teams
from broker.dashboards.use import day_table
from broker.policy.versions import policy_in_force
from broker.pools.definitions import definition_text
from broker.round_documents import show_round
from broker.sprints.rules import rule_document
from web.api import corrections, own_matters
from web.api.documents import Document, DocumentOf
from web.api.lists import SOMEBODY, ListOf, of_the_actor

# --- lists -------------------------------------------------------------------------------------


def _results(find: Callable[[Session, str], RoundBrief], table: Callable[[str], Table]) -> Any:
    def build(session: Session, actor: Actor, at: dt.datetime, key: str) -> Table:
        del at
        require(actor, Action.READ_RESULTS)
        return table(find(session, key).id)

    return build


def _open(table: Callable[[Session], Table]) -> Any:
    def build(session: Session, actor: Actor, at: dt.datetime) -> Table:
        del at
        require(actor, Action.READ_RESULTS)
        return table(session)

    return build


def _bids(session: Session, actor: Actor, at: dt.datetime) -> Table:
    del session, at
    require_scope(actor, Action.READ_TEAM_BIDS)
    return bid_table(actor)


def _prices_of_a_pool(session: Session, actor: Actor, at: dt.datetime, key: str) -> Table:
    del at
    require(actor, Action.READ_RESULTS)
    return price_history_table(find_pool(session, key).id)


def _deliveries(session: Session, actor: Actor, at: dt.datetime) -> Table:
    del session
    require(actor, Action.READ_RESULTS)
    return delivery_table(at.date())


def _entries(session: Session, actor: Actor, at: dt.datetime, key: str) -> Table:
    del at
    return credits_table(session, actor, key, SprintRange("", ""), "entries")


def _of_a_round(
    what: str, tag: str, find: Callable[[Session, str], RoundBrief], table: Callable[[str], Table]
) -> ListOf:
    """Return a list of one round."""
    name = what.capitalize()
    return ListOf(f"/rounds/<key>/{what}", name, tag, table(""), _results(find, table))


LISTS = (
    ListOf("/rounds", "Rounds", "rounds", round_table(), _open(lambda _: round_table())),
    _of_a_round("runs", "rounds", find_round, run_table),
    _of_a_round("capacity", "rounds", find_round, day_table),
    _of_a_round("awards", "results", find_decided, award_table),
    _of_a_round("declines", "results", find_decided, decline_table),
    _of_a_round("prices", "results", find_decided, price_table),
    ListOf("/pools", "Pools", "pools", pool_table(None, None), _open(pools_listed)),
    ListOf(
        "/pools/<key>/prices", "PoolPrices", "pools", price_history_table(""), _prices_of_a_pool
    ),
    ListOf("/bids", "Bids", "bids", bid_table(SOMEBODY), _bids),
    ListOf("/ledger", "Balances", "ledger", team_table(None), of_the_actor(readable_teams)),
    ListOf("/ledger/<key>/entries", "Entries", "ledger", entry_table("", ()), _entries),
    ListOf("/audit/events", "Events", "audit", event_table(SOMEBODY), of_the_actor(event_table)),
    ListOf(
        "/approvals",
        "Approvals",
        "approvals",
        approval_table(SOMEBODY),
        of_the_actor(approval_table),
    ),
    ListOf("/deliveries", "Deliveries", "deliveries", delivery_table(dt.date.min), _deliveries),
    *own_matters.LISTS,
)


# --- single things -----------------------------------------------------------------------------


def _round(session: Session, actor: Actor, at: dt.datetime, key: str) -> Document:
    del at
    require(actor, Action.READ_RESULTS)
    return show_round(session, key)


def _pool(session: Session, actor: Actor, at: dt.datetime, key: str) -> Document:
    desk = pool_desk(session, actor, key, at.date())
    return {
        "pool_key": desk.key,
        "kind": desk.kind,
        "owners": [owner.name for owner in desk.owners if owner.is_in_force],
        "version": desk.version,
        "definition": json.loads(definition_text(desk.definition)),
        "waiting_change": desk.waiting.id if desk.waiting else None,
    }


def bid_document(bid: TeamBid) -> Document:
    """Return a bid of one's own team as it stands."""
    return {
        "bid_id": bid.id,
        "bid_key": bid.key,
        "team_key": bid.team_key,
        "round_key": bid.round.key,
        "state": bid.state,
        "standing": bid.standing,
        "version": bid.version,
        "draft": draft_document(bid.draft),
    }


def _bid(session: Session, actor: Actor, at: dt.datetime, bid_id: str) -> Document:
    del at
    bid = find_bid(session, actor, bid_id)
    versions = [
        {"version": one.version, "state": one.state, "written_at": one.written_at.isoformat()}
        for one in history_of(session, actor, bid_id)
    ]
    return {**bid_document(bid), "versions": versions}


def _receipt(session: Session, actor: Actor, at: dt.datetime, receipt_id: str) -> Document:
    require(actor, Action.READ_RESULTS)
    found = receipt(session, receipt_id)
    life = award_life(session, actor, receipt_id, at) if found.award else None
    return receipt_document(found, asking(session, actor, found, receipt_id, at), life)


def _policy(session: Session, actor: Actor, at: dt.datetime) -> Document:
    require(actor, Action.READ_RESULTS)
    found = policy_in_force(session, at)
    if found is None:
        return {"version": None, "document": None, "document_sha256": None}
    return _policy_version(session, actor, at, found.version)


def _policy_version(session: Session, actor: Actor, at: dt.datetime, version: int) -> Document:
    require(actor, Action.READ_RESULTS)
    screen = version_screen(session, actor, version, at)
    return {
        "version": screen.version.number,
        "document": json.loads(screen.text),
        "document_sha256": screen.version.document_sha256,
        "is_in_force": screen.version.is_in_force,
        "in_force_from": screen.version.in_force_from.isoformat(),
        "reason": screen.version.reason,
    }


def _sprints(session: Session, actor: Actor, at: dt.datetime) -> Document:
    require(actor, Action.READ_RESULTS)
    screen = sprints_screen(session, actor, at)
    coming = [
        {
            "number": one.sprint.number,
            "round_key": one.sprint.key,
            "starts_on": one.sprint.starts_on.isoformat(),
            "ends_on": one.sprint.ends_on.isoformat(),
            "announces_at": one.sprint.announces_at.isoformat(),
            "opens_at": one.sprint.opens_at.isoformat(),
            "closes_at": one.sprint.closes_at.isoformat(),
            "standing": one.standing,
        }
        for one in screen.coming
    ]
    rule = rule_document(screen.rule) if screen.rule else None
    return {"version": screen.version, "rule": rule, "coming": coming}


def _teams(session: Session, actor: Actor, at: dt.datetime) -> Document:
    del at
    teams = [
        {
            "team_key": one.key,
            "name": one.name,
            "leads": [lead.name for lead in one.leads],
            "people": len(one.members),
            "retired_at": one.retired_at.isoformat() if one.retired_at else None,
        }
        for one in list_teams(session, actor)
    ]
    return {"teams": teams}


def _approval(session: Session, actor: Actor, at: dt.datetime, request_id: str) -> Document:
    del at
    screen = approval_screen(session, actor, request_id)
    row = screen.request
    return {
        "request_id": row.id,
        "team": screen.team,
        "pool_key": screen.pool_key,
        "purpose_key": row.purpose_key,
        "purpose": row.purpose,
        "most_credits": row.most_credits,
        "valid_from": row.valid_from.isoformat(),
        "valid_until": row.valid_until.isoformat(),
        "state": row.state,
        "reason": row.reason,
    }


def _me(session: Session, actor: Actor, at: dt.datetime) -> Document:
    del session, at
    return {
        "actor": actor.id,
        "name": actor.name,
        "roles": sorted(actor.roles),
        "scopes": sorted(actor.scopes or ()),
    }


DOCUMENTS = (
    DocumentOf("/me", "Caller", "tokens", _me),
    DocumentOf("/rounds/<key>", "Round", "rounds", _round),
    DocumentOf("/pools/<key>", "Pool", "pools", _pool),
    DocumentOf("/bids/<bid_id>", "Bid", "bids", _bid),
    DocumentOf("/receipts/<receipt_id>", "Receipt", "results", _receipt),
    DocumentOf("/policy", "PolicyInForce", "policy", _policy),
    DocumentOf("/policy/versions/<int:version>", "PolicyVersion", "policy", _policy_version),
    DocumentOf("/sprints", "Sprints", "sprints", _sprints),
    DocumentOf("/teams", "Teams", "teams", _teams),
    DocumentOf("/approvals/<request_id>", "Approval", "approvals", _approval),
    *own_matters.DOCUMENTS,
    *corrections.DOCUMENTS,
)
