"""People are told what concerns them, once, with what causes it, unless they do not want to be."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable

import pytest
from sqlalchemy import select
from sqlmodel import Session, col

from broker.access import ANONYMOUS
from broker.db import Database, reading, transact
from broker.deadlines import DeadlineWish, approve_deadline, propose_deadline
from broker.errors import NotFound, SignInNeeded
from broker.notices.causes import (
    NEAR,
    Reported,
    tell_delivery_reported,
    tell_near_deadlines,
    tell_opened,
)
from broker.notices.reading import Choice, choose, mark_all_read, mark_read, unread_count
from broker.notices.tables import Channel, NoticeKind, NoticeRow
from broker.people.grants import Grant, end_grant, propose_grant
from broker.people.persons import disable_person
from broker.rounds import close_round, create_round, find_round, finish_round, open_round
from broker.rounds_by_hand import cancel_round
from broker.tables import AwardRow, BidRow
from tests.cast import (
    ADMIN,
    LEAD,
    MEMBER,
    OPERATOR,
    OTHER_LEAD,
    OWNER,
    SECOND_ADMIN,
    Places,
    actor,
    bring_people,
)
from tests.credit_markets import a_sprint, place, publish
from tests.ledgers import announce, team_ids
from tests.markets import NOON, a_change, described, event_kinds
from tests.notices import a_peopled_market, told

BIDDERS = {LEAD, MEMBER, OTHER_LEAD}
CLOSES_AT = NOON + dt.timedelta(hours=60)


@pytest.fixture
def peopled(either_market: Database) -> Database:
    a_peopled_market(either_market)
    return either_market


def open_with_deadline(db: Database) -> None:
    """Open the second sprint, which closes by itself."""
    offer = described(a_sprint(2))
    transact(db, lambda s: create_round(s, offer, a_change(), closes_at=CLOSES_AT))
    transact(db, lambda s: open_round(s, "sprint-2", a_change()))


def remind(db: Database, at: dt.datetime) -> None:
    transact(db, lambda session: tell_near_deadlines(session, at))


def opt_out(db: Database, key: str, choices: Iterable[Choice]) -> None:
    someone = actor(db, key)
    transact(db, lambda session: choose(session, someone, choices, NOON))


# --- causes ------------------------------------------------------------------------------------


def test_the_teams_of_a_round_hear_that_it_opens_and_nobody_else(peopled: Database) -> None:
    announce(peopled, a_sprint(2))
    assert told(peopled) == {key: ["First sprint is open for bids."] for key in BIDDERS}


def test_a_cause_that_is_repeated_tells_nobody_twice(peopled: Database) -> None:
    for _ in range(2):
        transact(peopled, lambda s: tell_opened(s, find_round(s, "sprint-1"), NOON))
    assert told(peopled) == {key: ["First sprint is open for bids."] for key in BIDDERS}


def test_what_does_not_happen_is_told_to_nobody(peopled: Database) -> None:
    def open_and_fail(session: Session) -> None:
        create_round(session, described(a_sprint(2)), a_change())
        open_round(session, "sprint-2", a_change())
        raise NotFound("Something else is wrong.")

    with pytest.raises(NotFound):
        transact(peopled, open_and_fail)
    assert told(peopled) == {}


def test_a_deadline_is_told_when_it_is_near_and_once(peopled: Database) -> None:
    open_with_deadline(peopled)
    remind(peopled, CLOSES_AT - NEAR - dt.timedelta(seconds=1))
    assert told(peopled, "deadline-near") == {}
    for hours in (0, 1, 2):
        remind(peopled, CLOSES_AT - NEAR + dt.timedelta(hours=hours))
    [sentence] = set(map(tuple, told(peopled, "deadline-near").values()))
    assert sentence == ("First sprint closes for bids on 23 February 2026 at 00:00 UTC.",)
    assert set(told(peopled, "deadline-near")) == BIDDERS


def test_a_changed_deadline_is_approved_by_another_and_told_to_the_teams(
    peopled: Database,
) -> None:
    open_with_deadline(peopled)
    first, second = actor(peopled, ADMIN), actor(peopled, SECOND_ADMIN)
    later = CLOSES_AT + dt.timedelta(hours=5)
    wish = DeadlineWish("sprint-2", later, "The network was down.")
    change_id = transact(peopled, lambda s: propose_deadline(s, first, wish, NOON))
    assert set(told(peopled, "to-approve")) == {SECOND_ADMIN}
    transact(peopled, lambda s: approve_deadline(s, second, "sprint-2", change_id, NOON))
    assert told(peopled, "to-approve") == {}
    assert set(told(peopled, "round-changed")) == BIDDERS
    remind(peopled, CLOSES_AT - NEAR)
    assert told(peopled, "deadline-near") == {}


def test_nobody_is_asked_to_bid_once_a_round_takes_no_bids(peopled: Database) -> None:
    open_with_deadline(peopled)
    remind(peopled, CLOSES_AT - NEAR)
    transact(peopled, lambda s: close_round(s, "sprint-2", a_change(60)))
    assert told(peopled) == {}


def test_a_cancelled_round_is_told_to_its_teams(peopled: Database) -> None:
    admin = actor(peopled, ADMIN)
    transact(peopled, lambda s: cancel_round(s, admin, "sprint-1", "No power.", NOON))
    assert set(told(peopled, "round-changed")) == BIDDERS


def test_a_result_tells_every_team_its_own_and_deliveries_fall_due_at_the_end(
    peopled: Database,
) -> None:
    place(peopled, 1, "red", 400)
    publish(peopled, 1)
    sentence = "First sprint is published: 1 of 1 bid of Team red won, for 120 credits."
    assert told(peopled, "result-published") == {LEAD: [sentence], MEMBER: [sentence]}
    assert told(peopled, "delivery-to-report") == {}
    transact(peopled, lambda s: finish_round(s, "sprint-1", a_change(400)))
    assert told(peopled, "delivery-to-report") == {
        LEAD: ["1 award of Team red in First sprint ended: report what was delivered."]
    }


@pytest.mark.parametrize(("pool_of_owner", "who"), [("gpu", {OWNER}), ("", {ADMIN, SECOND_ADMIN})])
def test_a_report_waits_for_the_pools_owner_or_else_for_an_admin(
    peopled: Database, pool_of_owner: str, who: set[str]
) -> None:
    place(peopled, 1, "red", 400)
    publish(peopled, 1)
    pools = actor(peopled, OWNER).pools if pool_of_owner else frozenset[str]()
    with reading(peopled) as session:
        award = session.scalars(select(AwardRow)).one()
        bid = session.get_one(BidRow, award.bid_id)
    lead = actor(peopled, LEAD)
    reported = Reported(bid.id, bid.key, 1, team_ids(peopled)["red"], pools, lead.id)
    transact(peopled, lambda session: tell_delivery_reported(session, reported, NOON))
    assert set(told(peopled, "delivery-to-confirm")) == who


def test_a_proposed_role_waits_for_an_admin_who_neither_proposes_nor_gets_it(
    peopled: Database,
) -> None:
    admin = actor(peopled, ADMIN)
    wish = Grant("noah", "member", "red")
    granted = transact(peopled, lambda s: propose_grant(s, admin, wish, NOON))
    assert set(told(peopled, "to-approve")) == {SECOND_ADMIN}
    transact(peopled, lambda s: end_grant(s, admin, granted.id, NOON))
    assert told(peopled, "to-approve") == {}


# --- who wants what ------------------------------------------------------------------------------


def test_whoever_wants_no_notices_of_a_kind_gets_none_of_it_and_all_others(
    peopled: Database,
) -> None:
    opt_out(peopled, LEAD, [(NoticeKind.ROUND_OPENED, channel) for channel in Channel])
    open_with_deadline(peopled)
    remind(peopled, CLOSES_AT - NEAR)
    assert set(told(peopled, "round-opened")) == BIDDERS - {LEAD}
    assert set(told(peopled, "deadline-near")) == BIDDERS


def test_whoever_wants_mail_only_sees_nothing_in_the_market(peopled: Database) -> None:
    opt_out(peopled, LEAD, [(NoticeKind.ROUND_OPENED, Channel.IN_APP)])
    announce(peopled, a_sprint(2))
    with reading(peopled) as session:
        counts = [unread_count(session, actor(peopled, key)) for key in (LEAD, MEMBER)]
    assert counts == [0, 1]
    assert LEAD in told(peopled)


def test_whoever_changes_their_mind_is_told_again(peopled: Database) -> None:
    opt_out(peopled, LEAD, [(NoticeKind.ROUND_OPENED, channel) for channel in Channel])
    opt_out(peopled, LEAD, [])
    announce(peopled, a_sprint(2))
    assert LEAD in told(peopled)


def test_whoever_is_disabled_is_told_nothing(peopled: Database) -> None:
    transact(peopled, lambda s: disable_person(s, OPERATOR, LEAD, NOON))
    announce(peopled, a_sprint(2))
    assert set(told(peopled)) == BIDDERS - {LEAD}


def test_notices_are_read_by_their_person_only(peopled: Database) -> None:
    announce(peopled, a_sprint(2))
    lead, rival = actor(peopled, LEAD), actor(peopled, OTHER_LEAD)
    with reading(peopled) as session:
        own = select(NoticeRow).where(col(NoticeRow.person_id) == lead.person_id)
        notice_id = session.scalars(own).one().id
    for stranger, error in ((rival, NotFound), (ANONYMOUS, SignInNeeded)):
        with pytest.raises(error):
            transact(peopled, lambda s, who=stranger: mark_read(s, who, notice_id, NOON))
    transact(peopled, lambda session: mark_all_read(session, rival, NOON, NOON))
    with reading(peopled) as session:
        assert (unread_count(session, lead), unread_count(session, rival)) == (1, 0)
    transact(peopled, lambda session: mark_read(session, lead, notice_id, NOON))
    with reading(peopled) as session:
        assert unread_count(session, lead) == 0


def test_reading_and_choosing_leave_one_event_each_where_they_change_something(
    peopled: Database,
) -> None:
    announce(peopled, a_sprint(2))
    lead = actor(peopled, LEAD)
    with reading(peopled) as session:
        own = select(NoticeRow).where(col(NoticeRow.person_id) == lead.person_id)
        notice_id = session.scalars(own).one().id
    before = len(event_kinds(peopled))
    unwanted = [(NoticeKind.ROUND_OPENED, Channel.MAIL)]
    for _ in "twice":
        transact(peopled, lambda session: mark_read(session, lead, notice_id, NOON))
        transact(peopled, lambda session: mark_all_read(session, lead, NOON, NOON))
        opt_out(peopled, LEAD, unwanted)
    announce(peopled, a_sprint(3))
    transact(peopled, lambda session: mark_all_read(session, lead, NOON, NOON))
    told_of = [kind for kind in event_kinds(peopled)[before:] if kind.startswith("notice.")]
    assert told_of == ["notice.read", "notice.chosen", "notice.all-read"]


# --- sealed --------------------------------------------------------------------------------------


def test_no_notice_before_a_close_depends_on_a_bid(market: Database) -> None:
    announce(market, a_sprint(1))
    bring_people(market, Places("red", "blue", "gpu"))
    open_with_deadline(market)
    place(market, 2, "blue", 300)
    remind(market, CLOSES_AT - NEAR)
    sentences = {sentence for own in told(market).values() for sentence in own}
    assert sentences == {
        "First sprint is open for bids until 23 February 2026 at 00:00 UTC.",
        "First sprint closes for bids on 23 February 2026 at 00:00 UTC.",
    }
