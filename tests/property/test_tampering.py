"""Whoever tampers with an outcome is caught, unless what is left is just as sound.

Whether it is just as sound is decided by a second, slow judge that shares no code with the first.
"""

from __future__ import annotations

from random import Random

import pytest

from allocation.judge import check_outcome
from tests.originals import originals
from tests.second_judge import stands
from tests.tampering import TAMPERINGS, tampered

CAUGHT_PER_KIND = 10
MOST_DRAWN = 100
"""A kind that hardly ever spoils an outcome is no tampering."""
HARMLESS = ("the same prices on a finer scale", "nothing said of the clearing")
"""Changes that never spoil anything; they must pass."""


def test_there_are_at_least_five_hundred_tamperings() -> None:
    assert len(TAMPERINGS) * CAUGHT_PER_KIND >= 500


@pytest.mark.parametrize("name", originals())
def test_the_originals_are_sound_to_both_judges(name: str) -> None:
    original = originals()[name]
    assert check_outcome(original.problem, original.outcome) == ()
    assert stands(original.problem, original.outcome)
    assert original.outcome.awards
    assert original.outcome.declines


@pytest.mark.parametrize("kind", TAMPERINGS)
def test_every_tampering_that_spoils_an_outcome_is_caught_and_no_other(kind: str) -> None:
    random = Random(kind)  # noqa: S311  # drawn again the same, no secret
    caught = 0
    for _ in range(MOST_DRAWN):
        original = random.choice(list(originals().values()))
        changed = tampered(random, original.problem, original.outcome, TAMPERINGS[kind])
        if repr(changed) == repr(original.outcome):
            continue
        is_caught = bool(check_outcome(original.problem, changed))
        assert is_caught != stands(original.problem, changed), changed
        caught += is_caught
        if caught == CAUGHT_PER_KIND:
            break
    assert caught == (0 if kind in HARMLESS else CAUGHT_PER_KIND)
