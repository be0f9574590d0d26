"""`broker allocate` and `broker check` on whole rounds, as a person or cron would run them."""

from __future__ import annotations

import csv
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from allocation.folders import write_round
from tests.folders import BROKEN_FOLDERS
from tests.rounds import invented_round, round_folders

LIMIT_SECONDS = 10
LARGEST_BIDS = 5_000
"""Rounds with more bids are measured by `make bench`."""


def broker(*arguments: object, **settings: str) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).with_name("broker")), *map(str, arguments)]
    environment = {**os.environ, **settings}
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "whole_round" in metafunc.fixturenames:
        folders = list(_small_and_medium())
        metafunc.parametrize("whole_round", folders, ids=["-".join(f.parts[-2:]) for f in folders])


def _small_and_medium() -> Iterator[Path]:
    import tempfile  # noqa: PLC0415  # only where the tests are collected

    for folder in round_folders(Path(tempfile.mkdtemp()) / "rounds"):
        with (folder / "bids.csv").open(encoding="utf-8") as lines:
            if sum(1 for _ in lines) <= LARGEST_BIDS:
                yield folder


def test_a_whole_round_is_allocated_in_time_and_judged(whole_round: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    began = time.monotonic()
    done = broker("allocate", whole_round, "--out", out, "--time-limit", LIMIT_SECONDS, "--json")
    seconds = time.monotonic() - began
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert seconds <= LIMIT_SECONDS * 1.1 + 5
    assert report["value"] >= max(report["baselines"].values())
    assert report["value"] <= report["bound"] <= report["certified_bound"]
    checked = broker("check", whole_round, out)
    assert (checked.returncode, checked.stdout) == (0, "")


def test_a_whole_round_is_imported_as_a_closed_round(
    whole_round: Path, migrated_file: Path, tmp_path: Path
) -> None:
    url = f"sqlite:///{shutil.copy(migrated_file, tmp_path / 'broker.db')}"
    imported = broker("import", whole_round, BROKER_DATABASE_URL=url)
    assert imported.returncode == 0, imported.stderr
    listed = json.loads(broker("round", "list", "--json", BROKER_DATABASE_URL=url).stdout)
    assert [row["state"] for row in listed] == ["closed"]


@pytest.mark.parametrize("kind", sorted(BROKEN_FOLDERS)[::4])
def test_a_broken_folder_is_refused_whole_and_nothing_is_written(kind: str, tmp_path: Path) -> None:
    folder, out = tmp_path / "round", tmp_path / "out"
    BROKEN_FOLDERS[kind].write(folder)
    before = sorted(path.name for path in tmp_path.iterdir())
    done = broker("allocate", folder, "--out", out)
    assert done.returncode == 2, done.stderr
    for place in BROKEN_FOLDERS[kind].places:
        assert place in done.stderr
    assert "Traceback" not in done.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == before


def test_an_output_folder_that_is_not_empty_is_refused_unless_forced(tmp_path: Path) -> None:
    folder, out = tmp_path / "round", tmp_path / "out"
    folder.mkdir()
    out.mkdir()
    write_round(folder, invented_round(seed=2, bid_count=8))
    (out / "mine.txt").write_text("kept")
    assert broker("allocate", folder, "--out", out).returncode == 3
    assert [path.name for path in out.iterdir()] == ["mine.txt"]
    assert broker("allocate", folder, "--out", out, "--force").returncode == 0
    assert (out / "report.json").is_file()


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("awards.csv", ",1,", ",2,"),
        ("report.json", '"format": 1', '"format": 2'),
        ("certificate.json", '"scale": 1000000', '"scale": 100000'),
        ("prices.csv", "reserved", "spot"),
    ],
)
def test_check_names_what_was_tampered_with(file: str, old: str, new: str, tmp_path: Path) -> None:
    folder, out = tmp_path / "round", tmp_path / "out"
    folder.mkdir()
    write_round(folder, invented_round(seed=2, bid_count=12))
    assert broker("allocate", folder, "--out", out).returncode == 0
    text = (out / file).read_text(encoding="utf-8")
    assert old in text
    (out / file).write_text(text.replace(old, new, 1), encoding="utf-8")
    checked = broker("check", folder, out)
    assert checked.returncode == 1
    assert checked.stdout.strip()
    assert "Traceback" not in checked.stderr


def test_pay_as_bid_makes_winners_pay_their_offers(tmp_path: Path) -> None:
    folder, out = tmp_path / "round", tmp_path / "out"
    folder.mkdir()
    write_round(folder, invented_round(seed=4, bid_count=15))
    assert broker("allocate", folder, "--out", out, "--pricing", "pay-as-bid").returncode == 0
    offers = {
        (row["bid_key"], row["alternative"]): int(row["offer_credits_per_lot"])
        for row in rows_of(folder / "alternatives.csv")
    }
    awards = rows_of(out / "awards.csv")
    assert awards
    for award in awards:
        offer = offers[award["bid_key"], award["alternative"]]
        assert int(award["payment_credits"]) == offer * int(award["lots"])
    assert broker("check", folder, out).returncode == 0


def rows_of(file: Path) -> list[dict[str, Any]]:
    with file.open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))
