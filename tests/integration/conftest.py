"""Screens over markets, one with a past and an empty one, and the command line over its own."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from broker.cli import run
from broker.db import Database
from tests.cast import Browser, bring_people, signed_in
from tests.commands import SOUND, Broker, Said
from tests.folders import write_folder
from tests.markets import a_database
from tests.past import build_past
from tests.screens import screens


@pytest.fixture(scope="session")
def past_file(migrated_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = Path(shutil.copy(migrated_file, tmp_path_factory.mktemp("past") / "broker.db"))
    db = a_database(file)
    build_past(db)
    bring_people(db)
    db.dispose()
    return file


@pytest.fixture
def past_market(past_file: Path, tmp_path: Path) -> Iterator[Database]:
    """Return a market with a past in a file of its own."""
    db = a_database(Path(shutil.copy(past_file, tmp_path / "past.db")))
    yield db
    db.dispose()


@pytest.fixture
def past_app(past_market: Database) -> Iterator[Flask]:
    with screens(past_market) as app:
        yield app


@pytest.fixture
def past(past_app: Flask) -> FlaskClient:
    """Return a browser of the market with a past."""
    return past_app.test_client()


@pytest.fixture
def signed_in_as(past_app: Flask) -> Callable[[str], Browser]:
    """Return browsers of the market with a past, each with one of the cast signed in."""
    return lambda key: signed_in(past_app, key)


@pytest.fixture
def empty(market: Database) -> Iterator[FlaskClient]:
    """Return a browser of a market in which nothing has happened yet."""
    with screens(market) as app:
        yield app.test_client()


@pytest.fixture
def environment(tmp_path: Path) -> Mapping[str, str]:
    return {"BROKER_DATABASE_URL": f"sqlite:///{tmp_path / 'broker.db'}"}


@pytest.fixture
def broker(environment: Mapping[str, str], capfd: pytest.CaptureFixture[str]) -> Broker:
    """Return the command, run in this process."""

    def call(*arguments: object, **settings: str) -> Said:
        capfd.readouterr()
        code = run([str(argument) for argument in arguments], {**environment, **settings})
        said = capfd.readouterr()
        assert "Traceback" not in said.err
        return Said(code, said.out, said.err)

    return call


@pytest.fixture
def sound(tmp_path: Path) -> Path:
    return write_folder(tmp_path / "sound", SOUND)


@pytest.fixture
def migrated(broker: Broker) -> Broker:
    assert broker("migrate").code == 0
    return broker
