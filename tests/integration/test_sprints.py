"""A rule runs a year of sprints by the clock alone: each announced once, whoever ticks."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from sqlalchemy import insert, select, text
from sqlalchemy.exc import IntegrityError
from sqlmodel import col

from broker.access import service
from broker.audit import ActorId
from broker.bids.placing import place_bid
from broker.db import Database, reading, transact
from broker.errors import NotAllowed, Refused
from broker.pools.calendars import NONE, Calendar, Units
from broker.rounds_by_hand import cancel_round
from broker.sprints.announcing import Standing, announce_sprint, due_sprints
from broker.sprints.offers import pools_for
from broker.sprints.rules import InvalidSprintRule, sprints_from
from broker.sprints.tables import AnnouncedSprintRow
from broker.sprints.versions import (
    activate_rule,
    end_rule,
    propose_rule,
    refuse_rule,
    rule_in_force,
)
from broker.states import RoundState
from broker.tables import AuditEventRow, AwardRow, CapacityRow, RoundTeamRow
from broker.ticking import Deed
from tests.builders import FIRST_DAY, an_alternative
from tests.cast import ADMIN, AUDITOR, LEAD, SECOND_ADMIN, actor
from tests.expert_pools import (
    COUNSEL,
    GINA,
    a_roster,
    an_open_round_with_experts,
    away,
    enlist,
)
from tests.integration.test_rounds import a_wish as a_bid_wish
from tests.ledgers import violations
from tests.markets import NOON, a_change, event_kinds
from tests.pool_changes import a_wish, change, offered
from tests.sprints import (
    FIRST,
    a_market,
    a_rule,
    coming,
    document,
    put_in_force,
    rounds_of,
    ticked,
)

DAY = dt.timedelta(days=1)
ANNOUNCED_AT = dt.datetime(2026, 3, 15, 23, tzinfo=dt.UTC)
"""Midnight in Berlin, three weeks before the first sprint; summer time has not begun."""
HOST = service(ActorId("host"))


@pytest.fixture
def ruled(either_market: Database) -> Database:
    a_market(either_market)
    put_in_force(either_market)
    return either_market


@pytest.fixture
def small(market: Database) -> Database:
    a_market(market)
    return market


def test_a_year_runs_by_ticks_alone(small: Database) -> None:
    put_in_force(small, days=28, announce_days=40)
    begin, deeds = dt.datetime(2026, 2, 23, 12, tzinfo=dt.UTC), Counter[str]()
    for number in range(0, 400, 2):
        for done in ticked(small, begin + number * DAY):
            assert done.error is None, done.sentence
            deeds[done.deed] += done.round_key != "sprint-1"
            if done.deed is Deed.OPENED:
                _bid(small, done.round_key, begin + number * DAY)
    rounds = rounds_of(small)
    finished = [row for row in rounds if row.state == RoundState.FINISHED]
    assert len(finished) == 12
    assert [row.key for row in rounds] == [f"s-{n}" for n in range(7, 7 + len(rounds))]
    assert {row.state for row in rounds[len(finished) + 2 :]} <= {"scheduled", "open"}
    assert deeds[Deed.ANNOUNCED] == len(rounds)
    assert deeds[Deed.FINISHED] == 12
    assert violations(small) == []
    with reading(small) as session:
        assert len(session.scalars(select(AwardRow)).all()) == deeds[Deed.PUBLISHED]


def _bid(db: Database, key: str, at: dt.datetime) -> None:
    """Let red ask for a unit on the first day of a sprint."""
    [row] = [row for row in rounds_of(db) if row.key == key]
    way = replace(an_alternative(), earliest_start=row.starts_on, latest_start=row.starts_on)
    wish = a_bid_wish(way, round_key=key, key=f"b-{key}")
    transact(db, lambda session: place_bid(session, HOST, wish, at))


def test_a_sprint_is_announced_when_its_time_has_come_with_what_the_calendar_says(
    ruled: Database,
) -> None:
    list(ticked(ruled, ANNOUNCED_AT - dt.timedelta(seconds=1)))
    assert rounds_of(ruled) == []
    [done] = ticked(ruled, ANNOUNCED_AT)
    assert (done.deed, done.round_key) == (Deed.ANNOUNCED, "s-7")
    assert "opens at 2026-03-23 08:00 UTC" in done.sentence
    assert list(ticked(ruled, ANNOUNCED_AT)) == []
    [row] = rounds_of(ruled)
    assert (row.name, row.starts_on, row.days) == ("Sprint 7", FIRST, 14)
    assert (row.state, row.opens_at) == ("scheduled", dt.datetime(2026, 3, 23, 8, tzinfo=dt.UTC))
    assert row.closes_at == dt.datetime(2026, 4, 3, 16, tzinfo=dt.UTC)
    assert offered(ruled, "s-7") == [Units(10, 5)] * 14
    with reading(ruled) as session:
        teams = select(col(RoundTeamRow.credits)).where(col(RoundTeamRow.round_id) == row.id)
        assert list(session.scalars(teams)) == [500, 500]
        told = select(AuditEventRow).where(col(AuditEventRow.subject) == "round:s-7")
        [event] = session.scalars(told)
    assert (event.kind, event.facts) == ("round.scheduled", '{"sprint_number":7,"sprint_rule":1}')


def test_hosts_that_tick_at_the_same_time_announce_a_sprint_once(ruled: Database) -> None:
    with ThreadPoolExecutor(4) as hosts:
        told = list(hosts.map(lambda _: list(ticked(ruled, ANNOUNCED_AT)), range(4)))
    deeds = [done.deed for one in told for done in one if done.round_key == "s-7"]
    assert deeds == [Deed.ANNOUNCED]
    assert [row.key for row in rounds_of(ruled)] == ["s-7"]


def test_the_database_lets_no_sprint_be_announced_twice_or_without_a_rule(
    ruled: Database,
) -> None:
    list(ticked(ruled, ANNOUNCED_AT))
    with reading(ruled) as session:
        row = session.scalars(select(AnnouncedSprintRow)).one()
    again = {"starts_on": FIRST, "version": 1, "number": 8, "round_id": row.round_id}
    later = again | {"starts_on": FIRST + DAY}
    for values in (again, later, later | {"version": 2}):
        with pytest.raises(IntegrityError), ruled.writer.begin() as connection:
            connection.execute(insert(AnnouncedSprintRow), values)
    for statement in (
        "UPDATE announced_sprint SET number = 3",
        "DELETE FROM announced_sprint",
        "UPDATE sprint_rule SET document = '{}'",
        "UPDATE sprint_rule SET state = 'refused'",
        "DELETE FROM sprint_rule",
    ):
        with pytest.raises(IntegrityError), ruled.writer.begin() as connection:
            connection.execute(text(statement))


def test_the_author_puts_no_rule_in_force_not_even_in_the_database(ruled: Database) -> None:
    author = actor(ruled, ADMIN)
    version = transact(ruled, lambda s: propose_rule(s, author, document(days=7), "Short.", NOON))
    with pytest.raises(Refused, match="You proposed version 2"):
        transact(ruled, lambda s: activate_rule(s, author, version, NOON))
    forced = text(
        "UPDATE sprint_rule SET state = 'active', decided_by = author, decided_at = proposed_at"
    )
    with pytest.raises(IntegrityError), ruled.writer.begin() as connection:
        connection.execute(forced)


def test_a_rule_that_ended_announces_nothing_more_and_its_rounds_live_on(small: Database) -> None:
    version = put_in_force(small)
    list(ticked(small, ANNOUNCED_AT))
    admin = actor(small, ADMIN)
    transact(small, lambda session: end_rule(session, admin, version, ANNOUNCED_AT))
    list(ticked(small, ANNOUNCED_AT + 30 * DAY))
    assert [row.key for row in rounds_of(small)] == ["s-7"]
    with reading(small) as session:
        assert rule_in_force(session) is None
    with pytest.raises(Refused, match="Version 1 of the rule is ended"):
        transact(small, lambda session: end_rule(session, admin, version, ANNOUNCED_AT))
    kinds = [kind for kind in event_kinds(small) if kind.startswith("sprint-rule.")]
    assert kinds == [f"sprint-rule.{what}" for what in ("proposed", "activated", "ended")]


def test_another_version_goes_on_where_the_one_before_stopped(small: Database) -> None:
    put_in_force(small)
    list(ticked(small, ANNOUNCED_AT))
    put_in_force(small, ANNOUNCED_AT, days=7, first_number=100)
    list(ticked(small, ANNOUNCED_AT + 14 * DAY))
    found = [(row.key, row.starts_on) for row in rounds_of(small)]
    assert found[0] == ("s-7", FIRST)
    assert found[1] == ("s-102", FIRST + 14 * DAY)
    standings = [one.standing for one in coming(small, a_rule(days=7), ANNOUNCED_AT, 3)]
    assert standings[:2] == [Standing.ANNOUNCED, Standing.TAKEN]


def test_a_sprint_whose_days_another_round_has_is_left_to_it(small: Database) -> None:
    put_in_force(small, first_day="2026-03-06", first_number=1)
    list(ticked(small, NOON))
    assert rounds_of(small) == []
    [one, *_] = coming(small, a_rule(first_day="2026-03-06"), NOON)
    assert (one.standing, one.round_.key if one.round_ else "") == (Standing.TAKEN, "sprint-1")


def test_a_cancelled_sprint_is_not_announced_again(small: Database) -> None:
    put_in_force(small)
    list(ticked(small, ANNOUNCED_AT))
    transact(small, lambda s: cancel_round(s, HOST, "s-7", "The cluster moves.", ANNOUNCED_AT))
    list(ticked(small, ANNOUNCED_AT + DAY))
    assert [row.state for row in rounds_of(small)] == ["cancelled"]


def test_a_sprint_whose_bidding_would_be_over_is_missed_and_said_to_be(small: Database) -> None:
    rule = a_rule()
    put_in_force(small)
    late = dt.datetime(2026, 4, 3, 16, tzinfo=dt.UTC)
    assert coming(small, rule, late)[0].standing is Standing.MISSED
    assert "s-7" not in {done.round_key for done in ticked(small, late)}
    with reading(small) as session:
        assert [one.key for one in due_sprints(session, late)] == []


def test_a_pool_without_a_calendar_offers_what_it_did_in_the_round_before(
    market: Database,
) -> None:
    a_market(market, has_calendar=False)
    put_in_force(market)
    list(ticked(market, ANNOUNCED_AT))
    week = [Units(10, 5)] * 5 + [NONE] * 2
    with reading(market) as session:
        units = select(CapacityRow).where(col(CapacityRow.round_id) == rounds_of(market)[0].id)
        found = {
            row.day: Units(row.reserved_units, row.spot_units) for row in session.scalars(units)
        }
    days = [FIRST + n * DAY for n in range(14)]
    assert [found.get(day, NONE) for day in days] == week * 2


def test_an_expert_pool_offers_the_hours_of_its_roster_on_the_days_of_the_sprint(
    market: Database,
) -> None:
    """Of the days to come, absences included; not those of the round before."""
    an_open_round_with_experts(market)
    enlist(market, away(a_roster(), GINA, 14, 15), follows=1, hours=1)
    sprint = next(
        sprints_from(a_rule(days=7, first_day=(FIRST_DAY + 14 * DAY).isoformat()), FIRST_DAY)
    )
    with reading(market) as session:
        [offer] = [one for one in pools_for(session, sprint) if one.pool.key == COUNSEL]
    hours = [units.reserved_units for units in offer.days]
    assert offer.like_round is None
    assert hours == [12, 12, 18, 18, 18, 0, 0]


def test_a_pool_that_drained_is_left_out_and_a_paused_one_offers_nothing(small: Database) -> None:
    paused = Calendar(dt.date(2026, 3, 2), (Units(10, 5),) * 7, is_paused=True)
    change(small, ADMIN, a_wish(paused, follows=1))
    put_in_force(small)
    list(ticked(small, ANNOUNCED_AT))
    assert offered(small, "s-7") == []
    drained = Calendar(dt.date(2026, 3, 2), (Units(10, 5),) * 7, drains_from=FIRST + 14 * DAY)
    change(small, ADMIN, a_wish(drained, follows=2), hours=24 * 25)
    assert offered(small, "s-7") == [Units(10, 5)] * 14
    told = [done for done in ticked(small, ANNOUNCED_AT + 14 * DAY) if done.error]
    assert [(done.round_key, done.deed) for done in told] == [("s-8", Deed.FAILED)]
    assert "no pool with a calendar" in told[0].sentence


def test_a_key_that_another_round_has_is_told_and_stops_no_other_sprint(small: Database) -> None:
    put_in_force(small, days=7, announce_days=28, key_pattern="sprint-{number}", first_number=1)
    told = {done.round_key: done for done in ticked(small, ANNOUNCED_AT)}
    assert "There is a round sprint-1 already" in told["sprint-1"].sentence
    assert told["sprint-2"].deed is Deed.ANNOUNCED


def test_a_host_that_comes_second_announces_nothing(ruled: Database) -> None:
    with reading(ruled) as session:
        [sprint] = due_sprints(session, ANNOUNCED_AT)
    late = replace(a_change(), at=ANNOUNCED_AT)
    assert transact(ruled, lambda session: announce_sprint(session, sprint.number, late))
    assert not transact(ruled, lambda session: announce_sprint(session, sprint.number, late))


def test_only_admins_change_the_rule_and_one_proposal_waits_at_a_time(small: Database) -> None:
    for key in (LEAD, AUDITOR):
        with pytest.raises(NotAllowed):
            transact(
                small, lambda s, k=key: propose_rule(s, actor(small, k), document(), "x", NOON)
            )
    one, two = actor(small, ADMIN), actor(small, SECOND_ADMIN)
    with pytest.raises(InvalidSprintRule, match="say why"):
        transact(small, lambda s: propose_rule(s, one, document(), " ", NOON))
    unknown = document(team_credits={"green": 1})
    with pytest.raises(InvalidSprintRule, match="there is no team green"):
        transact(small, lambda s: propose_rule(s, one, unknown, "x", NOON))
    transact(small, lambda s: propose_rule(s, one, document(), "x", NOON))
    with pytest.raises(Refused, match="waits for a second person already"):
        transact(small, lambda s: propose_rule(s, two, document(days=7), "x", NOON))
    transact(small, lambda s: refuse_rule(s, two, 1, NOON))
    put_in_force(small)
    with pytest.raises(Refused, match="says the same and is in force"):
        transact(small, lambda s: propose_rule(s, one, document(), "x", NOON))
