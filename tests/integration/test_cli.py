"""The `broker` command: what it says, where it says it, and the exit code that scripts rely on."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from broker.cli import COMMANDS
from broker.commands.service import server_command
from tests.commands import SOUND, Broker, Said
from tests.folders import BROKEN_FOLDERS, write_folder

FEW = ("a negative number", "a path in a key", "no items.csv", "errors in every file")


# --- the command itself --------------------------------------------------------------------


def test_help_is_at_once_there_because_it_loads_no_command() -> None:
    script = (
        "import sys; from broker.cli import run; code = run(['--help'], {});"
        "heavy = {'sqlalchemy', 'sqlmodel', 'alembic', 'ortools', 'numpy', 'flask'};"
        "sys.exit(code or ','.join(heavy & set(sys.modules)) or 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False, timeout=60
    )
    assert (done.returncode, done.stderr) == (0, "")
    for name, (_, line) in COMMANDS.items():
        assert f"{name} " in done.stdout
        assert line in done.stdout


def test_judging_and_allocating_load_no_database_and_no_solver() -> None:
    script = (
        "import sys, broker.commands.folders;"
        "heavy = {'sqlalchemy', 'sqlmodel', 'ortools', 'flask'};"
        "sys.exit(','.join(heavy & set(sys.modules)) or 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False, timeout=60
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    "arguments",
    [
        ["sell"],
        ["import"],
        ["round", "sell"],
        ["run"],
        ["allocate", "round"],
        ["allocate", "round", "--out", "out", "--time-limit", "nan"],
        ["allocate", "round", "--out", "out", "--time-limit", "0"],
        ["allocate", "round", "--out", "out", "--time-limit", "inf"],
        ["allocate", "round", "--out", "out", "--workers", "0"],
        ["allocate", "round", "--out", "out", "--seed", "-1"],
        ["allocate", "round", "--out", "out", "--pricing", "free"],
        ["allocate", "round", "--out", ""],
        ["allocate", "", "--out", "out"],
        ["check", "round", ""],
        ["import", ""],
        ["serve", "--port", "0"],
    ],
)
def test_wrong_usage_is_exit_2(broker: Broker, arguments: list[str]) -> None:
    said = broker(*arguments)
    assert (said.code, said.out) == (2, "")
    assert "Error: " in said.err


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself(broker: Broker, name: str) -> None:
    said = broker(name, "--help")
    assert said.code == 0
    assert said.out.startswith(f"Usage: broker {name}")


def test_help_says_that_force_replaces_the_folder_with_all_that_is_in_it(broker: Broker) -> None:
    said = " ".join(broker("allocate", "--help").out.split())
    assert "--force Replace the output folder with all that is in it." in said


def test_a_misspelt_setting_is_exit_2(broker: Broker) -> None:
    said = broker("round", "list", BROKER_DATABSE_URL="x")
    assert said.code == 2
    assert "There is no setting BROKER_DATABSE_URL." in said.err


# --- the database --------------------------------------------------------------------------


def test_migrate_makes_the_market_and_says_when_it_is_there(broker: Broker) -> None:
    assert "Created" in broker("migrate").out
    again = broker("migrate")
    assert (again.code, "already" in again.out) == (0, True)


@pytest.mark.parametrize("arguments", [["round", "list"], ["import"], ["run", "r"], ["serve"]])
def test_without_a_market_every_command_says_what_to_run(
    broker: Broker, sound: Path, tmp_path: Path, arguments: list[str]
) -> None:
    said = broker(*arguments, *([sound] if arguments == ["import"] else []))
    assert (said.code, said.out) == (78, "")
    assert "Run `broker migrate`." in said.err
    assert not (tmp_path / "broker.db").exists()


# --- import and rounds ---------------------------------------------------------------------


def test_a_round_is_imported_once(migrated: Broker, sound: Path) -> None:
    dry = migrated("import", sound, "--dry-run")
    assert (dry.code, dry.out) == (
        0,
        "Round sprint-1 would be imported with 3 bids, closed.\n",
    )
    assert migrated("import", sound).out == "Round sprint-1 is imported with 3 bids, closed.\n"
    again = migrated("import", sound)
    assert (again.code, again.out) == (0, "Round sprint-1 is already imported and is closed.\n")


def test_other_content_under_the_same_key_is_exit_3(
    migrated: Broker, sound: Path, tmp_path: Path
) -> None:
    migrated("import", sound)
    teams = SOUND["teams.csv"].replace("1000", "999")
    other = write_folder(tmp_path / "other", {**SOUND, "teams.csv": teams})
    for extra in ([], ["--dry-run"]):
        assert migrated("import", other, *extra).code == 3


@pytest.mark.parametrize("extra", [[], ["--dry-run"]])
def test_a_broken_folder_is_reported_where_there_is_no_market_yet(
    broker: Broker, tmp_path: Path, extra: list[str]
) -> None:
    said = broker("import", BROKEN_FOLDERS["a negative number"].write(tmp_path / "broken"), *extra)
    assert (said.code, said.out) == (2, "")
    assert said.err.startswith(f"{BROKEN_FOLDERS['a negative number'].places[0]}: ")


@pytest.mark.parametrize("what", FEW)
@pytest.mark.parametrize("command", [["import"], ["import", "--dry-run"], ["allocate"], ["check"]])
def test_a_broken_folder_is_exit_2_with_every_finding_and_writes_nothing(
    migrated: Broker, tmp_path: Path, command: list[str], what: str
) -> None:
    folder = BROKEN_FOLDERS[what].write(tmp_path / "broken")
    more = {"allocate": ["--out", tmp_path / "out"], "check": [tmp_path / "out"]}
    said = migrated(*command, folder, *more.get(command[0], []))
    assert (said.code, said.out) == (2, "")
    lines = said.err.splitlines()
    assert len(lines) == len(BROKEN_FOLDERS[what].places)
    for place, line in zip(BROKEN_FOLDERS[what].places, lines, strict=True):
        assert line.startswith(f"{place}: ")
    assert json.loads(migrated("round", "list", "--json").out) == []
    assert not (tmp_path / "out").exists()


def test_a_round_is_shown_with_the_keys_of_the_contract(migrated: Broker, sound: Path) -> None:
    migrated("import", sound, "--open")
    shown = migrated("round", "show", "sprint-1", "--json").document
    assert (shown["round_key"], shown["state"], shown["runs"]) == ("sprint-1", "open", [])
    assert migrated("round", "close", "sprint-1").out == "Round sprint-1 is closed.\n"
    again = migrated("round", "close", "sprint-1")
    assert (again.code, again.out) == (0, "Round sprint-1 was closed already and is closed.\n")
    assert migrated("round", "open", "sprint-1").code == 3
    assert migrated("round", "close", "sprint-1", "--json").document["state"] == "closed"
    assert migrated("round", "list").out == (
        "sprint-1  closed  2026-03-02 to 2026-03-06  First sprint\n"
    )


def test_a_round_that_is_not_there_is_exit_2(migrated: Broker) -> None:
    for command in (["round", "show"], ["round", "open"], ["round", "close"], ["run"]):
        said = migrated(*command, "sprint-9")
        assert said.code == 2
        assert "There is no round sprint-9." in said.err


# --- run -----------------------------------------------------------------------------------


def test_a_round_is_run_once_and_says_so_afterwards(migrated: Broker, sound: Path) -> None:
    migrated("import", sound, "--open")
    assert migrated("run", "sprint-1").code == 3
    migrated("round", "close", "sprint-1")
    rehearsed = migrated("run", "sprint-1", "--rehearse", "--json").document
    assert (rehearsed["state"], rehearsed["run_state"]) == ("closed", "checked")
    first = migrated("run", "sprint-1", "--json", "--time-limit", "10")
    assert first.code == 0
    assert first.document["state"] == "published"
    second = migrated("run", "sprint-1")
    assert second.code == 0
    assert "is published already" in second.out
    shown = migrated("round", "show", "sprint-1", "--json").document
    [rehearsal, published] = shown["runs"]  # type: ignore[misc]
    assert rehearsal["state"] == "checked"
    assert {key: published[key] for key in ("run_id", "state", "revision", "outcome_sha256")} == {
        "run_id": first.document["run_id"],
        "state": "published",
        "revision": 1,
        "outcome_sha256": first.document["outcome_sha256"],
    }


def test_a_round_with_floors_is_imported_and_run_as_it_is_allocated(
    migrated: Broker, tmp_path: Path
) -> None:
    folder, out = write_folder(tmp_path / "floors"), tmp_path / "out"
    assert migrated("import", folder).code == 0
    ran = migrated("run", "sprint-1", "--json")
    assert ran.code == 0
    assert migrated("allocate", folder, "--out", out, "--quiet").code == 0
    report = json.loads((out / "report.json").read_text())
    assert ran.document["outcome_sha256"] == report["outcome_sha256"]
    assert report["floors"]["ratio"] == "0.25"


# --- allocate and check --------------------------------------------------------------------


def test_what_is_allocated_passes_the_check_and_what_is_spoilt_does_not(
    broker: Broker, sound: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    report = broker("allocate", sound, "--out", out, "--json").document
    assert json.loads((out / "report.json").read_text()) == report
    assert broker("check", sound, out) == Said(0, "", "")
    assert broker("allocate", sound, "--out", out).code == 3
    assert broker("allocate", sound, "--out", out, "--force", "--quiet") == Said(0, "", "")

    awards = out / "awards.csv"
    whole = awards.read_text()
    awards.write_text(whole.replace(",reserved,", ",spot,").rsplit("\n", 2)[0] + "\n")
    spoilt = broker("check", sound, out)
    assert (spoilt.code, spoilt.err) == (1, "")
    assert len(spoilt.out.splitlines()) >= 1

    awards.write_text(whole + "no,such,row\n")
    unreadable = broker("check", sound, out)
    assert (unreadable.code, unreadable.err) == (1, "")
    assert unreadable.out.startswith("awards.csv:")


def test_a_check_of_nothing_is_exit_2(broker: Broker, sound: Path, tmp_path: Path) -> None:
    assert broker("check", sound, tmp_path / "out").code == 2
    assert broker("check", sound, tmp_path / ("n" * 300)).code == 2
    assert broker("check", tmp_path / "nowhere", tmp_path).code == 2


def test_an_output_that_cannot_be_written_is_refused_before_anything_is_solved(
    broker: Broker, sound: Path, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("x")
    for out in (tmp_path / "file", sound, sound.parent):
        said = broker("allocate", sound, "--out", out, "--force", "--time-limit", "1000")
        assert said.code == 3
    assert {file.name for file in sound.iterdir()} == set(SOUND)


def test_floors_are_allocated_said_and_checked(broker: Broker, tmp_path: Path) -> None:
    folder, out = write_folder(tmp_path / "floors"), tmp_path / "out"
    said = broker("allocate", folder, "--out", out)
    assert said.code == 0
    assert "Floors at 0.25: 2 of 2 teams reach theirs. Price of fairness: " in said.out
    assert ("proof none" in said.out) == ("an estimate" in said.out)
    assert broker("check", folder, out) == Said(0, "", "")
    (folder / "policy.json").write_text('{"floor_ratio": 0.5}')
    other = broker("check", folder, out)
    assert other.code == 1
    assert "floor-ratio: " in other.out
    (folder / "policy.json").unlink()
    without = broker("check", folder, out)
    assert without.code == 1
    assert "floors: The report speaks of floors; the policy has none." in without.out


@pytest.mark.parametrize(
    ("key", "value", "finding"),
    [
        ("ratio", 0.25, "not-well-formed: "),
        ("shortfall_ratio", 0.5, "shortfall-ratio: "),
        ("proven", False, "floors-proven: "),
        ("teams", [], "floor-teams: "),
        ("teams", {}, "report.json:"),
        ("teams", [{"team_key": "red"}], "report.json:"),
        ("teams", [7], "report.json:"),
        ("value_without_floors", 10**6, "value-without-floors: "),
        ("price_of_fairness", -1, "price-of-fairness: "),
        ("unknown", 1, "report.json:"),
    ],
)
def test_a_check_names_what_is_wrong_with_floors(
    key: str, value: object, finding: str, broker: Broker, tmp_path: Path
) -> None:
    folder, out = write_folder(tmp_path / "floors"), tmp_path / "out"
    assert broker("allocate", folder, "--out", out, "--quiet").code == 0
    report = json.loads((out / "report.json").read_text())
    report["floors"][key] = value
    (out / "report.json").write_text(json.dumps(report))
    spoilt = broker("check", folder, out)
    assert (spoilt.code, spoilt.err) == (1, "")
    assert finding in spoilt.out


# --- serve ---------------------------------------------------------------------------------


def test_the_server_listens_where_it_is_told() -> None:
    command = server_command("::1", 8123, 3)
    assert command[1:3] == ("-m", "gunicorn")
    assert {"--bind=[::1]:8123", "--workers=3"} <= set(command)
    assert command[-1] == "web.wsgi:app"
