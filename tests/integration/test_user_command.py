"""`broker user`: people from the command line, with the exit codes of the contract."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest

from tests.commands import Broker

PASSWORD = "a quiet harbour town"  # noqa: S105  # of people who do not exist


@pytest.fixture
def admins(migrated: Broker) -> Broker:
    """Return the command over a market with two platform admins and a newcomer."""
    for key in ("ada", "linus", "noah"):
        assert migrated("user", "add", key, "--name", key.title()).code == 0
    assert migrated("user", "role", "ada", "--grant", "platform-admin").code == 0
    second = ("user", "role", "linus", "--grant", "platform-admin", "--approved-by", "ada")
    assert migrated(*second).code == 0
    return migrated


def listed(broker: Broker) -> dict[str, Any]:
    said = broker("user", "list", "--json")
    assert said.code == 0
    return {entry["user"]: entry for entry in json.loads(said.out)}


def roles(broker: Broker, key: str) -> list[tuple[str, str]]:
    return [(role["role"], role["state"]) for role in listed(broker)[key]["roles"]]


def test_the_first_admin_is_made_with_one_command(
    migrated: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{PASSWORD}\n"))
    first = ("user", "add", "ada", "--name", "Ada", "--role", "platform-admin", "--password-stdin")
    said = migrated(*first, "--json")
    entry = json.loads(said.out)
    assert (said.code, entry["user"], entry["has_password"]) == (0, "ada", True)
    assert roles(migrated, "ada") == [("platform-admin", "in-force")]
    assert PASSWORD not in said.out


def test_every_further_role_waits_for_an_admin_who_did_not_propose_it(admins: Broker) -> None:
    grant = ("user", "role", "noah", "--grant", "finance-auditor")
    assert "waits for a second person" in admins(*grant, "--proposed-by", "ada").out
    assert roles(admins, "noah") == [("finance-auditor", "proposed")]
    refused = admins(*grant, "--approved-by", "ada")
    assert refused.code == 3
    assert "neither proposed it nor gets it" in refused.err
    assert admins(*grant, "--approved-by", "noah").code == 3
    assert "is in force" in admins(*grant, "--approved-by", "linus").out
    again = admins(*grant, "--approved-by", "linus")
    assert (again.code, "is in force" in again.out) == (0, True)


def test_a_role_ends_at_once_and_the_last_admin_stays(admins: Broker) -> None:
    assert admins("user", "role", "linus", "--end", "platform-admin").code == 0
    assert roles(admins, "linus") == []
    assert admins("user", "role", "linus", "--end", "platform-admin").code == 2
    last = admins("user", "role", "ada", "--end", "platform-admin")
    assert last.code == 3
    assert "ada is the last platform admin" in last.err
    assert admins("user", "disable", "ada").code == 3


def test_what_is_done_already_is_done_and_says_so(admins: Broker) -> None:
    assert "noah is there already." in admins("user", "add", "noah", "--name", "Noah").out
    assert "noah is disabled." in admins("user", "disable", "noah").out
    again = admins("user", "disable", "noah")
    assert (again.code, again.out) == (0, "noah is disabled already.\n")
    assert listed(admins)["noah"]["state"] == "disabled"
    assert "noah is enabled." in admins("user", "enable", "noah").out


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("add", "x y", "--name", "X"), 2),
        (("add", "noah", "--name", "Somebody Else"), 3),
        (("add", "eve", "--name", "Eve", "--email", "nowhere"), 2),
        (("role", "noah"), 2),
        (("role", "noah", "--grant", "member"), 2),
        (("role", "noah", "--grant", "member", "--team", "nobody"), 2),
        (("role", "noah", "--grant", "emperor"), 2),
        (("role", "nobody", "--grant", "finance-auditor"), 2),
        (("role", "noah", "--grant", "finance-auditor", "--proposed-by", "noah"), 3),
        (("password", "noah"), 2),
        (("disable", "nobody"), 2),
    ],
)
def test_what_cannot_be_done_says_why_with_its_code(
    admins: Broker, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], code: int
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    said = admins("user", *arguments)
    assert (said.code, said.out) == (code, "")
    assert said.err.strip()


def test_a_poor_password_changes_nothing(admins: Broker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("short\n"))
    said = admins("user", "password", "noah", "--password-stdin")
    assert (said.code, "use 12 to 200" in said.err) == (2, True)
    assert not listed(admins)["noah"]["has_password"]
