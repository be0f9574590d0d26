"""A small valid round folder as text, and many ways to break it, each with the findings to expect.

Write one with `write_folder(path)`, or a broken one with `BROKEN_FOLDERS[name].write(path)`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

SMALL_FOLDER: Mapping[str, str] = {
    "round.csv": """\
round_key,name,starts_on,days,nonce
sprint-1,First sprint,2026-03-02,5,abc123
""",
    "pools.csv": """\
pool_key,name,kind,unit,owner,reserve_price_credits,description,classification
gpu,Large GPUs,compute,gpu,ada,2,Eight to a server,internal
ml-experts,ML experts,expert,hour,ben,,,
""",
    "capacity.csv": """\
pool_key,day,reserved_units,spot_units
gpu,2026-03-02,8,4
gpu,2026-03-03,8,4
gpu,2026-03-04,8,4
ml-experts,2026-03-02,10,0
ml-experts,2026-03-03,10,0
""",
    "teams.csv": """\
team_key,name,credits
red,Red team,1000
blue,Blue team,500
""",
    "bids.csv": """\
bid_key,team_key,title,submitted_at
b1,red,Train a model,2026-02-20T09:00:00Z
b2,blue,"Review, then train",2026-02-20T10:00:00+01:00
b3,red,Spare hours,
""",
    "alternatives.csv": """\
bid_key,alternative,tier,offer_credits_per_lot,min_lots,max_lots,earliest_start,latest_start,value_score_per_lot
b1,1,reserved,100,1,2,2026-03-02,2026-03-04,150
b1,2,spot,80,1,2,2026-03-02,2026-03-05,
b2,1,reserved,60,1,1,2026-03-02,2026-03-02,
b3,1,spot,10,1,5,2026-03-03,2026-03-06,
""",
    "items.csv": """\
bid_key,alternative,pool_key,offset_days,days,units_per_lot
b1,1,gpu,0,2,4
b1,2,gpu,0,1,4
b2,1,ml-experts,0,1,6
b2,1,gpu,1,1,2
b3,1,ml-experts,0,1,1
""",
    "commitments.csv": """\
pool_key,day,reserved_units,spot_units
gpu,2026-03-02,2,3
""",
    "policy.json": """\
{
  "floor_ratio": 0.25
}
""",
}
"""Three bids of two teams on two pools, with commitments and a policy."""

SMALL_VALUE = 2 * 150 + 60 + 5 * 10
"""The sum of the largest values of its bids."""
LARGEST_SUM = 2**53

Change = Callable[[Path], None]
"""Breaks a folder that has just been written."""


def write_folder(folder: Path, files: Mapping[str, str] = SMALL_FOLDER) -> Path:
    """Write files of text into a folder, which is made, and return the folder."""
    folder.mkdir(parents=True)
    for name, text in files.items():
        (folder / name).write_bytes(text.encode())
    return folder


@dataclass(frozen=True)
class BrokenFolder:
    """How to break the small folder, and the `file:line: column` of every finding to expect."""

    change: Change
    places: tuple[str, ...]

    def write(self, folder: Path) -> Path:
        write_folder(folder)
        self.change(folder)
        return folder


# --- changes -------------------------------------------------------------------------------


def both(*changes: Change) -> Change:
    def change(folder: Path) -> None:
        for one in changes:
            one(folder)

    return change


def swap(file: str, old: str | bytes, new: str | bytes) -> Change:
    """Replace the first place where a text stands in a file."""
    old, new = (text.encode() if isinstance(text, str) else text for text in (old, new))

    def change(folder: Path) -> None:
        before = (folder / file).read_bytes()
        assert old in before, f"{file} has no {old!r}"
        (folder / file).write_bytes(before.replace(old, new, 1))

    return change


def add(file: str, *lines: str) -> Change:
    """Append lines to a file."""

    def change(folder: Path) -> None:
        text = "".join(f"{line}\n" for line in lines)
        (folder / file).write_bytes((folder / file).read_bytes() + text.encode())

    return change


def put(file: str, content: str | bytes) -> Change:
    """Replace a whole file."""
    data = content.encode() if isinstance(content, str) else content
    return lambda folder: (folder / file).write_bytes(data) and None


def drop(*files: str) -> Change:
    """Remove files."""

    def change(folder: Path) -> None:
        for file in files:
            (folder / file).unlink()

    return change


def drop_line(file: str, number: int) -> Change:
    """Remove a line of a file; the first is 1."""

    def change(folder: Path) -> None:
        lines = (folder / file).read_bytes().splitlines(keepends=True)
        (folder / file).write_bytes(b"".join(lines[: number - 1] + lines[number:]))

    return change


def make_folder(file: str) -> Change:
    return lambda folder: (folder / file).mkdir()


def make_pipe(file: str) -> Change:
    return lambda folder: os.mkfifo(folder / file)


def make_dead_link(file: str) -> Change:
    return lambda folder: (folder / file).symlink_to(folder / "nowhere")


def header_only(file: str) -> Change:
    return put(file, SMALL_FOLDER[file].split("\n", 1)[0] + "\n")


def bids_worth(value: int) -> Change:
    """Add bids whose value scores add up to a value, each as large as it may be."""
    most, rest = divmod(value, 10**12)
    scores = [*[10**12] * most, rest]
    window = "2026-03-02,2026-03-02"
    return both(
        add("bids.csv", *(f"v{n},red,," for n in range(len(scores)))),
        add("alternatives.csv", *(f"v{n},1,spot,1,1,1,{window},{s}" for n, s in enumerate(scores))),
        add("items.csv", *(f"v{n},1,gpu,0,1,1" for n in range(len(scores)))),
    )


def recode(file: str, encoding: str) -> Change:
    return put(file, SMALL_FOLDER[file].encode(encoding))


# --- the table -----------------------------------------------------------------------------


def _credits(cell: str) -> BrokenFolder:
    return BrokenFolder(swap("teams.csv", "team,1000", f"team,{cell}"), ("teams.csv:2: credits",))


def _policy(text: str | bytes, place: str = "1: floor_ratio") -> BrokenFolder:
    return BrokenFolder(put("policy.json", text), (f"policy.json:{place}",))


def _round(old: str, new: str, *columns: str) -> BrokenFolder:
    places = tuple(f"round.csv:2: {column}" for column in columns)
    return BrokenFolder(swap("round.csv", old, new), places)


def _alternative(old: str, new: str, *columns: str) -> BrokenFolder:
    places = tuple(f"alternatives.csv:2: {column}" for column in columns)
    return BrokenFolder(swap("alternatives.csv", old, new), places)


def _item(old: str, new: str, *columns: str) -> BrokenFolder:
    places = tuple(f"items.csv:2: {column}" for column in columns)
    return BrokenFolder(swap("items.csv", old, new), places)


def _submitted(cell: str) -> BrokenFolder:
    change = swap("bids.csv", "2026-02-20T09:00:00Z", cell)
    return BrokenFolder(change, ("bids.csv:2: submitted_at",))


def _pool_key(cell: str) -> BrokenFolder:
    """Return a bad key of a pool that is referred to by the same bad key: one finding."""
    changes = [swap("pools.csv", "\ngpu,", f"\n{cell},")]
    changes += [swap("capacity.csv", "\ngpu,", f"\n{cell},") for _ in range(3)]
    changes += [swap("items.csv", ",gpu,", f",{cell},") for _ in range(3)]
    changes += [swap("commitments.csv", "\ngpu,", f"\n{cell},")]
    return BrokenFolder(both(*changes), ("pools.csv:2: pool_key",))


_NUMBERS = {
    "a negative number": _credits("-1"),
    "a number with a sign": _credits("+1"),
    "a decimal number": _credits("1.0"),
    "a number with an exponent": _credits("1e3"),
    "a number with a huge exponent": _credits("1e999"),
    "not a number": _credits("NaN"),
    "infinity": _credits("Infinity"),
    "a leading zero": _credits("0100"),
    "a space before a number": _credits(" 100"),
    "a space after a number": _credits("100 "),
    "a thousands separator": _credits('"1,000"'),
    "an underscore in a number": _credits("1_000"),
    "a hexadecimal number": _credits("0x10"),
    "Arabic-Indic digits": _credits("١٢٣"),
    "full-width digits": _credits("\N{FULLWIDTH DIGIT ONE}"),
    "a superscript digit": _credits("²"),
    "an empty number": _credits(""),
    "a line end in a number": _credits('"100\n"'),
    "a number above the limit": _credits("1000000000001"),
    "a number of a million digits": _credits("9" * 1_000_000),
}

_KEYS = {
    "a path in a key": _pool_key("../gpu"),
    "a slash in a key": _pool_key("a/b"),
    "a space in a key": _pool_key("g pu"),
    "a key that begins with a dot": _pool_key(".gpu"),
    "a key of 65 characters": _pool_key("g" * 65),
    "a key that is not ASCII": _pool_key("gpü"),
    "a line end after a key": _pool_key('"gpu\n"'),
    "a formula as a key": _pool_key("=1+1"),
    "an empty key": BrokenFolder(
        swap("bids.csv", "b3,red", ",red"), ("alternatives.csv:5: bid_key", "bids.csv:4: bid_key")
    ),
    "an empty key and an empty reference": BrokenFolder(
        both(swap("bids.csv", "b3,red", ",red"), swap("alternatives.csv", "b3,1,", ",1,")),
        ("alternatives.csv:5: bid_key", "bids.csv:4: bid_key", "items.csv:6: bid_key"),
    ),
    "a duplicate pool": BrokenFolder(
        add("pools.csv", "gpu,Again,data,seat,eve,,,"), ("pools.csv:4: pool_key",)
    ),
    "a duplicate team": BrokenFolder(add("teams.csv", "red,,7"), ("teams.csv:4: team_key",)),
    "a duplicate bid": BrokenFolder(add("bids.csv", "b1,blue,,"), ("bids.csv:5: bid_key",)),
    "a duplicate alternative": BrokenFolder(
        add("alternatives.csv", "b1,2,spot,80,1,2,2026-03-02,2026-03-05,"),
        ("alternatives.csv:6: alternative",),
    ),
    "a duplicate pool and day of capacity": BrokenFolder(
        add("capacity.csv", "gpu,2026-03-03,9,9"), ("capacity.csv:7: -",)
    ),
    "a duplicate pool and day of commitments": BrokenFolder(
        add("commitments.csv", "gpu,2026-03-02,1,1"), ("commitments.csv:3: -",)
    ),
    "a key in other letters": BrokenFolder(
        swap("bids.csv", "b3,red", "b3,Red"), ("bids.csv:4: team_key",)
    ),
}

_REFERENCES = {
    "a bid of no team": BrokenFolder(
        swap("bids.csv", "b3,red", "b3,green"), ("bids.csv:4: team_key",)
    ),
    "an alternative of no bid": BrokenFolder(
        add("alternatives.csv", "b9,1,spot,1,1,1,2026-03-02,2026-03-02,"),
        ("alternatives.csv:6: bid_key",),
    ),
    "an item of no bid": BrokenFolder(
        add("items.csv", "b9,1,gpu,0,1,1"), ("items.csv:7: bid_key",)
    ),
    "an item of no alternative": BrokenFolder(
        add("items.csv", "b1,3,gpu,0,1,1"), ("items.csv:7: alternative",)
    ),
    "an item of no pool": BrokenFolder(
        add("items.csv", "b1,1,tpu,0,1,1"), ("items.csv:7: pool_key",)
    ),
    "capacity of no pool": BrokenFolder(
        add("capacity.csv", "tpu,2026-03-03,9,9"), ("capacity.csv:7: pool_key",)
    ),
    "commitments of no pool": BrokenFolder(
        add("commitments.csv", "tpu,2026-03-03,0,0"), ("commitments.csv:3: pool_key",)
    ),
    "a bid without alternatives": BrokenFolder(add("bids.csv", "b4,red,,"), ("bids.csv:5: -",)),
    "an alternative without items": BrokenFolder(
        add("alternatives.csv", "b1,3,spot,1,1,1,2026-03-02,2026-03-02,"),
        ("alternatives.csv:6: -",),
    ),
    "an alternative that is lost under its items": BrokenFolder(
        drop_line("alternatives.csv", 4),
        ("bids.csv:3: -", *(f"items.csv:{n}: alternative" for n in (4, 5))),
    ),
}

_ROUND = {
    "a day that does not exist": _round("2026-03-02", "2026-02-30", "starts_on"),
    "a day without hyphens": _round("2026-03-02", "20260302", "starts_on"),
    "a day of the week": _round("2026-03-02", "2026-W10-1", "starts_on"),
    "a day of the year 0": _round("2026-03-02", "0000-01-01", "starts_on"),
    "a day in other digits": _round("2026-03-02", "٢٠٢٦-٠٣-٠٢", "starts_on"),
    "a day in another order": _round("2026-03-02", "02.03.2026", "starts_on"),
    "an instant for a day": _round("2026-03-02", "2026-03-02T00:00:00Z", "starts_on"),
    "an empty day": _round("2026-03-02", "", "starts_on"),
    "a sprint of no days": _round(",5,", ",0,", "days"),
    "a sprint of 367 days": _round(",5,", ",367,", "days"),
    "a sprint that leaves the calendar": BrokenFolder(
        both(
            swap("round.csv", "2026-03-02,5", "9999-12-31,2"),
            *(header_only(f"{name}.csv") for name in ("bids", "alternatives", "items")),
            put("capacity.csv", "pool_key,day,reserved_units,spot_units\ngpu,9999-12-31,1,1\n"),
            drop("commitments.csv"),
        ),
        ("round.csv:2: days",),
    ),
    "a nonce with a hyphen": _round("abc123", "abc-123", "nonce"),
    "a nonce of 65 characters": _round("abc123", "a" * 65, "nonce"),
    "a nonce that is not ASCII": _round("abc123", "é", "nonce"),
    "a bad round key": _round("sprint-1", "sprint 1", "round_key"),
    "a line break in a name": _round("First sprint", '"First\nsprint"', "name"),
    "two rounds": BrokenFolder(add("round.csv", "r2,,2026-03-02,5,"), ("round.csv:3: -",)),
    "everything wrong in a row": _round(
        "sprint-1,First sprint,2026-03-02,5,abc123",
        "-,a\tb,soon,many,?",
        *("days", "name", "nonce", "round_key", "starts_on"),
    ),
}

_SUPPLY = {
    "an unknown kind of pool": BrokenFolder(
        swap("pools.csv", "compute", "Compute"), ("pools.csv:2: kind",)
    ),
    "an empty kind of pool": BrokenFolder(swap("pools.csv", "compute", ""), ("pools.csv:2: kind",)),
    "a negative reserve price": BrokenFolder(
        swap("pools.csv", "ada,2", "ada,-2"), ("pools.csv:2: reserve_price_credits",)
    ),
    "a text of 1,001 characters": BrokenFolder(
        swap("pools.csv", "Eight to a server", "x" * 1001), ("pools.csv:2: description",)
    ),
    "an escape character in a text": BrokenFolder(
        swap("pools.csv", "Large GPUs", "\x1b[31mGPUs"), ("pools.csv:2: name",)
    ),
    "a control character of Latin-1 in a text": BrokenFolder(
        swap("pools.csv", "internal", "in\x85ternal"), ("pools.csv:2: classification",)
    ),
    "capacity on a day before the sprint": BrokenFolder(
        add("capacity.csv", "gpu,2026-03-01,1,1"), ("capacity.csv:7: day",)
    ),
    "capacity on a day after the sprint": BrokenFolder(
        add("capacity.csv", "gpu,2026-03-07,1,1"), ("capacity.csv:7: day",)
    ),
    "negative capacity": BrokenFolder(
        swap("capacity.csv", "03,8,4", "03,-8,-4"),
        ("capacity.csv:3: reserved_units", "capacity.csv:3: spot_units"),
    ),
    "commitments above the reserved units": BrokenFolder(
        swap("commitments.csv", "2,3", "9,0"), ("commitments.csv:2: reserved_units",)
    ),
    "commitments above all units": BrokenFolder(
        swap("commitments.csv", "2,3", "8,5"), ("commitments.csv:2: spot_units",)
    ),
    "commitments where nothing is open": BrokenFolder(
        add("commitments.csv", "gpu,2026-03-06,0,1"), ("commitments.csv:3: spot_units",)
    ),
    "commitments outside the sprint": BrokenFolder(
        add("commitments.csv", "gpu,2026-03-07,0,0"), ("commitments.csv:3: day",)
    ),
}

_DEMAND = {
    "an unknown tier": _alternative("reserved", "Reserved", "tier"),
    "an offer of 0": _alternative(",100,", ",0,", "offer_credits_per_lot"),
    "a value score of 0": _alternative(",150", ",0", "value_score_per_lot"),
    "an alternative numbered 0": BrokenFolder(
        both(
            swap("alternatives.csv", "b1,1,", "b1,0,"),
            swap("items.csv", "b1,1,", "b1,0,"),
        ),
        ("alternatives.csv:2: alternative", "items.csv:2: alternative"),
    ),
    "an alternative with a number that is none": _alternative("b1,1,", "b1,one,", "alternative"),
    "an alternative with a number that is none, and its item": BrokenFolder(
        swap("alternatives.csv", "b1,2,", "b1,two,"), ("alternatives.csv:3: alternative",)
    ),
    "a duplicate alternative, and an item of none": BrokenFolder(
        both(swap("alternatives.csv", "b1,2,", "b1,1,"), add("items.csv", "b1,3,gpu,0,1,1")),
        (
            "alternatives.csv:3: alternative",
            "items.csv:3: alternative",
            "items.csv:7: alternative",
        ),
    ),
    "lots from 0": _alternative(",1,2,", ",0,2,", "min_lots"),
    "min above max": _alternative(",1,2,", ",3,2,", "max_lots"),
    "a window that ends before it begins": _alternative(
        "2026-03-02,2026-03-04", "2026-03-04,2026-03-02", "latest_start"
    ),
    "a window that begins before the sprint": _alternative(
        "2026-03-02,", "2026-03-01,", "earliest_start"
    ),
    "a window that ends after the sprint": _alternative(
        ",2026-03-04", ",2026-03-07", "latest_start"
    ),
    "a window without an end": _alternative(",2026-03-04", ",", "latest_start"),
    "a placement that ends after the sprint": _item(",0,2,4", ",0,4,4", "days"),
    "a placement that begins after the sprint": _item(",0,2,4", ",3,2,4", "offset_days"),
    "a placement of 10^12 days": _item(",0,2,4", ",0,1000000000000,4", "days"),
    "a negative offset": _item(",0,2,4", ",-1,2,4", "offset_days"),
    "an item of no days": _item(",0,2,4", ",0,0,4", "days"),
    "an item of no units": _item(",0,2,4", ",0,2,0", "units_per_lot"),
    "units of a lot above the limit": _item(",0,2,4", ",0,2,1000000001", "units_per_lot"),
    "units of all lots above the limit": _item(",0,2,4", ",0,2,500000001", "units_per_lot"),
    "an offer of all lots above the limit": _alternative(
        ",100,", ",500000000001,", "offer_credits_per_lot"
    ),
    "a value of all lots above the limit": _alternative(
        ",150", ",500000000001", "value_score_per_lot"
    ),
    "a sum of values above 2^53": BrokenFolder(
        bids_worth(LARGEST_SUM - SMALL_VALUE + 1), ("alternatives.csv:1: -",)
    ),
    "an instant without an offset": _submitted("2026-02-20T09:00:00"),
    "an instant without a time": _submitted("2026-02-20"),
    "an instant that does not exist": _submitted("2026-02-20T25:00:00Z"),
    "an instant with a zone's name": _submitted("2026-02-20T09:00:00 CET"),
    "an instant that leaves the calendar in UTC": _submitted("0001-01-01T00:00:00+01:00"),
    "an instant in other digits": _submitted("٢٠٢٦-02-20T09:00:00Z"),
    "a title with a NUL": BrokenFolder(
        swap("bids.csv", "Train a", "Train\0a"), ("bids.csv:2: title",)
    ),
    "a title in Latin-1": BrokenFolder(
        swap("bids.csv", b"Train a", "Trän a".encode("latin-1")), ("bids.csv:2: title",)
    ),
}

_TEXT = {
    "a file in UTF-16": BrokenFolder(recode("teams.csv", "utf-16"), ("teams.csv:1: -",)),
    "a file in UTF-16 without a mark": BrokenFolder(
        recode("teams.csv", "utf-16-le"), ("teams.csv:1: -",)
    ),
    "a file with carriage returns alone": BrokenFolder(
        put("teams.csv", SMALL_FOLDER["teams.csv"].replace("\n", "\r")), ("teams.csv:1: -",)
    ),
    "a NUL in a key": BrokenFolder(
        swap("teams.csv", "\nred", "\nr\0d"),
        ("bids.csv:2: team_key", "bids.csv:4: team_key", "teams.csv:2: team_key"),
    ),
    "a NUL in a number": _credits("1\x000"),
    "a quote that nothing closes": BrokenFolder(
        swap("bids.csv", "Spare hours", '"Spare hours'), ("bids.csv:4: -",)
    ),
    "a quote that a later quote seems to close": BrokenFolder(
        swap("bids.csv", "Train a model", '"Train a model'), ("bids.csv:2: -",)
    ),
    "text after a closing quote": BrokenFolder(
        swap("bids.csv", "Train a model", '"Train" a model'), ("bids.csv:2: -",)
    ),
    "a quote inside a bare cell": BrokenFolder(
        swap("bids.csv", "Train a model", 'Train 5" models'), ("bids.csv:2: -",)
    ),
    "a cell too few": BrokenFolder(
        swap("bids.csv", "Spare hours,", "Spare hours"), ("bids.csv:4: -",)
    ),
    "a cell too many": BrokenFolder(
        swap("items.csv", "ml-experts,0,1,6", "ml-experts,0,1,6,"), ("items.csv:4: -",)
    ),
    "a comma that is not quoted": BrokenFolder(
        swap("pools.csv", "Large GPUs", "GPUs, large"), ("pools.csv:2: -",)
    ),
    "semicolons for commas": BrokenFolder(
        put("teams.csv", SMALL_FOLDER["teams.csv"].replace(",", ";")),
        (
            "teams.csv:1: credits",
            "teams.csv:1: name",
            "teams.csv:1: team_key",
            "teams.csv:1: team_key;name;credits",
        ),
    ),
    "a line break in a cell, and what comes after it": BrokenFolder(
        both(
            swap("bids.csv", "Train a model", '"Train\n\na model"'),
            swap("bids.csv", "b3,red", "b3,green"),
        ),
        ("bids.csv:2: title", "bids.csv:6: team_key"),
    ),
}

_FILES = {
    **{
        f"no {file}": BrokenFolder(drop(file), (f"{file}:1: -",))
        for file in SMALL_FOLDER
        if file not in ("commitments.csv", "policy.json")
    },
    **{
        f"an empty {file}": BrokenFolder(
            put(file, "\n" if file == "bids.csv" else ""), (f"{file}:1: -",)
        )
        for file in SMALL_FOLDER
        if file != "policy.json"
    },
    "only a header in round.csv": BrokenFolder(header_only("round.csv"), ("round.csv:1: -",)),
    "only a header in pools.csv": BrokenFolder(
        both(
            header_only("pools.csv"),
            header_only("commitments.csv"),
            *(header_only(f"{name}.csv") for name in ("bids", "alternatives", "items")),
            put("capacity.csv", "pool_key,day,reserved_units,spot_units\ngpu,2026-03-02,1,1\n"),
        ),
        ("capacity.csv:2: pool_key", "pools.csv:1: -"),
    ),
    "only a header in capacity.csv": BrokenFolder(
        both(header_only("capacity.csv"), drop("commitments.csv")), ("capacity.csv:1: -",)
    ),
    "only a header in teams.csv": BrokenFolder(
        both(
            header_only("teams.csv"),
            *(header_only(f"{name}.csv") for name in ("bids", "alternatives", "items")),
        ),
        ("teams.csv:1: -",),
    ),
    "an unknown column": BrokenFolder(
        put("teams.csv", "team_key,name,credits,colour\nred,,1,\nblue,,1,\n"),
        ("teams.csv:1: colour",),
    ),
    "a column with a space before its name": BrokenFolder(
        swap("teams.csv", "credits", " credits"),
        ("teams.csv:1: ' credits'", "teams.csv:1: credits"),
    ),
    "a column in other letters": BrokenFolder(
        swap("teams.csv", "credits", "Credits"), ("teams.csv:1: Credits", "teams.csv:1: credits")
    ),
    "a missing column": BrokenFolder(
        put("teams.csv", "team_key,name\nred,\nblue,\n"), ("teams.csv:1: credits",)
    ),
    "a missing key column": BrokenFolder(
        put("teams.csv", "name,credits\nRed,1\n"), ("teams.csv:1: team_key",)
    ),
    "a duplicate column": BrokenFolder(
        put("teams.csv", "team_key,name,credits,name\nred,,1,\nblue,,1,\n"), ("teams.csv:1: name",)
    ),
    "an empty column": BrokenFolder(
        put("teams.csv", "team_key,name,credits,\nred,,1,\nblue,,1,\n"), ("teams.csv:1: ''",)
    ),
    "no header": BrokenFolder(
        drop_line("teams.csv", 1),
        (
            "teams.csv:1: 1000",
            "teams.csv:1: Red team",
            "teams.csv:1: credits",
            "teams.csv:1: name",
            "teams.csv:1: red",
            "teams.csv:1: team_key",
        ),
    ),
    "a folder for a file": BrokenFolder(
        both(drop("bids.csv"), make_folder("bids.csv")), ("bids.csv:1: -",)
    ),
    "a pipe for a file": BrokenFolder(
        both(drop("bids.csv"), make_pipe("bids.csv")), ("bids.csv:1: -",)
    ),
    "commitments that lead nowhere": BrokenFolder(
        both(drop("commitments.csv"), make_dead_link("commitments.csv")), ("commitments.csv:1: -",)
    ),
    "a folder for a policy": BrokenFolder(
        both(drop("policy.json"), make_folder("policy.json")), ("policy.json:1: -",)
    ),
    "errors in every file": BrokenFolder(
        both(
            swap("round.csv", "abc123", "-"),
            swap("pools.csv", "compute", "-"),
            swap("capacity.csv", "8,4", "8,x"),
            swap("teams.csv", "1000", ""),
            swap("bids.csv", "b3,red", "b3,green"),
            swap("alternatives.csv", "spot", "SPOT"),
            swap("items.csv", "0,2,4", "0,2,0"),
            swap("commitments.csv", "2026-03-02", "today"),
            put("policy.json", "[]"),
        ),
        (
            "alternatives.csv:3: tier",
            "bids.csv:4: team_key",
            "capacity.csv:2: spot_units",
            "commitments.csv:2: day",
            "items.csv:2: units_per_lot",
            "policy.json:1: -",
            "pools.csv:2: kind",
            "round.csv:2: nonce",
            "teams.csv:2: credits",
        ),
    ),
}

_POLICY = {
    "a floor ratio above 1": _policy('{"floor_ratio": 1.0000000000000000000001}'),
    "a negative floor ratio": _policy('{"floor_ratio": -0.1}'),
    "a floor ratio as text": _policy('{\n"floor_ratio": "0.5"}', "2: floor_ratio"),
    "a floor ratio of true": _policy('{"floor_ratio": true}'),
    "a floor ratio of null": _policy('{"floor_ratio": null}'),
    "a floor ratio of NaN": _policy('{"floor_ratio": NaN}'),
    "a floor ratio of Infinity": _policy('{"floor_ratio": Infinity}'),
    "a floor ratio of 1e999": _policy('{"floor_ratio": 1e999}'),
    "a floor ratio of 1e-999999999": _policy('{"floor_ratio": 1e-999999999}'),
    "a floor ratio with an exponent of 30 digits": _policy('{"floor_ratio": 1e-' + "9" * 30 + "}"),
    "a floor ratio of a million digits": _policy('{"floor_ratio": 0.' + "1" * 1_000_000 + "}"),
    "a floor ratio that stands twice": _policy('{"floor_ratio": 0.5, "floor_ratio": 0.5}'),
    "an unknown key of a policy": _policy('{"floor": 0.5}', "1: floor"),
    "a policy that is a list": _policy("[0.5]", "1: -"),
    "an empty policy": _policy("", "1: -"),
    "a policy that is not JSON": _policy('{\n"floor_ratio": 0.5,\n}', "3: -"),
    "a policy with a leading zero": _policy('{"floor_ratio": 00.5}', "1: -"),
    "a policy in UTF-16": _policy('{"floor_ratio": 0.5}'.encode("utf-16"), "1: -"),
    "a policy with a byte of Latin-1": _policy(b'{\n"fl\xf6or": 0.5}', "2: -"),
    "a policy that is nested too deeply": _policy("[" * 100_000, "1: -"),
}

BROKEN_FOLDERS: Mapping[str, BrokenFolder] = {
    **_NUMBERS,
    **_KEYS,
    **_REFERENCES,
    **_ROUND,
    **_SUPPLY,
    **_DEMAND,
    **_TEXT,
    **_FILES,
    **_POLICY,
}
"""Every kind of broken folder, by what is broken."""
