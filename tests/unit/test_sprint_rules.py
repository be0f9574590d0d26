"""The rule for sprints: a year's days and moments, and every rule that no market could keep."""

from __future__ import annotations

import datetime as dt
from itertools import islice, pairwise

import pytest

from broker.sprints.rules import InvalidSprintRule, read_rule, rule_text, sprints_from
from tests.sprints import FIRST, a_rule, document

YEAR = dt.timedelta(days=365)


def test_sprints_follow_each_other_without_a_gap_for_ever() -> None:
    rule = a_rule()
    found = list(islice(sprints_from(rule, FIRST), 60))
    assert [one.number for one in found] == list(range(7, 67))
    assert found[0].starts_on == FIRST
    for one, following in pairwise(found):
        assert following.starts_on == one.ends_on + dt.timedelta(days=1)


@pytest.mark.parametrize("day", [0, 1, 13, 14, 200])
def test_the_first_sprint_is_the_one_of_the_day_that_is_asked_for(day: int) -> None:
    asked = FIRST + dt.timedelta(days=day)
    first = next(sprints_from(a_rule(), asked))
    assert first.starts_on <= asked <= first.ends_on
    assert next(sprints_from(a_rule(), FIRST - YEAR)).starts_on == FIRST


def test_a_round_opens_at_the_same_hour_of_its_zone_in_summer_and_in_winter() -> None:
    summer = next(sprints_from(a_rule(), dt.date(2026, 7, 1)))
    winter = next(sprints_from(a_rule(), dt.date(2026, 12, 10)))
    assert (summer.opens_at.hour, winter.opens_at.hour) == (7, 8)
    assert (summer.opens_at.tzinfo, winter.closes_at.hour) == (dt.UTC, 17)


def test_nothing_opens_or_closes_on_a_holiday_and_a_sprint_of_holidays_is_left_out() -> None:
    good_friday, day_before = dt.date(2026, 4, 3), dt.date(2026, 4, 2)
    usual, moved = (
        next(sprints_from(a_rule(holidays=days), FIRST)) for days in ([], [str(good_friday)])
    )
    assert (usual.closes_at.date(), moved.closes_at.date()) == (good_friday, day_before)
    assert moved.opens_at == usual.opens_at
    holidays = [str(FIRST + dt.timedelta(days=14 + n)) for n in range(14)]
    found = list(islice(sprints_from(a_rule(holidays=holidays), FIRST), 3))
    assert [one.number for one in found] == [7, 9, 10]


def test_keys_and_names_say_what_their_patterns_say() -> None:
    rule = a_rule(key_pattern="{year}-{month}-w{week}-{number}", name_pattern="From {start}")
    found = next(sprints_from(rule, FIRST))
    assert (found.key, found.name) == ("2026-04-w15-7", "From 2026-04-06")


def test_a_rule_is_the_same_after_it_was_written_and_read() -> None:
    rule = a_rule(holidays=["2026-12-25", "2026-12-24", "2026-12-25"], team_credits={"red": 3})
    assert read_rule(rule_text(rule).encode()) == rule
    assert [day.day for day in rule.holidays] == [24, 25]


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"key_pattern": "sprint"}, "names every sprint the same"),
        ({"key_pattern": "s {number}"}, "makes keys such as"),
        ({"key_pattern": "x" * 60 + "{number}"}, "makes keys such as"),
        ({"key_pattern": "s-{number}-{team}"}, "has braces around something else"),
        ({"name_pattern": "Sprint"}, "names every sprint the same"),
        ({"zone": "Mars/Olympus"}, "not a time zone"),
        ({"zone": "localtime"}, "not a time zone"),
        ({"zone": "../../etc/passwd"}, "not a time zone"),
        ({"first_day": "2026-02-30"}, "not a day"),
        ({"first_day": "0001-01-01"}, "write 2000-01-01 or more"),
        ({"days": 0}, "write 1 or more"),
        ({"days": 367}, "write 366 or less"),
        ({"days": "14"}, "not a whole number"),
        ({"open_time": "9:00"}, "not a time of day"),
        ({"close_time": "24:00"}, "not a time of day"),
        ({"open_days": 3}, "open_days more than close_days"),
        ({"announce_days": 13}, "announce_days at least open_days"),
        ({"close_days": 0}, "write 1 or more"),
        ({"holidays": ["2050-01-01"]}, "days from the first day"),
        ({"credits_per_team": -1}, "write 0 or more"),
        ({"team_credits": {"red": 1.5}}, "not a whole number"),
        ({"team_credits": {"not a key": 1}}, "is not a key"),
        ({"surprise": 1}, "no key that belongs here"),
    ],
)
def test_a_rule_that_no_market_could_keep_is_refused(
    changes: dict[str, object], sentence: str
) -> None:
    with pytest.raises(InvalidSprintRule, match=sentence):
        a_rule(**changes)


def test_holidays_never_leave_a_round_without_a_time_to_bid() -> None:
    bidding = [str(FIRST - dt.timedelta(days=n)) for n in range(3, 15)]
    with pytest.raises(InvalidSprintRule, match="leaves no time to bid for the sprint from 2026"):
        a_rule(holidays=bidding, close_time="08:00")
    a_rule(holidays=bidding[:-2], close_time="08:00")


def test_a_key_that_stands_twice_is_refused() -> None:
    twice = document()[:-1] + ', "days": 7}'
    with pytest.raises(InvalidSprintRule, match="stands 2 times"):
        read_rule(twice.encode())
