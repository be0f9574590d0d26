"""That every part of an outcome is of its kind: whole numbers, days, keys, words of closed sets.

An outcome may come from files or another process, where a type promises nothing. `True` and 12.0
are no whole numbers here.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable, Iterable, Iterator, Mapping

from allocation.errors import Violation
from allocation.outcome import (
    ClearingReport,
    FloorReport,
    Outcome,
    Override,
    OverrideReport,
    Placed,
    PriceRule,
    Pricing,
    Proof,
    Reason,
    Status,
    StoppedBy,
    TieBreak,
)
from allocation.problem import Tier

Kind = Callable[[object], bool]
BEYOND_EVERY_LIMIT = 10**100
"""No number of a round comes near; larger ones are no numbers that a person could check."""


def check_shape(outcome: Outcome) -> Iterator[Violation]:
    """Find every field whose value is not of the kind that FORMATS names."""
    for award in outcome.awards:
        yield from _misfits(f"The award of bid {award.bid_key!r}", award, _AWARD)
    for decline in outcome.declines:
        yield from _misfits(f"The decline of bid {decline.bid_key!r}", decline, _DECLINE)
    for price in outcome.prices:
        yield from _misfits(f"The price of {price.pool_key!r} on {price.day!r}", price, _PRICE)
    yield from _misfits("The report", outcome.report, _REPORT)
    yield from _misfits("The report's baselines", outcome.report.baselines, _BASELINES)
    yield from _misfits("The report's counts", outcome.report.counts, _COUNTS)
    yield from _misfits("The certificate", outcome.certificate, _CERTIFICATE)
    if isinstance(outcome.report.floors, FloorReport):
        yield from _misfits("The report's floors", outcome.report.floors, _FLOORS)
        for team in outcome.report.floors.teams:
            yield from _misfits(f"The floor of team {team.team_key!r}", team, _TEAM_FLOOR)
    if isinstance(outcome.report.clearing, ClearingReport):
        yield from _misfits("The report's clearing", outcome.report.clearing, _CLEARING)
    override = outcome.report.override
    if isinstance(override, OverrideReport):
        yield from _misfits("The report's override", override, _OVERRIDDEN)
        if isinstance(override.override, Override):
            yield from _misfits("The report's override", override.override, _OVERRIDE)


def _misfits(owner: str, part: object, kinds: Mapping[str, Kind]) -> Iterator[Violation]:
    for name, is_kind in kinds.items():
        value = getattr(part, name)
        if not is_kind(value):
            kind = is_kind.__name__.removeprefix("is_").replace("_", " ")
            yield Violation("not-well-formed", f"{owner} has {value!r} as {name}, not {kind}.")


def is_printable_text(value: object) -> bool:
    """Whether it is text that prints on one line."""
    return isinstance(value, str) and value.isprintable()


def is_a_whole_number(value: object) -> bool:
    """Whether it is a whole number; a truth value is none."""
    if isinstance(value, bool) or not isinstance(value, int):
        return False
    return abs(value) < BEYOND_EVERY_LIMIT


def is_a_number(value: object) -> bool:
    """Whether it is a number with a size."""
    is_finite_float = isinstance(value, float) and math.isfinite(value)
    return is_finite_float or is_a_whole_number(value)


def is_a_truth_value(value: object) -> bool:
    """Whether it is true or false."""
    return isinstance(value, bool)


def is_a_day(value: object) -> bool:
    """Whether it is a date without a time."""
    return isinstance(value, dt.date) and not isinstance(value, dt.datetime)


def is_a_table_of_numbers(value: object) -> bool:
    """Whether it maps names to numbers."""
    return isinstance(value, Mapping) and all(
        is_printable_text(name) and is_a_number(number) for name, number in value.items()
    )


def is_a_table(value: object) -> bool:
    """Whether it maps names to anything."""
    return isinstance(value, Mapping)


def is_a_list_of_day_prices(value: object) -> bool:
    """Whether each entry is a pool, a day and a whole number."""
    return _has_rows(value, (is_printable_text, is_a_day, is_a_whole_number))


def is_a_list_of_team_prices(value: object) -> bool:
    """Whether each entry is a team and a whole number."""
    return _has_rows(value, (is_printable_text, is_a_whole_number))


def is_a_list_of_keys(value: object) -> bool:
    """Whether each entry is a key."""
    return isinstance(value, Iterable) and all(map(is_printable_text, value))


def is_a_list_of_awards(value: object) -> bool:
    """Whether each entry is a bid, an alternative, a day and a whole number of lots."""
    return isinstance(value, Iterable) and all(
        isinstance(row, Placed)
        and _has_rows(
            [(row.bid_key, row.alternative, row.start, row.lots)],
            (is_printable_text, is_a_whole_number, is_a_day, is_a_whole_number),
        )
        for row in value
    )


def _has_rows(value: object, kinds: tuple[Kind, ...]) -> bool:
    return isinstance(value, Iterable) and all(
        isinstance(row, tuple)
        and len(row) == len(kinds)
        and all(is_kind(cell) for is_kind, cell in zip(kinds, row, strict=True))
        for row in value
    )


def _or_empty(is_kind: Kind) -> Kind:
    def is_empty_or(value: object) -> bool:
        return value is None or is_kind(value)

    is_empty_or.__name__ = f"{is_kind.__name__} or empty"
    return is_empty_or


def _one_of(words: type) -> Kind:
    def is_one(value: object) -> bool:
        return isinstance(value, words)

    is_one.__name__ = f"a {words.__name__}"
    return is_one


_AWARD: dict[str, Kind] = {
    "bid_key": is_printable_text,
    "alternative": is_a_whole_number,
    "start": is_a_day,
    "lots": is_a_whole_number,
    "value_score": is_a_whole_number,
    "payment_credits": is_a_whole_number,
}
_DECLINE: dict[str, Kind] = {
    "bid_key": is_printable_text,
    "reason": _one_of(Reason),
    "alternative": _or_empty(is_a_whole_number),
    "pool_key": _or_empty(is_printable_text),
    "day": _or_empty(is_a_day),
    "minimum_winning_offer_credits": _or_empty(is_a_whole_number),
    "detail": is_printable_text,
}
_PRICE: dict[str, Kind] = {
    "pool_key": is_printable_text,
    "day": is_a_day,
    "tier": _one_of(Tier),
    "list_price_microcredits": is_a_whole_number,
}
_REPORT: dict[str, Kind] = {
    "round_key": is_printable_text,
    "problem_sha256": is_printable_text,
    "outcome_sha256": is_printable_text,
    "pricing": _one_of(Pricing),
    "status": _one_of(Status),
    "proof": _one_of(Proof),
    "tie_break": _one_of(TieBreak),
    "value": is_a_whole_number,
    "bound": is_a_whole_number,
    "certified_bound": is_a_whole_number,
    "gap_ratio": is_a_number,
    "stopped_by": _one_of(StoppedBy),
    "seconds": is_a_table_of_numbers,
    "solver": is_a_table,
    "floors": _or_empty(_one_of(FloorReport)),
    "clearing": _or_empty(_one_of(ClearingReport)),
    "override": _or_empty(_one_of(OverrideReport)),
}
_BASELINES: dict[str, Kind] = {
    "first_come": is_a_whole_number,
    "density_greedy": is_a_whole_number,
}
_COUNTS: dict[str, Kind] = {
    "bids": is_a_whole_number,
    "awarded": is_a_whole_number,
    "declined": is_a_whole_number,
    "placements": is_a_whole_number,
}
_FLOORS: dict[str, Kind] = {
    "ratio": is_printable_text,
    "shortfall_ratio": is_a_number,
    "is_proven": is_a_truth_value,
    "value_without_floors": is_a_whole_number,
    "price_of_fairness": is_a_whole_number,
}
_CLEARING: dict[str, Kind] = {
    "price_rule": _one_of(PriceRule),
    "winners_capped": is_a_whole_number,
    "losers_above_list_cost": is_a_whole_number,
    "regret": is_a_whole_number,
    "winners_loss": is_a_whole_number,
    "capacity_left": is_a_whole_number,
    "credits_left": is_a_whole_number,
    "rounded_off": is_a_whole_number,
}
_TEAM_FLOOR: dict[str, Kind] = {
    "team_key": is_printable_text,
    "floor": is_a_whole_number,
    "value": is_a_whole_number,
    "shortfall": is_a_whole_number,
}
_CERTIFICATE: dict[str, Kind] = {
    "scale": is_a_whole_number,
    "reserved_prices": is_a_list_of_day_prices,
    "total_prices": is_a_list_of_day_prices,
    "credit_prices": is_a_list_of_team_prices,
}
_OVERRIDDEN: dict[str, Kind] = {
    "override": _one_of(Override),
    "before_sha256": is_printable_text,
    "before_value": is_a_whole_number,
    "before_awards": is_a_list_of_awards,
    "kept": is_a_whole_number,
    "is_fewest": is_a_truth_value,
    "is_best": is_a_truth_value,
}
_OVERRIDE: dict[str, Kind] = {
    "pinned": is_a_list_of_awards,
    "excluded": is_a_list_of_keys,
    "payable": is_a_list_of_team_prices,
}
