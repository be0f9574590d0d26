"""What a team does with its bids: drafts, versions, conflicts, withdrawals, clones, receipts."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, text, update
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col

from broker.access import Actor, TeamRole
from broker.bids.desks import open_desk
from broker.bids.drafts import BidDraft, DraftItem
from broker.bids.estimates import opinion_on
from broker.bids.findings import InvalidDraft, findings_in_draft
from broker.bids.openings import check_submissions, openings_of
from broker.bids.reading import (
    Standing,
    TeamBid,
    find_bid,
    history_of,
    list_bids,
    receipt_of_submission,
)
from broker.bids.tables import AskedPoolRow, BidVersionRow
from broker.bids.templates import list_templates, remove_template, save_template, use_template
from broker.bids.writing import (
    VersionConflict,
    check_draft,
    clone_bids,
    clone_draft,
    edit_bid,
    save_draft,
    submit_bid,
    withdraw_bid,
)
from broker.db import Database, reading, writing
from broker.errors import NotAllowed, NotFound, Refused, TooLate
from broker.rounds import close_round, find_round
from broker.snapshots import problem_of
from broker.states import BidState
from broker.tables import TeamRow
from tests.bid_markets import (
    a_draft,
    a_lead,
    a_person,
    a_wish,
    announce,
    do,
    event_count,
    look,
    open_for_bids,
    submitted,
    team_id,
)
from tests.builders import day
from tests.markets import a_change, a_database, run_it
from tests.policy_markets import drop_guard

EDITORS = 8


@pytest.fixture
def open_market(either_market: Database) -> Database:
    open_for_bids(either_market)
    return either_market


def close(db: Database, hours: float = 2) -> None:
    with writing(db) as session:
        close_round(session, "sprint-1", a_change(hours))


def asked(db: Database) -> dict[str, int]:
    """Return what a round would allocate now: offers by the key of the bid."""
    with reading(db) as session:
        bids = problem_of(session, find_round(session, "sprint-1")).bids
    return {bid.key: bid.alternatives[0].offer_credits_per_lot for bid in bids}


def test_a_draft_may_lack_anything_and_asks_for_nothing(open_market: Database) -> None:
    lead = a_lead(open_market)
    bid = do(open_market, save_draft, lead, a_wish(open_market, BidDraft()))
    assert (bid.standing, bid.version, bid.draft) == (Standing.DRAFT, 1, BidDraft())
    fuller = a_wish(open_market, a_draft(), bid_id=bid.id, expected_version=1)
    assert do(open_market, save_draft, lead, fuller).version == 2
    assert asked(open_market) == {}


def test_a_draft_is_submitted_edited_and_withdrawn_and_every_version_stays(
    open_market: Database,
) -> None:
    lead = a_lead(open_market)
    wish = a_wish(open_market)
    draft = do(open_market, save_draft, lead, wish)
    again = replace(wish, bid_id=draft.id, expected_version=1)
    bid = do(open_market, submit_bid, lead, again)
    assert asked(open_market) == {bid.key: 100}
    do(open_market, edit_bid, lead, bid.id, a_draft("Tune", offer_credits_per_lot=90), 2, hours=2)
    assert asked(open_market) == {bid.key: 90}
    do(open_market, withdraw_bid, lead, bid.id, 3, hours=3)
    assert asked(open_market) == {}
    history = look(open_market, history_of, lead, bid.id)
    assert [(one.version, one.state, one.draft.title) for one in history] == [
        (4, BidState.WITHDRAWN, "Tune"),
        (3, BidState.SUBMITTED, "Tune"),
        (2, BidState.SUBMITTED, "Train"),
        (1, BidState.DRAFT, "Train"),
    ]
    assert [one.written_at for one in history] == [a_change(h).at for h in (3, 2, 1, 1)]
    assert {one.written_by for one in history} == {lead.id}


def test_a_submission_that_cannot_be_a_bid_names_every_field(open_market: Database) -> None:
    wrong = a_wish(open_market, a_draft(" ", max_lots=0, items=(DraftItem("tpu", 0, 1, 1),)))
    with pytest.raises(InvalidDraft) as caught:
        do(open_market, submit_bid, a_lead(open_market), wrong)
    assert [one.path for one in caught.value.found] == [
        "title",
        "alternatives.0.max_lots",
        "alternatives.0.items.0.pool_key",
    ]
    found = look(open_market, check_draft, a_lead(open_market), wrong, a_change().at)
    assert found == caught.value.found


def test_what_somebody_changed_meanwhile_is_never_overwritten(open_market: Database) -> None:
    lead, bid = a_lead(open_market), submitted(open_market)
    do(open_market, edit_bid, lead, bid.id, a_draft("Theirs"), 1)
    mine = a_draft("Mine")
    with pytest.raises(VersionConflict, match="you saw version 1, and version 2") as caught:
        do(open_market, edit_bid, lead, bid.id, mine, 1)
    assert (caught.value.mine, caught.value.theirs.draft.title) == (mine, "Theirs")
    with pytest.raises(VersionConflict):
        do(open_market, withdraw_bid, lead, bid.id, 1)
    assert look(open_market, find_bid, lead, bid.id).version == 2


def test_of_eight_edits_of_one_version_one_wins_and_seven_see_both(open_market: Database) -> None:
    lead, bid = a_lead(open_market), submitted(open_market)
    drafts = [a_draft(f"Edit {n}", offer_credits_per_lot=100 + n) for n in range(EDITORS)]

    def edit(draft: BidDraft) -> TeamBid | VersionConflict:
        try:
            won: TeamBid = do(open_market, edit_bid, lead, bid.id, draft, 1)
        except VersionConflict as conflict:
            return conflict
        return won

    with ThreadPoolExecutor(EDITORS) as people:
        answers = list(people.map(edit, drafts))
    [winner] = [one for one in answers if isinstance(one, TeamBid)]
    losers = [one for one in answers if isinstance(one, VersionConflict)]
    assert len(losers) == EDITORS - 1
    assert {one.theirs.draft for one in losers} == {winner.draft}
    assert {one.mine for one in losers} | {winner.draft} == set(drafts)
    assert len(look(open_market, history_of, lead, bid.id)) == 2
    offer = winner.draft.alternatives[0].offer_credits_per_lot
    assert asked(open_market) == {bid.key: offer}


@pytest.mark.parametrize(
    ("service", "state"), [(save_draft, "submitted"), (submit_bid, "submitted")]
)
def test_what_is_submitted_is_edited_and_not_submitted_again(
    open_market: Database, service: Callable[..., Any], state: str
) -> None:
    bid = submitted(open_market)
    again = a_wish(open_market, bid_id=bid.id, expected_version=1)
    with pytest.raises(Refused, match=f"is {state} and cannot become"):
        do(open_market, service, a_lead(open_market), again)


def test_what_is_withdrawn_comes_back_as_a_new_bid_only(open_market: Database) -> None:
    lead, bid = a_lead(open_market), submitted(open_market)
    do(open_market, withdraw_bid, lead, bid.id, 1)
    with pytest.raises(Refused, match="is withdrawn"):
        do(open_market, edit_bid, lead, bid.id, a_draft(), 2)
    draft = look(open_market, clone_draft, lead, bid.id, "sprint-1")
    assert do(open_market, submit_bid, lead, a_wish(open_market, draft)).key != bid.key


def test_after_the_close_nothing_changes_any_more_but_drafts(open_market: Database) -> None:
    lead, bid = a_lead(open_market), submitted(open_market)
    draft = do(open_market, save_draft, lead, a_wish(open_market))
    late = a_wish(open_market, bid_id=draft.id, expected_version=1)
    close(open_market)
    for step in (
        lambda: do(open_market, submit_bid, lead, late),
        lambda: do(open_market, edit_bid, lead, bid.id, a_draft("Late"), 1),
        lambda: do(open_market, withdraw_bid, lead, bid.id, 1),
    ):
        with pytest.raises(TooLate, match="is closed and takes no bids"):
            step()
    do(open_market, save_draft, lead, late)
    do(open_market, withdraw_bid, lead, draft.id, 2)
    assert set(asked(open_market)) == {bid.key}


def test_last_sprints_bids_are_drafted_for_the_next_one_with_their_days_moved(
    open_market: Database,
) -> None:
    lead = a_lead(open_market)
    submitted(open_market, a_draft("One"))
    gone = submitted(open_market, a_draft("Gone"))
    do(open_market, withdraw_bid, lead, gone.id, 1)
    announce(open_market, "sprint-2", shift_days=14)
    red = team_id(open_market, "red")
    [clone] = do(open_market, clone_bids, lead, red, "sprint-1", "sprint-2")
    assert (clone.standing, clone.round.key, clone.draft.title) == (
        Standing.DRAFT,
        "sprint-2",
        "One",
    )
    [way] = clone.draft.alternatives
    assert (way.earliest_start, way.latest_start) == (day(14), day(15))
    assert [one.round.key for one in look(open_market, list_bids, lead, red)] == [
        "sprint-2",
        "sprint-1",
        "sprint-1",
    ]


def test_a_draft_moves_to_another_round_when_it_is_saved_there(open_market: Database) -> None:
    lead = a_lead(open_market)
    announce(open_market, "sprint-2", shift_days=14)
    draft = do(open_market, save_draft, lead, a_wish(open_market))
    there = a_wish(open_market, round_key="sprint-2", bid_id=draft.id, expected_version=1)
    assert do(open_market, save_draft, lead, there).round.key == "sprint-2"


def test_a_template_is_used_in_another_sprint_and_its_name_only_once(
    open_market: Database,
) -> None:
    lead, bid = a_lead(open_market), submitted(open_market)
    red = team_id(open_market, "red")
    announce(open_market, "sprint-2", shift_days=14)
    do(open_market, save_template, lead, bid.id, " Nightly ")
    do(open_market, edit_bid, lead, bid.id, a_draft("Tune"), 1)
    do(open_market, save_template, lead, bid.id, "Nightly")
    [template] = look(open_market, list_templates, lead, red)
    assert template.name == "Nightly"
    draft = look(open_market, use_template, lead, template.id, "sprint-2")
    assert (draft.title, draft.alternatives[0].earliest_start) == ("Tune", day(14))
    with writing(open_market) as session:
        remove_template(session, lead, template.id)
    assert look(open_market, list_templates, lead, red) == ()
    with pytest.raises(InvalidDraft, match="name: is empty"):
        do(open_market, save_template, lead, bid.id, " ")


def test_a_receipt_commits_to_the_version_and_anybody_can_check_it(open_market: Database) -> None:
    lead, bid = a_lead(open_market), submitted(open_market)
    do(open_market, edit_bid, lead, bid.id, a_draft("Tune"), 1)
    first = look(open_market, receipt_of_submission, lead, bid.id, 1)
    last = look(open_market, receipt_of_submission, lead, bid.id)
    assert (first.version, last.version) == (1, 2)
    for receipt in (first, last):
        salted = (receipt.salt + receipt.document).encode()
        assert hashlib.sha256(salted).hexdigest() == receipt.commitment
    assert json.loads(last.document)["bid"]["title"] == "Tune"
    assert len({first.salt, last.salt}) == 2
    draft = do(open_market, save_draft, lead, a_wish(open_market))
    with pytest.raises(NotFound, match="has no receipt of submission"):
        look(open_market, receipt_of_submission, lead, draft.id)


def test_a_closed_round_holds_what_was_committed_to(open_market: Database) -> None:
    lead, bid = a_lead(open_market), submitted(open_market)
    submitted(open_market, team="blue")
    do(open_market, edit_bid, lead, bid.id, a_draft("Tune"), 1)
    with reading(open_market) as session:
        row = find_round(session, "sprint-1")
        with pytest.raises(NotFound, match="never closed"):
            list(openings_of(session, row))
    close(open_market)
    with reading(open_market) as session:
        row = find_round(session, "sprint-1")
        assert list(check_submissions(session, row)) == []
        assert [one.version for one in openings_of(session, row) if one.bid_key == bid.key] == [2]


def forge(session: Session, bid_id: str, columns: dict[str, str]) -> None:
    drop_guard(session, "bid_version")
    session.execute(
        update(BidVersionRow).where(col(BidVersionRow.bid_id) == bid_id).values(**columns)
    )


@pytest.mark.parametrize("what", ["salt", "commitment"])
def test_a_forged_commitment_is_found(open_market: Database, what: str) -> None:
    bid = submitted(open_market)
    close(open_market)
    with Session(open_market.writer) as session:
        forge(session, bid.id, {what: "00"})
        row = find_round(session, "sprint-1")
        [found] = check_submissions(session, row)
        session.rollback()
    assert "is not what its commitment was given for" in found


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ("DELETE FROM item", "the snapshot does not hold it"),
        ("UPDATE alternative SET max_lots = 3", "holds other alternatives"),
        ("UPDATE bid SET key = 'another'", "nobody committed to it"),
        ("UPDATE bid SET submitted_at = NULL", "another moment"),
    ],
)
def test_a_bid_that_was_changed_behind_the_teams_back_is_found_at_the_close(
    open_market: Database, change: str, sentence: str
) -> None:
    submitted(open_market)
    with Session(open_market.writer) as session:
        if change.startswith("DELETE"):
            for table in ("item", "alternative", "bid_pledge"):
                session.execute(text(f"DELETE FROM {table}"))  # noqa: S608  # our own names
        else:
            session.execute(text(change))
        close_round(session, "sprint-1", a_change(2))
        found = list(check_submissions(session, find_round(session, "sprint-1")))
        session.rollback()
    assert any(sentence in one for one in found)


def test_a_version_is_never_rewritten_skipped_or_added_after_the_close(
    open_market: Database,
) -> None:
    bid = submitted(open_market)
    columns = dict.fromkeys(("title", "document", "written_by", "salt", "commitment"), "x")

    def add(session: Session, version: int) -> None:
        session.add(
            BidVersionRow(
                bid_id=bid.id,
                version=version,
                state="submitted",
                written_at=a_change().at,
                **columns,
            )
        )
        session.flush()

    for step, sentence in (
        (lambda session: session.execute(text("UPDATE bid_version SET title = 'x'")), "never"),
        (lambda session: session.execute(text("DELETE FROM bid_version")), "never"),
        (lambda session: session.execute(text("DELETE FROM team_bid")), "never deleted"),
        (lambda session: add(session, 3), "follow each other"),
    ):
        with pytest.raises(IntegrityError, match=sentence), Session(open_market.writer) as session:
            step(session)
    close(open_market)
    for step in (
        lambda session: add(session, 2),
        lambda session: session.execute(text("UPDATE team_bid SET state = 'withdrawn'")),
    ):
        with (
            pytest.raises(IntegrityError, match="only an open round takes bids"),
            Session(open_market.writer) as session,
        ):
            step(session)


def test_a_published_result_shows_on_the_teams_own_bid(market: Database) -> None:
    open_for_bids(market)
    lead = a_lead(market)
    whole = submitted(market, a_draft(max_lots=1))
    hopeless = submitted(market, a_draft(items=(DraftItem("gpu", 0, 1, 100),)))
    part = submitted(
        market, a_draft(items=(DraftItem("expert", 0, 1, 6),), max_lots=2), team="blue"
    )
    close(market)
    run_it(market, clock=lambda: a_change(3).at)
    assert look(market, find_bid, lead, whole.id).standing is Standing.WON
    assert look(market, find_bid, lead, hopeless.id).standing is Standing.DECLINED
    won_part = look(market, find_bid, a_lead(market, "blue"), part.id)
    assert (won_part.standing, won_part.award.lots) == (Standing.PART_WON, 1)


# --- who may -----------------------------------------------------------------------------------


def test_a_member_sees_the_teams_bids_and_cannot_spend(open_market: Database) -> None:
    bid = submitted(open_market)
    member = a_person(open_market, "mem", red=TeamRole.MEMBER)
    assert look(open_market, find_bid, member, bid.id) == look(
        open_market, find_bid, a_lead(open_market), bid.id
    )
    for service, arguments in (
        (save_draft, (a_wish(open_market),)),
        (submit_bid, (a_wish(open_market),)),
        (edit_bid, (bid.id, a_draft(), 1)),
        (withdraw_bid, (bid.id, 1)),
        (clone_bids, (bid.team_id, "sprint-1", "sprint-1")),
        (save_template, (bid.id, "Mine")),
    ):
        with pytest.raises(NotAllowed):
            do(open_market, service, member, *arguments)


def strangers_sentence(db: Database, actor: Actor, service: Callable[..., Any], id_: str) -> str:
    with pytest.raises(NotFound) as caught:
        look(db, service, actor, id_)
    return str(caught.value)


@pytest.mark.parametrize("service", [find_bid, history_of, receipt_of_submission])
def test_another_teams_bid_does_not_exist_for_a_stranger(
    open_market: Database, service: Callable[..., Any]
) -> None:
    theirs = submitted(open_market, team="blue")
    lead = a_lead(open_market, "red")
    said = strangers_sentence(open_market, lead, service, theirs.id)
    assert said == strangers_sentence(open_market, lead, service, "no-such-bid")


def test_nobody_writes_into_another_teams_bids(open_market: Database) -> None:
    theirs, lead = submitted(open_market, team="blue"), a_lead(open_market)
    stolen = a_wish(open_market, bid_id=theirs.id, expected_version=1)
    for service, arguments in (
        (edit_bid, (theirs.id, a_draft(), 1)),
        (withdraw_bid, (theirs.id, 1)),
        (submit_bid, (stolen,)),
        (save_draft, (stolen,)),
        (submit_bid, (a_wish(open_market, team="blue"),)),
    ):
        with pytest.raises(NotFound):
            do(open_market, service, lead, *arguments)
    assert look(open_market, find_bid, a_lead(open_market, "blue"), theirs.id) == theirs


# --- sealed ------------------------------------------------------------------------------------

DRAWN = re.compile(r"[0-9a-f]{64}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|-[0-9a-f]{12}\b")
"""Ids, keys, salts and commitments, which are drawn anew each time."""


def all_that_red_sees(db: Database, blue_does: Callable[[Database], None]) -> str:
    """Return what a lead is told in a round before its close, while another team does something."""
    lead, red = a_lead(db, "red"), team_id(db, "red")
    blue_does(db)
    bid = submitted(db)
    blue_does(db)
    do(db, edit_bid, lead, bid.id, a_draft("Tune"), 1)
    unfinished = a_wish(db, a_draft(offer_credits_per_lot=0))
    with reading(db) as session:
        seen = (
            list_bids(session, lead, red),
            history_of(session, lead, bid.id),
            receipt_of_submission(session, lead, bid.id).document,
            opinion_on(session, lead, unfinished, a_change(1).at),
            event_count(session),
        )
    return DRAWN.sub("*", repr(seen))


def bid_for_everything(db: Database) -> None:
    blue = a_lead(db, "blue")
    bid = submitted(db, a_draft("Sealed", offer_credits_per_lot=10**11), "blue")
    do(db, edit_bid, blue, bid.id, a_draft("Sealed again"), 1)
    do(db, save_draft, blue, a_wish(db, a_draft("Sealed"), "blue"))


def test_nothing_that_a_team_sees_depends_on_the_bids_of_another(
    market: Database, tmp_path: Path
) -> None:
    open_for_bids(market)
    market.dispose()
    other_world = a_database(Path(shutil.copy(market.file, tmp_path / "other.db")))
    quiet = all_that_red_sees(market, lambda _: None)
    busy = all_that_red_sees(other_world, bid_for_everything)
    other_world.dispose()
    assert "Tune" in busy
    assert "Sealed" not in busy
    assert quiet == busy


def test_neither_a_draft_nor_a_bid_leaves_a_trace_in_the_main_log(open_market: Database) -> None:
    lead = a_lead(open_market)
    with reading(open_market) as session:
        before = event_count(session)
    bid = submitted(open_market)
    do(open_market, save_draft, lead, a_wish(open_market))
    do(open_market, edit_bid, lead, bid.id, a_draft("Tune"), 1)
    do(open_market, save_template, lead, bid.id, "Nightly")
    do(open_market, withdraw_bid, lead, bid.id, 2)
    with reading(open_market) as session:
        assert event_count(session) == before


def test_what_a_bid_asks_for_can_be_looked_up_by_pool_only_after_the_close(
    open_market: Database,
) -> None:
    bid = submitted(open_market)

    def asked_pools() -> list[tuple[str, int]]:
        with reading(open_market) as session:
            rows = session.execute(select(col(AskedPoolRow.bid_id), col(AskedPoolRow.unit_days)))
            return [tuple(row) for row in rows]

    assert asked_pools() == []
    close(open_market)
    assert asked_pools() == [(bid.id, 2)]


def test_a_team_is_kept_to_its_own_share_of_the_round_whatever_others_bid(
    open_market: Database,
) -> None:
    dear = a_draft(offer_credits_per_lot=5 * 10**11, max_lots=1)
    wishes = 2**52 // 2 // 10**12
    with writing(open_market) as session:
        desk = open_desk(
            session,
            find_round(session, "sprint-1"),
            col(TeamRow.key) == "red",
            a_change().at,
        )
    assert desk is not None
    assert not list(findings_in_draft(dear, replace(desk, other_points=(wishes - 1) * 10**12)))
    [finding] = findings_in_draft(dear, replace(desk, other_points=wishes * 10**12))
    assert "exceed the largest value" in finding.sentence
    submitted(open_market, dear, "blue")
    with reading(open_market) as session:
        again = open_desk(
            session, find_round(session, "sprint-1"), col(TeamRow.key) == "red", a_change().at
        )
    assert again is not None
    assert (again.other_points, again.share_points) == (0, desk.share_points)
