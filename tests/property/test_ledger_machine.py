"""Whole sprints in any order: whatever teams and people do, money adds up, on both databases.

A small model in plain dictionaries says what every team must have; after each step the ledger is
held against it and against the invariants. `make torture` plays more and longer stories.
"""

from __future__ import annotations

import datetime as dt
import os
import shutil
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import select
from sqlmodel import Session, col

from allocation.problem import Problem, Team, TeamKey
from broker.access import Actor, TeamRole
from broker.audit import Change
from broker.bids.placing import PlaceBid
from broker.bids.reading import find_bid
from broker.bids.tables import TeamBidRow
from broker.bids.writing import edit_bid, withdraw_bid
from broker.db import Database, reading, transact
from broker.errors import Overdrawn, Refused
from broker.importing import import_round
from broker.ledger.endowments import (
    EndowmentByHand,
    carried_over,
    endow_by_hand,
    endowments,
)
from broker.ledger.holds import Refund, refund_award
from broker.ledger.journals import reverse_journal
from broker.ledger.periods import close_period
from broker.ledger.statements import Balance, read_balances
from broker.ledger.tables import PeriodRow
from broker.rounds import close_round, create_round, find_round, open_round
from broker.snapshots import frozen_problem
from broker.tables import AwardRow, BidRow
from tests import postgresql
from tests.builders import a_pool, a_problem, an_alternative, an_item
from tests.ledgers import BOB, violations
from tests.markets import ADA, NOON, a_database, bring_bid, described, run_it
from tests.past import moved

TORTURE = bool(os.environ.get("BROKER_TORTURE"))
STORIES, STEPS = (500, 50) if TORTURE else (50, 30)
TEAMS = ("blue", "green", "red")
AMOUNTS = st.integers(1, 400)
ANY = st.integers(0, 10**6)
PLAYED = settings(
    max_examples=STORIES,
    stateful_step_count=STEPS,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


class Market(RuleBasedStateMachine):
    """One market, and what its teams must have."""

    make_market: Callable[[ExitStack], Database]

    def __init__(self) -> None:
        super().__init__()
        self.stack = ExitStack()
        self.db = self.make_market(self.stack)
        self.available: Counter[str] = Counter()
        self.held: Counter[str] = Counter()
        self.spent: Counter[str] = Counter()
        self.refunded: Counter[str] = Counter()
        self.open: list[str] = []
        self.closed: list[str] = []
        self.imported: set[str] = set()
        self.bids: dict[str, dict[str, str]] = {}
        self.ids: dict[tuple[str, str], str] = {}
        self.holds: dict[str, dict[str, int]] = {}
        self.paid: list[tuple[str, str, str, int]] = []
        self.gifts: dict[str, tuple[EndowmentByHand, int]] = {}
        self.sprint = 0
        self.steps = 0

    def teardown(self) -> None:
        self.stack.close()

    def now(self) -> Change:
        self.steps += 1
        return Change(ADA, NOON + dt.timedelta(minutes=self.steps))

    def do(self, work: Callable[[Session], Any]) -> Any:
        return transact(self.db, work)

    # --- rounds and periods ------------------------------------------------------------------

    @initialize(supply=st.tuples(AMOUNTS, AMOUNTS, AMOUNTS))
    def begin(self, supply: tuple[int, int, int]) -> None:
        self.announce(supply)

    @rule(supply=st.tuples(AMOUNTS, AMOUNTS, AMOUNTS))
    def announce(self, supply: tuple[int, int, int]) -> None:
        """Announce and open the round of a new sprint: the period changes."""
        self.sprint += 1
        problem, change = self.offer(f"sprint-{self.sprint}", supply), self.now()
        self.do(lambda session: create_round(session, described(problem), change))
        self.do(lambda session: open_round(session, problem.round_key, change))
        announced = dict(zip(TEAMS, supply, strict=True))
        self.available = Counter(carried_over(self.available, announced))
        both = {team: self.available[team] + self.held[team] for team in TEAMS}
        self.available.update(endowments(announced, both))
        self.welcome(problem)

    @rule(credits_=st.tuples(AMOUNTS, AMOUNTS, AMOUNTS), is_later=st.booleans())
    def bring_in(self, credits_: tuple[int, int, int], *, is_later: bool) -> None:
        """Import a round that names its own credits, for this sprint or the next."""
        self.sprint += is_later
        problem = self.offer(f"import-{self.sprint}-{self.steps}", credits_)
        change = self.now()
        self.do(lambda s: import_round(s, described(problem), change, is_open=True))
        for team, amount in zip(TEAMS, credits_, strict=True):
            self.available[team] = max(self.available[team], amount)
        self.imported.add(problem.round_key)
        self.welcome(problem)

    def offer(self, key: str, credits_: tuple[int, int, int]) -> Problem:
        teams = [Team(TeamKey(t), c) for t, c in zip(TEAMS, credits_, strict=True)]
        return moved(
            a_problem(teams=teams, pools=[a_pool(reserve_price_credits=1)]), key, self.sprint
        )

    def welcome(self, problem: Problem) -> None:
        self.open.append(problem.round_key)
        self.bids[problem.round_key] = {}

    @precondition(lambda self: self.open)
    @rule(which=ANY)
    def close(self, which: int) -> None:
        """Close a round: one hold per team, the smaller of its credits and its bids."""
        key = self.open.pop(which % len(self.open))
        change = self.now()
        self.do(lambda session: close_round(session, key, change))
        with reading(self.db) as session:
            problem = frozen_problem(session, find_round(session, key))
        largest: Counter[str] = Counter()
        for bid in problem.bids:
            largest[bid.team_key] += max(
                one.offer_credits_per_lot * one.max_lots for one in bid.alternatives
            )
        if key not in self.imported:
            spendable = {team.key: team.credits for team in problem.teams}
            assert spendable == {team: self.available[team] for team in TEAMS}
        holds = {team.key: min(team.credits, largest[team.key]) for team in problem.teams}
        for team, amount in holds.items():
            self.available[team] = max(self.available[team], amount) - amount
            self.held[team] += amount
        self.holds[key] = dict(holds)
        self.closed.append(key)

    @precondition(lambda self: self.closed)
    @rule(which=ANY)
    def publish(self, which: int) -> None:
        """Run a closed round: awards are settled, the rest is released."""
        key = self.closed.pop(which % len(self.closed))
        self.steps += 1
        at = NOON + dt.timedelta(minutes=self.steps)
        ran = run_it(self.db, key, clock=lambda: at)
        assert ran.outcome is not None
        for award in ran.outcome.awards:
            team = self.bids[key][award.bid_key]
            self.spent[team] += award.payment_credits
            self.holds[key][team] -= award.payment_credits
            self.held[team] -= award.payment_credits
            if award.payment_credits:
                self.paid.append((ran.run_id, key, award.bid_key, award.payment_credits))
        for team, rest in self.holds[key].items():
            assert rest >= 0
            self.held[team] -= rest
            self.available[team] += rest
        assert run_it(self.db, key, clock=lambda: at).outcome is None

    @rule(which=ANY)
    def close_the_books(self, which: int) -> None:
        """Close a period, as finance may once another followed."""
        with reading(self.db) as session:
            keys = session.scalars(
                select(col(PeriodRow.key)).order_by(col(PeriodRow.position))
            ).all()
        key, change = keys[which % len(keys)], self.now()
        if key == keys[-1] or self.has_open_before(key):
            with pytest.raises(Refused):
                self.do(lambda session: close_period(session, key, change))
        else:
            self.do(lambda session: close_period(session, key, change))

    def has_open_before(self, key: str) -> bool:
        """Say whether a period waits for an earlier one."""
        with reading(self.db) as session:
            period = session.get_one(PeriodRow, key)
            earlier = select(PeriodRow).where(
                col(PeriodRow.position) < period.position, col(PeriodRow.closed_at).is_(None)
            )
            return period.closed_at is None and session.scalars(earlier).first() is not None

    # --- bids --------------------------------------------------------------------------------

    @precondition(lambda self: self.open)
    @rule(which=ANY, team=st.sampled_from(TEAMS), offer=AMOUNTS, units=st.integers(1, 12))
    def bid(self, which: int, team: str, offer: int, units: int) -> None:
        """Place a bid: no credits move."""
        key = self.open[which % len(self.open)]
        self.place(key, f"b{self.steps}", team, offer, units)

    @precondition(lambda self: any(self.bids[key] for key in self.open))
    @rule(which=ANY, offer=AMOUNTS, is_withdrawn=st.booleans())
    def edit(self, which: int, offer: int, *, is_withdrawn: bool) -> None:
        """Withdraw a bid, or change its offer: no credits move."""
        placed = [(key, bid) for key in self.open for bid in self.bids[key]]
        key, bid_key = placed[which % len(placed)]
        bid_id, at = self.ids[key, bid_key], self.now().at
        if is_withdrawn:
            del self.bids[key][bid_key]
            self.do(lambda session: take_away(session, bid_id, at))
        else:
            self.do(lambda session: offer_anew(session, bid_id, offer, at))

    def place(self, key: str, bid_key: str, team: str, offer: int, units: int) -> None:
        change = self.now()
        with reading(self.db) as session:
            start = find_round(session, key).starts_on
        option = an_alternative(an_item(units=units), offer=offer)
        option = replace(option, earliest_start=start, latest_start=start)
        wish = PlaceBid(key, bid_key, team, bid_key, (option,))
        self.ids[key, bid_key] = self.do(lambda session: bring_bid(session, wish, change))
        self.bids[key][bid_key] = team

    # --- by hand -----------------------------------------------------------------------------

    @rule(team=st.sampled_from(TEAMS), amount=AMOUNTS)
    def give(self, team: str, amount: int) -> None:
        """Endow a team by hand, with a second person."""
        wish = EndowmentByHand(f"gift-{self.steps}", team, amount, "Agreed.", BOB)
        change = self.now()
        number = self.do(lambda session: endow_by_hand(session, wish, change))
        self.available[team] += amount
        self.gifts[wish.key] = (wish, number)

    @precondition(lambda self: self.gifts)
    @rule(which=ANY)
    def give_again(self, which: int) -> None:
        """Repeat a request under its key: the same answer, and nothing moves."""
        wish, number = self.gifts[sorted(self.gifts)[which % len(self.gifts)]]
        change = self.now()
        assert self.do(lambda session: endow_by_hand(session, wish, change)) == number
        other = replace(wish, amount_credits=wish.amount_credits + 1)
        with pytest.raises(Refused):
            self.do(lambda session: endow_by_hand(session, other, change))

    @precondition(lambda self: self.gifts)
    @rule(which=ANY)
    def correct(self, which: int) -> None:
        """Take an endowment by hand back, if its credits are still there."""
        key = sorted(self.gifts)[which % len(self.gifts)]
        wish, number = self.gifts[key]
        change = self.now()

        def reverse(session: Session) -> int | None:
            return reverse_journal(session, number, change, reason="Wrong.", proposed_by=BOB)

        if self.available[wish.team_key] < wish.amount_credits:
            with pytest.raises(Overdrawn):
                self.do(reverse)
        else:
            self.do(reverse)
            self.available[wish.team_key] -= wish.amount_credits
            del self.gifts[key]

    @precondition(lambda self: self.paid)
    @rule(which=ANY, part=AMOUNTS)
    def refund(self, which: int, part: int) -> None:
        """Give back a part of a payment; more than is left of it is refused."""
        place = which % len(self.paid)
        run_id, key, bid_key, left = self.paid[place]
        team = self.bids[key][bid_key]
        change = self.now()
        wish = Refund(f"r{self.steps}", run_id, self.award_of(run_id, bid_key), part, "Preempted.")
        if part > left:
            with pytest.raises(Refused):
                self.do(lambda session: refund_award(session, wish, change))
            return
        self.do(lambda session: refund_award(session, wish, change))
        self.spent[team] -= part
        self.available[team] += part
        self.refunded[team] += part
        self.paid[place] = (run_id, key, bid_key, left - part)

    def award_of(self, run_id: str, bid_key: str) -> str:
        with reading(self.db) as session:
            awards = (
                select(col(AwardRow.bid_id))
                .join(BidRow, col(BidRow.id) == col(AwardRow.bid_id))
                .where(col(AwardRow.run_id) == run_id, col(BidRow.key) == bid_key)
            )
            return session.scalars(awards).one()

    # --- what must always be true ------------------------------------------------------------

    @invariant()
    def every_team_has_what_the_model_says(self) -> None:
        with reading(self.db) as session:
            stored = read_balances(session)
        for team in TEAMS:
            assert stored.get(team, Balance()) == Balance(
                self.available[team], self.held[team], self.spent[team], self.refunded[team]
            )

    @invariant()
    def nothing_is_wrong_with_the_ledger(self) -> None:
        assert violations(self.db) == []


def lead_of(session: Session, bid_id: str) -> Actor:
    """Return a lead of the team whose bid it is."""
    team_id = session.get_one(TeamBidRow, bid_id).team_id
    return Actor(ADA, str(ADA), "Ada", teams={team_id: TeamRole.TEAM_LEAD})


def take_away(session: Session, bid_id: str, at: dt.datetime) -> None:
    """Withdraw a bid from an open round."""
    lead = lead_of(session, bid_id)
    withdraw_bid(session, lead, bid_id, find_bid(session, lead, bid_id).version, at)


def offer_anew(session: Session, bid_id: str, offer: int, at: dt.datetime) -> None:
    """Change what a bid in an open round offers."""
    lead = lead_of(session, bid_id)
    bid = find_bid(session, lead, bid_id)
    ways = tuple(replace(way, offer_credits_per_lot=offer) for way in bid.draft.alternatives)
    draft = replace(bid.draft, alternatives=ways)
    edit_bid(session, lead, bid_id, draft, bid.version, at)


def play(make_market: Callable[[ExitStack], Database]) -> None:
    machine = type("MarketAt", (Market,), {"make_market": staticmethod(make_market)})
    run_state_machine_as_test(machine, settings=PLAYED)


@pytest.mark.timeout(7200 if TORTURE else 300)
def test_money_adds_up_over_any_story_on_sqlite(migrated_file: Path) -> None:
    def make_market(stack: ExitStack) -> Database:
        folder = Path(stack.enter_context(TemporaryDirectory()))
        db = a_database(Path(shutil.copy(migrated_file, folder / "broker.db")))
        stack.callback(db.dispose)
        return db

    play(make_market)


@pytest.mark.timeout(7200 if TORTURE else 300)
def test_money_adds_up_over_any_story_on_postgresql(request: pytest.FixtureRequest) -> None:
    server = request.getfixturevalue("server")
    play(lambda stack: stack.enter_context(postgresql.a_market(server)))
