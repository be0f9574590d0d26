"""The description of the interface is true: schemathesis asks everything that it says."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from flask import Flask
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import checks
from schemathesis.specs.openapi import checks as of_openapi

from broker.config import Settings
from tests.api import Program, issue
from tests.cast import ADMIN
from tests.markets import a_database, at
from tests.sprints import a_market
from web.api.reads import DOCUMENTS, LISTS
from web.api.writes import COMMANDS
from web.app import create_app

EXAMPLES = 100 if os.environ.get("BROKER_TORTURE") else 4
CHECKS = [
    checks.not_a_server_error,
    of_openapi.status_code_conformance,
    of_openapi.content_type_conformance,
    of_openapi.response_headers_conformance,
    of_openapi.response_schema_conformance,
    of_openapi.ignored_auth,
    of_openapi.unsupported_method,
]


@pytest.fixture(scope="module")
def app(migrated_file: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    file = shutil.copy(migrated_file, tmp_path_factory.mktemp("schema") / "broker.db")
    db = a_database(file)
    a_market(db)
    app = create_app(Settings(f"sqlite:///{file}"), at(3))
    app.extensions["secret"] = issue(db, ADMIN)
    yield app
    app.extensions["desk"].db.dispose()
    db.dispose()


@pytest.fixture(scope="module")
def described(app: Flask) -> Any:
    return schemathesis.openapi.from_wsgi("/api/v1/openapi.json", app)


def test_everything_is_described_and_nothing_else_is(described: Any) -> None:
    said = {result.ok().definition.raw["operationId"] for result in described.get_all_operations()}
    assert said == {
        *(f"List{one.name}" for one in LISTS),
        *(f"Read{one.name}" for one in DOCUMENTS),
        *(one.name for one in COMMANDS),
    }
    assert described.raw_schema["openapi"] == "3.1.0"


def test_no_page_about_the_interface_loads_anything_from_elsewhere(app: Flask) -> None:
    client = app.test_client()
    for page in ("swagger", "redoc", "scalar", ""):
        with client.get(f"/api/v1/{page}/") as response:
            assert response.status_code == 404


def test_whatever_the_description_allows_is_answered_as_it_says(app: Flask, described: Any) -> None:
    headers = Program(app, app.extensions["secret"]).headers
    for result in described.get_all_operations():
        _ask(result.ok(), headers)


def _ask(operation: Any, headers: dict[str, str]) -> None:
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy())
    def ask(case: Any) -> None:
        case.call_and_validate(headers=headers, checks=CHECKS)

    ask()
