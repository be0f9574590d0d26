"""The placements of an override: what people set, what is to be kept, and all that is free.

An award that is to be kept stands as a placement of its own with exactly its lots, beside the free
placements of its bid, so that whether it is kept is one choice. Source: MODEL.md, Overrides.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from allocation import prices
from allocation.columns import Columns, Flags, Whole, build_columns
from allocation.engine.variables import Terms, lay_out
from allocation.errors import ImpossibleOverride
from allocation.model import build
from allocation.outcome import PRICE_SCALE, Outcome, Override, Placed, Pricing
from allocation.problem import Alternative, Problem, TeamKey


@dataclass(frozen=True)
class OverrideColumns:
    """The placements that may be awarded.

    Shape: `is_pinned` and `is_kept` have a flag per placement; `paid` what it pays: all of it for
    those two, a lot of it, rounded up, for the others. `payable` has the credits of every team.
    """

    columns: Columns
    is_pinned: Flags
    is_kept: Flags
    paid: Whole
    payable: Mapping[TeamKey, int]

    def payments(self) -> Iterator[tuple[Terms, int]]:
        """(O4) Keep what a team pays within what it can pay: Σ p x + Σ p y ≥ −payable, with p < 0.

        A placement whose lots are set counts once, any other one by its lots.
        """
        variables = lay_out(build(self.columns))
        for number, team in enumerate(self.columns.problem.teams):
            mine = np.flatnonzero(self.columns.team == number)
            if not len(mine) or self._most_of(mine) <= self.payable[team.key]:
                continue
            fixed = mine[self._is_set[mine]]
            free = mine[~self._is_set[mine]]
            once = variables.choice_terms(fixed, -self.paid[fixed])
            by_lots = variables.lots_terms(free, -self.paid[free])
            both = Terms(
                np.concatenate([once.variable, by_lots.variable]),
                np.concatenate([once.coefficient, by_lots.coefficient]),
            )
            yield both, -self.payable[team.key]

    def most_paid(self, lots: Whole, k: int) -> int:
        """Say how many lots of a placement its team can pay beside what is awarded."""
        columns = self.columns
        mine = (columns.team == columns.team[k]) & (lots > 0)
        spent = np.where(self._is_set, self.paid, self.paid * lots)[mine].sum()
        team = columns.problem.teams[int(columns.team[k])]
        left = self.payable[team.key] - int(spent)
        if self._is_set[k]:
            return int(columns.max_lots[k]) if int(self.paid[k]) <= left else 0
        return left // max(1, int(self.paid[k])) if self.paid[k] else int(columns.max_lots[k])

    def lots_in(self, columns: Columns, lots: Whole) -> Whole:
        """Return the lots of every eligible placement of the round for those of these."""
        places = {key: n for n, key in enumerate(keys_of(columns))}
        found = np.zeros(columns.count, np.int64)
        own = keys_of(self.columns)
        for k in np.flatnonzero(lots).tolist():
            found[places[own[k]]] = lots[k]
        return found

    @cached_property
    def _is_set(self) -> Flags:
        return np.asarray(self.is_pinned | self.is_kept, np.bool_)

    def _most_of(self, mine: Whole) -> int:
        """Return what a team's placements could cost together at most."""
        lots = np.where(self._is_set[mine], 1, self.columns.max_lots[mine])
        return int((self.paid[mine].astype(object) * lots).sum())


def override_columns(problem: Problem, before: Outcome, override: Override) -> OverrideColumns:
    """List the placements of an override. Raises: ImpossibleOverride if one that is set is none."""
    eligible = build_columns(problem)
    decided = {n for n, bid in enumerate(problem.bids) if bid.key in override.decided}
    is_free = ~np.isin(eligible.bid, list(decided))
    others = [award.placed for award in before.awards if award.bid_key not in override.decided]
    parts = (
        eligible.only(np.flatnonzero(is_free)),
        _exactly(eligible, override.pinned),
        _exactly(eligible, others),
    )
    which = np.repeat([0, 1, 2], [part.count for part in parts])
    both = joined(parts)
    order = np.lexsort((which, both.start, both.alternative, both.bid))
    columns, which = both.only(order), which[order]
    paid = _paid(columns, before, which > 0)
    return OverrideColumns(columns, which == 1, which == 2, paid, _payable(problem, override))  # noqa: PLR2004  # their numbers


def _payable(problem: Problem, override: Override) -> dict[TeamKey, int]:
    """Return what every team can pay; who is not named can pay all its credits."""
    return {team.key: team.credits for team in problem.teams} | dict(override.payable)


def keys_of(columns: Columns) -> list[tuple[int, int, int]]:
    """Return bid, alternative and start of every placement."""
    bid, alternative, start = (
        values.tolist() for values in (columns.bid, columns.alternative, columns.start)
    )
    return list(zip(bid, alternative, start, strict=True))


def _exactly(columns: Columns, wanted: Sequence[Placed]) -> Columns:
    """Return the placements of some awards, each with exactly its lots."""
    places = {key: n for n, key in enumerate(keys_of(columns))}
    bids = {bid.key: n for n, bid in enumerate(columns.problem.bids)}
    first = columns.problem.starts_on
    found = []
    for placed in wanted:
        key = (bids.get(placed.bid_key, -1), placed.alternative, (placed.start - first).days)
        k = places.get(key)
        if k is None or not columns.min_lots[k] <= placed.lots <= columns.max_lots[k]:
            raise ImpossibleOverride(
                f"Bid {placed.bid_key} cannot be awarded {placed.lots} lots of alternative "
                f"{placed.alternative} from {placed.start}: it is not what the bid asks for, or "
                "does not fit an empty round."
            )
        found.append(k)
    lots = np.array([placed.lots for placed in wanted], np.int64)
    chosen = columns.only(np.array(found, np.int64))
    return replace(chosen, min_lots=lots, max_lots=lots)


def joined(parts: Sequence[Columns]) -> Columns:
    """Put placements behind each other."""
    begins = np.cumsum([0, *(part.count for part in parts)])[:-1].tolist()

    def all_of(name: str) -> Whole:
        return np.concatenate([getattr(part, name) for part in parts])

    return replace(
        parts[0],
        bid=all_of("bid"),
        team=all_of("team"),
        alternative=all_of("alternative"),
        start=all_of("start"),
        is_reserved=np.concatenate([part.is_reserved for part in parts]),
        offer=all_of("offer"),
        value=all_of("value"),
        min_lots=all_of("min_lots"),
        max_lots=all_of("max_lots"),
        use_column=np.concatenate(
            [part.use_column + n for part, n in zip(parts, begins, strict=True)]
        ),
        use_cell=all_of("use_cell"),
        use_units=all_of("use_units"),
    )


def _paid(columns: Columns, before: Outcome, is_set: Flags) -> Whole:
    """Return what placements pay: those that are set in all, the others per lot, rounded up."""
    problem, pricing = columns.problem, before.report.pricing
    listed = prices.price_list(problem, before.certificate)
    ways = {(n, way.number): way for n, bid in enumerate(problem.bids) for way in bid.alternatives}
    paid = []
    for k, (bid, number, _) in enumerate(keys_of(columns)):
        way, start = ways[bid, number], columns.start_day(k)
        if is_set[k]:
            lots = int(columns.max_lots[k])
            paid.append(prices.payment_credits(problem, listed, pricing, way, start, lots))
        else:
            cost = listed.list_cost_microcredits(way, start)
            paid.append(most_per_lot(problem, pricing, way, cost))
    return np.array(paid, np.int64)


def most_per_lot(
    problem: Problem, pricing: Pricing, way: Alternative, list_cost_microcredits: int
) -> int:
    """Return what a lot pays at most, whole, however many lots there are."""
    offer = way.offer_credits_per_lot
    if pricing is Pricing.PAY_AS_BID:
        return offer
    fair = -(-list_cost_microcredits * offer // (way.value_score_per_lot * PRICE_SCALE))
    return max(prices.reserve_cost_credits(problem, way), min(offer, fair))
