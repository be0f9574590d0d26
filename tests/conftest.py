"""What several kinds of tests share: an empty market, copied from one that was migrated once.

Under CI hypothesis draws the same examples each time, so that a change is judged by what it
changed; everywhere else it looks for new ones.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from broker.db import Database
from broker.schema import migrate
from tests.markets import a_database

settings.register_profile("ci", derandomize=True, print_blob=True)
if os.environ.get("CI"):
    settings.load_profile("ci")


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
