"""The OUT folder: what stands in it, that it is complete or absent, and what a reader refuses."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, given, settings

from allocation.outcome import Outcome
from allocation.problem import Problem
from allocation.results import (
    OccupiedFolder,
    UnreadableOutcome,
    decimal_credits,
    read_outcome,
    write_outcome,
)
from tests.defects import proven, unproven
from tests.outcomes import a_judged_outcome
from tests.strategies import problems

FILES = ["awards.csv", "certificate.json", "declines.csv", "prices.csv", "report.json"]


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def lines_of(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").splitlines()


def findings_of(out: Path) -> list[str]:
    with pytest.raises(UnreadableOutcome) as refusal:
        read_outcome(out)
    return [str(finding) for finding in refusal.value.findings]


@settings(max_examples=50, deadline=None, suppress_health_check=list(HealthCheck))
@given(problems())
def test_an_outcome_reads_back_as_it_was_written(problem: Problem) -> None:
    outcome = a_judged_outcome(problem)
    with TemporaryDirectory() as folder:
        write_outcome(Path(folder), outcome, force=False)
        assert read_outcome(Path(folder)) == outcome


def test_columns_and_keys_stand_as_they_are_listed(tmp_path: Path) -> None:
    out = tmp_path / "out"
    write_outcome(out, proven(), force=False)
    assert names_in(out) == FILES
    assert [lines_of(out / name)[0] for name in ("awards.csv", "declines.csv", "prices.csv")] == [
        "bid_key,alternative,start,lots,value_score,payment_credits",
        "bid_key,reason,alternative,pool_key,day,minimum_winning_offer_credits,detail",
        "pool_key,day,tier,list_price_credits",
    ]
    certificate = json.loads((out / "certificate.json").read_text())
    assert list(certificate) == [
        "format",
        "scale",
        "reserved_prices",
        "total_prices",
        "credit_prices",
    ]
    report = json.loads((out / "report.json").read_text())
    assert report["format"] == 1
    assert report["counts"] == {"bids": 9, "awarded": 3, "declined": 6, "placements": 7}


def test_a_row_says_nothing_where_it_does_not_apply(tmp_path: Path) -> None:
    write_outcome(tmp_path, proven(), force=False)
    assert lines_of(tmp_path / "declines.csv")[3] == "l-cheap,below-reserve-price,1,,,,"
    assert lines_of(tmp_path / "awards.csv")[1] == "w-1,1,2026-03-02,2,200,32"


@pytest.mark.parametrize(
    ("microcredits", "text"),
    [(0, "0"), (1, "0.000001"), (10, "0.00001"), (10**7, "10"), (2_500_000, "2.5")],
)
def test_a_price_has_no_more_digits_than_it_needs(microcredits: int, text: str) -> None:
    assert decimal_credits(microcredits) == text


def test_a_folder_with_something_in_it_is_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(OccupiedFolder, match="not empty"):
        write_outcome(tmp_path, proven(), force=False)
    assert names_in(tmp_path) == ["notes.txt"]


def test_force_replaces_what_is_there(tmp_path: Path) -> None:
    out = tmp_path / "out"
    write_outcome(out, unproven(), force=False)
    (out / "notes.txt").write_text("old")
    write_outcome(out, proven(), force=True)
    assert names_in(out) == FILES
    assert read_outcome(out) == proven()


def test_a_file_is_never_replaced(tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.write_text("mine")
    for force in (False, True):
        with pytest.raises(OccupiedFolder, match="is no folder"):
            write_outcome(out, proven(), force=force)
    assert out.read_text() == "mine"


def test_an_empty_folder_and_one_whose_parents_are_missing_are_filled(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for out in (tmp_path / "empty", tmp_path / "not" / "there" / "yet"):
        write_outcome(out, proven(), force=False)
        assert names_in(out) == FILES


def test_a_link_to_a_folder_is_followed(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    write_outcome(tmp_path / "link", proven(), force=False)
    assert names_in(tmp_path / "real") == FILES


def unwritable() -> Outcome:
    """Return an outcome that fails at the last file: its report holds what JSON cannot say."""
    good = proven()
    return replace(good, report=replace(good.report, seconds={"total": math.nan}))


def test_a_failure_while_writing_leaves_no_trace(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="JSON"):
        write_outcome(tmp_path / "out", unwritable(), force=False)
    assert names_in(tmp_path) == []


def test_a_failure_while_replacing_leaves_the_old_outcome(tmp_path: Path) -> None:
    out = tmp_path / "out"
    write_outcome(out, proven(), force=False)
    with pytest.raises(ValueError, match="JSON"):
        write_outcome(out, unwritable(), force=True)
    assert names_in(tmp_path) == ["out"]
    assert read_outcome(out) == proven()


def test_others_may_read_what_the_umask_lets_them(tmp_path: Path) -> None:
    old = os.umask(0o022)
    try:
        write_outcome(tmp_path / "out", proven(), force=False)
    finally:
        os.umask(old)
    assert (tmp_path / "out").stat().st_mode & 0o777 == 0o755


def in_text(file: str, old: str, new: str) -> Callable[[Path], None]:
    def break_(out: Path) -> None:
        text = (out / file).read_text(encoding="utf-8")
        assert old in text
        (out / file).write_text(text.replace(old, new, 1), encoding="utf-8")

    return break_


def whole(file: str, data: bytes) -> Callable[[Path], None]:
    def break_(out: Path) -> None:
        (out / file).write_bytes(data)

    return break_


BROKEN: list[tuple[Callable[[Path], None], str]] = [
    (lambda out: (out / "prices.csv").unlink(), "prices.csv:1: -: is missing"),
    (lambda out: (out / "report.json").unlink(), "report.json:1: -: is missing"),
    (in_text("awards.csv", "lots", "lot"), "awards.csv:1: lot: is not a column"),
    (in_text("awards.csv", "lots", "lot"), "awards.csv:1: lots: is a column that is missing"),
    (in_text("awards.csv", ",2,200,", ",2.0,200,"), "awards.csv:2: lots: '2.0' is not a whole"),
    (in_text("awards.csv", ",200,", ",-200,"), "awards.csv:2: value_score: '-200' is not a whole"),
    (in_text("awards.csv", ",200,", ",NaN,"), "awards.csv:2: value_score: 'NaN' is not a whole"),
    (in_text("awards.csv", "2026-03-02", "2026-02-30"), "awards.csv:2: start: '2026-02-30' is not"),
    (in_text("awards.csv", "w-1,", "w-1,1,"), "awards.csv:2: -: has 7 cell(s)"),
    (in_text("awards.csv", "w-1,", "../w,"), "awards.csv:2: bid_key: '../w' is not a key"),
    (in_text("declines.csv", "exceeds-pool", "unlucky"), "declines.csv:2: reason: 'unlucky' is"),
    (in_text("prices.csv", "reserved", "gold"), "prices.csv:2: tier: 'gold' is none of"),
    (in_text("prices.csv", ",3\n", ",3.0000001\n"), "list_price_credits: '3.0000001' is not a"),
    (in_text("prices.csv", ",3\n", ",1e3\n"), "list_price_credits: '1e3' is not a price"),
    (in_text("prices.csv", ",3\n", ",\n"), "list_price_credits: '' is not a price"),
    (whole("report.json", b"{"), "report.json:1: -: is not JSON"),
    (whole("report.json", b"[]"), "report.json:1: -: is not an object"),
    (whole("report.json", b"\xff{}"), "report.json:1: -: is not UTF-8"),
    (whole("report.json", b"[" * 100_000), "report.json:1: -: is nested too deeply"),
    (whole("report.json", b'{"value": ' + b"9" * 5000 + b"}"), "or holds a number too long"),
    (whole("report.json", b'{"solver": "\\ud800"}'), "report.json:1: -: holds half of a character"),
    (in_text("report.json", '"value": 520', '"value": NaN'), "report.json:1: -: holds NaN"),
    (in_text("report.json", '"value": 520', '"value": 1e999'), "report.json:1: -: holds '1e999'"),
    (in_text("report.json", '"value"', '"bound": 520, "value"'), "bound: stands twice"),
    (in_text("report.json", '"value"', '"worth"'), "report.json:10: worth: is not a key"),
    (in_text("report.json", '"value"', '"worth"'), "value: is a key that is missing"),
    (in_text("report.json", '"format": 1', '"format": 2'), "report.json:2: format: '2' is not"),
    (in_text("report.json", '"format": 1', '"format": true'), "format: 'true' is not a format"),
    (in_text("report.json", '"optimal"', '"best"'), "report.json:7: status: 'best' is none of"),
    (in_text("report.json", '"first_come"', '"last_come"'), "baselines.last_come: is not a key"),
    (in_text("report.json", '"bids": 9', '"bids": 9, "lots": 1'), "counts.lots: is not a key"),
    (in_text("certificate.json", '"scale"', '"scales"'), "scale: is a key that is missing"),
    (in_text("certificate.json", '["gpu", "2026', '["gpu", 1, "2026'), "reserved_prices[0]: is"),
    (in_text("certificate.json", '"2026-03-02"', '"2026-3-2"'), "reserved_prices[0]: is not [pool"),
    (in_text("certificate.json", '["blue", ', "[7, "), "credit_prices[0]: is not [team_key, n]"),
]


@pytest.mark.parametrize(("break_", "finding"), BROKEN, ids=[text for _, text in BROKEN])
def test_a_broken_file_is_refused_with_its_line_and_column(
    tmp_path: Path, break_: Callable[[Path], None], finding: str
) -> None:
    write_outcome(tmp_path, proven(), force=False)
    break_(tmp_path)
    assert any(finding in found for found in findings_of(tmp_path)), findings_of(tmp_path)


def test_everything_that_is_wrong_is_said_at_once(tmp_path: Path) -> None:
    write_outcome(tmp_path, proven(), force=False)
    for break_ in (BROKEN[0][0], BROKEN[4][0], BROKEN[28][0]):
        break_(tmp_path)
    assert len(findings_of(tmp_path)) == 3


def test_what_is_no_folder_is_refused(tmp_path: Path) -> None:
    (finding,) = findings_of(tmp_path / "nowhere")
    assert "is not a folder; name the folder that an allocation wrote" in finding
