"""`broker check` sees whatever is done to the files of an outcome, and nothing where nothing is."""

from __future__ import annotations

import shutil
from pathlib import Path
from random import Random

import pytest

from allocation.folders import write_round
from allocation.results import write_outcome
from broker.cli import run
from tests.file_tampering import DOCUMENTS, OF_BYTES, OF_DOCUMENTS, OF_TABLES, TABLES, Spoil
from tests.markets import described
from tests.originals import Original, originals
from tests.second_judge import stands
from tests.strict_files import read_strictly

CASES: list[tuple[str, str, Spoil]] = [
    *((what, file, spoil) for what, spoil in OF_BYTES.items() for file in (*TABLES, *DOCUMENTS)),
    *((what, file, spoil) for what, spoil in OF_TABLES.items() for file in TABLES),
    *((what, file, spoil) for what, spoil in OF_DOCUMENTS.items() for file in DOCUMENTS),
]
TIMES = 5


Written = tuple[Original, Path, Path]
"""An outcome, the folder of its round, and its own."""


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> list[Written]:
    places = []
    for name in ("market, proven", "granular", "coarse, proven"):
        folder, original = tmp_path_factory.mktemp("written"), originals()[name]
        (folder / "round").mkdir()
        write_round(folder / "round", described(original.problem))
        write_outcome(folder / "out", original.outcome, force=False)
        places.append((original, folder / "round", folder / "out"))
    return places


def check(folder: Path, out: Path) -> int:
    return run(["check", str(folder), str(out)], {})


def test_what_was_written_is_sound(written: list[Written]) -> None:
    for original, folder, out in written:
        assert read_strictly(out) == original.outcome
        assert check(folder, out) == 0


@pytest.mark.parametrize(
    ("file", "spoil"), [pytest.param(f, s, id=f"{what}, {f}") for what, f, s in CASES]
)
def test_every_tampering_with_the_files_is_seen_unless_the_outcome_stays_sound(
    file: str,
    spoil: Spoil,
    written: list[Written],
    tmp_path: Path,
    request: pytest.FixtureRequest,
) -> None:
    random = Random(request.node.name)  # noqa: S311  # drawn again the same, no secret
    for time in range(TIMES):
        original, folder, sound = random.choice(written)
        out = shutil.copytree(sound, tmp_path / str(time))
        before = (out / file).read_bytes()
        (out / file).write_bytes(spoil(random, before))
        outcome = read_strictly(out)
        is_sound = outcome is not None and stands(original.problem, outcome)
        assert (check(folder, out) == 0) == is_sound, (out / file).read_text(errors="replace")
        assert check(folder, out) in (0, 1, 2)
