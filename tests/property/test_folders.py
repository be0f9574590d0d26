"""Laws of round folders: what is written reads back, and no bytes do anything but be refused."""

from __future__ import annotations

import csv
import datetime as dt
import tempfile
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from allocation.folders import (
    Finding,
    InvalidFolder,
    PoolLabel,
    RoundFolder,
    read_round,
    write_round,
)
from allocation.problem import Bid
from tests.folders import SMALL_FOLDER, write_folder
from tests.strategies import problems

texts = st.text(
    st.characters(exclude_categories=("Cc", "Cs")) | st.sampled_from("\",;' \u202e👩=\u2028\ufeff"),
    max_size=30,
)
labels = st.builds(
    PoolLabel, texts, st.sampled_from(["compute", "expert", "data"]), texts, texts, texts, texts
)
instants = st.none() | st.datetimes(
    min_value=dt.datetime(1, 1, 2),  # noqa: DTZ001  # hypothesis adds the zone
    max_value=dt.datetime(9999, 12, 30),  # noqa: DTZ001  # likewise
    timezones=st.sampled_from([dt.UTC, dt.timezone(dt.timedelta(hours=-7, minutes=-30))]),
)
ratios = st.tuples(st.integers(0, 10**6), st.integers(0, 30)).map(
    lambda pair: Fraction(pair[0], 10**6 * 10 ** pair[1])
)


@st.composite
def round_folders(draw: st.DrawFn) -> RoundFolder:
    """Draw a round with names and titles in any letters."""
    problem = draw(problems())

    def submitted(bid: Bid) -> Bid:
        return replace(bid, submitted_at=draw(instants))

    bids = tuple(map(submitted, problem.bids))
    return RoundFolder(
        problem=replace(problem, bids=bids, floor_ratio=draw(ratios)),
        name=draw(texts),
        pools={pool.key: draw(labels) for pool in problem.pools},
        teams={team.key: draw(texts) for team in problem.teams},
        titles={bid.key: draw(texts) for bid in bids},
    )


def shuffle(folder: Path, random: Random) -> None:
    """Put the rows and the columns of every file into another order."""
    for path in folder.glob("*.csv"):
        with path.open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        columns = list(rows[0]) if rows else []
        random.shuffle(columns)
        random.shuffle(rows)
        if rows:
            with path.open("w", newline="", encoding="utf-8") as file:
                writer = csv.DictWriter(file, columns)
                writer.writeheader()
                writer.writerows(rows)


def findings_of(folder: Path) -> tuple[Finding, ...] | None:
    """Return what is wrong with a folder, None if it reads."""
    try:
        read_round(folder)
    except InvalidFolder as refusal:
        return refusal.findings
    return None


@settings(deadline=None)
@given(round_folders())
def test_what_is_written_reads_back_as_the_same_round(round_folder: RoundFolder) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        write_round(Path(scratch) / "round", round_folder)
        assert read_round(Path(scratch) / "round") == round_folder


@settings(deadline=None)
@given(round_folders(), st.integers(0, 2**32))
def test_order_of_rows_and_columns_changes_nothing(round_folder: RoundFolder, seed: int) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        write_round(Path(scratch), round_folder)
        shuffle(Path(scratch), Random(seed))  # noqa: S311  # a shuffle, not a secret
        assert read_round(Path(scratch)) == round_folder


@settings(deadline=None, max_examples=400)
@given(
    st.sampled_from(sorted(SMALL_FOLDER)),
    st.floats(0, 1),
    st.integers(0, 8),
    st.one_of(
        st.binary(max_size=6),
        st.sampled_from(
            ['"', '""', ",", "\n", "\r", "\0", "0", "-", "{", "[", "é", "9" * 5000]
        ).map(str.encode),
    ),
)
def test_no_bytes_do_anything_but_be_read_or_refused(
    file: str, place: float, length: int, patch: bytes
) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        folder = write_folder(Path(scratch) / "round")
        data = (folder / file).read_bytes()
        at = int(place * len(data))
        (folder / file).write_bytes(data[:at] + patch + data[at + length :])
        findings = findings_of(folder)
        assert findings is None or findings
        assert all(str(finding).isprintable() for finding in findings or ())
