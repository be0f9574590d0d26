"""During a sprint teams bid for the days that remain, sealed until the daily round closes."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from allocation.problem import Tier
from broker.access import service
from broker.bids.drafts import BidDraft, DraftAlternative, DraftItem
from broker.bids.findings import InvalidDraft
from broker.bids.reading import TeamBid
from broker.bids.writing import BidWish, submit_bid, withdraw_bid
from broker.dashboards.bid_desk import open_rounds
from broker.dashboards.briefs import current_round
from broker.db import Database, reading, transact
from broker.errors import Refused, TooLate
from broker.overrides.proposals import overridable_run
from broker.policy.frozen import score_of
from broker.rounds import close_round, find_round
from broker.rounds_by_hand import close_by_hand
from broker.tables import BidRow
from tests.bid_markets import team_id
from tests.builders import an_alternative, an_item
from tests.deliveries import lead_of
from tests.holdings import SPOT, THE_DAY_BEFORE, day, morning, release, tick_at, wait
from tests.integration.test_daily_rounds import assert_sound, daily_awards, spent
from tests.markets import ADA, event_kinds, row_counts, run_it
from tests.policies import READY, a_policy
from tests.policy_markets import adopt, an_open_round, bid, do

LATE = SPOT | {"daily_close_time": "17:00"}
DAILY = "sprint-1-0301"
AT_FIVE = THE_DAY_BEFORE.replace(hour=17)
"""When the first daily round closes, a day before the sprint begins."""


def a_sprint(db: Database, **changes: Any) -> tuple[str, str]:
    """Publish a sprint in which red's award leaves two units, too few for blue's bid."""
    adopt(db, a_policy(**{"spot": LATE, "pricing": "pay-as-bid"} | changes))
    an_open_round(db)
    won = bid(db, "won", an_alternative(an_item(days=4, units=2), offer=500, lots=(1, 4)))
    wanted = an_alternative(an_item(days=2, units=8), offer=300, starts=(0, 2))
    lost = bid(db, "lost", wanted, team="blue")
    do(db, close_round, "sprint-1", hours=1)
    run_it(db)
    return won, lost


def a_late_draft(units: int = 1, tier: Tier = Tier.SPOT, first: int = 2) -> BidDraft:
    """Return a draft for two days of a sprint."""
    way = DraftAlternative(
        tier=tier,
        earliest_start=day(first),
        latest_start=day(first),
        offer_credits_per_lot=90,
        items=(DraftItem("gpu", 0, 2, units),),
    )
    return BidDraft(
        "Fit it late", (way,), READY.theme_key, READY.owner_after_award, READY.success_measure,
        READY.ends_on,
    )  # fmt: skip


def bid_late(
    db: Database,
    draft: BidDraft | None = None,
    team: str = "blue",
    at: dt.datetime = THE_DAY_BEFORE,
    key: str = DAILY,
) -> TeamBid:
    wish = BidWish(team_id(db, team), key, draft or a_late_draft())
    lead = lead_of(db, team)
    return transact(db, lambda session: submit_bid(session, lead, wish, at))


def test_a_late_bid_is_taken_by_the_next_daily_round(either_market: Database) -> None:
    a_sprint(either_market)
    assert tick_at(either_market, THE_DAY_BEFORE) == [f"opened {DAILY}"]
    late = bid_late(either_market)
    assert tick_at(either_market, THE_DAY_BEFORE) == []
    assert tick_at(either_market, AT_FIVE) == [
        f"cleared {DAILY}",
        f"published {DAILY}",
        "opened sprint-1-0302",
    ]
    assert daily_awards(either_market) == [(DAILY, late.key, day(2), 90)]
    assert spent(either_market, "blue") == 90
    with reading(either_market) as session:
        score = score_of(session, session.get_one(BidRow, late.id), AT_FIVE)
    assert (score.policy_version, score.multiplier_percent) == (1, 110)
    assert_sound(either_market)
    before = row_counts(either_market)
    assert tick_at(either_market, AT_FIVE) == []
    assert row_counts(either_market) == before


def test_what_waits_and_what_came_late_compete_for_what_is_free_at_the_close(
    market: Database,
) -> None:
    won, lost = a_sprint(market)
    tick_at(market, THE_DAY_BEFORE)
    wait(market, lost)
    bid_late(market, a_late_draft(units=6))
    release(market, won, 3, day(2))
    tick_at(market, AT_FIVE)
    assert daily_awards(market) == [(DAILY, "lost", day(2), 300)]
    assert_sound(market)


def test_a_late_bid_is_for_spot_and_is_checked_as_every_bid(market: Database) -> None:
    a_sprint(market)
    tick_at(market, THE_DAY_BEFORE)
    with pytest.raises(InvalidDraft, match="choose spot"):
        bid_late(market, a_late_draft(tier=Tier.RESERVED))
    with pytest.raises(InvalidDraft, match="is no window"):
        bid_late(market, a_late_draft(first=0))
    with pytest.raises(TooLate):
        bid_late(market, at=AT_FIVE)


def test_a_late_bid_is_withdrawn_until_the_close_and_costs_nothing(market: Database) -> None:
    a_sprint(market)
    tick_at(market, THE_DAY_BEFORE)
    late, lead = bid_late(market), lead_of(market, "blue")
    transact(market, lambda session: withdraw_bid(session, lead, late.id, 1, THE_DAY_BEFORE))
    assert tick_at(market, AT_FIVE) == ["opened sprint-1-0302"]
    with reading(market) as session:
        assert find_round(session, DAILY).state == "cancelled"
    assert spent(market, "blue") == 0
    assert_sound(market)


def test_whether_bids_are_taken_does_not_depend_on_any_bid(market: Database) -> None:
    a_sprint(market)
    tick_at(market, THE_DAY_BEFORE)
    before = event_kinds(market)
    bid_late(market)
    assert event_kinds(market) == before
    with reading(market) as session:
        assert [one.key for one in open_rounds(session, THE_DAY_BEFORE)] == [DAILY]
        assert getattr(current_round(session, day(2)), "key", "") == "sprint-1"


def test_without_a_time_in_the_policy_daily_rounds_take_no_bids(market: Database) -> None:
    a_sprint(market, spot=SPOT)
    assert tick_at(market, THE_DAY_BEFORE) == []


def test_no_daily_round_takes_bids_for_days_that_nobody_could_use(market: Database) -> None:
    a_sprint(market)
    assert tick_at(market, morning(4)) == ["opened sprint-1-0305"]
    assert tick_at(market, morning(5)) == []


def test_a_daily_round_that_nobody_closed_in_time_is_cancelled(market: Database) -> None:
    a_sprint(market)
    tick_at(market, THE_DAY_BEFORE)
    bid_late(market)
    assert tick_at(market, morning(2)) == ["opened sprint-1-0303"]
    with reading(market) as session:
        assert find_round(session, DAILY).state == "cancelled"
    assert_sound(market)


def test_a_daily_round_is_closed_by_its_time_alone(market: Database) -> None:
    a_sprint(market)
    tick_at(market, THE_DAY_BEFORE)
    with pytest.raises(Refused, match="closed with all that is free"):
        transact(market, lambda session: close_by_hand(session, service(ADA), DAILY, AT_FIVE))


def test_results_are_overridden_while_no_daily_round_rests_on_them(market: Database) -> None:
    a_sprint(market)
    tick_at(market, THE_DAY_BEFORE)
    with reading(market) as session:
        assert overridable_run(session, find_round(session, "sprint-1"))
    bid_late(market)
    tick_at(market, AT_FIVE)
    with reading(market) as session, pytest.raises(Refused, match="handed out since"):
        overridable_run(session, find_round(session, "sprint-1"))
