"""A small quarter, as `python -m bench.quarter` plays it: sound on every day."""

from __future__ import annotations

import random

from bench.quarter import Size, play
from broker.db import Database


def test_a_small_quarter_is_sound_every_day_and_refunds_every_cut_once(market: Database) -> None:
    played = play(market, random.Random(7), Size(1, 6, 6, 24))  # noqa: S311  # a game, not a secret
    assert played.findings == []
    assert played.value >= played.main_value > 0
    assert sum(played.cuts.values()) > 0
