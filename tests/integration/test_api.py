"""The interface for programs: the same services, one answer per key, and never a server error."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select
from sqlmodel import col

from broker.access import Scope
from broker.config import Settings
from broker.db import Database, reading, transact
from broker.idempotency import KEPT, forget_answers
from broker.people.persons import disable_person
from broker.people.tables import ApiAnswerRow, ApiTokenRow
from broker.tables import AuditEventRow, BidRow
from tests.api import OF_PEOPLE, Program, a_calendar, a_draft, a_round, issue
from tests.cast import ADMIN, AUDITOR, LEAD, MEMBER, OPERATOR, OTHER_LEAD, SECOND_ADMIN, signed_in
from tests.markets import NOON, a_database, at
from tests.policies import a_document
from tests.sprints import a_market, document
from web.api.reads import DOCUMENTS, LISTS
from web.api.writes import COMMANDS
from web.app import create_app

Programs = Callable[..., Program]
DEEP = "[" * 100_000 + "]" * 100_000


@pytest.fixture(scope="module")
def ready_file(migrated_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a market with an open round and the cast, to copy."""
    file = Path(shutil.copy(migrated_file, tmp_path_factory.mktemp("ready") / "broker.db"))
    db = a_database(file)
    a_market(db)
    db.dispose()
    return file


@pytest.fixture
def market(ready_file: Path, tmp_path: Path) -> Iterator[Database]:
    db = a_database(Path(shutil.copy(ready_file, tmp_path / "ready.db")))
    yield db
    db.dispose()


@pytest.fixture
def app(market: Database) -> Iterator[Flask]:
    app = create_app(Settings(f"sqlite:///{market.file}"), at(3))
    yield app
    app.extensions["desk"].db.dispose()


@pytest.fixture
def program(market: Database, app: Flask) -> Programs:
    """Return programs with tokens of the cast, or of a service, with some scopes or all."""
    return lambda who=None, scopes=None: Program(app, issue(market, who, scopes))


GETS = [
    f"{path.replace('<key>', key)}"
    for path in (one.path for one in (*LISTS, *DOCUMENTS))
    for key in ("sprint-1", "gpu", "red", "blue")
    if "<" not in path.replace("<key>", key)
]
"""Everything to read whose address names a round, a pool or a team, or nothing."""


def new_bid(**changes: Any) -> dict[str, Any]:
    body = {"team_key": "red", "round_key": "sprint-1", "draft": a_draft(), "submit": True}
    return body | changes


# --- who asks ----------------------------------------------------------------------------------


def test_only_a_good_token_opens_anything(market: Database, app: Flask, program: Programs) -> None:
    client = app.test_client()
    for headers in (
        {},
        {"Authorization": "Bearer cbt_none"},
        {"Authorization": "Basic b3BlbjpzZXNhbWU="},
        {"Cookie": "broker-session=x"},
    ):
        with client.get("/api/v1/rounds", headers=headers) as response:
            assert response.status_code == 401
            assert response.mimetype == "application/problem+json"
            assert response.headers["WWW-Authenticate"].startswith("Bearer")
            assert response.json["code"] == "token-needed"
    lead = program(LEAD)
    assert lead.get("/rounds").status_code == 200
    transact(market, lambda session: disable_person(session, OPERATOR, LEAD, NOON))
    assert lead.get("/rounds").status_code == 401


def test_a_token_is_taken_over_private_ways_only(program: Programs) -> None:
    lead = program(LEAD)
    with lead.client.get(
        "/api/v1/rounds", headers=lead.headers, base_url="http://market.example"
    ) as response:
        assert response.status_code == 403
    with lead.client.get(
        "/api/v1/rounds", headers=lead.headers, base_url="https://market.example"
    ) as response:
        assert response.status_code == 200


def test_a_token_does_no_more_than_its_scopes_and_its_person_may(program: Programs) -> None:
    reader = program(LEAD, {Scope.READ_MARKET})
    assert reader.get("/rounds").status_code == 200
    refused = reader.post("/bids", new_bid())
    assert (refused.status_code, refused.json["code"]) == (403, "not-allowed")
    assert reader.get("/bids").status_code == 403
    assert reader.get("/ledger").status_code == 403
    assert program(MEMBER).post("/bids", new_bid()).status_code == 403
    assert program(OTHER_LEAD).post("/bids", new_bid()).status_code == 404
    assert program(LEAD).post("/rounds/sprint-1/close").status_code == 403
    assert program(LEAD).get("/audit/events").status_code == 403
    assert program(AUDITOR).get("/audit/events").status_code == 200


def test_the_last_use_of_a_token_is_noted(market: Database, program: Programs) -> None:
    program(LEAD).get("/rounds")
    with reading(market) as session:
        assert session.scalars(select(col(ApiTokenRow.used_at))).one() == at(3)()


def test_every_route_needs_a_token_and_no_session_stands_for_one(app: Flask) -> None:
    browser = signed_in(app, ADMIN)
    rules = [rule for rule in app.url_map.iter_rules() if rule.endpoint.startswith("api.")]
    assert len(rules) == len(COMMANDS) + len(LISTS) + len(DOCUMENTS) + 1
    for rule in rules:
        if rule.endpoint != "api.openapi":
            [method] = (rule.methods or set()) - {"HEAD", "OPTIONS"}
            with browser.open(address_of(rule.rule), method=method) as response:
                assert response.status_code == 401, rule


# --- what is read ------------------------------------------------------------------------------


def test_sealed_bids_stay_sealed(program: Programs) -> None:
    lead = program(LEAD)
    bid_id = lead.post("/bids", new_bid()).json["bid_id"]
    assert lead.get(f"/bids/{bid_id}").json["draft"]["title"] == "Train"
    assert [row["bid_id"] for row in lead.get("/bids").json["rows"]] == [bid_id]
    for who in (ADMIN, AUDITOR, OTHER_LEAD, None):
        other = program(who)
        assert other.get(f"/bids/{bid_id}").status_code == 404
        assert bid_id not in other.get("/bids").text
        assert other.get(f"/receipts/{bid_id}").status_code == 404
        for what in ("awards", "declines", "prices"):
            assert other.get(f"/rounds/sprint-1/{what}").status_code == 404
    assert bid_id not in program(AUDITOR).get("/audit/events", limit=200).text


def test_no_answer_to_anybody_else_changes_when_a_sealed_bid_comes(program: Programs) -> None:
    blue = program(OTHER_LEAD)
    others = [program(who) for who in (LEAD, MEMBER, ADMIN, AUDITOR, "otto", None)]
    said = {
        (n, address): one.get(address).get_data()
        for n, one in enumerate(others)
        for address in dict.fromkeys(GETS)
    }
    for _ in range(3):
        assert blue.post("/bids", new_bid(team_key="blue")).status_code == 200
    for (n, address), before in said.items():
        assert others[n].get(address).get_data() == before, address


def test_a_list_is_walked_by_its_cursors_and_no_row_is_missed_or_told_twice(
    program: Programs,
) -> None:
    auditor = program(AUDITOR)
    whole = auditor.get("/audit/events", limit=200).json["rows"]
    assert len(whole) > 20
    seen, cursor = [], ""
    while cursor is not None:
        stretch = auditor.get("/audit/events", limit=7, **({"cursor": cursor} if cursor else {}))
        seen += stretch.json["rows"]
        cursor = stretch.json["next_cursor"]
    assert seen == whole
    some = auditor.get("/audit/events", kind="role.approved").json["rows"]
    assert some == [row for row in whole if row["kind"] == "role.approved"]


def test_cursors_walk_in_orders_with_gaps_and_downwards(
    past_app: Flask, past_market: Database
) -> None:
    admin = Program(past_app, issue(past_market, ADMIN))
    for address in ("/rounds", "/rounds/past-1/awards", "/rounds/past-2/prices", "/deliveries"):
        whole = admin.get(address, limit=200).json
        walked, cursor = [], whole["next_cursor"] and ""
        while cursor is not None and len(walked) < 200:
            query = {"cursor": cursor} if cursor else {}
            stretch = admin.get(address, limit=37, **query).json
            walked, cursor = walked + stretch["rows"], stretch["next_cursor"]
        assert walked[:200] == whole["rows"] or not walked


@pytest.mark.parametrize(
    "query",
    [
        {"limit": "0"},
        {"limit": "201"},
        {"limit": "many"},
        {"cursor": "x"},
        {"cursor": "W10"},
        {"cursor": "WyJhIl0"},
        {"cursor": "W3siYXQiOiIwMDAxLTAxLTAxVDAwOjAwKzE0OjAwIn1d"},
        {"cursor": "W3siYSI6MX1d"},
        {"cursor": "é"},
        {"surprise": "1"},
    ],
)
def test_a_question_that_means_nothing_is_a_clear_error(
    program: Programs, query: dict[str, str]
) -> None:
    answer = program(AUDITOR).get("/audit/events", **query)
    assert answer.status_code == 400, answer.text


def test_single_things_are_read_as_documents(program: Programs) -> None:
    admin = program(ADMIN)
    for address in ("/me", "/rounds/sprint-1", "/pools/gpu", "/policy", "/sprints", "/teams"):
        answer = admin.get(address)
        assert answer.status_code == 200, (address, answer.text)
    assert admin.get("/rounds/sprint-1").json["state"] == "open"
    assert admin.get("/pools/gpu").json["definition"]["week"][0] == [10, 5]
    assert admin.get("/me").json["scopes"] == sorted(OF_PEOPLE)
    for address in ("/rounds/none", "/pools/none", "/bids/none", "/policy/versions/9", "/nothing"):
        answer = admin.get(address)
        assert (answer.status_code, answer.mimetype) == (404, "application/problem+json")
    assert admin.get("/rounds/%00").status_code == 404
    assert admin.send("DELETE", "/rounds").status_code == 405


# --- what is changed ---------------------------------------------------------------------------


def test_a_team_bids_edits_and_withdraws(market: Database, program: Programs) -> None:
    lead = program(LEAD)
    draft = lead.post("/bids", new_bid(submit=False))
    assert draft.status_code == 200, draft.text
    bid_id, address = draft.json["bid_id"], f"/bids/{draft.json['bid_id']}"
    assert (draft.json["state"], draft.json["version"]) == ("draft", 1)
    submitted = lead.send(
        "PUT", address, {"expected_version": 1, "draft": a_draft(), "submit": True}
    )
    assert (submitted.json["state"], submitted.json["version"]) == ("submitted", 2)
    with reading(market) as session:
        assert session.get(BidRow, bid_id) is not None
    stale = lead.send("PUT", address, {"expected_version": 1, "draft": a_draft(title="Mine")})
    assert (stale.status_code, stale.json["code"]) == (409, "version-conflict")
    edited = lead.send("PUT", address, {"expected_version": 2, "draft": a_draft(title="Anew")})
    assert (edited.json["state"], edited.json["draft"]["title"]) == ("submitted", "Anew")
    gone = lead.post(f"{address}/withdraw", {"expected_version": 3})
    assert gone.json["state"] == "withdrawn"
    assert len(lead.get(address).json["versions"]) == 4
    wrong = lead.post("/bids", new_bid(draft=a_draft(title="", alternatives=[])))
    assert wrong.status_code == 422
    assert {error.split(":")[0] for error in wrong.json["errors"]} >= {"title", "alternatives"}


def test_admins_announce_schedule_open_and_cancel_rounds(program: Programs) -> None:
    admin = program(ADMIN)
    made = admin.post("/rounds", a_round())
    assert (made.status_code, made.json["state"]) == (200, "scheduled"), made.text
    assert made.json["closes_at"] == "2026-04-01T10:00:00+00:00"
    times = {"opens_at": "2026-03-01T00:00:00Z", "closes_at": "2026-04-02T00:00:00Z"}
    assert admin.send("PUT", "/rounds/next/times", times).json["opens_at"].startswith("2026-03-01")
    assert admin.post("/rounds/next/open").json["state"] == "open"
    assert admin.post("/rounds/next/close").status_code == 409
    assert admin.post("/rounds/next/cancel", {"reason": "A test"}).json["state"] == "cancelled"
    assert admin.post("/rounds", a_round()).status_code == 409
    broken = admin.post(
        "/rounds", a_round(capacity=[{**a_round()["capacity"][0], "pool_key": "x"}])
    )
    assert broken.status_code == 422, broken.text


def test_two_admins_change_deadlines_policies_rules_and_teams(program: Programs) -> None:
    one, two = program(ADMIN), program(SECOND_ADMIN)
    wish = {"closes_at": "2026-02-25T12:00:00Z", "reason": "More time"}
    proposal = one.post("/rounds/sprint-1/deadline", wish).json["proposal_id"]
    address = f"/rounds/sprint-1/deadline/{proposal}/approve"
    assert one.post(address).status_code == 409
    assert two.post(address).json == {"done": True}
    assert one.get("/rounds/sprint-1").json["closes_at"].startswith("2026-02-25T12")
    wish = {"document": a_document(), "reason": "Begin"}
    proposal = one.post("/policy/proposals", wish).json["proposal_id"]
    assert two.post(f"/policy/proposals/{proposal}/activate").json == {"version": 1}
    assert one.get("/policy").json["document"] == a_document()
    assert one.get("/policy/versions/1").json["is_in_force"] is True
    wish = {"document": json.loads(document()), "reason": "The year"}
    assert one.post("/sprints/rules", wish).json == {"version": 1}
    assert one.post("/sprints/rules/1/activate").status_code == 409
    assert two.post("/sprints/rules/1/activate").json == {"done": True}
    assert one.get("/sprints").json["coming"][0]["round_key"] == "s-7"
    assert two.post("/sprints/rules/1/end").status_code == 200
    assert one.post("/teams", {"team_key": "green", "name": "Green"}).status_code == 200
    assert one.send("PUT", "/teams/green/name", {"name": "Greener"}).status_code == 200
    assert one.post("/teams/green/retire").status_code == 200
    [green] = [team for team in two.get("/teams").json["teams"] if team["team_key"] == "green"]
    assert (green["name"], green["retired_at"] is not None) == ("Greener", True)


def test_a_pool_is_changed_from_the_version_that_was_seen(program: Programs) -> None:
    admin = program(ADMIN)
    changed = admin.send("PUT", "/pools/gpu", a_calendar())
    assert (changed.status_code, changed.json["version"]) == (200, 2), changed.text
    assert admin.get("/pools/gpu").json["definition"]["week"][6] == [8, 1]
    again = admin.send("PUT", "/pools/gpu", a_calendar())
    assert again.status_code == 409
    assert program(LEAD).send("PUT", "/pools/gpu", a_calendar()).status_code == 403
    new = {"pool_key": "cpu", "definition": a_calendar() | {"follows": 0}}
    assert admin.post("/pools", new).json["is_in_force"] is True


def test_approvals_are_asked_for_and_answered(program: Programs) -> None:
    lead, owner = program(LEAD), program("otto")
    wish = {
        "team_key": "red",
        "pool_key": "gpu",
        "purpose_key": "analysis",
        "purpose": "Find out who waits",
        "most_credits": 500,
        "valid_from": "2026-02-20",
        "valid_until": "2026-06-30",
    }
    request = lead.post("/approvals", wish).json["request_id"]
    assert lead.get(f"/approvals/{request}").json["state"] == "waiting"
    assert lead.post(f"/approvals/{request}/answer", {"answer": "approved"}).status_code == 403
    assert owner.post(f"/approvals/{request}/answer", {"answer": "approved"}).status_code == 200
    assert [row["state"] for row in owner.get("/approvals").json["rows"]] == ["approved"]
    assert lead.post(f"/approvals/{request}/withdraw").status_code == 409


# --- one key, one effect, one answer -----------------------------------------------------------


def test_the_same_key_has_one_effect_and_the_same_answer(
    market: Database, program: Programs
) -> None:
    lead = program(LEAD)
    first = lead.post("/bids", new_bid(), key="k-1")
    again = lead.post("/bids", new_bid(), key="k-1")
    assert (again.status_code, again.get_data()) == (200, first.get_data())
    assert "Idempotent-Replayed" not in first.headers
    assert again.headers["Idempotent-Replayed"] == "true"
    other = lead.post("/bids", new_bid(draft=a_draft(title="Other")), key="k-1")
    assert (other.status_code, other.json["code"]) == (422, "key-used-before")
    elsewhere = lead.send("PUT", f"/bids/{first.json['bid_id']}", new_bid(), key="k-1")
    assert elsewhere.status_code == 422
    assert program(OTHER_LEAD).post("/bids", new_bid(team_key="blue"), key="k-1").status_code == 200
    with reading(market) as session:
        assert session.scalar(select(func.count()).select_from(BidRow)) == 2


def test_programs_that_ask_under_one_key_at_once_have_one_effect(
    market: Database, app: Flask
) -> None:
    secret = issue(market, LEAD)
    with ThreadPoolExecutor(6) as pool:
        answers = list(
            pool.map(lambda _: Program(app, secret).post("/bids", new_bid(), key="one"), range(6))
        )
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.get_data() for answer in answers}) == 1
    with reading(market) as session:
        assert session.scalar(select(func.count()).select_from(BidRow)) == 1


def test_what_was_refused_had_no_effect_and_is_asked_anew(
    market: Database, program: Programs
) -> None:
    admin = program(ADMIN)
    with reading(market) as session:
        before = session.scalar(select(func.max(col(AuditEventRow.sequence))))
    assert admin.post("/rounds/none/open", key="k").status_code == 404
    assert admin.post("/rounds/sprint-1/cancel", {"reason": " "}, key="c").status_code == 422
    with reading(market) as session:
        assert session.scalars(select(ApiAnswerRow)).all() == []
        assert session.scalar(select(func.max(col(AuditEventRow.sequence)))) == before
    assert admin.post("/rounds/sprint-1/cancel", {"reason": "So"}, key="c").status_code == 200


def test_keys_are_needed_and_kept_for_a_month(market: Database, program: Programs) -> None:
    lead = program(LEAD)
    for key in (None, "", "with space", "x" * 129, "é"):
        headers = lead.headers | ({} if key is None else {"Idempotency-Key": key})
        with lead.client.post("/api/v1/bids", headers=headers, json=new_bid()) as response:
            assert response.status_code == 400
            assert "Idempotency-Key" in response.json["detail"]
    lead.post("/bids", new_bid())
    answered = at(3)()
    assert transact(market, lambda s: forget_answers(s, answered + KEPT / 2)) == 0
    assert transact(market, lambda s: forget_answers(s, answered + KEPT)) == 1


# --- bodies ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "status"),
    [
        (b"", 422),
        (b"{", 422),
        (b"[]", 422),
        (b"null", 422),
        (b'"text"', 422),
        (b'{"team_key": NaN}', 422),
        (b'{"team_key": Infinity}', 422),
        (b'{"team_key": "red", "team_key": "blue"}', 422),
        (b'{"team_key": "\\ud800"}', 422),
        (b'{"team_key": "\\u0000"}', 422),
        (b'{"team_key": ' + b"9" * 5000 + b"}", 422),
        (b"\xff\xfe", 422),
        (DEEP.encode(), 422),
        (b'{"surprise": 1}', 422),
        (b" " * 1_000_001, 413),
        (b"x" * 10_000_000, 413),
    ],
)
def test_a_body_that_is_no_request_is_a_clear_error(
    program: Programs, content: bytes, status: int
) -> None:
    answer = program(LEAD).send_bytes("POST", "/bids", content)
    assert (answer.status_code, answer.mimetype) == (status, "application/problem+json")
    assert answer.json["status"] == status


def test_a_body_of_another_kind_is_refused(program: Programs) -> None:
    lead = program(LEAD)
    headers = lead.headers | {"Idempotency-Key": "k"}
    with lead.client.post("/api/v1/bids", headers=headers, data={"team_key": "red"}) as response:
        assert response.status_code == 415


ODD: tuple[Any, ...] = (
    *(None, True, -1, 0, 1, 2**31, 2**53, 2**63, 2**64, 10**30, 1.5, -0.0, 1e308),
    *(
        "",
        " ",
        "x",
        "x" * 5000,
        "\x00",
        "\u202e",
        "é" * 64,
        "'; DROP TABLE bid; --",
        "../..",
        "{{7*7}}",
    ),
    *("2026-02-30", "0001-01-01", "9999-12-31", "2026-03-02T00:00:00Z", "24:00", "NaN"),
    *([], {}, [[]], [None], {"a": 1}, ["red"] * 3),
)
"""Values that some field somewhere is not ready for."""
GOOD: dict[str, Any] = {
    "AnnounceRound": a_round(),
    "ScheduleRound": {"opens_at": None, "closes_at": "2026-04-02T00:00:00Z"},
    "CancelRound": {"reason": "So"},
    "AskForRun": {"purpose": "rehearsal"},
    "ProposeDeadline": {"closes_at": "2026-02-25T12:00:00Z", "reason": "So"},
    "NewBid": new_bid(),
    "WriteBid": {"expected_version": 1, "draft": a_draft(), "submit": True},
    "WithdrawBid": {"expected_version": 1},
    "DefinePool": {"pool_key": "cpu", "definition": a_calendar()},
    "ChangePool": a_calendar(),
    "ProposePolicy": {"document": a_document(), "reason": "So"},
    "ProposeRule": {"document": json.loads(document()), "reason": "So"},
    "AddTeam": {"team_key": "green", "name": "Green"},
    "RenameTeam": {"name": "Red"},
    "AskForApproval": {
        "team_key": "red",
        "pool_key": "gpu",
        "purpose_key": "analysis",
        "purpose": "So",
        "most_credits": 5,
        "valid_from": "2026-02-20",
        "valid_until": "2026-06-30",
    },
    "AnswerApproval": {"answer": "approved", "reason": ""},
    "ReportDelivery": {"delivered_percent": 90, "evidence": "So", "follows": 0},
    "GiveVerdict": {"version": 1, "verdict": "confirmed"},
    "ReleaseAward": {"lots": 1, "from_day": "2026-03-03", "follows": 0},
    "WaitForUnits": {"wish": "take"},
    "SaveTemplate": {"name": "Usual"},
    "MarkNoticesRead": {"until": "2026-03-02T00:00:00Z"},
    "ChooseNotices": {"unwanted": [{"kind": "round-opened", "channel": "mail"}]},
    "ConfirmHours": {"hours_ids": ["none"]},
    "DeclineHours": {"hours_ids": ["none"], "reason": "So"},
    "NameExpert": {"expert_key": "ada"},
    "RevokeAccess": {"reason": "So"},
    "ProposeOverride": {
        "bid_key": "b0",
        "kind": "pin",
        "reason": "So",
        "alternative": 1,
        "start": "2026-03-02",
        "lots": 1,
    },
    "AskWhatIf": {
        "offer_credits_per_lot": 5,
        "start": "2026-03-02",
        "lots": 1,
        "tier": "spot",
    },
}
ADDRESS = {"key": "sprint-1", "bid_id": "none", "change_id": "none", "proposal_id": "none"}
ADDRESS |= {"request_id": "none", "version": "1"}
ADDRESS |= dict.fromkeys(
    ("template_id", "notice_id", "hours_id", "access_id", "override_id", "sha256"), "none"
)


EVERY_NTH = 1 if os.environ.get("BROKER_TORTURE") else 12
"""How many of the odd values a field is spared; another field is spared others."""
_TURNS = count()


def mutations(value: Any) -> Iterator[Any]:
    """Return a body once for every field and odd values in turn, and once without each field."""
    if isinstance(value, dict):
        for key, part in value.items():
            yield {name: other for name, other in value.items() if name != key}
            for changed in mutations(part):
                yield {**value, key: changed}
    elif isinstance(value, list | tuple) and value:
        for changed in mutations(value[0]):
            yield [changed, *value[1:]]
    yield from ODD[next(_TURNS) % EVERY_NTH :: EVERY_NTH]


def address_of(path: str) -> str:
    for name, value in ADDRESS.items():
        path = path.replace(f"<{name}>", value).replace(f"<int:{name}>", value)
    return path


@pytest.mark.parametrize("command", COMMANDS, ids=lambda one: one.name)
def test_no_value_of_any_field_is_a_server_error(program: Programs, command: Any) -> None:
    """Each field of each body takes each odd value; leads bid, admins do the rest."""
    who = program(LEAD if command.tag in {"bids", "approvals", "deliveries"} else ADMIN)
    address, body = address_of(command.path), GOOD.get(command.name, {})
    counts: dict[int, int] = {}
    for changed in mutations(body):
        answer = who.send(command.method, address, changed)
        counts[answer.status_code] = counts.get(answer.status_code, 0) + 1
        assert answer.status_code < 500, (changed, answer.text)
    assert counts
