"""What is free during a sprint goes to bids that wait, once a day, by the rules of every round."""

from __future__ import annotations

import datetime as dt
from threading import Barrier, Thread

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import IntegrityError
from sqlmodel import col

from broker.access import ANONYMOUS, TeamRole
from broker.audit import Change
from broker.dashboards.briefs import current_round
from broker.dashboards.use import use_per_day
from broker.db import Database, reading, writing
from broker.errors import NotAllowed, NotFound, Refused, SignInNeeded
from broker.ledger.tables import AccountKind, AccountRow
from broker.migrations.spot_guards import NEXT, STAYS
from broker.overrides.proposals import overridable_run
from broker.proofs.verifying import Evidence, collect, verify
from broker.rounds import find_round
from broker.spot.days import open_daily_round
from broker.spot.tables import WaitlistWish
from broker.tables import AwardRow, BidRow, RoundRow
from tests.deliveries import lead_of, someone, team_id
from tests.holdings import (
    THE_DAY_BEFORE,
    a_scarce_sprint,
    day,
    morning,
    release,
    tick_at,
    wait,
)
from tests.markets import ADA, event_kinds, row_counts

COPY = """
INSERT INTO waitlist_step
SELECT bid_id, 3, wish, wished_by, wished_at FROM waitlist_step
"""


def spent(db: Database, team: str) -> int:
    with reading(db) as session:
        account = f"{AccountKind.SPENT}/{team_id(session, team)}"
        balance = select(col(AccountRow.balance_credits)).where(col(AccountRow.id) == account)
        return session.scalars(balance).first() or 0


def in_use(db: Database) -> list[int]:
    with reading(db) as session:
        use = use_per_day(find_round(session, "sprint-1").id)
        return list(session.scalars(select(use.c.reserved_used_units).order_by(use.c.day)))


def daily_awards(db: Database) -> list[tuple[str, str, dt.date, int]]:
    """Return what daily rounds awarded: round, bid, start and payment."""
    with reading(db) as session:
        rows = session.execute(
            select(
                col(RoundRow.key),
                col(BidRow.key),
                col(AwardRow.start),
                col(AwardRow.payment_credits),
            )
            .join(BidRow, col(BidRow.id) == col(AwardRow.bid_id))
            .join(RoundRow, col(RoundRow.id) == col(BidRow.round_id))
            .where(col(RoundRow.key) != "sprint-1")
            .order_by(col(RoundRow.key))
        )
        return [tuple(row) for row in rows]


def assert_sound(db: Database) -> None:
    with reading(db) as session:
        assert collect(verify(session, Evidence(""))).findings == []
    assert max(in_use(db)) <= 10


def test_what_is_released_goes_to_who_waits_within_the_day(either_market: Database) -> None:
    won, lost = a_scarce_sprint(either_market)
    wait(either_market, lost)
    assert tick_at(either_market, THE_DAY_BEFORE) == []
    release(either_market, won, 3, day(2))
    assert tick_at(either_market, THE_DAY_BEFORE) == [
        "cleared sprint-1-0301",
        "published sprint-1-0301",
    ]
    assert daily_awards(either_market) == [("sprint-1-0301", "lost", day(2), 300)]
    assert spent(either_market, "blue") == 300
    assert in_use(either_market) == [8, 10, 10, 2, 0]
    assert_sound(either_market)


def test_a_day_is_cleared_once_however_often_and_from_wherever_it_is_tried(
    either_market: Database,
) -> None:
    won, lost = a_scarce_sprint(either_market)
    wait(either_market, lost)
    release(either_market, won, 3, day(2))
    barrier = Barrier(2)

    def host() -> None:
        barrier.wait()
        tick_at(either_market, THE_DAY_BEFORE)

    hosts = [Thread(target=host) for _ in range(2)]
    for one in hosts:
        one.start()
    for one in hosts:
        one.join()
    tick_at(either_market, THE_DAY_BEFORE)
    assert len(daily_awards(either_market)) == 1
    before = row_counts(either_market)
    assert tick_at(either_market, THE_DAY_BEFORE) == []
    assert row_counts(either_market) == before
    assert_sound(either_market)


def test_a_day_that_was_decided_too_late_is_cancelled_and_its_credits_come_back(
    market: Database,
) -> None:
    won, lost = a_scarce_sprint(market)
    wait(market, lost)
    release(market, won, 3, day(2))
    with writing(market) as session:
        assert open_daily_round(session, "sprint-1", Change(ADA, morning(1))) == "sprint-1-0302"
        assert open_daily_round(session, "sprint-1", Change(ADA, morning(1))) is None
    assert tick_at(market, morning(2)) == ["cleared sprint-1-0303", "published sprint-1-0303"]
    assert daily_awards(market) == [("sprint-1-0303", "lost", day(3), 300)]
    with reading(market) as session:
        assert find_round(session, "sprint-1-0302").state == "cancelled"
    assert_sound(market)


def test_a_bid_that_got_something_waits_no_more(market: Database) -> None:
    won, lost = a_scarce_sprint(market)
    wait(market, lost)
    release(market, won, 3, day(2))
    tick_at(market, THE_DAY_BEFORE)
    release(market, won, 1, day(3), at=morning(1), follows=1)
    assert tick_at(market, morning(1)) == []


def test_only_days_to_come_are_handed_out(market: Database) -> None:
    won, lost = a_scarce_sprint(market)
    wait(market, lost)
    release(market, won, 4, day(2), at=morning(1))
    tick_at(market, morning(1))
    [(_, _, start, _)] = daily_awards(market)
    assert start == day(2)


def test_a_day_is_not_cleared_where_nothing_free_would_serve_who_waits(market: Database) -> None:
    won, lost = a_scarce_sprint(market)
    wait(market, lost)
    release(market, won, 2, day(2))
    tick_at(market, THE_DAY_BEFORE)
    before = row_counts(market)
    assert tick_at(market, THE_DAY_BEFORE) == []
    new = {name for name, count in row_counts(market).items() if count != before[name]}
    assert all(name.endswith("_figure") for name in new)


def test_nobody_gets_anything_without_having_asked_for_it(market: Database) -> None:
    won, lost = a_scarce_sprint(market)
    release(market, won, 3, day(2))
    assert tick_at(market, THE_DAY_BEFORE) == []
    wait(market, lost)
    wait(market, lost, WaitlistWish.LEAVE)
    assert tick_at(market, THE_DAY_BEFORE) == []
    assert daily_awards(market) == []


def test_what_a_daily_round_gave_can_be_released_as_well(market: Database) -> None:
    won, lost = a_scarce_sprint(market)
    wait(market, lost)
    release(market, won, 3, day(2))
    tick_at(market, THE_DAY_BEFORE)
    with reading(market) as session:
        daily = session.scalars(
            select(col(AwardRow.bid_id)).where(col(AwardRow.start) == day(2))
        ).one()
    done = release(market, daily, 1, day(3), by=lead_of(market, "blue"))
    assert done.refund_credits == 300 * 1 * 80 // (2 * 100)
    assert in_use(market) == [8, 10, 2, 2, 0]
    assert_sound(market)


def test_the_sprint_stays_the_round_that_the_market_speaks_of(market: Database) -> None:
    won, lost = a_scarce_sprint(market)
    wait(market, lost)
    release(market, won, 3, day(2))
    tick_at(market, THE_DAY_BEFORE)
    with reading(market) as session:
        brief = current_round(session, day(3))
    assert brief is not None
    assert brief.key == "sprint-1"


@pytest.mark.parametrize("key", ["sprint-1", "sprint-1-0301"])
def test_what_a_daily_round_rests_on_and_gave_is_not_overridden(market: Database, key: str) -> None:
    won, lost = a_scarce_sprint(market)
    wait(market, lost)
    release(market, won, 3, day(2))
    tick_at(market, THE_DAY_BEFORE)
    with reading(market) as session, pytest.raises(Refused, match="handed out since"):
        overridable_run(session, find_round(session, key))


def test_a_wish_is_logged_and_the_same_wish_again_changes_nothing(market: Database) -> None:
    _, lost = a_scarce_sprint(market)
    assert wait(market, lost)
    assert not wait(market, lost)
    assert wait(market, lost, WaitlistWish.LEAVE)
    assert event_kinds(market)[-2:] == ["waitlist.joined", "waitlist.left"]


def test_only_the_teams_own_lead_lets_a_bid_wait(market: Database) -> None:
    _, lost = a_scarce_sprint(market)
    with pytest.raises(NotAllowed):
        wait(market, lost, by=someone(market, "member", blue=TeamRole.MEMBER))
    with pytest.raises(NotFound):
        wait(market, lost, by=lead_of(market, "red"))
    with pytest.raises(SignInNeeded):
        wait(market, lost, by=ANONYMOUS)


def test_what_won_or_can_win_nothing_any_more_does_not_wait(market: Database) -> None:
    won, lost = a_scarce_sprint(market)
    with pytest.raises(NotFound):
        wait(market, won, by=lead_of(market))
    with pytest.raises(Refused, match="cannot wait"):
        wait(market, lost, at=morning(3))
    assert wait(market, lost, at=morning(2))


@pytest.mark.parametrize(
    ("rewrite", "sentence"),
    [
        ("UPDATE waitlist_step SET wish = 'leave'", STAYS),
        ("DELETE FROM waitlist_step", STAYS),
        (COPY, NEXT),
        ("UPDATE daily_round SET round_id = round_id", STAYS),
        ("DELETE FROM daily_round", STAYS),
    ],
)
def test_the_database_keeps_the_waitlist_and_the_days(
    either_market: Database, rewrite: str, sentence: str
) -> None:
    won, lost = a_scarce_sprint(either_market)
    wait(either_market, lost)
    release(either_market, won, 3, day(2))
    tick_at(either_market, THE_DAY_BEFORE)
    with pytest.raises(IntegrityError, match=sentence), writing(either_market) as session:
        session.execute(text(rewrite))
