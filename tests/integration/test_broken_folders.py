"""Broken folders are refused whole, with every finding in its place and a way out of it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from allocation.folders import Finding, InvalidFolder, read_round
from tests.folders import BROKEN_FOLDERS, BrokenFolder, both, put, swap, write_folder

LINE = re.compile(r"[^:\n]+:[1-9][0-9]*: [^:\n]+: [^;\n]+; [^\n]+")


def findings_of(folder: Path) -> tuple[Finding, ...]:
    with pytest.raises(InvalidFolder) as caught:
        read_round(folder)
    return caught.value.findings


def places_of(folder: Path) -> tuple[str, ...]:
    return tuple(f"{f.file}:{f.line}: {f.column}" for f in findings_of(folder))


@pytest.mark.parametrize("broken", BROKEN_FOLDERS.values(), ids=BROKEN_FOLDERS.keys())
def test_a_broken_folder_is_refused_with_every_finding_in_its_place(
    broken: BrokenFolder, tmp_path: Path
) -> None:
    folder = broken.write(tmp_path / "round")
    assert sorted(places_of(folder)) == sorted(broken.places)


@pytest.mark.parametrize("broken", BROKEN_FOLDERS.values(), ids=BROKEN_FOLDERS.keys())
def test_every_finding_is_one_short_line_with_a_hint(broken: BrokenFolder, tmp_path: Path) -> None:
    for finding in findings_of(broken.write(tmp_path / "round")):
        assert LINE.fullmatch(str(finding)), str(finding)
        assert str(finding).isprintable()
        assert len(str(finding)) < 400


def test_there_are_many_kinds_of_broken_folder() -> None:
    assert len(BROKEN_FOLDERS) >= 50


def test_findings_are_sorted_by_file_and_line(tmp_path: Path) -> None:
    changes = [swap("teams.csv", ",500", ",x"), swap("teams.csv", ",1000", ",x")]
    folder = write_folder(tmp_path / "round")
    both(*changes, swap("bids.csv", "b3,red", "b3,green"))(folder)
    assert places_of(folder) == (
        "bids.csv:4: team_key",
        "teams.csv:2: credits",
        "teams.csv:3: credits",
    )


@pytest.mark.parametrize("name", ["nowhere", "file", "file/below", "a:b\n\0c"])
def test_a_folder_that_is_none_is_refused_by_its_name(name: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    (finding,) = findings_of(tmp_path / name)
    assert (finding.line, finding.column) == (1, "-")
    assert "file" in finding.file or "nowhere" in finding.file or "\\n" in finding.file
    assert "\n" not in str(finding)


def test_the_refusal_names_the_folder_and_the_first_finding(tmp_path: Path) -> None:
    folder = BROKEN_FOLDERS["errors in every file"].write(tmp_path / "round")
    with pytest.raises(
        InvalidFolder, match=r"round was refused with 9 finding.*alternatives.csv:3"
    ):
        read_round(folder)


def test_a_bad_pool_key_hides_no_dangling_reference(tmp_path: Path) -> None:
    folder = BROKEN_FOLDERS["a path in a key"].write(tmp_path / "round")
    swap("items.csv", "ml-experts", "tpu")(folder)
    assert places_of(folder) == ("items.csv:4: pool_key", "pools.csv:2: pool_key")


def test_an_unreadable_file_is_not_blamed_on_the_files_that_refer_to_it(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "round")
    both(put("bids.csv", b"\xff\xfe"), swap("items.csv", "0,2,4", "0,2,0"))(folder)
    assert places_of(folder) == ("bids.csv:1: -", "items.csv:2: units_per_lot")


def test_a_hundred_thousand_broken_quotes_are_read_in_linear_time(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "round")
    put("bids.csv", "bid_key,team_key,title\n" + 'b,"\nc,""""x\n' * 50_000)(folder)
    assert len(findings_of(folder)) >= 50_000
