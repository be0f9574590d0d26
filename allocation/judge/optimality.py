"""Claims of a proven outcome that fall without a solver.

One better outcome refutes `optimal`, one heavier outcome refutes `unique`: every award is tried
alone, at each other placement of its bid that fits beside all the others. And the certificate
bounds what an outcome with a certain bid can be worth, so that it refutes ties and minimum winning
offers that are too low. What passes here may still be wrong; what fails is.
Source: FORMATS, tie-break; MODEL.md, Certificate and Tie-break.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import cached_property

from allocation.errors import Violation
from allocation.judge.case import Case, Holding
from allocation.judge.certificate import is_scale, prices_by_tier, scaled_bound
from allocation.judge.ground import (
    Ask,
    Room,
    cost_per_lot,
    eligible_placements,
    most_lots,
    running_sums,
)
from allocation.outcome import Decline, Reason, TieBreak
from allocation.problem import Tier


def check_optimality(case: Case) -> Iterator[Violation]:
    """Find awards that alone could be worth more, or weigh more in the tie-break."""
    if not case.is_proven:
        return
    room = case.room_left.copy()
    for holding in case.holdings:
        give_back(room, holding, holding.award.lots)
        yield from _check_alone(case, holding, room)
        give_back(room, holding, -holding.award.lots)


def give_back(room: Room, holding: Holding, lots: int) -> None:
    """Put the units of some lots of an award back into the room."""
    for run in holding.ask.runs:
        for day in range(holding.start + run.first, holding.start + run.end):
            room.total[run.pool_key][day] += run.units * lots
            if holding.ask.tier is Tier.RESERVED:
                room.reserved[run.pool_key][day] += run.units * lots


def _check_alone(case: Case, holding: Holding, room: Room) -> Iterator[Violation]:
    """Try an award at each placement of its bid; one finding is enough."""
    worth = holding.ask.value_score * holding.award.lots
    is_unique = case.outcome.report.tie_break is TieBreak.UNIQUE
    held_weight = _weight(case, holding.ask, holding.start)
    for ask, start, lots in placements_beside(case, holding, room):
        if ask.value_score * lots > worth:
            yield _refuted("not-optimal", "be worth more", case, ask, start, lots)
            return
        fewer, rest = divmod(worth, ask.value_score)
        if is_unique and not rest and ask.min_lots <= fewer <= lots:
            weight = _weight(case, ask, start)
            if (weight, weight * fewer) > (held_weight, held_weight * holding.award.lots):
                yield _refuted(
                    "tie-break", "be worth as much and weigh more", case, ask, start, fewer
                )
                return


def placements_beside(case: Case, holding: Holding, room: Room) -> Iterator[tuple[Ask, int, int]]:
    """Yield the placements of the bid that fit beside all other awards, with their most lots."""
    spendable = case.credits_left[holding.ask.team_key] + holding.offer_credits
    for ask in case.ground.asks[holding.ask.bid_key]:
        affordable = spendable // ask.offer_credits
        for start, alone in case.ground.eligible[ask.bid_key, ask.number]:
            lots = min(alone, affordable, most_lots(ask, room.total, start))
            if ask.tier is Tier.RESERVED:
                lots = min(lots, most_lots(ask, room.reserved, start))
            if lots >= ask.min_lots:
                yield ask, start, lots


def _refuted(code: str, what: str, case: Case, ask: Ask, start: int, lots: int) -> Violation:
    return Violation(
        code,
        f"The outcome is not what it claims to be: beside all other awards, {lots} lots of {ask} "
        f"from {case.ground.day(start)} would {what}.",
    )


def _weight(case: Case, ask: Ask, start: int) -> int:
    """Return the tie-break weight of a placement: 3 bytes of a hash, as a whole number."""
    day = case.ground.day(start).isoformat()
    text = f"{case.ground.problem.nonce}|{ask.bid_key}|{ask.number}|{day}"
    return int(hashlib.sha256(text.encode()).hexdigest()[:6], 16)


# --- what the certificate rules out --------------------------------------------------------


def check_near_wins(case: Case) -> Iterator[Violation]:
    """Find ties and minimum winning offers that cannot be, whoever else would lose for them.

    An outcome with the bid would be worth less than this one, by the certificate.
    """
    if not case.is_proven or not is_scale(case.outcome.certificate.scale):
        return
    reach = _Reach(case)
    for decline in case.outcome.declines:
        asks = case.ground.asks.get(decline.bid_key, ())
        offer = decline.minimum_winning_offer_credits
        if decline.reason is Reason.TIE_BREAK and not reach.allows(asks, asks):
            yield _out_of_reach("reason", f"no outcome with bid {decline.bid_key} is worth as much")
        if offer and not reach.allows(asks, [_raised(ask, decline, offer) for ask in asks]):
            sentence = f"{offer} credits per lot are not enough for bid {decline.bid_key} to win"
            yield _out_of_reach("minimum-winning-offer", sentence)


def _out_of_reach(code: str, sentence: str) -> Violation:
    return Violation(code, f"By the certificate, {sentence}.")


def _raised(ask: Ask, decline: Decline, offer: int) -> Ask:
    """Return the ask that the decline names with a higher offer; every other one as it is."""
    if ask.number != decline.alternative:
        return ask
    value_score = ask.value_score * offer // ask.offer_credits
    return replace(ask, offer_credits=offer, value_score=value_score)


class _Reach:
    """What an outcome with a certain bid can be worth, by the certificate."""

    def __init__(self, case: Case) -> None:
        certificate = case.outcome.certificate
        self.ground = case.ground
        prices = prices_by_tier(case.ground, certificate)
        self.sums = {tier: running_sums(days) for tier, days in prices.items()}
        self.credit_prices = dict(certificate.credit_prices)
        self.scale = certificate.scale
        self.certificate = certificate
        self.value = case.outcome.report.value

    @cached_property
    def slack(self) -> int:
        """How far the bound stands above the value. Units: value points times the scale."""
        return scaled_bound(self.ground, self.certificate) - self.value * self.scale

    def allows(self, asks: Iterable[Ask], awarded: Iterable[Ask]) -> bool:
        """Say whether an outcome of the reported value may award one of the latter asks.

        `asks` are those of the same bid as they count in the bound.
        """
        gains = self._gains(awarded)
        return bool(gains) and max([0, *self._gains(asks)]) - max(gains) <= self.slack

    def _gains(self, asks: Iterable[Ask]) -> list[int]:
        """Return the largest gain of every eligible placement; a loss is least at few lots."""
        return [
            per_lot * (most if per_lot > 0 else ask.min_lots)
            for ask in asks
            for start, most in eligible_placements(self.ground, ask)
            for per_lot in [self._gain_per_lot(ask, start)]
        ]

    def _gain_per_lot(self, ask: Ask, start: int) -> int:
        credit_cost = self.credit_prices.get(ask.team_key, 0) * ask.offer_credits
        use_cost = cost_per_lot(ask, self.sums[ask.tier], start)
        return self.scale * ask.value_score - credit_cost - use_cost
