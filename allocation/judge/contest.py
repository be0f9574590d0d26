"""That a round with a contest says truly how it reached its goals.

What comes first and who was kept is counted again. A bid that comes first and got less than would
fit if everything else were gone refutes the claim of the most first value: so no reserved award is
touched while spot is left that could have served. What passes may still be wrong, what fails is.
Source: MODEL.md, Contests.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from allocation.errors import Violation
from allocation.judge.case import Case, Holding, open_case
from allocation.judge.ground import Ask, Room, most_lots
from allocation.outcome import ContestReport
from allocation.problem import BidKey, Contest


def check_contest(case: Case) -> Iterator[Violation]:
    """Find a contest that is not told, or not truly."""
    contest, told = case.ground.problem.contest, case.outcome.report.contest
    if (contest is None) != (told is None):
        yield Violation("contest", "A report tells of a contest exactly where its round has one.")
    if contest is None or told is None:
        return
    held = {holding.award.bid_key: holding for holding in case.holdings}
    yield from _check_counts(case, contest, told, held)
    if (told.is_best and not told.is_first_best) or (told.is_fewest and not told.is_best):
        yield Violation("contest-claims", "A goal is reached only where those before it are.")
    if told.is_first_best:
        yield from _check_first(case, contest, held)


def _check_counts(
    case: Case, contest: Contest, told: ContestReport, held: dict[BidKey, Holding]
) -> Iterator[Violation]:
    first = [held[key] for key in contest.first if key in held]
    value = sum(one.ask.value_score * one.award.lots for one in first)
    if value != told.first_value:
        yield Violation(
            "contest-first", f"The report says {told.first_value} came first; it is {value}."
        )
    kept = sum(
        key in held and held[key].award.lots == case.ground.asks[key][0].max_lots
        for key in contest.holders
    )
    if kept != told.kept:
        yield Violation(
            "contest-kept", f"The report says {told.kept} holders are kept whole; {kept} are."
        )


def _check_first(case: Case, contest: Contest, held: dict[BidKey, Holding]) -> Iterator[Violation]:
    """Find a bid that comes first and could have more if all that do not were gone."""
    awards = tuple(a for a in case.outcome.awards if a.bid_key in contest.first)
    alone = open_case(case.ground.problem, replace(case.outcome, awards=awards))
    for key in contest.first:
        asks = () if key in held else case.ground.asks[key]
        if any(_could_have(alone, ask, alone.room_left) for ask in asks):
            yield Violation("contest-first", f"Bid {key} comes first and still fits.")


def _could_have(alone: Case, ask: Ask, room: Room) -> bool:
    if ask.is_barred or ask.offer_credits * ask.min_lots > alone.credits_left[ask.team_key]:
        return False
    days = room.open_to(ask.tier)
    return any(most_lots(ask, days, start) >= ask.min_lots for start in ask.starts)
