"""Every whole round that is at hand reads, and writes back as the same round."""

from __future__ import annotations

from pathlib import Path

from allocation.folders import read_round, write_round
from tests.rounds import invented_round, round_folders


def test_every_round_at_hand_reads_and_reads_back(tmp_path: Path) -> None:
    folders = round_folders(tmp_path / "invented")
    assert folders
    for number, folder in enumerate(folders):
        round_folder = read_round(folder)
        write_round(tmp_path / f"copy-{number}", round_folder)
        assert read_round(tmp_path / f"copy-{number}") == round_folder


def test_an_invented_round_reads_back(tmp_path: Path) -> None:
    round_folder = invented_round(seed=7, bid_count=50)
    write_round(tmp_path / "round", round_folder)
    assert read_round(tmp_path / "round") == round_folder
