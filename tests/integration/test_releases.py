"""A team gives back what an award still holds: what comes back, what is free, what cannot be."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import IntegrityError
from sqlmodel import col

from broker.access import ANONYMOUS, Role, TeamRole
from broker.dashboards.use import use_per_day
from broker.db import Database, reading, writing
from broker.errors import NotAllowed, NotFound, Refused, SignInNeeded
from broker.holdings.releases import InvalidRelease
from broker.ledger.invariants import ledger_violations, read_ledger
from broker.ledger.tables import AccountKind, AccountRow
from broker.migrations.holding_guards import HELD, NEXT, STAYS, TO_COME
from broker.overrides.proposals import overridable_run
from broker.rounds import find_round
from tests.deliveries import lead_of, someone, team_id
from tests.holdings import SPOT, THE_DAY_BEFORE, a_running_sprint, day, morning, release
from tests.markets import event_kinds


def spent(db: Database) -> int:
    with reading(db) as session:
        account = f"{AccountKind.SPENT}/{team_id(session, 'red')}"
        balance = select(col(AccountRow.balance_credits)).where(col(AccountRow.id) == account)
        return session.scalars(balance).one()


def in_use(db: Database) -> list[int]:
    """Return the reserved units in use on every day of the sprint."""
    with reading(db) as session:
        use = use_per_day(find_round(session, "sprint-1").id)
        days = select(use.c.reserved_used_units).order_by(use.c.day)
        return list(session.scalars(days))


def cuts(db: Database) -> list[tuple[Any, ...]]:
    with reading(db) as session:
        rows = session.execute(text("SELECT number, lots, refund_credits FROM holding_cut"))
        return [tuple(row) for row in rows]


def test_the_curve_of_the_policy_says_what_comes_back_for_the_days_that_are_not_used(
    either_market: Database,
) -> None:
    award = a_running_sprint(either_market)
    assert spent(either_market) == 400
    done = release(either_market, award, 1, day(3))
    assert done.refund_credits == 400 * 1 * 2 * 80 // (4 * 4 * 100) == 40
    done = release(either_market, award, 2, day(4), at=morning(2), follows=1)
    assert done.refund_credits == 400 * 2 * 1 * 50 // (4 * 4 * 100) == 25
    assert spent(either_market) == 400 - 40 - 25
    with reading(either_market) as session:
        assert ledger_violations(read_ledger(session)) == []


def test_what_is_released_is_free_from_that_day_on(either_market: Database) -> None:
    award = a_running_sprint(either_market)
    assert in_use(either_market) == [8, 8, 8, 8, 0]
    release(either_market, award, 1, day(4))
    release(either_market, award, 2, day(2), follows=1)
    assert in_use(either_market) == [8, 4, 4, 2, 0]
    release(either_market, award, 1, day(1), follows=2)
    assert in_use(either_market) == [6, 2, 2, 0, 0]


def test_a_release_leaves_one_event_one_refund_and_a_notice(market: Database) -> None:
    award = a_running_sprint(market)
    before = event_kinds(market)
    release(market, award)
    assert event_kinds(market)[len(before) :] == ["award.released", "ledger.refund"]


def test_the_same_release_sent_again_is_one(market: Database) -> None:
    award = a_running_sprint(market)
    first = release(market, award, 2)
    assert release(market, award, 2) == first
    assert len(cuts(market)) == 1


def test_of_two_releases_the_second_sees_the_first(market: Database) -> None:
    award = a_running_sprint(market)
    release(market, award, 2)
    with pytest.raises(Refused, match="meanwhile"):
        release(market, award, 1)


@pytest.mark.parametrize(
    ("lots", "from_day", "said"),
    [
        (0, day(2), "from 1 to 4"),
        (5, day(2), "from 1 to 4"),
        (1, day(5), f"from {day(1)} to {day(4)}"),
        (1, day(0), f"from {day(1)} to {day(4)}"),
    ],
)
def test_only_what_is_held_can_be_released(
    market: Database, lots: int, from_day: dt.date, said: str
) -> None:
    award = a_running_sprint(market)
    with pytest.raises(InvalidRelease, match=said):
        release(market, award, lots, from_day)
    assert cuts(market) == []


def test_a_day_that_has_begun_stays_paid(market: Database) -> None:
    award = a_running_sprint(market)
    with pytest.raises(InvalidRelease, match=f"from {day(3)} to {day(4)}"):
        release(market, award, 1, day(2), at=morning(2))
    with pytest.raises(InvalidRelease, match="no day to come"):
        release(market, award, 1, day(4), at=morning(4))


def test_nothing_is_left_to_release_after_all_of_it(market: Database) -> None:
    award = a_running_sprint(market)
    release(market, award, 4, day(1))
    with pytest.raises(InvalidRelease, match="holds nothing more"):
        release(market, award, 1, follows=1)
    assert in_use(market) == [0, 0, 0, 0, 0]


def test_without_a_curve_nothing_comes_back(market: Database) -> None:
    award = a_running_sprint(market, spot=SPOT | {"release_refunds": []})
    assert release(market, award).refund_credits == 0
    assert spent(market) == 400


def test_a_round_of_which_an_award_was_cut_is_not_overridden(market: Database) -> None:
    award = a_running_sprint(market, spot=SPOT | {"release_refunds": []})
    with reading(market) as session:
        assert overridable_run(session, find_round(session, "sprint-1"))
    release(market, award)
    with reading(market) as session, pytest.raises(Refused, match="were cut"):
        overridable_run(session, find_round(session, "sprint-1"))


def test_only_the_teams_own_lead_releases(market: Database) -> None:
    award = a_running_sprint(market)
    others = [
        someone(market, "member", red=TeamRole.MEMBER),
        lead_of(market, "blue"),
        someone(market, "admin", Role.PLATFORM_ADMIN),
        someone(market, "owner", pool="gpu"),
    ]
    for other in others:
        with pytest.raises(NotAllowed):
            release(market, award, by=other)
    with pytest.raises(SignInNeeded):
        release(market, award, by=ANONYMOUS)
    with pytest.raises(NotFound):
        release(market, "nobody")
    assert cuts(market) == []


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"lots": 4}, HELD),
        ({"number": 3}, NEXT),
        ({"from_day": THE_DAY_BEFORE.date()}, TO_COME),
        ({"from_day": day(5)}, TO_COME),
    ],
)
def test_the_database_itself_refuses_what_is_not_held(
    either_market: Database, changes: dict[str, Any], sentence: str
) -> None:
    award = a_running_sprint(either_market)
    release(either_market, award)
    columns = "run_id, bid_id, cause, refund_percent, refund_credits, cut_by, cut_at"
    values = {"number": 2, "lots": 3, "from_day": day(2)} | changes
    values["from_day"] = str(values["from_day"])
    placed = "CAST(:from_day AS date)" if is_postgresql(either_market) else ":from_day"
    copied = text(
        f"INSERT INTO holding_cut ({columns}, number, lots, from_day) "  # noqa: S608  # our columns
        f"SELECT {columns}, :number, :lots, {placed} FROM holding_cut"
    )
    with pytest.raises(IntegrityError, match=sentence), writing(either_market) as session:
        session.execute(copied, values)


@pytest.mark.parametrize("rewrite", ["UPDATE holding_cut SET lots = 2", "DELETE FROM holding_cut"])
def test_a_cut_is_never_rewritten(either_market: Database, rewrite: str) -> None:
    release(either_market, a_running_sprint(either_market))
    with pytest.raises(IntegrityError, match=STAYS), writing(either_market) as session:
        session.execute(text(rewrite))


def is_postgresql(db: Database) -> bool:
    return db.url.get_backend_name() == "postgresql"
