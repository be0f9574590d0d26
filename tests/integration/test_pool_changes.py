"""A pool changes version by version, into every round that is not published, never behind it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import replace

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import IntegrityError
from sqlmodel import col

from allocation.judge import check_outcome
from allocation.options import Options, Progress
from allocation.outcome import Outcome
from allocation.problem import Problem
from broker.db import Database, reading, transact, writing
from broker.errors import InvalidPool, NotAllowed, NotFound, Refused
from broker.people.actors import actor_of_person
from broker.pools.calendars import Calendar, Units
from broker.pools.changes import (
    approve_change,
    define_pool,
    find_pool,
    preview_change,
    refuse_change,
    versions_of,
)
from broker.pools.handovers import approve_owner, owner_grants, propose_owner
from broker.rounds import create_round, find_round
from broker.snapshots import frozen_problem
from broker.states import RunPurpose
from broker.tables import AwardRow, RoundPoolRow, RunRow
from tests.builders import a_team, some_units
from tests.cast import ADMIN, LEAD, NEWCOMER, OWNER, SECOND_ADMIN, Places, actor, bring_people
from tests.markets import (
    NOON,
    a_change,
    a_scarce_problem,
    better_baseline,
    bring,
    described,
    event_kinds,
    run_it,
)
from tests.pool_changes import USUAL, a_wish, change, offered, with_day

SOME_OTHER_TEAM = a_team("blue")


def a_round(**parts: object) -> Problem:
    problem = a_scarce_problem()
    return replace(problem, teams=(*problem.teams, SOME_OTHER_TEAM), **parts)


@pytest.fixture
def ahead(market: Database) -> Database:
    """Return a market with one round that is not open yet."""
    offer = replace(a_round(), bids=())
    transact(market, lambda session: create_round(session, described(offer), a_change()))
    bring_people(market, Places(other_team="blue"))
    return market


@pytest.fixture
def closed(either_market: Database) -> Database:
    """Return a market with one round that is closed and not published."""
    bring(either_market, described(a_round()))
    bring_people(either_market, Places(other_team="blue"))
    return either_market


def approve(db: Database, who: str, version_id: str) -> None:
    person = actor(db, who)
    transact(
        db,
        lambda session: approve_change(
            session, person, "gpu", version_id, NOON + dt.timedelta(hours=2)
        ),
    )


def runs_of(db: Database) -> list[RunRow]:
    with reading(db) as session:
        return list(session.scalars(select(RunRow).order_by(col(RunRow.fence))))


# --- before the close ----------------------------------------------------------------------


def test_an_owner_changes_the_pool_and_its_rounds_to_come_at_once(ahead: Database) -> None:
    before = len(event_kinds(ahead))
    assert change(ahead, OWNER, a_wish(with_day(1, 4))).is_in_force
    assert offered(ahead) == [Units(10, 5), Units(4, 0), *[Units(10, 5)] * 3]
    assert event_kinds(ahead)[before:] == ["round.capacity-amended", "pool.changed"]
    with reading(ahead) as session:
        [version] = versions_of(session, find_pool(session, "gpu").id)
        assert session.scalars(select(col(RoundPoolRow.reserve_price_credits))).one() == 2
    assert (version.number, version.state, version.basis) == (1, "in-force", "one-person")


def test_what_a_preview_tells_is_what_then_happens_and_it_saves_nothing(ahead: Database) -> None:
    wish = a_wish(with_day(2, 3, 1))
    with reading(ahead) as session:
        owner = actor_of_person(session, OWNER)
        effect = preview_change(session, owner, wish, NOON.date())
    assert offered(ahead) == [Units(10, 5)] * 5
    [one] = effect.rounds
    [day] = one.days
    assert (day.before, day.after, one.round_key) == (Units(10, 5), Units(3, 1), "sprint-1")
    assert not effect.needs_second_person
    change(ahead, OWNER, wish)
    assert offered(ahead)[2] == day.after


def test_a_round_keeps_its_days_before_the_first_day_of_the_calendar(ahead: Database) -> None:
    late = replace(USUAL, first_day=USUAL.first_day + dt.timedelta(days=3), week=(Units(1, 1),) * 7)
    change(ahead, ADMIN, a_wish(late))
    assert offered(ahead) == [*[Units(10, 5)] * 3, *[Units(1, 1)] * 2]


def test_a_drained_or_paused_pool_offers_only_what_earlier_awards_hold(market: Database) -> None:
    offer = replace(a_round(commitments=(some_units("gpu", 1, reserved=4, spot=2),)), bids=())
    transact(market, lambda session: create_round(session, described(offer), a_change()))
    bring_people(market, Places(other_team="blue"))
    change(market, OWNER, a_wish(replace(USUAL, is_paused=True)))
    assert offered(market) == [Units(0, 0), Units(4, 2), *[Units(0, 0)] * 3]
    with pytest.raises(InvalidPool, match="earlier awards hold 4 reserved and 2 spot units"):
        change(market, OWNER, a_wish(with_day(1, 3, 9), follows=1))
    change(market, OWNER, a_wish(follows=1))
    assert offered(market) == [Units(10, 5)] * 5


def test_a_change_that_somebody_else_overtook_is_refused(ahead: Database) -> None:
    change(ahead, OWNER, a_wish())
    with pytest.raises(Refused, match="changed pool gpu meanwhile"):
        change(ahead, ADMIN, a_wish(with_day(1, 4)))
    with pytest.raises(Refused, match="is like that already"):
        change(ahead, ADMIN, a_wish(follows=1))
    change(ahead, ADMIN, a_wish(with_day(1, 4), follows=1))


@pytest.mark.parametrize("who", [LEAD, NEWCOMER])
def test_nobody_but_an_admin_and_the_owner_changes_a_pool(ahead: Database, who: str) -> None:
    with pytest.raises(NotAllowed):
        change(ahead, who, a_wish())


@pytest.mark.parametrize(
    ("wish", "finding"),
    [
        (a_wish(reason=" "), "reason: is empty"),
        (replace(a_wish(), definition=replace(a_wish().definition, name="")), "name: is empty"),
        (replace(a_wish(), definition=replace(a_wish().definition, unit="node")), "unit: is gpu"),
        (a_wish(Calendar(USUAL.first_day, (Units(-1, 0),) * 7)), "monday: -1 is out of range"),
    ],
)
def test_a_change_that_cannot_be_is_refused_with_its_field(
    ahead: Database, wish: object, finding: str
) -> None:
    with pytest.raises(InvalidPool, match=finding):
        change(ahead, OWNER, wish)  # type: ignore[arg-type]


# --- between the close and the publication -------------------------------------------------


def test_after_the_close_a_change_waits_for_a_second_person(closed: Database) -> None:
    proposed = change(closed, OWNER, a_wish(with_day(0, 7)))
    assert not proposed.is_in_force
    assert offered(closed) == [Units(10, 5)] * 5
    with pytest.raises(Refused, match="cannot approve it as well"):
        approve(closed, OWNER, proposed.version_id)
    with pytest.raises(Refused, match="waits for a second person"):
        change(closed, ADMIN, a_wish())
    with pytest.raises(NotAllowed):
        approve(closed, LEAD, proposed.version_id)
    approve(closed, ADMIN, proposed.version_id)
    assert offered(closed)[0] == Units(7, 0)
    with pytest.raises(Refused, match="is in-force already"):
        approve(closed, SECOND_ADMIN, proposed.version_id)


def test_a_proposal_that_is_refused_changes_nothing_but_the_history(closed: Database) -> None:
    proposed = change(closed, OWNER, a_wish(with_day(0, 7)))
    owner = actor(closed, OWNER)
    transact(
        closed, lambda session: refuse_change(session, owner, "gpu", proposed.version_id, NOON)
    )
    assert offered(closed) == [Units(10, 5)] * 5
    assert change(closed, OWNER, a_wish(with_day(0, 7))).number == 2


def changing_meanwhile(db: Database, seen: list[Problem]) -> Callable[..., Outcome]:
    """Return a solver during whose work two persons change the capacity, the first time."""

    def solve(
        problem: Problem, options: Options, report_progress: Callable[[Progress], None]
    ) -> Outcome:
        seen.append(problem)
        if len(seen) == 1:
            approve(db, ADMIN, change(db, OWNER, a_wish(with_day(0, 7))).version_id)
        return better_baseline(problem, options, report_progress)

    return solve


@pytest.mark.parametrize("purpose", list(RunPurpose))
def test_capacity_that_changes_while_a_run_solves_makes_the_run_stale(
    closed: Database, purpose: RunPurpose
) -> None:
    seen: list[Problem] = []
    solve = changing_meanwhile(closed, seen)
    with pytest.raises(Refused, match="changed while it was being solved"):
        run_it(closed, solve=solve, purpose=purpose)
    assert [run.state for run in runs_of(closed)] == ["stale"]
    with reading(closed) as session:
        assert find_round(session, "sprint-1").state == "closed"
        assert session.scalars(select(AwardRow)).all() == []
    ran = run_it(closed, solve=solve)
    assert [run.state for run in runs_of(closed)] == ["stale", "published"]
    first = [sorted(units for units in p.capacity if units.day == p.starts_on) for p in seen]
    assert [(u.reserved_units, u.spot_units) for [u] in first] == [(10, 5), (7, 0)]
    assert ran.outcome is not None
    with reading(closed) as session:
        problem = frozen_problem(session, find_round(session, "sprint-1"))
    assert check_outcome(problem, ran.outcome) == ()
    assert problem.bids == seen[0].bids


def test_a_published_round_keeps_what_it_offered_and_short_awards_are_told(
    closed: Database,
) -> None:
    run_it(closed)
    wish = a_wish(with_day(0, 3))
    with reading(closed) as session:
        effect = preview_change(session, actor_of_person(session, OWNER), wish, NOON.date())
    assert effect.rounds == ()
    [short] = effect.short_days
    assert short.held.reserved_units > short.units.reserved_units == 3
    assert {award.round_key for award in effect.awards} == {"sprint-1"}
    assert change(closed, OWNER, wish).is_in_force
    assert offered(closed) == [Units(10, 5)] * 5


# --- new pools and owners ------------------------------------------------------------------


def test_an_admin_defines_a_pool_and_a_second_one_approves_its_owner(ahead: Database) -> None:
    wish = replace(a_wish(), pool_key="tpu")
    admin, second = actor(ahead, ADMIN), actor(ahead, SECOND_ADMIN)
    with pytest.raises(NotAllowed):
        transact(ahead, lambda s: define_pool(s, actor(ahead, OWNER), wish, NEWCOMER, NOON))
    with pytest.raises(NotFound):
        transact(ahead, lambda s: define_pool(s, admin, wish, "nobody", NOON))
    assert transact(ahead, lambda s: define_pool(s, admin, wish, NEWCOMER, NOON)).is_in_force
    with pytest.raises(Refused, match="There is a pool tpu already"):
        transact(ahead, lambda s: define_pool(s, admin, wish, NEWCOMER, NOON))
    hand_over(ahead, "tpu", OWNER)
    with reading(ahead) as session:
        pool = find_pool(session, "tpu")
        assert pool.owner == "Otto Owner"
        assert [grant.approved_by for grant in owner_grants(session, pool)] == [second.id]


def hand_over(db: Database, pool_key: str, person_key: str) -> None:
    admin, second = actor(db, ADMIN), actor(db, SECOND_ADMIN)
    proposed = transact(db, lambda s: propose_owner(s, admin, pool_key, person_key, NOON))
    with pytest.raises(NotAllowed):
        transact(db, lambda s: approve_owner(s, admin, pool_key, proposed.id, NOON))
    transact(db, lambda s: approve_owner(s, second, pool_key, proposed.id, NOON))


def test_a_pool_that_is_handed_over_has_one_owner_and_the_former_one_none(ahead: Database) -> None:
    hand_over(ahead, "gpu", NEWCOMER)
    change(ahead, NEWCOMER, a_wish())
    with pytest.raises(NotAllowed):
        change(ahead, OWNER, a_wish(with_day(1, 2), follows=1))
    assert "pool.handed-over" in event_kinds(ahead)


# --- what the database refuses -------------------------------------------------------------

ALONE = """
    INSERT INTO pool_version SELECT 'x', id, 1, 'in-force', 'one-person', '{}', '', 'Why', 'ada',
    '2026-02-20T12:00:00.000000Z', 'ada', '2026-02-20T12:00:00.000000Z' FROM pool
"""
LATER = """
    INSERT INTO pool_version SELECT 'x', id, 7, 'proposed', 'two-persons', '{}', '', 'Why', 'ada',
    '2026-02-20T12:00:00.000000Z', NULL, NULL FROM pool
"""
APPROVED = """
    UPDATE pool_version
    SET state = 'in-force', decided_by = proposed_by, decided_at = proposed_at
"""
AMENDED = """
    INSERT INTO capacity_amendment
    SELECT r.id, v.id, 1, 'closed', '2026-02-20T12:00:00.000000Z' FROM round r, pool_version v
"""
FORBIDDEN = {
    "one person after the close": (ALONE, "two persons change a pool"),
    "own approval": (
        APPROVED,
        "approver_is_another",
    ),
    "other words": ("UPDATE pool_version SET document = '{}'", "stays as it was proposed"),
    "a history that goes": ("DELETE FROM pool_version", "never changed or deleted"),
    "an amendment by a proposal": (AMENDED, "amended by a version in force"),
    "capacity after the close": ("UPDATE capacity SET spot_units = 9", "amended by two persons"),
    "capacity that goes": ("DELETE FROM capacity", "amended by two persons"),
    "a version out of order": (LATER, "follow each other"),
}


@pytest.mark.parametrize("deed", FORBIDDEN)
def test_the_database_refuses_what_no_service_would_do(closed: Database, deed: str) -> None:
    statement, sentence = FORBIDDEN[deed]
    if "INSERT INTO pool_version" not in statement:
        change(closed, OWNER, a_wish(with_day(0, 7)))
    with pytest.raises(IntegrityError, match=sentence), writing(closed) as session:
        session.execute(text(statement))
