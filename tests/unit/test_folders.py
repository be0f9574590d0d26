"""What a round folder means, what is harmless in one, and what the limits just allow."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from allocation.errors import InvalidProblem
from allocation.folders import PoolLabel, RoundFolder, read_round, write_round
from allocation.problem import (
    Alternative,
    Bid,
    BidKey,
    DayUnits,
    Item,
    PoolKey,
    TeamKey,
    Tier,
    default_nonce,
)
from tests.builders import a_bid, a_pool, a_problem, a_team, an_alternative, day, some_units
from tests.folders import (
    LARGEST_SUM,
    SMALL_FOLDER,
    SMALL_VALUE,
    add,
    bids_worth,
    both,
    drop,
    header_only,
    put,
    swap,
    write_folder,
)

Change = Callable[[Path], object]
NO_BIDS = both(*(header_only(f"{name}.csv") for name in ("bids", "alternatives", "items")))


def read_changed(folder: Path, *changes: Change) -> RoundFolder:
    write_folder(folder)
    for change in changes:
        change(folder)
    return read_round(folder)


def labelled(problem_bids: tuple[Bid, ...] = (), **parts: Any) -> RoundFolder:
    """Return a small round with empty names."""
    problem = a_problem(*problem_bids, **parts)
    return RoundFolder(
        problem=problem,
        name="",
        pools={pool.key: PoolLabel("", "data", "", "") for pool in problem.pools},
        teams={team.key: "" for team in problem.teams},
        titles={bid.key: "" for bid in problem.bids},
    )


# --- meaning -------------------------------------------------------------------------------


def test_a_folder_says_everything_that_decides(tmp_path: Path) -> None:
    problem = read_changed(tmp_path / "round").problem
    assert (problem.round_key, problem.starts_on, problem.days) == ("sprint-1", day(0), 5)
    assert (problem.nonce, problem.floor_ratio) == ("abc123", Fraction(1, 4))
    assert problem.pools == (a_pool("gpu", 2), a_pool("ml-experts", 0))
    assert problem.teams == (a_team("blue", 500), a_team("red", 1000))
    assert problem.capacity[0] == some_units("gpu", 0, reserved=8, spot=4)
    assert len(problem.capacity) == 5
    assert problem.commitments == (some_units("gpu", 0, reserved=2, spot=3),)
    assert [bid.key for bid in problem.bids] == ["b1", "b2", "b3"]


def test_a_bid_has_its_alternatives_and_they_their_items(tmp_path: Path) -> None:
    bid, bundle, _ = read_changed(tmp_path / "round").problem.bids
    assert bid.submitted_at == dt.datetime(2026, 2, 20, 9, tzinfo=dt.UTC)
    assert bundle.submitted_at == bid.submitted_at
    assert bid.alternatives[0] == Alternative(
        number=1,
        tier=Tier.RESERVED,
        offer_credits_per_lot=100,
        value_score_per_lot=150,
        min_lots=1,
        max_lots=2,
        earliest_start=day(0),
        latest_start=day(2),
        items=(Item(PoolKey("gpu"), 0, 2, 4),),
    )
    assert [item.pool_key for item in bundle.alternatives[0].items] == ["gpu", "ml-experts"]


def test_names_and_titles_stand_beside_the_problem(tmp_path: Path) -> None:
    round_folder = read_changed(tmp_path / "round")
    assert round_folder.name == "First sprint"
    assert round_folder.teams[TeamKey("red")] == "Red team"
    assert round_folder.titles[BidKey("b2")] == "Review, then train"
    assert round_folder.pools[PoolKey("gpu")] == PoolLabel(
        "Large GPUs", "compute", "gpu", "ada", "Eight to a server", "internal"
    )


def test_what_is_left_out_has_its_default(tmp_path: Path) -> None:
    round_folder = read_changed(
        tmp_path / "round",
        put("round.csv", "round_key,name,starts_on,days\nsprint-1,,2026-03-02,5\n"),
        put("pools.csv", "pool_key,name,kind,unit,owner\ngpu,,compute,,\nml-experts,,expert,,\n"),
        put("bids.csv", "bid_key,team_key,title\nb1,red,\nb2,blue,\nb3,red,\n"),
        drop("commitments.csv", "policy.json"),
    )
    problem = round_folder.problem
    assert problem.nonce == default_nonce("sprint-1")
    assert problem.pools == (a_pool("gpu"), a_pool("ml-experts"))
    assert (problem.commitments, problem.floor_ratio) == ((), 0)
    assert {bid.submitted_at for bid in problem.bids} == {None}
    assert problem.bids[0].alternatives[1].value_score_per_lot == 80
    assert round_folder.pools[PoolKey("gpu")] == PoolLabel("", "compute", "", "")


def test_an_empty_value_score_is_the_offer_where_the_column_is_missing_too(tmp_path: Path) -> None:
    lines = SMALL_FOLDER["alternatives.csv"].splitlines()
    text = "\n".join(line.rsplit(",", 1)[0] for line in lines)
    round_folder = read_changed(tmp_path / "round", put("alternatives.csv", text))
    scores = [a.value_score_per_lot for bid in round_folder.problem.bids for a in bid.alternatives]
    assert scores == [100, 80, 60, 10]


def test_a_round_without_bids_is_valid(tmp_path: Path) -> None:
    assert read_changed(tmp_path / "round", NO_BIDS).problem.bids == ()


def test_a_bid_larger_than_any_capacity_is_well_formed(tmp_path: Path) -> None:
    change = swap("items.csv", "0,2,4", "0,2,500000000")
    assert len(read_changed(tmp_path / "round", change).problem.bids) == 3


def test_a_closed_day_is_the_same_as_none(tmp_path: Path) -> None:
    closed = read_changed(tmp_path / "closed", add("capacity.csv", "gpu,2026-03-06,0,0"))
    assert closed == read_changed(tmp_path / "none")


@pytest.mark.parametrize(
    ("text", "ratio"),
    [
        ("{}", Fraction(0)),
        ('{"floor_ratio": 0}', Fraction(0)),
        ('{"floor_ratio": -0.0}', Fraction(0)),
        ('{"floor_ratio": 0e999999999}', Fraction(0)),
        ('{"floor_ratio": 1}', Fraction(1)),
        ('{"floor_ratio": 0.1}', Fraction(1, 10)),
        ('\ufeff{"floor_ratio": 25E-2}\r\n', Fraction(1, 4)),
        ('{"floor_ratio": 0.3333333333333333333333}', Fraction("0.3333333333333333333333")),
        ('{"floor_ratio": 1e-1000}', Fraction(1, 10**1000)),
        (r'{"floor\u005fratio": 0.5}', Fraction(1, 2)),
    ],
)
def test_a_floor_ratio_is_read_exactly(text: str, ratio: Fraction, tmp_path: Path) -> None:
    assert read_changed(tmp_path / "round", put("policy.json", text)).problem.floor_ratio == ratio


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2026-02-20T09:00Z", dt.datetime(2026, 2, 20, 9, tzinfo=dt.UTC)),
        ("2026-02-20T09:00:00.25+05:30", dt.datetime(2026, 2, 20, 3, 30, 0, 250_000, dt.UTC)),
        ("2026-02-20T09:00:00-00:00", dt.datetime(2026, 2, 20, 9, tzinfo=dt.UTC)),
        ("2026-02-20T23:59:59+00", dt.datetime(2026, 2, 20, 23, 59, 59, tzinfo=dt.UTC)),
    ],
)
def test_an_instant_is_read_in_utc(text: str, instant: dt.datetime, tmp_path: Path) -> None:
    change = swap("bids.csv", "2026-02-20T09:00:00Z", text)
    submitted_at = read_changed(tmp_path / "round", change).problem.bids[0].submitted_at
    assert submitted_at == instant
    assert submitted_at.utcoffset() == dt.timedelta(0)


# --- what is harmless ----------------------------------------------------------------------


def with_byte_order_marks(folder: Path) -> None:
    for file in folder.iterdir():
        file.write_bytes(b"\xef\xbb\xbf" + file.read_bytes())


def with_windows_line_ends(folder: Path) -> None:
    for file in folder.iterdir():
        file.write_bytes(file.read_bytes().replace(b"\n", b"\r\n"))


def without_a_last_line_end(folder: Path) -> None:
    for file in folder.iterdir():
        file.write_bytes(file.read_bytes().removesuffix(b"\n"))


def with_blank_lines(folder: Path) -> None:
    for file in folder.glob("*.csv"):
        file.write_bytes(b"\n \t\r\n" + file.read_bytes().replace(b"\n", b"\n\n  \n"))


def with_columns_reversed(folder: Path) -> None:
    for file in folder.glob("*.csv"):
        text = file.read_text().replace('"Review, then train"', "Review then train")
        lines = [",".join(reversed(line.split(","))) for line in text.splitlines()]
        file.write_text("\n".join(lines).replace("Review then train", '"Review, then train"'))


def with_rows_reversed(folder: Path) -> None:
    for file in folder.glob("*.csv"):
        header, *rows = file.read_text().splitlines()
        file.write_text("\n".join([header, *reversed(rows)]))


def with_every_cell_quoted(folder: Path) -> None:
    for file in folder.glob("*.csv"):
        text = file.read_text().replace('"Review, then train"', "Review; then train")
        quoted = '"' + text.replace(",", '","').replace("\n", '"\n"')
        file.write_text(
            quoted.replace("Review; then train", "Review, then train").removesuffix('"')
        )


def with_other_files(folder: Path) -> None:
    (folder / "notes.csv").write_bytes(b"\xff\0")
    (folder / "README.md").write_text("A round.")
    (folder / "old").mkdir()


@pytest.mark.parametrize(
    "change",
    [
        with_byte_order_marks,
        with_windows_line_ends,
        without_a_last_line_end,
        with_blank_lines,
        with_columns_reversed,
        with_rows_reversed,
        with_every_cell_quoted,
        with_other_files,
    ],
)
def test_a_harmless_difference_changes_nothing(change: Change, tmp_path: Path) -> None:
    assert read_changed(tmp_path / "a", change) == read_changed(tmp_path / "b")


@pytest.mark.parametrize(
    "title",
    [
        "قارئ — עברית",
        "\u202eright to left",
        "👩‍🔬 Zürich",
        "line\u2028separator",
        "'; DROP TABLE bid; --",
        "=1+1",
        "x" * 1000,
        "👩" * 1000,
        " spaced ",
        "",
    ],
)
def test_a_title_is_any_text(title: str, tmp_path: Path) -> None:
    round_folder = read_changed(tmp_path / "round", swap("bids.csv", "Train a model", title))
    assert round_folder.titles[BidKey("b1")] == title


def test_quotes_and_commas_stand_in_quoted_cells(tmp_path: Path) -> None:
    change = swap("bids.csv", "Train a model", '"""Train"", they say, """')
    assert read_changed(tmp_path / "round", change).titles[BidKey("b1")] == '"Train", they say, "'


# --- what the limits just allow ------------------------------------------------------------


@pytest.mark.parametrize(
    "changes",
    [
        (swap("teams.csv", "1000", "1000000000000"),),
        (swap("teams.csv", "1000", "0"),),
        (swap("items.csv", "0,2,4", "0,2,500000000"),),
        (swap("alternatives.csv", ",100,", ",500000000000,"),),
        (swap("alternatives.csv", ",150", ",500000000000"),),
        (swap("items.csv", "0,2,4", "0,3,4"),),
        (swap("items.csv", "0,2,4", "2,1,4"),),
        (add("pools.csv", f"{'A.-_9' * 12}.-_9,,data,,,,,"),),
        (swap("round.csv", "abc123", "Z" * 64),),
        (swap("round.csv", "2026-03-02,5", "2026-02-20,366"),),
        (swap("commitments.csv", "2,3", "8,4"),),
        (swap("commitments.csv", "2,3", "0,12"),),
        (header_only("commitments.csv"),),
    ],
)
def test_what_is_just_inside_a_limit_is_read(changes: tuple[Change, ...], tmp_path: Path) -> None:
    assert read_changed(tmp_path / "round", *changes).problem.round_key == "sprint-1"


def test_a_sprint_may_end_on_the_last_day_of_the_calendar(tmp_path: Path) -> None:
    round_folder = read_changed(
        tmp_path / "round",
        NO_BIDS,
        swap("round.csv", "2026-03-02,5", "9999-12-31,1"),
        put("capacity.csv", "pool_key,day,reserved_units,spot_units\ngpu,9999-12-31,1,1\n"),
        drop("commitments.csv"),
    )
    assert round_folder.problem.ends_on == dt.date.max


def test_values_may_add_up_to_2_to_the_53(tmp_path: Path) -> None:
    round_folder = read_changed(tmp_path / "round", bids_worth(LARGEST_SUM - SMALL_VALUE))
    bids = round_folder.problem.bids
    values = [max(a.value_score_per_lot * a.max_lots for a in bid.alternatives) for bid in bids]
    assert sum(values) == LARGEST_SUM


# --- writing -------------------------------------------------------------------------------


def test_a_floor_ratio_that_is_no_decimal_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(InvalidProblem, match="1/3"):
        write_round(tmp_path / "round", labelled(floor_ratio=Fraction(1, 3)))


def test_a_round_that_no_folder_can_hold_is_refused(tmp_path: Path) -> None:
    empty = RoundFolder(a_problem(), "", {}, {}, {})
    object.__setattr__(empty.problem, "pools", ())
    with pytest.raises(InvalidProblem, match="sprint-1 needs a pool"):
        write_round(tmp_path / "round", empty)


def test_a_round_without_open_capacity_reads_back(tmp_path: Path) -> None:
    closed = labelled(capacity=())
    write_round(tmp_path / "round", closed)
    assert read_round(tmp_path / "round") == closed


def test_writing_replaces_every_file_of_the_round_before(tmp_path: Path) -> None:
    held = (DayUnits(PoolKey("gpu"), day(0), 1, 1),)
    before = labelled((a_bid(),), commitments=held, floor_ratio=Fraction(1, 2))
    after = labelled((a_bid("b2", an_alternative(offer=7)),))
    write_round(tmp_path / "round", before)
    assert read_round(tmp_path / "round") == before
    write_round(tmp_path / "round", after)
    assert read_round(tmp_path / "round") == after
