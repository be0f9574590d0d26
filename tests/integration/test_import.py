"""A round folder comes into the market whole or not at all, and everything in it survives."""

from __future__ import annotations

import dataclasses
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from sqlalchemy import select
from sqlmodel import Session

from allocation.folders import PoolLabel, RoundFolder, read_round
from allocation.problem import PoolKey, Problem, TeamKey
from allocation.wire import canonical_json, problem_sha256, round_document, sha256_of
from broker.db import Database, reading, transact, writing
from broker.errors import Refused
from broker.importing import import_round, plan_import
from broker.rounds import find_round
from broker.snapshots import frozen_problem, problem_of
from broker.tables import BidRow, PoolRow, RoundRow, SnapshotRow, TeamRow
from tests import strategies
from tests.builders import a_bid, a_pool, a_problem, a_team
from tests.folders import SMALL_FOLDER, write_folder
from tests.markets import (
    NOON,
    a_change,
    a_scarce_problem,
    bring,
    described,
    event_kinds,
    events,
    row_counts,
)


def small_folder(path: Path) -> RoundFolder:
    return read_round(write_folder(path / "round", SMALL_FOLDER))


def test_everything_in_a_folder_survives(market: Database, tmp_path: Path) -> None:
    folder = small_folder(tmp_path)
    bring(market, folder)
    with reading(market) as session:
        row = find_round(session, "sprint-1")
        assert (row.name, row.state, row.nonce) == ("First sprint", "closed", "abc123")
        assert problem_of(session, row) == folder.problem
        assert frozen_problem(session, row) == folder.problem
        pools = session.scalars(select(PoolRow))
        assert {PoolKey(p.key): label_of(p) for p in pools} == folder.pools
        assert {t.key: t.name for t in session.scalars(select(TeamRow))} == folder.teams
        assert {b.key: b.title for b in session.scalars(select(BidRow))} == folder.titles


def label_of(row: PoolRow) -> PoolLabel:
    names = [field.name for field in dataclasses.fields(PoolLabel)]
    return PoolLabel(**{name: getattr(row, name) for name in names})


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(problem=strategies.problems())
def test_any_round_is_stored_and_read_back_as_it_was(market: Database, problem: Problem) -> None:
    with Session(market.writer) as session:
        import_round(session, described(problem), a_change())
        row = find_round(session, problem.round_key)
        assert problem_of(session, row) == frozen_problem(session, row) == problem
        session.rollback()


def test_names_and_titles_are_any_unicode(market: Database) -> None:
    title = "“Größe” 模型 🚀 e\u0301 \u202eabc' OR 1=1 --"
    bring(market, described(a_problem(a_bid("b1")), b1=title))
    with reading(market) as session:
        assert session.scalars(select(BidRow)).one().title == title


def test_the_snapshot_is_canonical_json_that_anybody_can_hash(market: Database) -> None:
    bring(market, described(a_scarce_problem()))
    document = round_document(a_scarce_problem())
    with reading(market) as session:
        snapshot = session.scalars(select(SnapshotRow)).one()
    assert snapshot.document.encode() == canonical_json(document)
    assert snapshot.document_sha256 == sha256_of(document)
    assert snapshot.problem_sha256 == problem_sha256(a_scarce_problem())
    assert snapshot.taken_at == NOON


def test_a_round_without_bids_is_imported(market: Database) -> None:
    bring(market, described(a_problem()))
    with reading(market) as session:
        assert frozen_problem(session, find_round(session, "sprint-1")).bids == ()


def test_an_open_import_takes_bids_and_has_no_snapshot(market: Database) -> None:
    bring(market, described(a_scarce_problem()), is_open=True)
    with reading(market) as session:
        assert find_round(session, "sprint-1").state == "open"
        assert session.scalars(select(SnapshotRow)).all() == []


def test_an_import_leaves_one_event_for_every_change(market: Database) -> None:
    bring(market, described(a_scarce_problem()))
    assert event_kinds(market) == [
        "pool.registered",
        "team.registered",
        "round.scheduled",
        "round.open",
        "period.begun",
        "ledger.round-endowment",
        "round.closed",
        "ledger.hold",
    ]


def test_the_same_content_again_changes_nothing(market: Database, tmp_path: Path) -> None:
    folder = small_folder(tmp_path)
    bring(market, folder)
    before = row_counts(market)
    with writing(market) as session:
        assert import_round(session, folder, a_change(5)).was_there
    assert row_counts(market) == before


def test_the_same_instant_in_another_zone_is_the_same_content(
    market: Database, tmp_path: Path
) -> None:
    bring(market, small_folder(tmp_path))
    bids = SMALL_FOLDER["bids.csv"].replace("2026-02-20T09:00:00Z", "2026-02-20T14:00:00+05:00")
    again = read_round(write_folder(tmp_path / "again", {**SMALL_FOLDER, "bids.csv": bids}))
    with reading(market) as session:
        assert plan_import(session, again).was_there


@pytest.mark.parametrize(
    "change",
    [
        {"name": "Second sprint"},
        {"titles": {"b1": "Another title"}},
        {"teams": {"red": "Crimson"}},
        {"problem": a_problem(a_bid("b1"), nonce="other")},
        {"problem": a_problem(a_bid("b1", submitted_at=NOON))},
    ],
    ids=["name", "title", "team", "nonce", "submitted"],
)
def test_other_content_under_a_known_key_is_refused(
    market: Database, change: dict[str, object]
) -> None:
    folder = described(a_problem(a_bid("b1")))
    bring(market, folder)
    before = row_counts(market)
    other = dataclasses.replace(folder, **change)  # type: ignore[arg-type]
    for do in (
        lambda session: plan_import(session, other),
        lambda session: import_round(session, other, a_change()),
    ):
        with pytest.raises(Refused, match="sprint-1 already"), writing(market) as session:
            do(session)
    assert row_counts(market) == before


def test_a_dry_run_writes_nothing(market: Database) -> None:
    with reading(market) as session:
        planned = plan_import(session, described(a_scarce_problem()))
    assert (planned.round_key, planned.state, planned.was_there) == ("sprint-1", "closed", False)
    assert set(row_counts(market).values()) == {0}


def test_an_import_that_breaks_off_leaves_nothing(market: Database) -> None:
    def break_off(session: Session) -> None:
        import_round(session, described(a_scarce_problem()), a_change())
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        transact(market, break_off)
    assert set(row_counts(market).values()) == {0}


def test_pools_and_teams_are_shared_and_named_as_the_latest_round_names_them(
    market: Database,
) -> None:
    first = a_problem(pools=[a_pool("gpu", 2)], teams=[a_team("red", 10)])
    bring(market, described(first))
    second = dataclasses.replace(
        a_problem(pools=[a_pool("gpu", 3)], teams=[a_team("red", 20)]),
        round_key="sprint-2",  # type: ignore[arg-type]
    )
    label = PoolLabel("Larger GPUs", "compute", "gpu-hour", "ben", "", "")
    bring(
        market,
        dataclasses.replace(
            described(second),
            pools={PoolKey("gpu"): label},
            teams={TeamKey("red"): "Team red"},
        ),
    )
    with reading(market) as session:
        assert label_of(session.scalars(select(PoolRow)).one()) == label
        assert len(session.scalars(select(TeamRow)).all()) == 1
        [relabelled] = [e for e in events(session) if e.kind == "pool.relabelled"]
        assert relabelled.subject == "pool:gpu"
        changed = '["classification","description","name","owner","unit"]'
        assert relabelled.facts == f'{{"changed":{changed}}}'
        assert problem_of(session, find_round(session, "sprint-1")) == first
        assert problem_of(session, find_round(session, "sprint-2")) == second


def test_a_floor_ratio_is_kept_exactly(market: Database) -> None:
    ratio = Fraction(1, 3 * 10**30)
    bring(market, described(a_problem(floor_ratio=ratio)))
    with reading(market) as session:
        assert session.scalars(select(RoundRow)).one().floor_ratio == ratio
