"""What several kinds of tests share: an empty market, copied from one that was migrated once.

Under CI hypothesis draws the same examples each time, so that a change is judged by what it
changed; everywhere else it looks for new ones.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
from hypothesis import settings
from sqlalchemy import URL

from broker.db import Database
from broker.schema import migrate
from tests import postgresql
from tests.markets import a_database

settings.register_profile("ci", derandomize=True, print_blob=True)
if os.environ.get("CI"):
    settings.load_profile("ci")

structlog.configure(
    logger_factory=lambda *_: structlog.WriteLogger(sys.stderr), cache_logger_on_first_use=False
)

LONG = (
    "property/test_ledger_machine.py",
    "property/test_counterfactuals.py",
    "integration/test_two_worlds.py",
    "integration/test_determinism.py",
    "integration/test_page_queries.py",
    "integration/test_allocate_rounds.py",
    "property/test_floors.py",
    "property/test_cleaning.py",
    "property/test_engine.py",
    "browser/",
)
"""What takes longest, begun first, so that no processor is left with a long file at the end."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the long files before the others; within a file the order stays as it is written."""
    items.sort(key=lambda item: next((n for n, part in enumerate(LONG) if part in item.nodeid), 99))


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("migrated") / "broker.db"
    db = a_database(file)
    migrate(db)
    db.dispose()
    return file


@pytest.fixture
def market(migrated_file: Path, tmp_path: Path) -> Iterator[Database]:
    """Return an empty market in a file of its own."""
    db = a_database(Path(shutil.copy(migrated_file, tmp_path / "broker.db")))
    yield db
    db.dispose()


@pytest.fixture(scope="session")
def server() -> Iterator[URL]:
    """Return the address of a PostgreSQL with an empty market to copy."""
    with postgresql.a_server() as url:
        postgresql.migrate_template(url)
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def either_market(request: pytest.FixtureRequest) -> Iterator[Database]:
    """Return an empty market on each database that the ledger runs on."""
    if request.param == "sqlite":
        yield request.getfixturevalue("market")
        return
    with postgresql.a_market(request.getfixturevalue("server")) as db:
        yield db
