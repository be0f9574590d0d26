"""Any sequence of drafts, submissions, edits and withdrawals, against a small reference model.

Two teams write at once. The model is two dictionaries: what every version said, and which bids
stand. After every step the round asks exactly for what stands; at the end it closes, and the
snapshot holds what was committed to.
"""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    invariant,
    rule,
    run_state_machine_as_test,
)

from broker.bids.drafts import BidDraft, alternatives_of
from broker.bids.openings import check_submissions
from broker.bids.reading import history_of, list_bids
from broker.bids.writing import (
    VersionConflict,
    edit_bid,
    save_draft,
    submit_bid,
    withdraw_bid,
)
from broker.db import Database, reading, writing
from broker.errors import NotFound, Refused
from broker.rounds import close_round, find_round
from broker.snapshots import frozen_problem, problem_of
from broker.states import BidState
from tests.bid_markets import a_draft, a_lead, a_wish, do, look, open_for_bids, team_id
from tests.markets import a_change, a_database

TEAMS = ("red", "blue")
DRAFTS = st.builds(
    lambda title, offer: a_draft(title, offer_credits_per_lot=offer),
    title=st.sampled_from(["Train", "Tune", "Test"]),
    offer=st.integers(1, 500),
)
BEHIND = st.sampled_from([0, 0, 0, 1])
"""How many versions somebody missed."""


@dataclass
class Known:
    """A bid as the model knows it. Shape: versions from the first one on."""

    team: str
    id: str
    key: str
    versions: list[tuple[BidState, BidDraft]] = field(default_factory=list)

    @property
    def state(self) -> BidState:
        return self.versions[-1][0]


class Bids(RuleBasedStateMachine):
    """Two leads write bids; nobody sees, changes or hinders the other's."""

    file: Path
    known = Bundle("known")

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        copy = shutil.copy(self.file, Path(self.folder.name) / "broker.db")
        self.db: Database = a_database(Path(copy))
        self.leads = {team: a_lead(self.db, team) for team in TEAMS}
        self.bids: list[Known] = []

    @rule(target=known, team=st.sampled_from(TEAMS), draft=DRAFTS, is_final=st.booleans())
    def begin(self, team: str, draft: BidDraft, is_final: bool) -> Known:  # noqa: FBT001  # drawn
        service = submit_bid if is_final else save_draft
        bid = do(self.db, service, self.leads[team], a_wish(self.db, draft, team))
        one = Known(team, bid.id, bid.key, [(bid.state, draft)])
        self.bids.append(one)
        return one

    @rule(one=known, draft=DRAFTS, behind=BEHIND)
    def save(self, one: Known, draft: BidDraft, behind: int) -> None:
        self.change(one, BidState.DRAFT, draft, behind)

    @rule(one=known, draft=DRAFTS, behind=BEHIND)
    def submit(self, one: Known, draft: BidDraft, behind: int) -> None:
        self.change(one, BidState.SUBMITTED, draft, behind)

    @rule(one=known, draft=DRAFTS, behind=BEHIND)
    def edit(self, one: Known, draft: BidDraft, behind: int) -> None:
        self.change(one, BidState.SUBMITTED, draft, behind, is_edit=True)

    @rule(one=known, behind=BEHIND)
    def withdraw(self, one: Known, behind: int) -> None:
        self.change(one, BidState.WITHDRAWN, one.versions[-1][1], behind)

    def change(
        self, one: Known, to: BidState, draft: BidDraft, behind: int, *, is_edit: bool = False
    ) -> None:
        """Do something as the bid's lead, and in vain as the other one; the model says how."""
        seen = len(one.versions) - behind
        may = {
            BidState.DRAFT: one.state is BidState.DRAFT,
            BidState.SUBMITTED: one.state is (BidState.SUBMITTED if is_edit else BidState.DRAFT),
            BidState.WITHDRAWN: one.state is not BidState.WITHDRAWN,
        }[to]
        other = next(team for team in TEAMS if team != one.team)
        with pytest.raises(NotFound):
            self.act(other, one, to, draft, seen, is_edit=is_edit)
        if behind:
            with pytest.raises(VersionConflict) as caught:
                self.act(one.team, one, to, draft, seen, is_edit=is_edit)
            assert caught.value.theirs.draft == one.versions[-1][1]
            assert caught.value.mine == draft
        elif not may:
            with pytest.raises(Refused, match=f"is {one.state} and cannot become {to}"):
                self.act(one.team, one, to, draft, seen, is_edit=is_edit)
        else:
            self.act(one.team, one, to, draft, seen, is_edit=is_edit)
            one.versions.append((to, draft))

    def act(
        self, team: str, one: Known, to: BidState, draft: BidDraft, seen: int, *, is_edit: bool
    ) -> None:
        lead = self.leads[team]
        if to is BidState.WITHDRAWN:
            do(self.db, withdraw_bid, lead, one.id, seen)
        elif is_edit:
            do(self.db, edit_bid, lead, one.id, draft, seen)
        else:
            service = save_draft if to is BidState.DRAFT else submit_bid
            wish = a_wish(self.db, draft, team, bid_id=one.id, expected_version=seen)
            do(self.db, service, lead, wish)

    @invariant()
    def the_round_asks_for_what_stands(self) -> None:
        with reading(self.db) as session:
            bids = problem_of(session, find_round(session, "sprint-1")).bids
        assert {bid.key: bid.alternatives for bid in bids} == {
            one.key: alternatives_of(one.versions[-1][1])
            for one in self.bids
            if one.state is BidState.SUBMITTED
        }

    @invariant()
    def every_team_sees_its_own_bids_and_all_their_versions(self) -> None:
        for team in TEAMS:
            lead, own = self.leads[team], [one for one in self.bids if one.team == team]
            listed = look(self.db, list_bids, lead, team_id(self.db, team))
            assert {bid.id for bid in listed} == {one.id for one in own}
            for one in own:
                history = look(self.db, history_of, lead, one.id)
                assert [(v.state, v.draft) for v in reversed(history)] == one.versions

    def teardown(self) -> None:
        with writing(self.db) as session:
            close_round(session, "sprint-1", a_change(9))
        with reading(self.db) as session:
            row = find_round(session, "sprint-1")
            frozen = {bid.key for bid in frozen_problem(session, row).bids}
            assert list(check_submissions(session, row)) == []
        stands = {one.key for one in self.bids if one.state is BidState.SUBMITTED}
        self.db.dispose()
        self.folder.cleanup()
        assert frozen == stands


def test_bids_stand_as_their_teams_left_them_whatever_both_do(market: Database) -> None:
    open_for_bids(market)
    market.dispose()

    class Here(Bids):
        file = market.file

    run_state_machine_as_test(
        Here,
        settings=settings(
            max_examples=10,
            stateful_step_count=12,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
