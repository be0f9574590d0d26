"""Every command that changes the market is in the audit log, and no other one is."""

from __future__ import annotations

import datetime as dt
import io
import json
import re
from collections.abc import Mapping
from pathlib import Path

import click
import pytest

from broker.cli import broker as root
from broker.db import connect, reading
from broker.proofs.logs import log_size
from tests.commands import SOUND, Broker
from tests.folders import write_folder
from tests.policies import a_document

ELSEWHERE = {
    "allocate": "knows no market",
    "check": "knows no market",
    "export": "only reads",
    "demo": "builds a market of its own",
    "migrate": "makes the market",
    "period": "told by the tests of closing periods",
    "restore": "makes a market",
    "serve": "never ends",
    "webhook": "told by the tests of webhooks",
    "worker": "never ends",
}
"""Commands that the story leaves out, each with the reason."""
REST = "--time-limit", "2", "--quiet"
LINKED = ("--subject", "1", "--issuer", "https://login.example.org")
LATER = dt.datetime.now(dt.UTC).date() + dt.timedelta(days=1) - dt.date(2026, 3, 2)
"""How much later the first round is than it is written: what is lost is lost on days to come."""
LOST = "--units", "1", "--from", str(dt.date(2026, 3, 2) + LATER), "--reason", "A fan broke"
STORY: tuple[tuple[bool, tuple[str, ...]], ...] = (
    (False, ("policy", "check", "POLICY")),
    (True, ("policy", "adopt", "POLICY", "--reason", "Themes")),
    (False, ("policy", "adopt", "POLICY", "--reason", "Again")),
    (False, ("policy", "list")),
    (False, ("policy", "show")),
    (False, ("import", "FIRST", "--dry-run")),
    (True, ("import", "FIRST", "--open")),
    (False, ("import", "FIRST", "--open")),
    (False, ("round", "list")),
    (False, ("round", "show", "sprint-1")),
    (True, ("round", "close", "sprint-1")),
    (False, ("round", "close", "sprint-1")),
    (True, ("run", "sprint-1", "--rehearse", *REST)),
    (True, ("run", "sprint-1", *REST)),
    (False, ("run", "sprint-1", *REST)),
    (False, ("explain", "sprint-1", "--time-limit", "2", "--quiet")),
    (True, ("policy", "replay", "--file", "POLICY", "--quiet")),
    (True, ("round", "announce", "SECOND")),
    (True, ("round", "schedule", "sprint-2", "--closes-at", "2199-01-01T00:00Z")),
    (True, ("round", "open", "sprint-2")),
    (True, ("round", "cancel", "sprint-2", "--reason", "No need")),
    (True, ("import", "THIRD")),
    (True, ("tick", *REST)),
    (False, ("capacity", "lose", "gpu", *LOST, "--dry-run")),
    (True, ("capacity", "lose", "gpu", *LOST)),
    (False, ("capacity", "lose", "gpu", *LOST)),
    (True, ("tick", *REST)),
    (False, ("tick", *REST)),
    (True, ("user", "add", "ada", "--name", "Ada")),
    (False, ("user", "add", "ada", "--name", "Ada")),
    (True, ("user", "role", "ada", "--grant", "platform-admin")),
    (True, ("user", "add", "max", "--name", "Max")),
    (True, ("user", "password", "max", "--password-stdin")),
    (True, ("user", "disable", "max")),
    (False, ("user", "disable", "max")),
    (True, ("user", "link", "max", *LINKED)),
    (False, ("user", "link", "max", *LINKED)),
    (True, ("user", "enable", "max")),
    (True, ("user", "disable", "max")),
    (True, ("user", "erase", "max", "--approved-by", "ada")),
    (False, ("user", "list")),
    (True, ("token", "add", "Nightly", "--service", "exporter", "--scope", "market:read")),
    (False, ("token", "list")),
    (True, ("token", "revoke", "TOKEN")),
    (False, ("notices", "send")),
    (False, ("ledger", "export", "--format", "csv")),
    (False, ("verify",)),
    (False, ("checkpoint",)),
    (False, ("doctor",)),
    (False, ("backup", "BACKUP", "--quiet")),
)
"""Whether a command leaves events, and the command, in an order in which each makes sense."""


def test_every_command_is_in_the_story() -> None:
    context, named = click.Context(root), set()
    for name in root.list_commands(context):
        command = root.get_command(context, name)
        assert command is not None
        under = command.list_commands(context) if isinstance(command, click.Group) else [""]
        named |= {(name, one) for one in under if name not in ELSEWHERE}
    groups = {name for name, one in named if one}
    told = {(said[0], said[1] if said[0] in groups else "") for _, said in STORY}
    assert told == named


def later(text: str) -> str:
    """Move every day in a file on."""
    days = re.compile(r"\d{4}-\d\d-\d\d")
    return days.sub(lambda day: str(dt.date.fromisoformat(day[0]) + LATER), text)


@pytest.fixture
def places(tmp_path: Path) -> Mapping[str, str]:
    """Return the files that the story names."""
    (tmp_path / "policy.json").write_text(json.dumps(a_document()))
    found = {"POLICY": str(tmp_path / "policy.json"), "BACKUP": str(tmp_path / "backup")}
    for number, name in enumerate(("FIRST", "SECOND", "THIRD"), 1):
        files = {k: t.replace("sprint-1", f"sprint-{number}") for k, t in SOUND.items()}
        if name == "FIRST":
            files = {file: later(text) for file, text in files.items()}
        if name == "SECOND":
            bids = ("bids.csv", "alternatives.csv", "items.csv")
            files |= {file: files[file].splitlines()[0] + "\n" for file in bids}
            files["round.csv"] = files["round.csv"].replace(",nonce", "").replace(",abc123", "")
        found[name] = str(write_folder(tmp_path / name.lower(), files))
    return found


def test_a_command_is_in_the_log_if_it_changed_something(
    migrated: Broker,
    environment: Mapping[str, str],
    places: Mapping[str, str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    db = connect(environment["BROKER_DATABASE_URL"])
    wrong = []
    for changes, words in STORY:
        names = dict(places)
        if "TOKEN" in words:
            names["TOKEN"] = json.loads(migrated("token", "list", "--json").out)[0]["id"]
        monkeypatch.setattr("sys.stdin", io.StringIO("a long enough passphrase\n"))
        with reading(db) as session:
            before = log_size(session)
        said = migrated(*(names.get(word, word) for word in words))
        assert said.code in {0, 1 if words[0] == "doctor" else 0}, (words, said)
        with reading(db) as session:
            left = log_size(session) - before
        if bool(left) is not changes:
            wrong.append(f"{' '.join(words)} left {left} events")
    db.dispose()
    assert wrong == []
