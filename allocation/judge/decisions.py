"""That there is exactly one decision per bid, and every table stands in the order of its keys."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

from allocation.errors import Violation
from allocation.judge.case import Case


def check_decisions(case: Case) -> Iterator[Violation]:
    """Find bids that are decided twice or never, decisions without a bid, rows out of order."""
    outcome = case.outcome
    awarded = [award.bid_key for award in outcome.awards]
    declined = [decline.bid_key for decline in outcome.declines]
    yield from check_order("awards", awarded)
    yield from check_order("declines", declined)
    decided = Counter(awarded + declined)
    for bid_key, count in decided.items():
        if bid_key not in case.ground.asks:
            yield Violation("unknown-bid", f"There is no bid {bid_key} in this round.")
        elif count > 1:
            yield Violation("decided-twice", f"Bid {bid_key} has {count} decisions, not one.")
    for bid_key in case.ground.asks:
        if bid_key not in decided:
            yield Violation("not-decided", f"Bid {bid_key} is neither awarded nor declined.")


def check_order(table: str, keys: Sequence[Any]) -> Iterator[Violation]:
    """Find the first row of a table that repeats a key or stands before a smaller one."""
    for before, after in pairwise(keys):
        if not before < after:
            yield Violation(
                "row-order", f"In {table}, {_shown(after)} must not follow {_shown(before)}."
            )
            return


def _shown(key: Any) -> str:
    return " ".join(map(str, key)) if isinstance(key, tuple) else str(key)
