"""Hours of a day go to persons who have them and may give them; none is lost."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict

from hypothesis import given
from hypothesis import strategies as st

from broker.experts.assigning import Need, Person, Share, assign
from broker.pools.calendars import NONE, Calendar, Cause, Maintenance, Units, capacity_on
from broker.pools.rosters import Absence, Roster, RosterPerson

TEAMS = ("blue", "green", "red")
MONDAY = dt.date(2026, 3, 2)


def a_need(team: str, hours: int, key: str = "", *, declined: str = "") -> Need:
    return Need((key or team,), team, hours, frozenset(declined.split()))


def a_person(id_: str, hours: int = 6, teams: int = 1, **more: frozenset[str]) -> Person:
    return Person(id_, hours, teams, **more)


@st.composite
def days(draw: st.DrawFn) -> tuple[list[Need], list[Person]]:
    """Draw what some teams want of some persons on a day."""
    some = st.frozensets(st.sampled_from(TEAMS), max_size=2)
    persons = []
    for n in range(draw(st.integers(0, 4))):
        teams = draw(some)
        most = draw(st.integers(max(1, len(teams)), 3))
        barred = draw(some) - teams
        persons.append(Person(f"p{n}", draw(st.integers(0, 8)), most, teams, barred, draw(some)))
    ids = st.frozensets(st.sampled_from([one.id for one in persons] or ["p9"]), max_size=2)
    needs = [
        Need((str(n),), draw(st.sampled_from(TEAMS)), draw(st.integers(1, 12)), draw(ids))
        for n in range(draw(st.integers(0, 5)))
    ]
    return needs, persons


@given(days())
def test_no_person_gives_more_than_they_have_or_to_whom_they_may_not(
    asked: tuple[list[Need], list[Person]],
) -> None:
    needs, persons = asked
    shares = assign(needs, persons)
    for person in persons:
        own = [share for share in shares if share.person_id == person.id]
        assert sum(share.hours for share in own) <= person.hours
        teams = {share.need.team_id for share in own} | person.teams
        assert len(teams) <= person.most_teams
        assert not person.barred & {share.need.team_id for share in own}
        assert all(person.id not in share.need.barred for share in own)


@given(days())
def test_every_hour_is_named_or_told_to_be_named(asked: tuple[list[Need], list[Person]]) -> None:
    needs, persons = asked
    hours: dict[tuple[str, ...], int] = defaultdict(int)
    for share in assign(needs, persons):
        assert share.hours >= 1
        hours[share.need.key] += share.hours
    assert hours == {need.key: need.hours for need in needs}


@given(days())
def test_the_order_of_needs_and_persons_changes_nothing(
    asked: tuple[list[Need], list[Person]],
) -> None:
    needs, persons = asked
    assert assign(needs, persons) == assign(needs[::-1], persons[::-1])


def most_hours(needs: list[Need], persons: list[Person]) -> int:
    """Return the most hours that can be named, by trying everything hour by hour."""
    if not persons:
        return 0
    first, *rest = persons
    best = most_hours(needs, rest)
    for place, need in enumerate(needs):
        is_able = first.may_work_for(need.team_id) and first.id not in need.barred
        if need.hours and is_able and (need.team_id in first.teams or first.new_teams):
            left = [*needs]
            left[place] = Need(need.key, need.team_id, need.hours - 1, need.barred)
            spent = Person(
                first.id,
                first.hours - 1,
                first.most_teams,
                first.teams | {need.team_id},
                first.barred,
            )
            best = max(best, 1 + most_hours(left, [spent, *rest]))
    return best


@given(
    st.lists(st.tuples(st.sampled_from(TEAMS), st.integers(1, 2)), max_size=3),
    st.lists(
        st.tuples(st.integers(1, 2), st.integers(1, 2), st.frozensets(st.sampled_from(TEAMS))),
        max_size=2,
    ),
)
def test_as_many_hours_are_named_as_can_be(
    wanted: list[tuple[str, int]], able: list[tuple[int, int, frozenset[str]]]
) -> None:
    needs = [Need((str(n),), team, hours) for n, (team, hours) in enumerate(wanted)]
    persons = [
        Person(f"p{n}", hours, most, barred=barred) for n, (hours, most, barred) in enumerate(able)
    ]
    named = sum(share.hours for share in assign(needs, persons) if share.person_id)
    assert named == most_hours(needs, persons)


def test_somebody_else_steps_in_where_only_one_may_work_for_a_team() -> None:
    only_red = a_person("ada", barred=frozenset({"blue"}))
    either = a_person("ben")
    assert assign([a_need("blue", 6), a_need("red", 6)], [only_red, either]) == (
        Share(a_need("blue", 6), "ben", 6),
        Share(a_need("red", 6), "ada", 6),
    )


def test_persons_stay_with_the_team_they_know() -> None:
    known = a_person("zoe", familiar=frozenset({"red"}))
    [share] = assign([a_need("red", 4)], [a_person("ada"), known])
    assert share.person_id == "zoe"


def test_who_declined_is_not_asked_again_and_the_rest_is_to_be_named() -> None:
    need = a_need("red", 8, declined="ada")
    assert assign([need], [a_person("ada", 8), a_person("ben", 5)]) == (
        Share(need, "ben", 5),
        Share(need, None, 3),
    )


# --- what a roster offers ------------------------------------------------------------------

ADA = RosterPerson("ada", (6, 6, 6, 6, 4, 0, 0), absences=(Absence(MONDAY, MONDAY),))
BEN = RosterPerson("ben", (4, 4, 4, 4, 4, 0, 0))


def offered(calendar: Calendar, days_: int = 3) -> list[tuple[Units, Cause]]:
    found = capacity_on(calendar, (MONDAY + dt.timedelta(days=n) for n in range(days_)))
    return [(one.units, one.cause) for one in found]


def test_a_pool_offers_the_sum_of_its_persons_hours_without_those_who_are_away() -> None:
    closed = Maintenance(MONDAY + dt.timedelta(days=2), None, "Holiday")
    roster = Roster((ADA, BEN), spot_percent=25)
    calendar = Calendar(MONDAY, (NONE,) * 7, maintenance=(closed,), roster=roster)
    assert offered(calendar) == [
        (Units(3, 1), Cause.PATTERN),
        (Units(8, 2), Cause.PATTERN),
        (NONE, Cause.HOLIDAY),
    ]
    saturday = capacity_on(calendar, [MONDAY + dt.timedelta(days=5)])
    assert saturday[0].units == NONE
