"""The ledger as files: nothing is lost, nothing runs as a formula, and accountants' tools agree.

`check_strictly` holds the hledger file to the rules of `hledger check -s` for the part of the
syntax that is used here: everything declared, every transaction zero, dates in order. Where hledger
itself is at hand, it is asked too.
"""

from __future__ import annotations

import csv
import datetime as dt
import io
import re
import shutil
import subprocess
from collections import Counter
from pathlib import Path

import pytest

from broker.db import Database, reading, transact
from broker.ledger.endowments import EndowmentByHand, endow_by_hand
from broker.ledger.exports import COLUMNS, FORMS, export_ledger
from broker.rounds import finish_round
from tests.commands import Broker
from tests.ledgers import BOB, balances_of, settle_one
from tests.markets import a_change, a_database

HLEDGER = shutil.which("hledger")
HEAD = re.compile(r"(\d{4}-\d\d-\d\d) \* \((\d+)\) ([A-Za-z0-9._/-]+)")
POSTING = re.compile(r" {4}([a-z]\S*(?: \S+)*)  (-?[1-9]\d*) (\w+)")


def check_strictly(journal: str) -> Counter[str]:
    """Return the balance of every account, or fail as a strict reader would."""
    commodities: set[str] = set()
    accounts: set[str] = set()
    totals: Counter[str] = Counter()
    dates: list[dt.date] = []
    head, *transactions = re.split(r"\n\n(?=\d{4}-)", journal.rstrip("\n"))
    for line in filter(None, head.split("\n")):
        directive, _, name = line.partition(" ")
        if directive == "commodity":
            commodities.add(name.removeprefix("1000. "))
        else:
            assert directive == "account"
            accounts.add(name)
    for transaction in transactions:
        first, *postings = transaction.split("\n")
        match = HEAD.fullmatch(first)
        assert match, first
        dates.append(dt.date.fromisoformat(match[1]))
        total = 0
        for posting in postings:
            line = POSTING.fullmatch(posting)
            assert line, posting
            assert line[1] in accounts, posting
            assert line[3] in commodities, posting
            totals[line[1]] += int(line[2])
            total += int(line[2])
        assert total == 0, first
        assert postings, first
    assert dates == sorted(dates)
    return totals


def hledger(file: Path, *words: str) -> str:
    """Return what hledger says about a journal; anything wrong with it is an error."""
    command = [str(HLEDGER), "-f", file, *words]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


@pytest.fixture
def moved(either_market: Database) -> Database:
    settle_one(either_market)
    for number, reason in enumerate(("=HYPERLINK(0)", "+1", "a; b: date:2020-01-99", '“ü”,"q"')):
        wish = EndowmentByHand(f"gift:{number} x", "red", 10, reason, BOB)
        transact(either_market, lambda s, wish=wish: endow_by_hand(s, wish, a_change(30)))
    return either_market


def exported(db: Database, form: str) -> str:
    with reading(db) as session:
        return export_ledger(session, form)


def test_the_hledger_journal_passes_a_strict_reader_and_has_every_balance(moved: Database) -> None:
    totals = check_strictly(exported(moved, "hledger"))
    for team, balance in balances_of(moved).items():
        assert totals[f"teams:{team}:available"] == balance.available_credits
        assert totals[f"teams:{team}:spent"] == balance.spent_credits
        assert totals[f"teams:{team}:held"] == balance.held_credits == 0
    assert sum(totals.values()) == 0


@pytest.mark.skipif(HLEDGER is None, reason="hledger is not installed on this machine")
def test_hledger_itself_has_nothing_to_say_and_the_same_balances(
    moved: Database, tmp_path: Path
) -> None:
    file = tmp_path / "credits.journal"
    file.write_text(exported(moved, "hledger"))
    assert hledger(file, "check", "-s") == ""
    assert hledger(file, "check", "ordereddates") == ""
    table = hledger(file, "balance", "-N", "-E", "--flat", "-O", "csv")
    rows = csv.DictReader(io.StringIO(table))
    found = {row["account"]: int(row["balance"].split()[0]) for row in rows}
    assert found == dict(check_strictly(exported(moved, "hledger")))


@pytest.mark.parametrize(
    "broken",
    [
        ("commodity 1000. credits\n", ""),
        ("account issue\n", ""),
        ("-10 credits", "-11 credits"),
        ("2026-02-20", "2026-12-20"),
    ],
)
def test_the_strict_reader_sees_what_is_broken(moved: Database, broken: tuple[str, str]) -> None:
    journal = exported(moved, "hledger")
    assert broken[0] in journal
    with pytest.raises(AssertionError):
        check_strictly(journal.replace(*broken, 1))


def test_the_csv_adds_up_to_the_balances_and_no_cell_is_a_formula(moved: Database) -> None:
    rows = list(csv.DictReader(io.StringIO(exported(moved, "csv"))))
    totals: Counter[str] = Counter()
    for row in rows:
        totals[row["debit"]] -= int(row["amount_credits"])
        totals[row["credit"]] += int(row["amount_credits"])
        assert not any(cell.startswith(("=", "+", "-", "@", "\t", "\r")) for cell in row.values())
    assert tuple(rows[0]) == COLUMNS
    for team, balance in balances_of(moved).items():
        assert totals[f"teams:{team}:available"] == balance.available_credits
    assert rows[-4]["reason"] == "'=HYPERLINK(0)"
    assert {row["approver"] for row in rows[-4:]} == {"ada"}
    assert {row["bid_key"] for row in rows if row["kind"] == "settlement"} <= {"r1", "r2", "b1"}


@pytest.mark.parametrize("form", FORMS)
def test_two_exports_of_the_same_ledger_are_the_same_bytes(moved: Database, form: str) -> None:
    before = exported(moved, form)
    transact(moved, lambda session: finish_round(session, "sprint-1", a_change(40)))
    assert exported(moved, form) == before


@pytest.mark.parametrize("form", FORMS)
def test_the_command_writes_a_file_or_says_it(migrated: Broker, tmp_path: Path, form: str) -> None:
    db = a_database(tmp_path / "broker.db")
    settle_one(db)
    expected = exported(db, form)
    db.dispose()
    said = migrated("ledger", "export", "--format", form)
    assert (said.code, said.out.replace("\r\n", "\n")) == (0, expected.replace("\r\n", "\n"))
    out = tmp_path / "ledger.txt"
    out.write_text("of last week")
    said = migrated("ledger", "export", "--format", form, "--out", out)
    assert (said.code, said.out) == (0, f"Written to {out}.\n")
    assert out.read_bytes() == expected.encode()
    assert sorted(path.name for path in tmp_path.glob("*ledger*")) == ["ledger.txt"]


def test_an_empty_ledger_is_exported_as_such(migrated: Broker) -> None:
    assert migrated("ledger", "export", "--format", "csv").out.strip() == ",".join(COLUMNS)
    said = migrated("ledger", "export", "--format", "hledger")
    assert check_strictly(said.out) == Counter()


def test_a_place_that_cannot_be_written_is_said(migrated: Broker, tmp_path: Path) -> None:
    for place in (tmp_path, tmp_path / "nowhere" / "ledger.csv"):
        said = migrated("ledger", "export", "--format", "csv", "--out", place)
        assert said.code == 2
        assert "Nothing was written to" in said.err


def test_a_form_that_nobody_knows_is_refused(migrated: Broker) -> None:
    assert migrated("ledger", "export", "--format", "xlsx").code == 2
    assert migrated("ledger", "export").code == 2
