"""`broker verify` over all that a result can become: overridden, or handed out day by day."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from broker.db import Database
from broker.proofs.keys import make_key
from tests.commands import Broker, Said
from tests.holdings import THE_DAY_BEFORE, a_scarce_sprint, day, release, tick_at, wait
from tests.integration.test_backups import address
from tests.integration.test_books import tamper
from tests.markets import a_database
from tests.overrides import a_pin, a_published_contest, an_exclusion, override

REVISION = "(SELECT id FROM run WHERE revision = 2)"
DAILY = "(SELECT id FROM run WHERE round_id = (SELECT round_id FROM daily_round))"
EDITS = [
    ("award", "SET lots = lots + 1", REVISION, "Round sprint-1: "),
    ("decline", "SET reason = 'outbid'", REVISION, "Round sprint-1: "),
    ("award", "SET payment_credits = 1", DAILY, "Round sprint-1-0301: "),
    ("override", "SET decided_by = proposed_by", "", "rows of override one person was both"),
]


@pytest.fixture(scope="module")
def played(migrated_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = Path(shutil.copy(migrated_file, tmp_path_factory.mktemp("played") / "broker.db"))
    db = a_database(file)
    a_sprint_with_a_past(db)
    db.dispose()
    return file


def a_sprint_with_a_past(db: Database) -> None:
    """Override a sprint's result, then hand out on a day what its holder gives back."""
    won, lost = a_scarce_sprint(db)
    override(db, a_pin("won", lots=3))
    wait(db, lost)
    release(db, won, 2, day(2))
    assert "published sprint-1-0301" in tick_at(db, THE_DAY_BEFORE)


def verify(broker: Broker, db: Database, folder: Path, *more: str) -> Said:
    key = folder / "audit.key"
    make_key(key)
    place = {"BROKER_DATABASE_URL": address(db), "BROKER_AUDIT_KEY_FILE": str(key)}
    return broker("verify", *more, **place)


def test_overridden_and_daily_rounds_are_verified_and_clean(
    broker: Broker, either_market: Database, tmp_path: Path
) -> None:
    a_sprint_with_a_past(either_market)
    for round_key in ((), ("sprint-1",), ("sprint-1-0301",)):
        said = verify(broker, either_market, tmp_path, *round_key)
        assert (said.code, said.out, said.err) == (0, "", "")


def test_every_revision_of_a_round_is_judged(
    broker: Broker, market: Database, tmp_path: Path
) -> None:
    a_published_contest(market)
    override(market)
    override(market, an_exclusion("b1"), hours=6)
    assert verify(broker, market, tmp_path).code == 0


@pytest.mark.parametrize(("table", "edit", "of_run", "sentence"), EDITS)
def test_what_somebody_changed_in_them_is_found(
    table: str, edit: str, of_run: str, sentence: str, played: Path, broker: Broker, tmp_path: Path
) -> None:
    """By the rules of the market alone, whatever the log says of the row besides."""
    db = a_database(Path(shutil.copy(played, tmp_path / "broker.db")))
    tamper(db, "PRAGMA ignore_check_constraints = ON", table)
    where = f" WHERE run_id = {of_run}" if of_run else ""
    tamper(db, f"UPDATE {table} {edit}{where}", table)
    said = verify(broker, db, tmp_path)
    db.dispose()
    assert said.code == 1
    assert sentence in said.out
    assert "The first bad event is " in said.out
