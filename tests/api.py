"""Programs that ask the market: a client with a token, and bodies that are good."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from itertools import count
from typing import Any
from uuid import uuid4

from flask import Flask
from flask.testing import FlaskClient
from sqlmodel import Session
from werkzeug.test import TestResponse

from broker.access import SERVICE_SCOPES, Actor, Scope, service
from broker.audit import ActorId
from broker.db import Database, transact
from broker.people.actors import actor_of_person
from broker.people.tokens import MARK, TokenWish, issue_token
from tests.markets import NOON

HOST = service(ActorId("host"))
EVERY = frozenset(scope.value for scope in Scope)
OF_PEOPLE = EVERY - {scope.value for scope in SERVICE_SCOPES}
_NUMBERS = count(1)


def issue(db: Database, who: str | None, scopes: Iterable[str] | None = None) -> str:
    """Issue a token for one of the cast, or for a service, and return its secret."""
    secret = f"{MARK}{uuid4().hex}{uuid4().hex[:11]}"
    named = "exporter" if who is None else None
    given = frozenset(scopes) if scopes is not None else (EVERY if who is None else OF_PEOPLE)
    wish = TokenWish(f"Token {next(_NUMBERS)}", given, 30, named)

    def work(session: Session) -> None:
        owner: Actor = HOST if who is None else actor_of_person(session, who)
        issue_token(session, owner, wish, secret, NOON)

    transact(db, work)
    return secret


class Program:
    """A program with a token; what it changes it asks under keys of its own."""

    def __init__(self, app: Flask, secret: str) -> None:
        self.client: FlaskClient = app.test_client()
        self.headers = {"Authorization": f"Bearer {secret}"}

    def get(self, address: str, **query: Any) -> TestResponse:
        """Ask for something."""
        return self.client.get(f"/api/v1{address}", headers=self.headers, query_string=query)

    def send(
        self, method: str, address: str, body: Any = None, *, key: str | None = None
    ) -> TestResponse:
        """Have something changed, under a new key unless one is named."""
        content = b"" if body is None else json.dumps(body).encode()
        return self.send_bytes(method, address, content, key=key)

    def post(self, address: str, body: Any = None, *, key: str | None = None) -> TestResponse:
        """Have something changed."""
        return self.send("POST", address, body, key=key)

    def send_bytes(
        self, method: str, address: str, content: bytes, *, key: str | None = None
    ) -> TestResponse:
        """Send a body as it is."""
        headers = self.headers | {"Idempotency-Key": key or str(uuid4())}
        return self.client.open(
            f"/api/v1{address}",
            method=method,
            headers=headers,
            data=content,
            content_type="application/json",
        )


def a_draft(**changes: Any) -> dict[str, Any]:
    """Return a draft that is complete."""
    return {
        "title": "Train",
        "alternatives": [
            {
                "tier": "reserved",
                "earliest_start": "2026-03-02",
                "latest_start": "2026-03-02",
                "min_lots": 1,
                "max_lots": 2,
                "offer_credits_per_lot": 100,
                "items": [{"pool_key": "gpu", "offset_days": 0, "days": 2, "units_per_lot": 1}],
            }
        ],
        "owner_after_award": "Head of Care",
        "success_measure": "Fewer readmissions",
        "ends_on": "2026-12-31",
    } | changes


def a_round(**changes: Any) -> Mapping[str, Any]:
    """Return a round to announce."""
    return {
        "round_key": "next",
        "name": "Next sprint",
        "starts_on": "2026-04-06",
        "days": 2,
        "pools": [
            {"pool_key": "gpu", "name": "GPUs", "kind": "compute", "unit": "gpu", "owner": "Otto"}
        ],
        "capacity": [
            {"pool_key": "gpu", "day": "2026-04-06", "reserved_units": 4, "spot_units": 2}
        ],
        "teams": [{"team_key": "red", "name": "Red", "credits": 100}],
        "closes_at": "2026-04-01T12:00:00+02:00",
    } | changes


def a_calendar() -> dict[str, Any]:
    """Return what the pool `gpu` is to be."""
    return {
        "name": "Large GPUs",
        "unit": "gpu",
        "calendar": {
            "first_day": "2026-03-02",
            "week": [{"reserved_units": 8, "spot_units": 1}] * 7,
        },
        "reason": "It is true",
        "follows": 1,
    }
