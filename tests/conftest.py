"""What several kinds of tests share: an empty market, copied from one that was migrated once."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from broker.db import Database
from broker.schema import migrate
from tests.markets import a_database


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
