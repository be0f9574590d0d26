"""The best outcome of a tiny round by looking at all of them; slow, short, and on its own.

It shares no code with the engine: bids are taken one after the other, and for every remainder of
the round the best way to get there is kept. Best is the smallest largest shortfall against the
floors, where there are any, then largest value, then the written tie-break.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import partial

from allocation.problem import Alternative, Bid, Problem, TeamKey, Tier

Score = tuple[int, int, int]
"""Value, sum of tie-break weights, sum of weights times lots: compared in this order."""
Choice = tuple[str, int, dt.date, int]
"""Bid, alternative, start, lots."""
Left = tuple[int, ...]
"""What is left of every limit: reserved units and all units of a pool and day, credits."""
Owed = tuple[int, ...]
"""What the awards of every team still have to be worth to reach its floor."""


@dataclass(frozen=True)
class Counted:
    """What a choice counts for beside its value under an override, in points, and what it pays."""

    bonus: int
    paid: int


@dataclass(frozen=True)
class Rule:
    """An override: what counts for what (None: it may not be), and what each team can pay."""

    count: Callable[[Choice], Counted | None]
    payable: Mapping[TeamKey, int]


@dataclass(frozen=True)
class Best:
    """The best outcome of a round, and how many outcomes are equally good in all three scores."""

    score: Score
    choices: tuple[Choice, ...]
    outcome_count: int
    shortfall: Fraction

    @property
    def value(self) -> int:
        return self.score[0]


@dataclass(frozen=True)
class _Option:
    use: tuple[tuple[int, int], ...]
    team: int
    score: Score
    choice: Choice


@dataclass
class _Way:
    score: Score
    choices: tuple[Choice, ...]
    outcome_count: int


Ways = dict[tuple[Left, Owed], _Way]


def best_outcome(
    problem: Problem, floors: Mapping[TeamKey, int] | None = None, rule: Rule | None = None
) -> Best:
    """Return the best outcome of a round of up to about eight bids; fewer where it has floors."""
    due = tuple((floors or {}).get(team.key, 0) for team in problem.teams)
    limits = _limits(problem)
    if rule:
        limits |= {("paid", team): credits_ for team, credits_ in rule.payable.items()}
    places = {name: place for place, name in enumerate(limits)}
    options = [_options(problem, bid, places, limits, rule) for bid in problem.bids]
    options.sort(key=len)
    at_most = _rest_at_most(options)
    appetite = _rest_appetite(options, len(limits))
    lower = 0 if any(due) else _greedy_value(options, tuple(limits.values()))
    ways = {(_cut(tuple(limits.values()), appetite[0]), due): _Way((0, 0, 0), (), 1)}
    for number, of_bid in enumerate(options):
        ways = _extend(ways, of_bid, appetite[number + 1], lower - at_most[number + 1])
    ranks = {key: (-_shortfall(due, key[1]), way.score) for key, way in ways.items()}
    best = max(ranks.values())
    equal = [ways[key] for key, rank in ranks.items() if rank == best]
    outcome_count = sum(way.outcome_count for way in equal)
    return Best(best[1], tuple(sorted(equal[0].choices)), outcome_count, -best[0])


def _shortfall(due: Owed, owed: Owed) -> Fraction:
    missed = (Fraction(o, d) for o, d in zip(owed, due, strict=True) if d)
    return max(missed, default=Fraction(0))


def tie_break_weight(problem: Problem, bid_key: str, alternative: int, start: dt.date) -> int:
    """Return the public weight of a placement under the nonce of the round."""
    text = f"{problem.nonce}|{bid_key}|{alternative}|{start.isoformat()}"
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:3], "big")


def _limits(problem: Problem) -> dict[object, int]:
    limits: dict[object, int] = {}
    for pool in problem.pools:
        for number in range(problem.days):
            today = problem.starts_on + dt.timedelta(days=number)
            limits[Tier.RESERVED, pool.key, today] = 0
            limits[Tier.SPOT, pool.key, today] = 0
    for sign, rows in ((1, problem.capacity), (-1, problem.commitments)):
        for row in rows:
            limits[Tier.RESERVED, row.pool_key, row.day] += sign * row.reserved_units
            all_units = row.reserved_units + row.spot_units
            limits[Tier.SPOT, row.pool_key, row.day] += sign * all_units
    return limits | {team.key: team.credits for team in problem.teams}


def _options(
    problem: Problem,
    bid: Bid,
    places: dict[object, int],
    limits: dict[object, int],
    rule: Rule | None,
) -> list[_Option]:
    found = []
    team = [team.key for team in problem.teams].index(bid.team_key)
    for alternative in filter(partial(_is_allowed, problem), bid.alternatives):
        for start in alternative.starts:
            weight = tie_break_weight(problem, bid.key, alternative.number, start)
            per_lot = _use_per_lot(bid, alternative, start)
            for lots in range(alternative.min_lots, alternative.max_lots + 1):
                use = {name: lots * amount for name, amount in per_lot.items()}
                choice = (bid.key, alternative.number, start, lots)
                counted = rule.count(choice) if rule else Counted(0, 0)
                if counted is None:
                    continue
                if rule:
                    use["paid", bid.team_key] = counted.paid
                if all(limits[name] >= amount for name, amount in use.items()):
                    value = lots * alternative.value_score_per_lot + counted.bonus
                    score = (value, weight, weight * lots)
                    pairs = tuple((places[name], amount) for name, amount in use.items())
                    found.append(_Option(pairs, team, score, choice))
    return found


def _use_per_lot(bid: Bid, alternative: Alternative, start: dt.date) -> dict[object, int]:
    use: dict[object, int] = defaultdict(int)
    use[bid.team_key] = alternative.offer_credits_per_lot
    for item in alternative.items:
        for number in range(item.offset_days, item.offset_days + item.days):
            today = start + dt.timedelta(days=number)
            use[Tier.SPOT, item.pool_key, today] += item.units_per_lot
            if alternative.tier is Tier.RESERVED:
                use[Tier.RESERVED, item.pool_key, today] += item.units_per_lot
    return use


def _is_allowed(problem: Problem, alternative: Alternative) -> bool:
    prices = {pool.key: pool.reserve_price_credits for pool in problem.pools}
    cost = sum(i.units_per_lot * i.days * prices[i.pool_key] for i in alternative.items)
    return alternative.offer_credits_per_lot >= cost


def _rest_at_most(options: list[list[_Option]]) -> list[int]:
    """Return for every bid what it and all later ones could add to the value at most."""
    sums = [0]
    for of_bid in reversed(options):
        sums.append(sums[-1] + max((option.score[0] for option in of_bid), default=0))
    return sums[::-1]


def _rest_appetite(options: list[list[_Option]], size: int) -> list[Left]:
    """Return for every bid how much of each limit it and all later ones could use at most."""
    sums: list[Left] = [(0,) * size]
    for of_bid in reversed(options):
        most = list(sums[-1])
        for place in range(size):
            most[place] += max((dict(o.use).get(place, 0) for o in of_bid), default=0)
        sums.append(tuple(most))
    return sums[::-1]


def _greedy_value(options: list[list[_Option]], limits: Left) -> int:
    left, value = list(limits), 0
    for of_bid in options:
        for option in sorted(of_bid, key=lambda o: -o.score[0]):
            if all(left[place] >= amount for place, amount in option.use):
                for place, amount in option.use:
                    left[place] -= amount
                value += option.score[0]
                break
    return value


def _cut(left: Left, appetite: Left) -> Left:
    """Forget what nobody could use any more, so that equal remainders look equal."""
    return tuple(map(min, left, appetite))


def _extend(ways: Ways, of_bid: list[_Option], appetite: Left, least_value: int) -> Ways:
    """Decide one more bid in every way; drop what can no longer reach the known value."""
    extended: Ways = {}
    for (left, owed), way in ways.items():
        if way.score[0] >= least_value:
            _keep(extended, (_cut(left, appetite), owed), way)
        for option in of_bid:
            is_hopeless = way.score[0] + option.score[0] < least_value
            if is_hopeless or any(left[place] < amount for place, amount in option.use):
                continue
            after = list(left)
            for place, amount in option.use:
                after[place] -= amount
            _keep(extended, (_cut(tuple(after), appetite), _paid(owed, option)), _with(way, option))
    return extended


def _with(way: _Way, option: _Option) -> _Way:
    value, weight, weighted_lots = (a + b for a, b in zip(way.score, option.score, strict=True))
    return _Way((value, weight, weighted_lots), (*way.choices, option.choice), way.outcome_count)


def _paid(owed: Owed, option: _Option) -> Owed:
    """Return what is owed to every team after an award."""
    value = option.score[0]
    return tuple(max(0, o - value) if n == option.team else o for n, o in enumerate(owed))


def _keep(ways: Ways, place: tuple[Left, Owed], way: _Way) -> None:
    known = ways.get(place)
    if known is None or way.score > known.score:
        ways[place] = way
    elif way.score == known.score:
        outcome_count = known.outcome_count + way.outcome_count
        ways[place] = _Way(known.score, known.choices, outcome_count)
