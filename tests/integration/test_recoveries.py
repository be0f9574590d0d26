"""Where capacity is lost, a round says who keeps what: spot gives way first, refunds come once."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from threading import Barrier, Thread

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import IntegrityError
from sqlmodel import col

from allocation.problem import Tier
from broker.access import ANONYMOUS, Actor, Role, TeamRole
from broker.audit import Change
from broker.dashboards.use import use_per_day
from broker.db import Database, reading, transact, writing
from broker.errors import NotAllowed, NotFound, SignInNeeded
from broker.holdings.tables import HoldingCutRow
from broker.ledger.tables import AccountKind, AccountRow
from broker.migrations.recovery_guards import ONLY_BEFORE, STAYS
from broker.proofs.verifying import Evidence, collect, verify
from broker.rounds import close_round, find_round
from broker.spot.losses import InvalidLoss, LossWish, preview_loss, report_loss
from broker.spot.recoveries import open_recovery_round
from broker.spot.tables import WaitlistWish
from broker.tables import AwardRow, BidRow, RoundRow
from tests.builders import an_alternative, an_item
from tests.cast import Places, bring_people
from tests.deliveries import lead_of, someone, team_id
from tests.holdings import SPOT, THE_DAY_BEFORE, day, morning, release, tick_at, wait
from tests.markets import ADA, event_kinds, row_counts, run_it
from tests.notices import told
from tests.policies import a_policy
from tests.policy_markets import adopt, an_open_round, bid, do

DAY_TWO = morning(2)
FIRE = LossWish("gpu", 7, day(3), day(4), "a rack burnt")


def a_full_sprint(db: Database) -> dict[str, str]:
    """Publish a sprint of 10 reserved and 5 spot units that is full; return its bids.

    Red holds 4 reserved units worth 400 and blue 6 worth 900, for four days from the first on; red
    holds 5 spot units worth 2,000.
    """
    adopt(db, a_policy(spot=SPOT, pricing="pay-as-bid"))
    an_open_round(db)
    ways = {
        "small": (an_alternative(an_item(days=4, units=4), offer=400), "red"),
        "large": (an_alternative(an_item(days=4, units=6), offer=900), "blue"),
        "spot": (an_alternative(an_item(days=4, units=5), tier=Tier.SPOT, offer=2000), "red"),
    }
    bids = {key: bid(db, key, way, team=team) for key, (way, team) in ways.items()}
    do(db, close_round, "sprint-1", hours=1)
    run_it(db)
    return bids


def an_owner(db: Database) -> Actor:
    return someone(db, "owner", pool="gpu")


def lose(db: Database, wish: LossWish = FIRE, at: dt.datetime = DAY_TWO) -> str:
    owner = an_owner(db)
    return transact(db, lambda session: report_loss(session, owner, wish, at)).loss_id


def cuts(db: Database) -> list[tuple[object, ...]]:
    """Return every cut: bid, cause, lots, first day, percent and credits."""
    with reading(db) as session:
        rows = session.execute(
            select(
                col(BidRow.key),
                col(HoldingCutRow.cause),
                col(HoldingCutRow.lots),
                col(HoldingCutRow.from_day),
                col(HoldingCutRow.refund_percent),
                col(HoldingCutRow.refund_credits),
            )
            .join(BidRow, col(BidRow.id) == col(HoldingCutRow.bid_id))
            .order_by(col(BidRow.key), col(HoldingCutRow.number))
        )
        return [tuple(row) for row in rows]


def spent(db: Database, team: str) -> int:
    with reading(db) as session:
        account = f"{AccountKind.SPENT}/{team_id(session, team)}"
        balance = select(col(AccountRow.balance_credits)).where(col(AccountRow.id) == account)
        return session.scalars(balance).one()


def assert_sound(db: Database) -> None:
    with reading(db) as session:
        assert collect(verify(session, Evidence(""))).findings == []


def test_spot_gives_way_first_and_then_the_least_reserved_value(either_market: Database) -> None:
    a_full_sprint(either_market)
    lose(either_market)
    assert tick_at(either_market, morning(2)) == [
        "recovered sprint-1-recovery-1",
        "published sprint-1-recovery-1",
    ]
    assert cuts(either_market) == [
        ("small", "capacity-lost", 1, day(3), 110, 220),
        ("spot", "capacity-lost", 1, day(3), 110, 1100),
    ]
    assert spent(either_market, "red") == 2400 - 1320
    assert spent(either_market, "blue") == 900
    assert_sound(either_market)


def test_reserved_awards_stay_where_spot_alone_can_serve(market: Database) -> None:
    a_full_sprint(market)
    lose(market, replace(FIRE, units=5))
    tick_at(market, morning(2))
    assert [(key, cause) for key, cause, *_ in cuts(market)] == [("spot", "capacity-lost")]
    assert_sound(market)


def test_a_recovery_is_made_once_however_often_and_from_wherever_it_is_tried(
    either_market: Database,
) -> None:
    a_full_sprint(either_market)
    lose(either_market)
    barrier = Barrier(2)

    def host() -> None:
        barrier.wait()
        tick_at(either_market, morning(2))

    hosts = [Thread(target=host) for _ in range(2)]
    for one in hosts:
        one.start()
    for one in hosts:
        one.join()
    tick_at(either_market, morning(2))
    assert len(cuts(either_market)) == 2
    before = row_counts(either_market)
    assert tick_at(either_market, morning(2)) == []
    assert row_counts(either_market) == before
    assert_sound(either_market)


def test_what_is_lost_today_is_given_back_from_today_on(market: Database) -> None:
    a_full_sprint(market)
    lose(market, replace(FIRE, units=5), at=morning(3))
    tick_at(market, morning(3))
    assert cuts(market) == [("spot", "capacity-lost", 1, day(3), 110, 1100)]


def test_a_refund_with_its_rebate_is_never_more_than_was_paid(market: Database) -> None:
    a_full_sprint(market)
    lose(market, replace(FIRE, units=5, first_day=day(1)), at=THE_DAY_BEFORE)
    tick_at(market, THE_DAY_BEFORE)
    assert cuts(market) == [("spot", "capacity-lost", 1, day(1), 110, 2000)]
    assert_sound(market)


BEHIND_THE_BACK = {
    "less capacity": "UPDATE capacity SET reserved_units = 9 WHERE day = '{day}'",
    "a larger loss": "UPDATE capacity_loss SET units = 10",
    "a cut undone": "DELETE FROM holding_cut WHERE cause = 'capacity-lost'",
}


@pytest.mark.parametrize("change", BEHIND_THE_BACK)
def test_awards_that_hold_more_than_there_is_now_are_found(market: Database, change: str) -> None:
    a_full_sprint(market)
    lose(market)
    assert_sound(market)
    tick_at(market, morning(2))
    assert_sound(market)
    with market.writer.begin() as connection:
        triggers = "SELECT name FROM sqlite_master WHERE type = 'trigger'"
        for name in connection.scalars(text(triggers)).all():
            connection.execute(text(f"DROP TRIGGER {name}"))
        connection.execute(text(BEHIND_THE_BACK[change].format(day=day(1))))
    with reading(market) as session:
        findings = collect(verify(session, Evidence(""))).findings
    assert "awards hold more of pool gpu" in " ".join(
        one.sentence for one in findings if one.code == "I3"
    )


def test_losses_add_up_and_a_second_recovery_follows(market: Database) -> None:
    a_full_sprint(market)
    lose(market, replace(FIRE, units=5))
    tick_at(market, morning(2))
    lose(market, replace(FIRE, units=2, reason="and its neighbour"))
    assert tick_at(market, morning(2)) == [
        "recovered sprint-1-recovery-2",
        "published sprint-1-recovery-2",
    ]
    assert [key for key, *_ in cuts(market)] == ["small", "spot"]
    assert_sound(market)


def test_a_loss_that_everything_still_fits_in_changes_nothing_else(market: Database) -> None:
    a_full_sprint(market)
    lose(market, LossWish("gpu", 3, day(5), day(5), "maintenance ran over"))
    assert tick_at(market, morning(2)) == []
    assert cuts(market) == []


def test_the_same_report_twice_is_one_loss(market: Database) -> None:
    a_full_sprint(market)
    assert lose(market) == lose(market)
    assert event_kinds(market).count("capacity.lost") == 1
    assert lose(market, replace(FIRE, reason="another rack")) != lose(market)


def test_an_undecided_recovery_that_is_too_late_is_made_anew(market: Database) -> None:
    a_full_sprint(market)
    lose(market)
    with writing(market) as session:
        change = Change(ADA, morning(2))
        assert open_recovery_round(session, "sprint-1", change) == "sprint-1-recovery-1"
        assert open_recovery_round(session, "sprint-1", change) is None
    assert tick_at(market, morning(4)) == [
        "recovered sprint-1-recovery-2",
        "published sprint-1-recovery-2",
    ]
    with reading(market) as session:
        assert find_round(session, "sprint-1-recovery-1").state == "cancelled"
    assert {first for _, _, _, first, *_ in cuts(market)} == {day(4)}
    assert_sound(market)


def test_what_a_loss_would_do_is_told_and_nothing_saved(market: Database) -> None:
    a_full_sprint(market)
    before = row_counts(market)
    with reading(market) as session:
        effect = preview_loss(session, an_owner(market), replace(FIRE, reason=""), morning(2))
    assert effect.is_short
    assert [(one.day, one.left.reserved_units, one.left.spot_units) for one in effect.days] == [
        (day(3), 8, 0),
        (day(4), 8, 0),
    ]
    assert [one.rest.key for one in effect.awards] == ["large", "small", "spot"]
    assert row_counts(market) == before


@pytest.mark.parametrize(
    ("wish", "finding"),
    [
        (replace(FIRE, units=0), "units: "),
        (replace(FIRE, reason=" "), "reason: "),
        (replace(FIRE, first_day=day(1), last_day=day(1)), "first_day: is past"),
        (replace(FIRE, last_day=day(2)), "last_day: "),
        (replace(FIRE, last_day=day(9)), "first_day: no sprint"),
    ],
)
def test_a_report_that_cannot_be_true_is_refused(
    market: Database, wish: LossWish, finding: str
) -> None:
    a_full_sprint(market)
    with pytest.raises(InvalidLoss) as refused:
        lose(market, wish)
    assert any(one.startswith(finding) for one in refused.value.findings)


def test_only_who_answers_for_a_pool_reports_losses_of_it(market: Database) -> None:
    a_full_sprint(market)
    admin = someone(market, "admin", Role.PLATFORM_ADMIN)
    lead = someone(market, "lead", red=TeamRole.TEAM_LEAD)
    with writing(market) as session:
        for actor, error in ((lead, NotAllowed), (ANONYMOUS, SignInNeeded)):
            with pytest.raises(error):
                report_loss(session, actor, FIRE, morning(2))
        with pytest.raises(NotFound):
            report_loss(session, admin, replace(FIRE, pool_key="tpu"), morning(2))
        assert report_loss(session, admin, FIRE, morning(2)).is_new


def test_whoever_loses_is_told_what_why_what_came_back_and_what_is_offered(
    market: Database,
) -> None:
    a_full_sprint(market)
    bring_people(market, Places("red", "blue", "gpu"))
    lose(market, replace(FIRE, units=5))
    tick_at(market, morning(2))
    sentences = [one for some in told(market, "award-cut").values() for one in some]
    assert set(sentences) == {
        (
            "1 lot of award spot was lost with their capacity from 2026-03-04 on; 1100 credits "
            "came back. 5 units of gpu lost on 2026-03-04 to 2026-03-05: a rack burnt. Round "
            "sprint-1-recovery-1 decided who keeps what. What was lost has the first place on "
            "the waitlist."
        )
    }


def test_no_more_is_lost_than_there_is(market: Database) -> None:
    a_full_sprint(market)
    for reason in ("a fire", "a flood"):
        lose(market, LossWish("gpu", 10, day(5), day(5), reason))
    with reading(market) as session:
        use = use_per_day(find_round(session, "sprint-1").id)
        rows = session.execute(select(use.c.lost_units, use.c.free_units).order_by(use.c.day)).all()
    assert tuple(rows[-1]) == (15, 0)


def test_lost_units_are_not_free(market: Database) -> None:
    a_full_sprint(market)
    lose(market, LossWish("gpu", 4, day(5), day(5), "a switch failed"))
    with reading(market) as session:
        use = use_per_day(find_round(session, "sprint-1").id)
        rows = session.execute(
            select(use.c.free_units, use.c.lost_units, use.c.reserved_free_units).order_by(
                use.c.day
            )
        ).all()
    assert [tuple(row) for row in rows][-1] == (11, 4, 10)


def test_what_was_lost_and_decided_is_never_rewritten(either_market: Database) -> None:
    a_full_sprint(either_market)
    lose(either_market)
    tick_at(either_market, morning(2))
    for table, column in (
        ("contested_award", "round_id"),
        ("recovery_round", "round_id"),
        ("capacity_loss", "id"),
    ):
        changed = f"UPDATE {table} SET {column} = {column}"  # noqa: S608  # our own names
        for words in (changed, f"DELETE FROM {table}"):  # noqa: S608
            with pytest.raises(IntegrityError, match=STAYS), writing(either_market) as session:
                session.execute(text(words))
    statement = text(
        "INSERT INTO contested_award SELECT id, run_id, bid_id, 1, 'capacity-lost' "
        "FROM round, award WHERE key = 'sprint-1' LIMIT 1"
    )
    with pytest.raises(IntegrityError, match=ONLY_BEFORE), writing(either_market) as session:
        session.execute(statement)


def test_what_was_lost_has_the_first_place_and_comes_back_of_what_is_released(
    either_market: Database,
) -> None:
    a_full_sprint(either_market)
    lose(either_market)
    tick_at(either_market, morning(2))
    release(
        either_market,
        bid_of(either_market, "large"),
        1,
        day(3),
        by=lead_of(either_market, "blue"),
        at=morning(2),
    )
    assert tick_at(either_market, morning(2)) == [
        "cleared sprint-1-0303",
        "published sprint-1-0303",
    ]
    with reading(either_market) as session:
        won = session.execute(
            select(col(BidRow.key), col(AwardRow.start), col(AwardRow.lots))
            .join(AwardRow, col(AwardRow.bid_id) == col(BidRow.id))
            .join(RoundRow, col(RoundRow.id) == col(BidRow.round_id))
            .where(col(RoundRow.key) == "sprint-1-0303")
        ).all()
    assert [tuple(row) for row in won] == [("spot", day(3), 1)]
    assert tick_at(either_market, morning(2)) == []
    assert_sound(either_market)


def test_a_team_that_does_not_want_the_first_place_leaves_it(market: Database) -> None:
    a_full_sprint(market)
    lose(market)
    tick_at(market, morning(2))
    for key in ("small", "spot"):
        bid_id = bid_of(market, key)
        assert not wait(market, bid_id, by=lead_of(market), at=morning(2))
        assert wait(market, bid_id, WaitlistWish.LEAVE, by=lead_of(market), at=morning(2))
    release(market, bid_of(market, "large"), 1, day(3), by=lead_of(market, "blue"), at=morning(2))
    assert tick_at(market, morning(2)) == []


def bid_of(db: Database, key: str) -> str:
    with reading(db) as session:
        return session.scalars(select(col(BidRow.id)).where(col(BidRow.key) == key)).one()
