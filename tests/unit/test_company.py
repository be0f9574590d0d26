"""The fictional company: believable demand, real calendars, and the same story every time."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from dataclasses import replace
from fractions import Fraction
from functools import cache
from pathlib import Path

import pytest

from allocation.folders import read_round, write_round
from allocation.problem import Bid, PoolKey, Problem, Tier
from broker.company import NOTICE, CompanyRound, Standing, five_rounds
from broker.company.calendars import (
    Fleet,
    Person,
    Roster,
    is_public_holiday,
    is_working_day,
    public_holidays,
    sprint_of,
)
from broker.company.pools import COMPUTE, DATA, EXPERTS, POOLS
from broker.company.teams import TEAMS
from broker.policy.documents import policy_text
from broker.policy.reading import read_policy
from broker.policy.scores import factors_of, multiplier_percent

TODAY = dt.date(2026, 11, 20)
OTHER_DAYS = (dt.date(2026, 11, 16), dt.date(2026, 11, 29), dt.date(2027, 1, 1))
SEED = 1


@cache
def rounds_on(today: dt.date = TODAY, seed: int = SEED) -> tuple[CompanyRound, ...]:
    return five_rounds(seed, today)


def every_round() -> list[CompanyRound]:
    return [story for today in (TODAY, *OTHER_DAYS) for story in rounds_on(today)]


def kinds_of(bid: Bid) -> set[str]:
    return {POOLS[item.pool_key].kind for item in bid.alternatives[0].items}


def is_bundle(bid: Bid) -> bool:
    return all(2 <= len({item.pool_key for item in a.items}) <= 4 for a in bid.alternatives)


def demand_ratios(problem: Problem) -> dict[PoolKey, Fraction]:
    supply: Counter[PoolKey] = Counter()
    demand: Counter[PoolKey] = Counter()
    for row in problem.capacity:
        supply[row.pool_key] += row.reserved_units + row.spot_units
    for bid in problem.bids:
        wish = bid.alternatives[0]
        for item in wish.items:
            demand[item.pool_key] += item.units_per_lot * wish.max_lots * item.days
    return {key: Fraction(demand[key], supply[key]) for key in POOLS}


def test_the_company_has_pools_of_all_three_kinds_and_seventeen_teams() -> None:
    assert len(POOLS) >= 14
    assert {pool.kind for pool in POOLS.values()} == {"compute", "expert", "data"}
    assert min(len(COMPUTE), len(EXPERTS), len(DATA)) >= 4
    assert len(TEAMS) == 17


def test_data_pools_say_how_far_their_data_may_go() -> None:
    assert all(pool.classification for pool in DATA)
    assert POOLS[PoolKey("clinical-notes")].classification == "restricted"


def test_the_company_says_in_its_data_that_it_is_fictional() -> None:
    assert "fictional" in NOTICE
    assert all("fictional" in story.folder.name for story in every_round())


def test_three_sprints_are_past_one_contains_today_and_one_is_next() -> None:
    for today in (TODAY, *OTHER_DAYS):
        stories = rounds_on(today)
        assert [story.standing for story in stories] == [
            *[Standing.PAST] * 3,
            Standing.CURRENT,
            Standing.NEXT,
        ]
        assert stories[3].sprint.starts_on <= today <= stories[3].sprint.ends_on


def test_sprints_are_fourteen_days_from_a_monday_without_gaps() -> None:
    days = [day for story in rounds_on() for day in story.sprint.days]
    assert days == [days[0] + dt.timedelta(days=n) for n in range(70)]
    assert all(story.sprint.starts_on.weekday() == 0 for story in every_round())


def test_keys_of_sprints_differ_and_sort_by_time_over_ten_years() -> None:
    first = sprint_of(dt.date(2024, 1, 3))
    keys = [first.later(n).key for n in range(270)]
    assert keys == sorted(set(keys))
    assert sprint_of(TODAY).key == "sprint-2026-24"


def test_bidding_is_open_today_for_the_next_sprint_only() -> None:
    for today in (TODAY, *OTHER_DAYS):
        now = dt.datetime.combine(today, dt.time(0, 0, 1), tzinfo=dt.UTC)
        open_ = [s.standing for s in rounds_on(today) if s.opens_at <= now < s.closes_at]
        assert open_ == [Standing.NEXT]


def test_bids_arrive_while_their_round_is_open_and_not_after_today() -> None:
    for today in (TODAY, *OTHER_DAYS):
        midnight = dt.datetime.combine(today, dt.time(), tzinfo=dt.UTC)
        for story in rounds_on(today):
            until = max(story.opens_at, min(story.closes_at, midnight))
            arrivals = [at for at, _ in story.arrivals]
            assert len(arrivals) == len(story.folder.problem.bids)
            assert all(story.opens_at <= at <= until for at in arrivals)


def test_a_round_has_120_to_130_bids_and_one_in_four_is_a_bundle_of_several_kinds() -> None:
    for story in every_round():
        bids = story.folder.problem.bids
        bundles = [bid for bid in bids if is_bundle(bid) and len(kinds_of(bid)) > 1]
        assert 120 <= len(bids) <= 130
        assert 4 * len(bundles) >= len(bids)


def test_some_bundles_need_compute_people_and_data_at_once() -> None:
    for story in every_round():
        assert sum(len(kinds_of(bid)) == 3 for bid in story.folder.problem.bids) >= 5


def test_every_pool_is_asked_for_more_than_it_has() -> None:
    for story in every_round():
        ratios = demand_ratios(story.folder.problem)
        assert Fraction(16, 10) <= sum(ratios.values()) / len(ratios) <= 2
        assert all(Fraction(14, 10) <= ratio <= Fraction(22, 10) for ratio in ratios.values())


def test_bids_offer_choices_of_lots_alternatives_windows_and_both_tiers() -> None:
    for story in every_round():
        bids = story.folder.problem.bids
        firsts = [bid.alternatives[0] for bid in bids]
        assert sum(len(bid.alternatives) > 1 for bid in bids) >= 8
        assert 2 * sum(a.min_lots < a.max_lots for a in firsts) >= len(firsts)
        assert sum(len(a.starts) > 1 for a in firsts) >= 8
        assert 10 <= sum(a.tier is Tier.SPOT for a in firsts) <= 60


def test_bids_leave_out_the_days_on_which_their_pools_are_closed() -> None:
    for story in every_round():
        problem = story.folder.problem
        open_ = {(r.pool_key, r.day) for r in problem.capacity if r.reserved_units + r.spot_units}
        closed = [bid.key for bid in problem.bids if not asked_days(bid) <= open_]
        assert len(closed) == 1, "only the work for a weekend asks for days without people"


def asked_days(bid: Bid) -> set[tuple[PoolKey, dt.date]]:
    wish = bid.alternatives[0]
    return {
        (item.pool_key, start + dt.timedelta(days=item.offset_days + n))
        for start in wish.starts
        for item in wish.items
        for n in range(item.days)
    }


def test_most_bids_ask_for_a_small_part_of_a_pool() -> None:
    for story in every_round():
        problem = story.folder.problem
        largest: Counter[PoolKey] = Counter()
        for row in problem.capacity:
            units = row.reserved_units + row.spot_units
            largest[row.pool_key] = max(largest[row.pool_key], units)
        wishes = [bid.alternatives[0] for bid in problem.bids]
        parts = [
            Fraction(item.units_per_lot * wish.max_lots, largest[item.pool_key])
            for wish in wishes
            for item in wish.items
        ]
        assert sorted(parts)[len(parts) // 2] <= Fraction(1, 4)


def test_titles_of_a_round_differ_and_have_no_holes() -> None:
    for story in every_round():
        titles = list(story.folder.titles.values())
        assert len(set(titles)) == len(titles)
        assert not any(sign in title for title in titles for sign in "{}")


def test_value_scores_are_those_of_the_policy_that_a_round_closes_under() -> None:
    for story in rounds_on():
        policy = story.adopted.policy
        for bid in story.folder.problem.bids:
            factors = factors_of(policy, bid.team_key, story.pledges[bid.key])
            percent = multiplier_percent(factors)
            for wish in bid.alternatives:
                expected = max(1, wish.offer_credits_per_lot * percent // 100)
                assert wish.value_score_per_lot == expected


def test_a_new_policy_is_adopted_between_two_past_rounds_and_is_sound() -> None:
    for today in (TODAY, *OTHER_DAYS):
        policies = [story.adopted.policy for story in rounds_on(today)]
        assert len({policy_text(policy) for policy in policies[:3]}) == 2
        assert [read_policy(policy_text(policy).encode()) for policy in policies] == policies


def test_most_pledges_are_whole_and_some_lack_each_part() -> None:
    for today in (TODAY, *OTHER_DAYS):
        pledges = [pledge for story in rounds_on(today) for pledge in story.pledges.values()]
        whole = [one for one in pledges if one.has_owner and one.has_measure and one.ends_on]
        assert Fraction(3, 4) <= Fraction(len(whole), len(pledges)) <= Fraction(9, 10)
        assert not all(pledge.has_owner for pledge in pledges)
        assert not all(pledge.has_measure for pledge in pledges)
        assert not all(pledge.ends_on for pledge in pledges)


def test_nobody_works_at_weekends_or_on_public_holidays() -> None:
    experts = {PoolKey(pool.key) for pool in EXPERTS}
    for story in every_round():
        open_days = {r.day for r in story.folder.problem.capacity if r.pool_key in experts}
        assert open_days == {day for day in story.sprint.days if is_working_day(day)}


def test_thanksgiving_closes_every_expert_pool() -> None:
    thanksgiving = dt.date(2026, 11, 26)
    current = rounds_on()[3].folder.problem
    open_pools = {row.pool_key for row in current.capacity if row.day == thanksgiving}
    assert {POOLS[key].kind for key in open_pools} == {"compute", "data"}


@pytest.mark.parametrize(
    ("day", "name"),
    [
        (dt.date(2026, 5, 25), "Memorial Day"),
        (dt.date(2026, 7, 3), "Independence Day"),
        (dt.date(2026, 10, 12), "Columbus Day"),
        (dt.date(2027, 12, 24), "Christmas Day"),
    ],
)
def test_public_holidays_fall_where_the_calendar_has_them(day: dt.date, name: str) -> None:
    assert public_holidays(day.year)[day] == name


def test_a_new_years_day_on_a_saturday_is_kept_the_year_before() -> None:
    assert is_public_holiday(dt.date(2027, 12, 31))


def test_somebody_on_leave_takes_the_own_hours_along() -> None:
    person = Person("Somebody", (6, 6, 6, 6, 6))
    sprint = sprint_of(TODAY)
    seed = next(n for n in range(100) if person.leave(sprint, n))
    away = person.leave(sprint, seed)
    hours = Roster((person,), spot_percent=0).units_by_day(sprint, seed)
    present = {day for day in sprint.days if hours[day].total == 6}
    assert away
    assert present == {day for day in sprint.days if is_working_day(day)} - away


def test_leave_changes_the_hours_of_some_working_days() -> None:
    hours = {
        (row.pool_key, row.day.weekday(), row.reserved_units + row.spot_units)
        for story in rounds_on()
        for row in story.folder.problem.capacity
        if POOLS[row.pool_key].kind == "expert"
    }
    assert len(hours) > 5 * len(EXPERTS)


def test_every_compute_pool_has_both_tiers_and_fewer_units_on_its_maintenance_day() -> None:
    for story in rounds_on():
        for pool in COMPUTE:
            rows = [row for row in story.folder.problem.capacity if row.pool_key == pool.key]
            totals = {row.day: row.reserved_units + row.spot_units for row in rows}
            assert isinstance(pool.calendar, Fleet)
            day = story.sprint.days[pool.calendar.maintenance_day]
            assert totals.get(day, 0) < max(totals.values())
            assert all(row.reserved_units and row.spot_units for row in rows)


def test_the_same_seed_and_day_tell_the_same_story() -> None:
    assert five_rounds(SEED, TODAY) == rounds_on()
    assert five_rounds(SEED + 1, TODAY) != rounds_on()


def test_a_round_that_has_closed_is_the_same_on_every_later_day() -> None:
    later = five_rounds(SEED, TODAY + dt.timedelta(days=14))
    assert later[:3] == tuple(replace(story, standing=Standing.PAST) for story in rounds_on()[1:4])


@pytest.mark.parametrize("number", range(5))
def test_a_round_written_to_files_reads_back_the_same(number: int, tmp_path: Path) -> None:
    folder = rounds_on()[number].folder
    write_round(tmp_path / "round", folder)
    assert read_round(tmp_path / "round") == folder
