"""The demo: a history made through the services, and nothing but a demo is ever replaced."""

from __future__ import annotations

import datetime as dt
import hashlib
import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import func, select
from sqlmodel import Session, col

from allocation.errors import NoOutcome
from allocation.options import Options, Progress
from allocation.outcome import Outcome, Reason
from allocation.problem import Problem
from broker.company import NOTICE
from broker.dashboards.briefs import published_run as shown_run
from broker.dashboards.deliveries import DeliveryState, delivery_table
from broker.db import check_schema, connect, reading
from broker.demo import build_demo
from broker.errors import Refused
from broker.ledger.invariants import ledger_violations, read_ledger
from broker.ledger.tables import JournalRow
from broker.policy.frozen import check_scores
from broker.policy.scores import FactorKind
from broker.policy.tables import BidFactorRow
from broker.policy.versions import list_versions, policy_of_round
from broker.rounds import find_round
from broker.runs import ReportProgress, published_run
from broker.schema import migrate
from broker.snapshots import problem_of
from broker.solving import solve
from broker.tables import (
    AuditEventRow,
    AwardRow,
    BidRow,
    DeclineRow,
    InstallationRow,
    ItemRow,
    PoolRow,
    RoundRow,
    RunRow,
)

NOW = dt.datetime(2026, 11, 20, 11, 30, tzinfo=dt.UTC)
KEYS = [f"sprint-2026-{number}" for number in range(21, 26)]
STATES = ["finished", "finished", "finished", "published", "open"]


def noon() -> dt.datetime:
    return NOW


def never_solves(problem: Problem, options: Options, report: ReportProgress) -> Outcome:
    del options
    report(Progress("stopped", None, None, 0.0))
    raise NoOutcome(f"Round {problem.round_key} was not to be solved.")


@pytest.fixture(scope="module")
def told() -> list[str]:
    return []


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory, told: list[str]) -> Path:
    """Build a demo where there was one before, together with what a crash may leave beside it."""
    file = tmp_path_factory.mktemp("demo") / "demo.sqlite3"
    with closing(sqlite3.connect(file)) as old:
        old.executescript(
            "CREATE TABLE installation (key TEXT, value TEXT);"
            "CREATE TABLE leftover (key TEXT);"
            "INSERT INTO installation VALUES ('purpose', 'demo');"
        )
    for suffix in ("-wal", "-shm", ".new", ".new-wal"):
        file.with_name(file.name + suffix).write_bytes(b"what a crash left")
    build_demo(f"sqlite:///{file}", noon, solve, told.append)
    return file


@pytest.fixture
def session(demo: Path) -> Iterator[Session]:
    db = connect(f"sqlite:///{demo}")
    check_schema(db)
    with reading(db) as session:
        yield session
    db.dispose()


def sha256_of(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def rounds(session: Session) -> list[RoundRow]:
    return list(session.scalars(select(RoundRow).order_by(col(RoundRow.starts_on))))


def count(session: Session, table: type, *where: object) -> int:
    return session.scalar(select(func.count()).select_from(table).where(*where)) or 0  # type: ignore[arg-type]


def test_past_sprints_are_finished_this_one_is_published_the_next_is_open(session: Session) -> None:
    assert [row.key for row in rounds(session)] == KEYS
    assert [row.state for row in rounds(session)] == STATES


def test_the_demo_says_what_it_is_in_the_database_and_on_the_terminal(
    session: Session, told: list[str]
) -> None:
    facts = {row.key: row.value for row in session.scalars(select(InstallationRow))}
    assert facts == {"purpose": "demo", "company": "Larkfield Health", "notice": NOTICE}
    assert NOTICE in told
    assert all(any(key in line for line in told) for key in KEYS)


def test_every_bid_of_a_published_round_is_decided_once(session: Session) -> None:
    for row in rounds(session)[:4]:
        run = published_run(session, row)
        assert run is not None
        bids = count(session, BidRow, col(BidRow.round_id) == row.id)
        awards = count(session, AwardRow, col(AwardRow.run_id) == run.id)
        declines = count(session, DeclineRow, col(DeclineRow.run_id) == run.id)
        assert awards > 20
        assert awards + declines == bids >= 120
        shown = shown_run(session, row.id)
        assert shown is not None
        assert (shown.bids, shown.declined_bids) == (bids, declines)


def test_the_demo_shows_policies_scores_and_what_rules_bar(session: Session) -> None:
    versions = list_versions(session)
    frozen = [policy_of_round(session, row) for row in rounds(session)[:4]]
    assert len(versions) >= 2
    assert all(row.approver and row.approver != row.author for row in versions)
    assert len({one.version for one in frozen if one}) >= 2
    for row in rounds(session)[:4]:
        assert list(check_scores(session, row)) == []
    reasons = set(session.scalars(select(col(DeclineRow.reason))))
    assert {Reason.POLICY, Reason.APPROVAL_MISSING} <= reasons


def test_the_demo_shows_deliveries_in_every_state_and_what_later_rounds_make_of_them(
    session: Session,
) -> None:
    listed = session.execute(delivery_table(NOW.date()).rows).mappings().all()
    by_state = Counter(row["state"] for row in listed)
    assert set(by_state) == set(DeliveryState)
    assert by_state[DeliveryState.CONFIRMED] > len(listed) // 3
    assert max(row["version"] or 0 for row in listed) == 2
    calibrations = [_calibrations(session, row) for row in rounds(session)[:4]]
    assert calibrations[0] == {100}
    assert len(calibrations[3]) > 3


def _calibrations(session: Session, row: RoundRow) -> set[int]:
    percents = (
        select(col(BidFactorRow.percent))
        .join(BidRow, col(BidRow.id) == col(BidFactorRow.bid_id))
        .where(col(BidRow.round_id) == row.id, col(BidFactorRow.kind) == FactorKind.CALIBRATION)
    )
    return set(session.scalars(percents))


def test_every_published_round_shows_a_busy_company(session: Session) -> None:
    for row in rounds(session)[:4]:
        run = published_run(session, row)
        assert run is not None
        problem = problem_of(session, row)
        offered = sum(day.reserved_units + day.spot_units for day in problem.capacity)
        awarded = session.scalar(
            select(func.sum(ItemRow.units_per_lot * AwardRow.lots * ItemRow.days))
            .select_from(AwardRow)
            .join(ItemRow, col(ItemRow.bid_id) == AwardRow.bid_id)
            .where(col(AwardRow.run_id) == run.id, col(ItemRow.number) == AwardRow.alternative)
        )
        assert awarded is not None
        assert 3 * offered <= 4 * awarded <= 4 * offered
        awards = count(session, AwardRow, col(AwardRow.run_id) == run.id)
        assert 0.45 <= awards / len(problem.bids) <= 0.75


def test_the_next_round_has_bids_and_nothing_that_reveals_them(session: Session) -> None:
    row = find_round(session, KEYS[-1])
    assert count(session, BidRow, col(BidRow.round_id) == row.id) >= 120
    assert count(session, RunRow, col(RunRow.round_id) == row.id) == 0
    assert row.closes_at is not None
    assert row.closes_at > NOW
    events = session.scalars(select(AuditEventRow).where(col(AuditEventRow.kind).like("bid.%")))
    assert list(events) == []


def test_the_log_has_no_gap_and_its_time_never_runs_back_nor_past_now(session: Session) -> None:
    events = list(session.scalars(select(AuditEventRow).order_by(col(AuditEventRow.sequence))))
    times = [event.happened_at for event in events]
    assert [event.sequence for event in events] == list(range(1, len(events) + 1))
    assert times == sorted(times)
    assert times[-1] <= NOW


def test_every_round_went_through_every_state_in_its_own_time(session: Session) -> None:
    for row, state in zip(rounds(session), STATES, strict=True):
        story = session.scalars(
            select(AuditEventRow)
            .where(col(AuditEventRow.subject) == f"round:{row.key}")
            .order_by(col(AuditEventRow.sequence))
        )
        kinds = [event.kind for event in story]
        lived = ["scheduled", "open", "closed", "published", "finished"]
        assert kinds == [f"round.{name}" for name in lived[: lived.index(state) + 1]]


def test_bids_were_placed_while_their_round_was_open(session: Session) -> None:
    for row in rounds(session):
        for bid in problem_of(session, row).bids:
            assert row.opens_at is not None
            assert row.closes_at is not None
            assert bid.submitted_at is not None
            assert row.opens_at <= bid.submitted_at < min(row.closes_at, NOW)


def test_pools_of_all_kinds_have_owners(session: Session) -> None:
    pools = list(session.scalars(select(PoolRow)))
    assert len(pools) >= 14
    assert {pool.kind for pool in pools} == {"compute", "expert", "data"}
    assert all(pool.owner and pool.description for pool in pools)


def test_a_demo_that_fails_leaves_the_one_before_in_place(demo: Path) -> None:
    before = sha256_of(demo)
    with pytest.raises(NoOutcome):
        build_demo(f"sqlite:///{demo}", noon, never_solves, str)
    assert sha256_of(demo) == before
    assert not list(demo.parent.glob("*.new*"))


def test_a_demo_replaces_the_one_before_with_all_that_a_crash_left(demo: Path) -> None:
    with closing(sqlite3.connect(demo)) as new:
        tables = {name for (name,) in new.execute("SELECT name FROM sqlite_master")}
        (sound,) = new.execute("PRAGMA integrity_check").fetchone()
    assert "leftover" not in tables
    assert sound == "ok"


def test_a_market_that_is_no_demo_is_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "broker.db"
    db = connect(f"sqlite:///{file}")
    migrate(db)
    db.dispose()
    before = sha256_of(file)
    with pytest.raises(Refused, match=r"broker\.db is not marked as a demo"):
        build_demo(f"sqlite:///{file}", noon, never_solves, str)
    assert sha256_of(file) == before


@pytest.mark.parametrize("content", [b"", b"a letter to grandmother", bytes(5000)])
def test_a_file_that_is_no_database_is_left_alone(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "letter.txt"
    file.write_bytes(content)
    with pytest.raises(Refused, match="not marked as a demo"):
        build_demo(f"sqlite:///{file}", noon, never_solves, str)
    assert file.read_bytes() == content
    assert list(tmp_path.iterdir()) == [file]


def test_every_sprint_of_the_demo_was_paid_for_through_the_ledger(session: Session) -> None:
    posted = session.execute(
        select(col(JournalRow.kind), col(RoundRow.key))
        .join(RoundRow, col(RoundRow.id) == col(JournalRow.round_id))
        .order_by(col(JournalRow.number))
    )
    kinds: dict[str, list[str]] = {key: [] for key in KEYS}
    for kind, key in posted:
        kinds[key].append(kind)
    whole = ["endowment", "hold", "settlement", "release"]
    assert kinds[KEYS[0]] == whole
    assert all(kinds[key] == ["carry-over", *whole] for key in KEYS[1:4])
    assert kinds[KEYS[4]] == ["carry-over", "endowment"]
    assert ledger_violations(read_ledger(session)) == []
