"""What another policy would have changed in a past round: value, winners, prices, fairness.

Pure. Points of two policies are of two kinds, so the real awards are valued by the other policy as
well. Fairness is Jain's index of value per credit over the teams that bid: 1 when all get alike,
1/n when one of n gets all. replaying.py keeps comparisons.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from fractions import Fraction
from typing import Any

from allocation.outcome import ListPrice
from allocation.problem import Problem
from allocation.wire import Document

MILLION = 10**6


class WinnerChange(StrEnum):
    """What becomes of a bid under the other policy."""

    WINS = "wins"
    LOSES = "loses"
    MOVES = "moves"


@dataclass(frozen=True, slots=True)
class Won:
    """An award, as far as two outcomes are compared by it."""

    bid_key: str
    team_key: str
    alternative: int
    start: dt.date
    lots: int
    value_score: int
    payment_credits: int

    @property
    def place(self) -> tuple[int, dt.date, int]:
        """What the award is, whatever it counts for and costs."""
        return self.alternative, self.start, self.lots


@dataclass(frozen=True, slots=True)
class Decided:
    """What a round decided under one policy."""

    outcome_sha256: str
    awards: tuple[Won, ...]
    prices: tuple[ListPrice, ...]


@dataclass(frozen=True, slots=True)
class Figures:
    """An outcome in numbers. Units: points by its own policy; Jain's index in millionths."""

    outcome_sha256: str
    value: int
    awards: int
    payment_credits: int
    jain_millionths: int | None

    @property
    def jain_ratio(self) -> float | None:
        """Jain's index as a ratio, for people to read."""
        return None if self.jain_millionths is None else self.jain_millionths / MILLION


@dataclass(frozen=True, slots=True)
class Winner:
    """A bid that is decided in another way."""

    bid_key: str
    change: WinnerChange


@dataclass(frozen=True, slots=True)
class PricePair:
    """The mean list price of a pool and tier over its days, in millionths of a credit."""

    pool_key: str
    tier: str
    real_microcredits: int
    replayed_microcredits: int


@dataclass(frozen=True, slots=True)
class ValuePair:
    """What a team was awarded, in points of the policy of each outcome."""

    team_key: str
    real_value: int
    replayed_value: int


@dataclass(frozen=True, slots=True)
class Comparison:
    """A past round under another policy, beside what it really decided.

    Units: `real_value_by_policy` is what the real awards count for by the other policy, in points.
    """

    run_id: str
    problem_sha256: str
    status: str
    real: Figures
    replayed: Figures
    real_value_by_policy: int
    bids: int
    winners: tuple[Winner, ...]
    prices: tuple[PricePair, ...]
    teams: tuple[ValuePair, ...]

    @property
    def is_same(self) -> bool:
        """Whether the other policy would have published the same, bit for bit."""
        return self.real.outcome_sha256 == self.replayed.outcome_sha256


def figures(decided: Decided, credits_: Mapping[str, int]) -> Figures:
    """Return an outcome in numbers, for teams that bid with such credits."""
    return Figures(
        decided.outcome_sha256,
        sum(award.value_score for award in decided.awards),
        len(decided.awards),
        sum(award.payment_credits for award in decided.awards),
        jain_millionths(values_by_team(decided), credits_),
    )


def jain_millionths(values: Mapping[str, int], credits_: Mapping[str, int]) -> int | None:
    """Return Jain's index of value per credit, rounded down; None where nobody got anything.

    Source: (Σ x)² / (n Σ x²) with x a team's value over its credits; teams without are left out.
    """
    ratios = [Fraction(values.get(team, 0), own) for team, own in credits_.items() if own]
    squares = sum(ratio * ratio for ratio in ratios)
    if not squares:
        return None
    return int(MILLION * sum(ratios) ** 2 / (len(ratios) * squares))


def values_by_team(decided: Decided) -> dict[str, int]:
    """Return what teams were awarded, in points."""
    found: dict[str, int] = defaultdict(int)
    for award in decided.awards:
        found[award.team_key] += award.value_score
    return found


def value_by(problem: Problem, awards: Iterable[Won]) -> int:
    """Return what awards count for where a problem has their alternatives, in points."""
    scores = {
        (str(bid.key), way.number): way.value_score_per_lot
        for bid in problem.bids
        for way in bid.alternatives
    }
    return sum(award.lots * scores.get((award.bid_key, award.alternative), 0) for award in awards)


def changed_winners(real: Decided, replayed: Decided) -> Iterator[Winner]:
    """Name the bids that win, lose, or win something else under the other policy."""
    before = {award.bid_key: award.place for award in real.awards}
    after = {award.bid_key: award.place for award in replayed.awards}
    for key in sorted(before.keys() | after.keys()):
        if key not in before:
            yield Winner(key, WinnerChange.WINS)
        elif key not in after:
            yield Winner(key, WinnerChange.LOSES)
        elif before[key] != after[key]:
            yield Winner(key, WinnerChange.MOVES)


def price_pairs(real: Decided, replayed: Decided) -> Iterator[PricePair]:
    """Compare mean list prices, by pool and tier."""
    before, after = _mean_prices(real.prices), _mean_prices(replayed.prices)
    for place in sorted(before.keys() | after.keys()):
        yield PricePair(*place, before.get(place, 0), after.get(place, 0))


def value_pairs(
    real: Decided, replayed: Decided, credits_: Mapping[str, int]
) -> Iterator[ValuePair]:
    """Compare what the teams that bid were awarded."""
    before, after = values_by_team(real), values_by_team(replayed)
    for team in sorted(credits_):
        yield ValuePair(team, before.get(team, 0), after.get(team, 0))


def comparison_document(comparison: Comparison) -> Document:
    """Return a comparison as it is kept."""
    return asdict(comparison)


def comparison_from_document(document: Mapping[str, Any]) -> Comparison:
    """Return a comparison as it was kept."""
    winners = (Winner(one["bid_key"], WinnerChange(one["change"])) for one in document["winners"])
    return Comparison(
        **{
            **document,
            "real": Figures(**document["real"]),
            "replayed": Figures(**document["replayed"]),
            "winners": tuple(winners),
            "prices": tuple(PricePair(**one) for one in document["prices"]),
            "teams": tuple(ValuePair(**one) for one in document["teams"]),
        }
    )


def _mean_prices(prices: Iterable[ListPrice]) -> dict[tuple[str, str], int]:
    found: dict[tuple[str, str], list[int]] = defaultdict(list)
    for price in prices:
        found[price.pool_key, price.tier].append(price.list_price_microcredits)
    return {place: sum(some) // len(some) for place, some in found.items()}
