"""That the awards can stand together: windows, lots, units of every day, credits, reserve cost.

Families C1 to C6 of MODEL.md, with nothing of the model in them.
"""

from __future__ import annotations

from collections.abc import Iterator

from allocation.errors import Violation
from allocation.judge.case import Case, Holding
from allocation.judge.ground import Days, Ground
from allocation.outcome import Award


def check_awards(case: Case) -> Iterator[Violation]:
    """Find awards that grant what their bid did not ask for, or that could never win."""
    held = {id(holding.award): holding for holding in case.holdings}
    for award in case.outcome.awards:
        if id(award) in held:
            yield from _check_terms(held[id(award)])
        elif award.bid_key in case.ground.asks:
            yield _misplaced(case.ground, award)


def _misplaced(ground: Ground, award: Award) -> Violation:
    for ask in ground.asks[award.bid_key]:
        if ask.number == award.alternative:
            first, last = ground.day(ask.starts[0]), ground.day(ask.starts[-1])
            return Violation(
                "start-outside-window",
                f"The award of {ask} starts on {award.start}, outside {first} to {last}.",
            )
    sentence = f"Bid {award.bid_key} has no alternative {award.alternative} to award."
    return Violation("unknown-alternative", sentence)


def _check_terms(holding: Holding) -> Iterator[Violation]:
    award, ask = holding.award, holding.ask
    if not ask.min_lots <= award.lots <= ask.max_lots:
        yield Violation(
            "lots-out-of-range",
            f"The award of {ask} has {award.lots} lots, not {ask.min_lots} to {ask.max_lots}.",
        )
    value_score = ask.value_score * award.lots
    if award.value_score != value_score:
        yield Violation(
            "value-score",
            f"The award of {ask} says a value score of {award.value_score}; "
            f"{award.lots} lots at {ask.value_score} are {value_score}.",
        )
    if ask.is_barred:
        yield Violation(
            "below-reserve-price",
            f"The award of {ask} offers {ask.offer_credits} credits per lot, below its reserve "
            f"cost of {ask.reserve_cost_credits}.",
        )


def check_capacity(case: Case) -> Iterator[Violation]:
    """Find pools and days on which awards take more than commitments leave (C2, C3, C6)."""
    room, left = case.ground.room, case.room_left
    yield from _overtaken(case, "reserved-capacity", "Reserved", room.reserved, left.reserved)
    yield from _overtaken(case, "total-capacity", "All", room.total, left.total)


def _overtaken(case: Case, code: str, which: str, room: Days, left: Days) -> Iterator[Violation]:
    for pool_key, days in left.items():
        for number, units in enumerate(days):
            if units < 0:
                there = room[pool_key][number]
                yield Violation(
                    code,
                    f"{which} awards take {there - units} units of {pool_key} on "
                    f"{case.ground.day(number)}, where {there} are to be had.",
                )


def check_credits(case: Case) -> Iterator[Violation]:
    """Find teams whose awarded offers add up to more than their credits (C4)."""
    for team_key, left in case.credits_left.items():
        if left < 0:
            credits_ = case.ground.credits[team_key]
            yield Violation(
                "credits",
                f"The awarded offers of team {team_key} add up to {credits_ - left} credits; "
                f"it has {credits_}.",
            )
