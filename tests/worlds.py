"""Two worlds that differ only in what one team bids: the same market, copied, and team B's deeds.

`build_world` makes a market in which everybody has something to see and to do, with a round that is
open to team A and to team B. A deed is what team B then does in its copy. `draw_alike` lets both
worlds draw the same ids from then on.
"""

from __future__ import annotations

import datetime as dt
import os
import random
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import inspect, select, text
from sqlmodel import Session, col

from allocation.folders import RoundFolder
from allocation.problem import Tier
from broker.approvals.requests import ApprovalWish, request_approval
from broker.audit import ActorId, Change
from broker.bids.drafts import BidDraft, DraftItem
from broker.bids.reading import TeamBid
from broker.bids.tables import TeamBidRow
from broker.bids.templates import save_template
from broker.bids.writing import BidWish, edit_bid, save_draft, submit_bid, withdraw_bid
from broker.books.closing import VerifiedLog, close_books
from broker.books.rates import RateWish, set_rate
from broker.db import Database, reading, transact
from broker.deadlines import DeadlineWish, propose_deadline
from broker.deliveries.reports import ReportDelivery, report_delivery
from broker.ledger.tables import PeriodRow
from broker.notices.causes import tell_near_deadlines
from broker.overrides.proposals import OverrideWish, propose_override
from broker.overrides.tables import OverrideKind
from broker.people.persons import find_person
from broker.people.sessions import begin_session
from broker.policy.versions import Adoption, adopt_policy
from broker.rounds import create_round, open_round
from broker.states import RunPurpose
from broker.tables import AwardRow, BidRow, RoundRow, TeamRow
from tests.bid_markets import a_draft, team_id
from tests.builders import FIRST_DAY, a_calendar, a_pool, a_problem, a_team
from tests.cast import (
    ADMIN,
    AUDITOR,
    LEAD,
    MEMBER,
    OTHER_LEAD,
    OWNER,
    SECOND_ADMIN,
    actor,
    bring_people,
)
from tests.logs import sign
from tests.markets import ADA, NOON, bring, described, run_it
from tests.past import build_past, decided_round, moved
from tests.policies import READY, a_policy

NOW = NOON + dt.timedelta(days=60)
"""When everybody looks: the decided sprints are over, and a round takes bids."""
CLOSES_AT = NOW + dt.timedelta(days=36_500)
"""So late that the machine's clock is before the close as well."""
TEAM_A, TEAM_B = "red", "team-0"
CONTEST, LATER = "contest", "later"
POOLS = ("gpu", "expert")
WHISPER = "HUSH"
"""A word of every title that team B writes."""
VIEWERS = (LEAD, MEMBER, OWNER, AUDITOR, ADMIN)
"""Who looks, one after the other; the stranger is added where there is one."""
Deed = Callable[[Database], None]


def build_world(db: Database) -> None:
    """Fill an empty market, with something in it for everybody who looks."""
    build_past(db, bids=6, rehearsed="past-2")
    for number in (1, 2):
        run_it(db, bring(db, _dear_round(f"dear-{number}", number)))
    run_it(db, "waiting", purpose=RunPurpose.REHEARSAL)
    bring_people(db)
    policy = Adoption(a_policy(), "Because.", proposed_by=ActorId("grace"))
    _do(db, adopt_policy, policy, Change(ADA, NOW))
    for number, key in enumerate((CONTEST, LATER)):
        _announce(db, key, 14 * (8 + number))
    _close_books(db)
    transact(db, lambda session: open_round(session, CONTEST, Change(ADA, NOW)))
    soon = CLOSES_AT - dt.timedelta(hours=1)
    transact(db, lambda session: tell_near_deadlines(session, soon))
    _bids_of_team_a(db)
    award = transact(db, _an_award_of_team_b)
    report = ReportDelivery(
        award, 90, "A tenth less than promised", "https://results.example/board"
    )
    _do(db, report_delivery, actor(db, OTHER_LEAD), report, NOW)
    for who, team in ((LEAD, TEAM_A), (OTHER_LEAD, TEAM_B)):
        days = (NOW.date(), NOW.date() + dt.timedelta(days=90))
        asked = ApprovalWish(team_id(db, team), "gpu", "analysis", "See what helps", 900, *days)
        _do(db, request_approval, actor(db, who), asked, NOW)
    wish = DeadlineWish(CONTEST, CLOSES_AT + dt.timedelta(days=1), "A holiday.")
    _do(db, propose_deadline, actor(db, SECOND_ADMIN), wish, NOW)
    bid_key = transact(db, _an_award_of_the_last_round)
    excluded = OverrideWish("dear-2", bid_key, OverrideKind.EXCLUDE, "It was a mistake.")
    _do(db, propose_override, actor(db, SECOND_ADMIN), excluded, NOW)
    transact(db, _sign_in_viewers)


def secret_of(viewer: str) -> str:
    """Return the secret of the session in which a viewer is signed in."""
    return f"the-session-of-{viewer}"


def draw_alike(patch: pytest.MonkeyPatch) -> None:
    """Let the operating system hand out the same random bytes from here on, in every world."""
    drawn = random.Random(7).randbytes  # noqa: S311  # no secret is protected by it
    patch.setattr(os, "urandom", drawn)
    patch.setattr(random, "_urandom", drawn)


# --- what team B does --------------------------------------------------------------------------


def keep_drafts(db: Database) -> None:
    """Write drafts, one for a round that is not open yet, and keep a template."""
    for key in (CONTEST, CONTEST, LATER):
        draft = _save(db, OTHER_LEAD, _whispered(), TEAM_B, key)
    _do(db, save_template, actor(db, OTHER_LEAD), draft.id, f"{WHISPER} template", NOW)


def bid_much(db: Database) -> None:
    """Submit and edit, withdraw some, on one pool at high offers, and keep drafts beside them."""
    keep_drafts(db)
    bids = [_submit(db, OTHER_LEAD, _whispered(offer_credits_per_lot=900), TEAM_B) for _ in "12345"]
    for bid in bids[:2]:
        changed = _whispered(offer_credits_per_lot=950, max_lots=3)
        _do(db, edit_bid, actor(db, OTHER_LEAD), bid.id, changed, bid.version, NOW)
    _do(db, withdraw_bid, actor(db, OTHER_LEAD), bids[4].id, bids[4].version, NOW)


def bid_elsewhere(db: Database) -> None:
    """Bid on another pool, in the other tier, at low offers and with several alternatives."""
    spot = _whispered(
        tier=Tier.SPOT, offer_credits_per_lot=1, items=(DraftItem("expert", 1, 1, 2),)
    )
    both = replace(spot, alternatives=(*spot.alternatives, *_whispered().alternatives))
    _submit(db, OTHER_LEAD, spot, TEAM_B)
    _submit(db, OTHER_LEAD, both, TEAM_B)


def withdraw_all(db: Database) -> None:
    """Submit a bid and take it back."""
    bid = _submit(db, OTHER_LEAD, _whispered(), TEAM_B)
    _do(db, withdraw_bid, actor(db, OTHER_LEAD), bid.id, bid.version, NOW)


def do_everything(db: Database) -> None:
    """Do all of it."""
    for deed in (bid_much, bid_elsewhere, withdraw_all):
        deed(db)


DEEDS: Mapping[str, Deed] = {
    "everything": do_everything,
    "drafts": keep_drafts,
    "much": bid_much,
    "elsewhere": bid_elsewhere,
    "withdrawn": withdraw_all,
}


# --- what can be known -------------------------------------------------------------------------


def bids_of(db: Database, team_key: str) -> tuple[str, ...]:
    """Return the ids of a team's bids in the rounds to come, in whatever state."""
    with reading(db) as session:
        ids = session.scalars(
            select(col(TeamBidRow.id))
            .join(TeamRow, col(TeamRow.id) == col(TeamBidRow.team_id))
            .join(RoundRow, col(RoundRow.id) == col(TeamBidRow.round_id))
            .where(col(TeamRow.key) == team_key, col(RoundRow.key).in_((CONTEST, LATER)))
            .order_by(col(TeamBidRow.id))
        )
        return tuple(ids)


def kept_beside_bids(db: Database) -> Mapping[str, list[tuple[Any, ...]]]:
    """Return every row of every table, but for what team B alone wrote as bids.

    Rows come in their order where a database keeps one.
    """
    b = team_id(db, TEAM_B)
    own = f"SELECT id FROM team_bid WHERE team_id = '{b}'"  # noqa: S608  # an id of ours
    left_out = {
        "team_bid": f"team_id = '{b}'",
        "bid": f"id IN ({own})",
        "bid_template": f"team_id = '{b}'",
        **dict.fromkeys(("alternative", "bid_pledge", "bid_version", "item"), f"bid_id IN ({own})"),
    }
    with reading(db) as session:
        names = inspect(session.connection()).get_table_names()
        return {name: _rows(session, name, left_out.get(name, "false")) for name in sorted(names)}


def _rows(session: Session, table: str, left_out: str) -> list[tuple[Any, ...]]:
    found = session.execute(text(f"SELECT * FROM {table} WHERE NOT ({left_out})"))  # noqa: S608  # ours
    rows = [tuple(row) for row in found]
    return rows if session.get_bind().dialect.name == "sqlite" else sorted(rows, key=repr)


# --- how ---------------------------------------------------------------------------------------


def _dear_round(key: str, number: int) -> RoundFolder:
    """Return a round in which no unit is free, so that later bids can be compared with its own."""
    folder = decided_round(key, number, bids=12)
    pools = tuple(replace(pool, reserve_price_credits=3) for pool in folder.problem.pools)
    return replace(folder, problem=replace(folder.problem, pools=pools))


def _close_books(db: Database) -> None:
    """Sign the log, and close the first period, so that there are bundles and a pack to read."""
    sign(db)
    auditor = actor(db, AUDITOR)
    _do(db, set_rate, auditor, RateWish("EUR", 850_000, "Budget of the year."), NOW)
    with reading(db) as session:
        first = session.scalars(
            select(col(PeriodRow.key)).order_by(col(PeriodRow.position))
        ).first()
    _do(db, close_books, auditor, first, VerifiedLog(1, "0" * 64), NOW)


def _announce(db: Database, key: str, shift_days: int) -> None:
    problem = a_problem(
        pools=[a_pool(key) for key in POOLS],
        capacity=[row for pool in POOLS for row in a_calendar(pool)],
        teams=[a_team(TEAM_A, 5_000), a_team(TEAM_B, 50_000)],
    )
    offer = replace(described(moved(problem, key, 1 + shift_days // 14)), name=f"The round “{key}”")
    closes_at = CLOSES_AT if key == CONTEST else None
    transact(
        db,
        lambda session: create_round(session, offer, Change(ADA, NOW), closes_at=closes_at),
    )


def _bids_of_team_a(db: Database) -> None:
    lead = actor(db, LEAD)
    _save(db, LEAD, _draft("Draft"), TEAM_A, CONTEST)
    submitted, taken_back = (_submit(db, LEAD, _draft(word), TEAM_A) for word in ("Keep", "Drop"))
    _do(db, edit_bid, lead, submitted.id, _draft("Keep this"), submitted.version, NOW)
    _do(db, withdraw_bid, lead, taken_back.id, taken_back.version, NOW)
    _do(db, save_template, lead, submitted.id, "As ever", NOW)


def _draft(title: str, **changes: Any) -> BidDraft:
    starts = FIRST_DAY + dt.timedelta(days=14 * 8)
    times = {"earliest_start": starts, "latest_start": starts + dt.timedelta(days=1)}
    return replace(
        a_draft(title, **{**times, **changes}),
        theme_key=READY.theme_key,
        owner_after_award=READY.owner_after_award or "",
        success_measure=READY.success_measure or "",
        ends_on=READY.ends_on,
    )


def _whispered(**changes: Any) -> BidDraft:
    return _draft(f"{WHISPER} of team B", **changes)


def _save(db: Database, who: str, draft: BidDraft, team: str, round_key: str) -> TeamBid:
    bid: TeamBid = _do(
        db, save_draft, actor(db, who), BidWish(team_id(db, team), round_key, draft), NOW
    )
    return bid


def _submit(db: Database, who: str, draft: BidDraft, team: str) -> TeamBid:
    bid: TeamBid = _do(
        db, submit_bid, actor(db, who), BidWish(team_id(db, team), CONTEST, draft), NOW
    )
    return bid


def _an_award_of_team_b(session: Session) -> str:
    return session.scalars(
        select(col(AwardRow.bid_id))
        .join(BidRow, col(BidRow.id) == col(AwardRow.bid_id))
        .join(TeamRow, col(TeamRow.id) == col(BidRow.team_id))
        .join(RoundRow, col(RoundRow.id) == col(BidRow.round_id))
        .where(col(TeamRow.key) == TEAM_B)
        .order_by(col(BidRow.key), col(RoundRow.key))
    ).all()[0]


def _an_award_of_the_last_round(session: Session) -> str:
    return session.scalars(
        select(col(BidRow.key))
        .join(AwardRow, col(AwardRow.bid_id) == col(BidRow.id))
        .join(RoundRow, col(RoundRow.id) == col(BidRow.round_id))
        .where(col(RoundRow.key) == "dear-2")
        .order_by(col(BidRow.key))
    ).all()[0]


def _sign_in_viewers(session: Session) -> None:
    for key in (*VIEWERS, OTHER_LEAD):
        begin_session(session, find_person(session, key), secret_of(key), "Test browser", NOW)


def _do(db: Database, service: Callable[..., Any], *arguments: Any) -> Any:
    return transact(db, lambda session: service(session, *arguments))
