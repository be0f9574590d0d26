"""A team that wants to be asked accepts what a waiting bid won, or it goes to others, paid back."""

from __future__ import annotations

import datetime as dt

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import IntegrityError
from sqlmodel import col

from broker.access import TeamRole
from broker.db import Database, reading, transact, writing
from broker.errors import NotAllowed, Refused, TooLate
from broker.migrations.acceptance_guards import ONCE, STAYS
from broker.spot.acceptances import answer_award
from broker.spot.tables import TeamAnswer, WaitlistWish
from broker.tables import AwardRow
from tests.deliveries import lead_of, someone
from tests.holdings import (
    SPOT,
    THE_DAY_BEFORE,
    a_scarce_sprint,
    day,
    morning,
    release,
    tick_at,
    wait,
)
from tests.integration.test_daily_rounds import assert_sound, daily_awards, in_use, spent
from tests.markets import event_kinds, row_counts

ASKED = SPOT | {"accept_hours": 12}
IN_TIME = THE_DAY_BEFORE + dt.timedelta(hours=11)
AFTER = THE_DAY_BEFORE + dt.timedelta(hours=12)


def an_award_to_accept(db: Database) -> str:
    """Let blue's bid win what red released, to be accepted within twelve hours; return its bid."""
    won, lost = a_scarce_sprint(db, spot=ASKED)
    wait(db, lost, WaitlistWish.ASK)
    release(db, won, 3, day(2))
    assert tick_at(db, THE_DAY_BEFORE) == ["cleared sprint-1-0301", "published sprint-1-0301"]
    with reading(db) as session:
        award = select(col(AwardRow.bid_id)).where(col(AwardRow.start) == day(2))
        return session.scalars(award).one()


def reply(
    db: Database, bid_id: str, answer: TeamAnswer = TeamAnswer.ACCEPTED, at: dt.datetime = IN_TIME
) -> bool:
    lead = lead_of(db, "blue")
    return transact(db, lambda session: answer_award(session, lead, bid_id, answer, at))


def test_what_is_accepted_in_time_holds(either_market: Database) -> None:
    bid_id = an_award_to_accept(either_market)
    assert in_use(either_market) == [8, 10, 10, 2, 0]
    assert reply(either_market, bid_id)
    assert not reply(either_market, bid_id)
    assert event_kinds(either_market)[-1] == "award.accepted"
    assert tick_at(either_market, AFTER) == []
    assert spent(either_market, "blue") == 300
    assert_sound(either_market)


def test_what_nobody_accepts_in_time_goes_back_with_its_payment_once(
    either_market: Database,
) -> None:
    an_award_to_accept(either_market)
    assert tick_at(either_market, IN_TIME) == []
    assert tick_at(either_market, AFTER) == ["lapsed sprint-1-0301"]
    assert spent(either_market, "blue") == 0
    assert in_use(either_market) == [8, 2, 2, 2, 0]
    before = row_counts(either_market)
    assert tick_at(either_market, AFTER) == []
    assert row_counts(either_market) == before
    assert_sound(either_market)


def test_what_is_declined_comes_back_and_its_bid_waits_no_more(market: Database) -> None:
    bid_id = an_award_to_accept(market)
    assert reply(market, bid_id, TeamAnswer.DECLINED)
    assert spent(market, "blue") == 0
    assert in_use(market) == [8, 2, 2, 2, 0]
    assert event_kinds(market)[-2:] == ["award.not-accepted", "ledger.refund"]
    assert tick_at(market, morning(1)) == []
    assert len(daily_awards(market)) == 1
    assert_sound(market)


def test_an_award_is_answered_once_in_time_by_the_teams_lead(market: Database) -> None:
    bid_id = an_award_to_accept(market)
    with pytest.raises(TooLate):
        reply(market, bid_id, at=AFTER)
    member = someone(market, "member", blue=TeamRole.MEMBER)
    with pytest.raises(NotAllowed), writing(market) as session:
        answer_award(session, member, bid_id, TeamAnswer.ACCEPTED, IN_TIME)
    with pytest.raises(Refused, match="not accepted yet"):
        release(market, bid_id, 1, day(3), by=lead_of(market, "blue"))
    reply(market, bid_id)
    with pytest.raises(Refused, match="was accepted before"):
        reply(market, bid_id, TeamAnswer.DECLINED)


def test_nobody_is_asked_under_a_policy_that_gives_no_time(market: Database) -> None:
    _, lost = a_scarce_sprint(market)
    with pytest.raises(Refused, match="no time to accept"):
        wait(market, lost, WaitlistWish.ASK)


def test_what_is_to_be_accepted_begins_after_the_time_to_accept_it(market: Database) -> None:
    won, lost = a_scarce_sprint(market, spot=SPOT | {"accept_hours": 72})
    wait(market, lost, WaitlistWish.ASK)
    release(market, won, 4, day(1))
    assert tick_at(market, THE_DAY_BEFORE) == []


@pytest.mark.parametrize(
    ("rewrite", "sentence"),
    [
        ("UPDATE acceptance SET answer = 'declined'", ONCE),
        ("DELETE FROM acceptance", STAYS),
    ],
)
def test_the_database_keeps_what_was_answered(
    either_market: Database, rewrite: str, sentence: str
) -> None:
    reply(either_market, an_award_to_accept(either_market))
    with pytest.raises(IntegrityError, match=sentence), writing(either_market) as session:
        session.execute(text(rewrite))
