"""The company's chance: every draw comes from named dice, so that a story can be told twice.

Nothing here knows the market. Read calendars.py next.
"""

from __future__ import annotations

import random


def dice(*words: object) -> random.Random:
    """Return dice that always fall the same way for the same words."""
    return random.Random("|".join(str(word) for word in words))  # noqa: S311  # a story, no secret
