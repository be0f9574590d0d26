"""Webhooks: written with what they tell, signed, sent at least once, and never to the inside."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import select
from sqlmodel import Session, col

from broker.access import service
from broker.audit import ActorId
from broker.clock import Clock
from broker.db import Database, reading, transact
from broker.errors import Refused
from broker.rounds import create_round, open_round
from broker.webhooks.endpoints import (
    AddWebhook,
    InvalidWebhook,
    add_webhook,
    change_secret,
    remove_webhook,
    send_again,
)
from broker.webhooks.sending import MOST_ATTEMPTS, Messenger, send_messages
from broker.webhooks.signing import derived_secret, signed_headers
from broker.webhooks.tables import WebhookMessageRow
from broker.webhooks.wires import NotDelivered, Wire, is_public
from tests.builders import a_problem
from tests.cast import ADMIN, LEAD, Places, bring_people, signed_in
from tests.commands import Broker
from tests.markets import (
    NOON,
    a_change,
    a_scarce_problem,
    at,
    bring,
    described,
    run_it,
)
from tests.screens import screens
from tests.webhook_listeners import (
    HOST,
    HOSTS,
    TAKEN,
    Listener,
    a_listener,
    is_signed,
    write_certificate,
)

KEY = "0123456789abcdef" * 4
OPERATOR = service(ActorId("operator"))


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_certificate(tmp_path_factory.mktemp("tls") / "listener.pem")


@pytest.fixture
def listener(certificate: Path) -> Iterator[Listener]:
    with a_listener(certificate) as one:
        yield one


def add(db: Database, listener: Listener, *kinds: str) -> str:
    wish = AddWebhook(listener.url, kinds)
    row = transact(db, lambda session: add_webhook(session, OPERATOR, wish, listener.wire, NOON))
    return row.id


def send(db: Database, listener: Listener, clock: Clock | None = None) -> list[str]:
    """Send what is due, and return what went wrong."""
    messenger = Messenger(listener.wire, KEY)
    return [sent.failure for sent in send_messages(db, messenger, clock or at(2))]


def messages(db: Database) -> list[WebhookMessageRow]:
    rows = select(WebhookMessageRow).order_by(col(WebhookMessageRow.sequence))
    with reading(db) as session:
        return list(session.scalars(rows))


# --- what is told ------------------------------------------------------------------------------


def test_what_becomes_of_a_round_is_told_once_each_and_signed(
    either_market: Database, listener: Listener
) -> None:
    webhook_id = add(either_market, listener)
    bring(either_market, described(a_scarce_problem()))
    ran = run_it(either_market)
    assert send(either_market, listener) == ["", "", ""]
    assert send(either_market, listener) == []
    told = listener.documents
    assert [one["type"] for one in told] == ["round.opened", "round.closed", "round.published"]
    data = told[-1]["data"]
    assert isinstance(data, dict)
    assert (data["round_key"], data["run_id"]) == ("sprint-1", ran.run_id)
    for headers, body in listener.heard:
        assert is_signed(derived_secret(KEY, webhook_id, 1), headers, body)
        assert not is_signed(derived_secret(KEY, webhook_id, 2), headers, body)
    assert {row.state for row in messages(either_market)} == {"delivered"}


def test_a_message_is_signed_as_the_standard_says() -> None:
    """The example that the standard's own libraries are tested with."""
    headers = signed_headers(
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        "msg_p5jXN8AQM9LWM0D4loKWxJek",
        1614265330,
        b'{"test": 2432232314}',
    )
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_a_message_is_written_with_what_it_tells_or_not_at_all(
    market: Database, listener: Listener
) -> None:
    add(market, listener)

    def break_off(session: Session) -> None:
        create_round(session, described(a_problem()), a_change())
        open_round(session, "sprint-1", a_change())
        raise Refused("Something else went wrong.")

    with pytest.raises(Refused):
        transact(market, break_off)
    assert messages(market) == []


def test_only_what_was_wanted_is_told_and_nothing_after_the_removal(
    market: Database, listener: Listener
) -> None:
    webhook_id = add(market, listener, "round.closed")
    bring(market, described(a_scarce_problem()))
    assert [row.kind for row in messages(market)] == ["round.closed"]
    transact(market, lambda session: remove_webhook(session, OPERATOR, webhook_id, NOON))
    run_it(market)
    assert [(row.kind, row.state) for row in messages(market)] == [("round.closed", "failed")]
    assert send(market, listener) == []


# --- what does not arrive ----------------------------------------------------------------------


def test_what_is_not_taken_is_tried_again_later_and_longer_and_then_given_up(
    either_market: Database, listener: Listener
) -> None:
    add(either_market, listener, "round.closed")
    bring(either_market, described(a_scarce_problem()))
    listener.answers = [500] * MOST_ATTEMPTS
    assert send(either_market, listener, at(0)) == [f"{HOST} answered 500."]
    assert send(either_market, listener, at(0.01)) == []
    for attempt in range(1, MOST_ATTEMPTS):
        assert len(send(either_market, listener, at(7 * attempt))) == 1
    [row] = messages(either_market)
    assert (row.state, row.attempts, row.status) == ("failed", MOST_ATTEMPTS, 500)
    assert send(either_market, listener, at(1000)) == []
    first = listener.heard[0][0]["webhook-id"]
    transact(either_market, lambda session: send_again(session, OPERATOR, row.id, NOON))
    assert send(either_market, listener, at(1000)) == [""]
    assert {headers["webhook-id"] for headers, _ in listener.heard} == {first}


def test_a_host_that_dies_while_it_sends_leaves_the_message_to_the_next(
    market: Database, listener: Listener
) -> None:
    add(market, listener, "round.closed")
    bring(market, described(a_scarce_problem()))

    def dies(host: str, port: int) -> tuple[str, ...]:
        raise KeyboardInterrupt(f"{host}:{port}")

    with pytest.raises(KeyboardInterrupt):
        send(market, replace(listener, wire=replace(listener.wire, resolve=dies)), at(1))
    assert send(market, listener, at(1)) == []
    assert send(market, listener, at(1.1)) == [""]


def test_another_secret_signs_what_follows(market: Database, listener: Listener) -> None:
    webhook_id = add(market, listener, "round.closed")
    bring(market, described(a_scarce_problem()))
    transact(market, lambda session: change_secret(session, OPERATOR, webhook_id, NOON))
    send(market, listener)
    [(headers, body)] = listener.heard
    assert is_signed(derived_secret(KEY, webhook_id, 2), headers, body)


# --- where nothing may go ----------------------------------------------------------------------


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "0.0.0.0"),  # noqa: S104  # refused
        *("100.64.0.1", "224.0.0.1", "255.255.255.255", "192.0.2.1", "198.18.0.1"),
        *("::1", "::", "fe80::1%eth0", "fc00::1", "ff02::1", "2001:db8::1"),
        *("::ffff:127.0.0.1", "::ffff:8.8.8.8", "2002:7f00:1::1", "64:ff9b::7f00:1"),
    ],
)
def test_no_address_of_the_inside_is_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", ["8.8.8.8", "1.1.1.1", "2606:4700:4700::1111"])
def test_addresses_of_the_open_internet_are_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    "url",
    [
        f"http://{HOST}/",
        "https://elsewhere.example.org/",
        f"https://{HOST}.evil.example/",
        f"https://{HOST}@evil.example/",
        f"https://user:word@{HOST}/",
        f"https://{HOST}/#fragment",
        f"https://{HOST}:99999/",
        "https://example.net/",
        "https://127.0.0.1/",
        "https://[::1]/",
        "file:///etc/passwd",
        "",
    ],
)
def test_only_an_https_address_of_an_allowed_host_is_taken(market: Database, url: str) -> None:
    wire, wish = Wire(HOSTS), AddWebhook(url)
    assert not wire.allows(url)
    with pytest.raises(InvalidWebhook, match="BROKER_WEBHOOK_HOSTS"):
        transact(market, lambda session: add_webhook(session, OPERATOR, wish, wire, NOON))


def test_every_name_below_an_allowed_one_is_allowed() -> None:
    assert Wire(HOSTS).allows("https://a.example.net/x")


@pytest.mark.parametrize(
    "addresses", [("127.0.0.1",), ("8.8.8.8", "10.0.0.1"), ("::ffff:10.0.0.1",), ()]
)
def test_a_name_with_an_address_of_the_inside_is_told_nothing(addresses: tuple[str, ...]) -> None:
    wire = Wire(HOSTS, resolve=lambda *_: addresses)
    with pytest.raises(NotDelivered, match="not public"):
        wire.post(f"https://{HOST}/", b"{}", {})


def test_a_name_is_looked_up_once_and_that_address_is_used(listener: Listener) -> None:
    answers = [("127.0.0.1",), ("10.0.0.1",)]
    asked: list[str] = []

    def rebinding(host: str, _: int) -> tuple[str, ...]:
        asked.append(host)
        return answers.pop(0)

    wire = replace(listener.wire, resolve=rebinding)
    assert wire.post(listener.url, b"{}", {}) == TAKEN
    assert asked == [HOST]


def test_an_answer_that_leads_elsewhere_is_not_followed(listener: Listener) -> None:
    listener.answers = [302]
    with pytest.raises(NotDelivered, match="answered 302"):
        listener.wire.post(listener.url, b"{}", {})
    assert len(listener.heard) == 1


def test_nobody_without_the_certificate_of_the_name_is_told_anything(listener: Listener) -> None:
    strict = replace(listener.wire, context=ssl.create_default_context())
    with pytest.raises(NotDelivered, match="certificate"):
        strict.post(listener.url, b"{}", {})
    assert listener.heard == []


def test_an_answer_that_never_comes_is_not_waited_for() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        wire = Wire(
            HOSTS,
            resolve=lambda *_: ("127.0.0.1",),
            is_allowed_address=lambda _: True,
            timeout_seconds=0.2,
        )
        with pytest.raises(NotDelivered, match="timed out"):
            wire.post(f"https://{HOST}:{silent.getsockname()[1]}/", b"{}", {})


# --- the command and the page ------------------------------------------------------------------


def test_the_command_adds_shows_and_removes_a_webhook(migrated: Broker) -> None:
    settings = {"BROKER_WEBHOOK_HOSTS": HOST, "BROKER_SECRET_KEY": KEY}
    url = f"https://{HOST}/market"
    assert migrated("webhook", "add", url).code == 2
    assert migrated("webhook", "add", url, BROKER_SECRET_KEY=KEY).code == 2
    added = migrated("webhook", "add", url, "--event", "round.published", "--json", **settings)
    said = added.document
    assert str(said["secret"]).startswith("whsec_")
    again = migrated("webhook", "secret", said["id"], "--json", **settings).document
    assert again == said
    other = migrated("webhook", "secret", said["id"], "--new", "--json", **settings).document
    assert other["secret"] != said["secret"]
    assert url in migrated("webhook", "list").out
    assert migrated("webhook", "remove", said["id"]).code == 0
    assert migrated("webhook", "list").out == ""
    assert migrated("webhook", "remove", said["id"]).code == 2


@pytest.fixture
def told_app(market: Database, listener: Listener) -> Iterator[Flask]:
    """Return the screens of a market with one message that was given up."""
    add(market, listener, "round.closed")
    bring(market, described(a_scarce_problem()))
    listener.answers = [500] * MOST_ATTEMPTS
    for attempt in range(MOST_ATTEMPTS):
        send(market, listener, at(7 * attempt))
    bring_people(market, Places("red", "red"))
    with screens(market) as app:
        yield app


def test_an_admin_sees_what_was_given_up_and_has_it_sent_again(
    told_app: Flask, market: Database, listener: Listener
) -> None:
    admin = signed_in(told_app, ADMIN)
    page = admin.get("/admin/webhooks").text
    assert HOST in page
    assert "answered 500" in page
    assert "from=us" not in page
    [row] = messages(market)
    assert admin.post(f"/admin/webhooks/messages/{row.id}/again").status_code == 303
    assert send(market, listener, at(100)) == [""]
    assert "delivered" in admin.get("/admin/webhooks.csv").text


def test_nobody_but_admins_sees_webhooks(told_app: Flask) -> None:
    lead = signed_in(told_app, LEAD)
    assert lead.get("/admin/webhooks").status_code == 403
    assert lead.get("/admin/webhooks.json").status_code == 403
    assert lead.post("/admin/webhooks/messages/none/again").status_code == 403
