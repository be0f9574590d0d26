"""Random tamperings of an outcome: what somebody with an editor and some knowledge might try.

A tampering changes one thing, and then may also put right what follows from it: the hash alone, or
everything that the report counts and adds up. Each is drawn from a seeded source, so that a failing
one can be drawn again. Whether it leaves a sound outcome is for second_judge.py to say.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import fields, replace
from random import Random
from typing import Any, TypeVar

from allocation.outcome import (
    Award,
    Certificate,
    Decline,
    Outcome,
    Pricing,
    Proof,
    Reason,
    Report,
    Status,
    StoppedBy,
    TieBreak,
)
from allocation.problem import Problem
from tests.outcomes import certified_bound, sealed

Tamper = Callable[[Random, Problem, Outcome], Outcome]
_Row = TypeVar("_Row")
FOREIGN_KEYS = ("nobody", "zz", "")
OF_OTHER_KINDS: tuple[Any, ...] = (None, True, 1.0, 2.5, "7", "", b"7", (), dt.date(2026, 3, 2))


def tampered(random: Random, problem: Problem, outcome: Outcome, tamper: Tamper) -> Outcome:
    """Return the outcome with one thing changed; by chance, with what follows put right."""
    changed = tamper(random, problem, outcome)
    put_right = random.choice((_nothing, sealed, _reckoned))
    try:
        return put_right(changed)
    except (AttributeError, TypeError):
        return changed  # something of another kind can be neither hashed nor added up


def _nothing(outcome: Outcome) -> Outcome:
    return outcome


def _reckoned(outcome: Outcome) -> Outcome:
    """Put right the hash, and all that the report counts and concludes; of prices it is silent."""
    awards, report = outcome.awards, outcome.report
    value = sum(award.value_score for award in awards)
    is_optimal = value == report.bound
    claims: dict[str, Any] = {}
    if not is_optimal:
        claims = {"proof": Proof.NONE, "tie_break": TieBreak.INCOMPLETE}
        claims["stopped_by"] = StoppedBy.DETERMINISTIC_LIMIT
    reckoned = replace(
        report,
        value=value,
        status=Status.OPTIMAL if is_optimal else Status.FEASIBLE,
        gap_ratio=(report.bound - value) / report.bound if report.bound else 0.0,
        counts=replace(report.counts, awarded=len(awards), declined=len(outcome.declines)),
        clearing=None,
        **claims,
    )
    return sealed(replace(outcome, report=reckoned))


# --- what is drawn -------------------------------------------------------------------------


def another_number(random: Random, number: int) -> int:
    """Draw a whole number near or far from another."""
    near, far = random.randint(1, 3), random.randint(1, 10**6)
    choices = (number + near, number - near, number + far, number * 10, number // 2, -number, 0)
    return random.choice([*choices, number + 2**31, number + 2**64])


def _another_day(random: Random, day: dt.date) -> dt.date:
    return day + dt.timedelta(days=random.choice((-400, -7, -2, -1, 1, 2, 7, 400)))


def _another(random: Random, rows: Sequence[_Row], besides: object) -> _Row:
    return random.choice([row for row in rows if row != besides] or list(rows))


def _at(
    random: Random, rows: tuple[_Row, ...], change: Callable[[_Row], Sequence[_Row]]
) -> tuple[_Row, ...]:
    """Replace one row, drawn by chance, by none, one or several."""
    place = random.randrange(len(rows))
    return (*rows[:place], *change(rows[place]), *rows[place + 1 :])


# --- rows of a table -----------------------------------------------------------------------


def _row(table: str, change: Callable[[Random, Problem, Any], Sequence[Any]]) -> Tamper:
    """Replace one row of a table by none, one or several."""

    def tamper(random: Random, problem: Problem, outcome: Outcome) -> Outcome:
        rows = _at(random, getattr(outcome, table), lambda row: change(random, problem, row))
        return _with(outcome, table, rows)

    return tamper


def _field(table: str, change: Callable[[Random, Problem, Any], dict[str, Any]]) -> Tamper:
    """Change fields of one row of a table."""
    return _row(table, lambda random, problem, row: [replace(row, **change(random, problem, row))])


def _number(table: str, name: str) -> Tamper:
    """Change a number of one row of a table."""
    return _field(table, lambda random, _, row: {name: another_number(random, getattr(row, name))})


def _order(table: str) -> Tamper:
    """Write the rows of a table in another order."""

    def tamper(random: Random, _problem: Problem, outcome: Outcome) -> Outcome:
        rows = getattr(outcome, table)
        return _with(outcome, table, tuple(random.sample(rows, len(rows))))

    return tamper


def _with(outcome: Outcome, table: str, rows: tuple[Any, ...]) -> Outcome:
    changed: dict[str, Any] = {table: rows}
    return replace(outcome, **changed)


def _gone(_random: Random, _problem: Problem, _row: object) -> list[object]:
    return []


def _twice(_random: Random, _problem: Problem, row: object) -> list[object]:
    return [row, row]


# --- awards --------------------------------------------------------------------------------


def _moved(random: Random, problem: Problem, award: Award) -> dict[str, Any]:
    """Move an award to a day that its bid allows, if there is another."""
    bid = next(bid for bid in problem.bids if bid.key == award.bid_key)
    asked = next(a for a in bid.alternatives if a.number == award.alternative)
    return {"start": _another(random, asked.starts, award.start)}


def _other_alternative(random: Random, problem: Problem, award: Award) -> dict[str, Any]:
    bid = next(bid for bid in problem.bids if bid.key == award.bid_key)
    numbers = [a.number for a in bid.alternatives]
    return {"alternative": _another(random, [*numbers, max(numbers) + 1], award.alternative)}


def _fewer_lots(random: Random, _problem: Problem, award: Award) -> dict[str, Any]:
    """Take lots away, and what they are worth and cost with them."""
    lots = random.randint(1, max(1, award.lots - 1))
    value, payment = award.value_score * lots, award.payment_credits * lots
    return {
        "lots": lots,
        "value_score": value // award.lots,
        "payment_credits": payment // award.lots,
    }


def _award_a_declined_bid(random: Random, problem: Problem, outcome: Outcome) -> Outcome:
    """Let a loser win beside all others; its decline goes, or stays."""
    decline = random.choice(outcome.declines)
    bid = next(bid for bid in problem.bids if bid.key == decline.bid_key)
    asked = random.choice(bid.alternatives)
    lots = random.randint(asked.min_lots, asked.max_lots)
    value, payment = asked.value_score_per_lot * lots, asked.offer_credits_per_lot * lots
    won = Award(bid.key, asked.number, random.choice(asked.starts), lots, value, payment)
    awards = tuple(sorted((*outcome.awards, won), key=lambda a: a.bid_key))
    kept = [d for d in outcome.declines if d != decline]
    declines = random.choice((tuple(kept), outcome.declines))
    return replace(outcome, awards=awards, declines=declines)


def _decline_a_winner(random: Random, _problem: Problem, outcome: Outcome) -> Outcome:
    gone = random.choice(outcome.awards)
    lost = Decline(gone.bid_key, random.choice(list(Reason)), gone.alternative)
    declines = tuple(sorted((*outcome.declines, lost), key=lambda d: d.bid_key))
    return replace(outcome, awards=tuple(a for a in outcome.awards if a != gone), declines=declines)


def _other_winner(random: Random, problem: Problem, award: Award) -> dict[str, Any]:
    return {"bid_key": _another(random, [bid.key for bid in problem.bids], award.bid_key)}


# --- declines ------------------------------------------------------------------------------


def _higher_offer(random: Random, problem: Problem, decline: Decline) -> dict[str, Any]:
    """Promise that some higher offer would have won, mostly one that is not much higher."""
    bid = next(bid for bid in problem.bids if bid.key == decline.bid_key)
    asked = next((a for a in bid.alternatives if a.number == decline.alternative), None)
    offer = asked.offer_credits_per_lot if asked else 1
    return {"minimum_winning_offer_credits": offer + random.choice((-1, 0, 1, 1, 2, offer))}


def _decline_nobody(random: Random, _problem: Problem, outcome: Outcome) -> Outcome:
    extra = Decline(random.choice(FOREIGN_KEYS), random.choice(list(Reason)))  # type: ignore[arg-type]  # no bid has it
    declines = sorted((*outcome.declines, extra), key=lambda d: d.bid_key)
    return replace(outcome, declines=tuple(declines))


# --- report --------------------------------------------------------------------------------


def _report(change: Callable[[Random, Report], dict[str, Any]]) -> Tamper:
    return lambda random, _, outcome: replace(
        outcome, report=replace(outcome.report, **change(random, outcome.report))
    )


def _number_of_the_report(name: str) -> Tamper:
    return _report(lambda r, report: {name: another_number(r, getattr(report, name))})


def _word_of_the_report(name: str, words: type) -> Tamper:
    return _report(lambda r, report: {name: _another(r, list(words), getattr(report, name))})  # type: ignore[call-overload]  # an enum


def _number_of_a_part(name: str, besides: str = "") -> Tamper:
    def change(random: Random, report: Report) -> dict[str, Any]:
        part = getattr(report, name)
        key = random.choice([field.name for field in fields(part) if field.name != besides])
        return {name: replace(part, **{key: another_number(random, getattr(part, key))})}

    return _report(change)


def _hash(name: str) -> Tamper:
    def change(random: Random, report: Report) -> dict[str, Any]:
        letters = list(getattr(report, name))
        letters[random.randrange(len(letters))] = random.choice("0123456789abcdefG ")
        return {name: random.choice(("".join(letters), getattr(report, name).upper(), ""))}

    return _report(change)


def _seconds(random: Random, _report: Report) -> dict[str, Any]:
    return {"seconds": random.choice(({}, {"solve": 1.0}, {"total": -1.0}, {"total": "1"}))}


def _solver(random: Random, report: Report) -> dict[str, Any]:
    gone = random.choice(("names", "versions", "parameters", "seed"))
    return {"solver": {key: value for key, value in report.solver.items() if key != gone}}


def _claim_less(random: Random, _problem: Problem, outcome: Outcome) -> Outcome:
    """Say that the outcome is the best, by lowering the bound to its value."""
    value = outcome.report.value
    optimal = replace(
        outcome.report,
        bound=value,
        gap_ratio=0.0,
        status=Status.OPTIMAL,
        proof=random.choice((Proof.ONE_SOLVER, Proof.TWO_SOLVERS, Proof.CERTIFIED)),
        stopped_by=random.choice(list(StoppedBy)),
        tie_break=random.choice(list(TieBreak)),
    )
    return replace(outcome, report=optimal)


# --- certificate ---------------------------------------------------------------------------

TABLES = ("reserved_prices", "total_prices", "credit_prices")
SUMS = ("regret", "winners_loss", "capacity_left", "credits_left", "rounded_off")
"""What the report's clearing counts in parts of the certificate's scale."""


def _certificate(change: Callable[[Random, Problem, Certificate], dict[str, Any]]) -> Tamper:
    """Change the certificate; by chance, with the certified bound that follows from it."""

    def tamper(random: Random, problem: Problem, outcome: Outcome) -> Outcome:
        certificate = outcome.certificate
        certificate = replace(certificate, **change(random, problem, certificate))
        spoilt = replace(outcome, certificate=certificate)
        return random.choice((_nothing, lambda o: _with_its_bound(problem, o)))(spoilt)

    return tamper


def _with_its_bound(problem: Problem, outcome: Outcome) -> Outcome:
    try:
        bound = certified_bound(problem, outcome.certificate)
    except (ArithmeticError, KeyError, TypeError, ValueError):
        return outcome  # prices that prove nothing have no bound
    return replace(outcome, report=replace(outcome.report, certified_bound=bound))


def _rows(
    change: Callable[[Random, Problem, tuple[Any, ...]], Sequence[tuple[Any, ...]]],
) -> Tamper:
    """Change one row of a table of the certificate that has some."""

    def choose(random: Random, problem: Problem, certificate: Certificate) -> dict[str, Any]:
        name = random.choice([name for name in TABLES if getattr(certificate, name)])
        rows = getattr(certificate, name)
        return {name: _at(random, rows, lambda row: change(random, problem, row))}

    return _certificate(choose)


def _elsewhere(random: Random, _problem: Problem, row: tuple[Any, ...]) -> list[tuple[Any, ...]]:
    """Let a price be of something that the round does not have, or of another day."""
    day = (_another_day(random, row[1]),) if len(row) == len(("pool", "day", "n")) else row[1:-1]
    return [random.choice(((random.choice(FOREIGN_KEYS), *row[1:]), (row[0], *day, row[-1])))]


def _no_table(random: Random, _problem: Problem, certificate: Certificate) -> dict[str, Any]:
    return {random.choice([name for name in TABLES if getattr(certificate, name)]): ()}


def _scale(random: Random, _problem: Problem, certificate: Certificate) -> dict[str, Any]:
    scale = certificate.scale
    choices = (scale * 10, scale // 10, scale * 1000, 10**6, 10**5, 1, 0, -scale, scale + 1)
    return {"scale": _another(random, choices, scale)}


def _finer(_random: Random, _problem: Problem, outcome: Outcome) -> Outcome:
    """Write the same prices, and what is counted in them, on a finer scale: nothing changes."""
    certificate, clearing = outcome.certificate, outcome.report.clearing
    assert clearing is not None
    tables = {n: tuple((*r[:-1], r[-1] * 10) for r in getattr(certificate, n)) for n in TABLES}
    sums = {name: getattr(clearing, name) * 10 for name in SUMS}
    return replace(
        outcome,
        certificate=replace(certificate, scale=certificate.scale * 10, **tables),
        report=replace(outcome.report, clearing=replace(clearing, **sums)),
    )


def _moved_within_the_gap(random: Random, report: Report) -> dict[str, Any]:
    """Call a part of the gap by another name: the sum stays."""
    assert report.clearing is not None
    one, other = random.sample(SUMS[:-1], 2)
    amount = random.choice((1, 1000, getattr(report.clearing, one)))
    moved = {
        one: getattr(report.clearing, one) - amount,
        other: getattr(report.clearing, other) + amount,
    }
    return {"clearing": replace(report.clearing, **moved)}


def _other_rule(random: Random, report: Report) -> dict[str, Any]:
    """Name a rule that there is not."""
    assert report.clearing is not None
    rule: Any = random.choice(("", "largest", "SMALLEST", None, 1))
    return {"clearing": replace(report.clearing, price_rule=rule)}


# --- kinds ---------------------------------------------------------------------------------


def _of_another_kind(random: Random, _problem: Problem, outcome: Outcome) -> Outcome:
    """Put something that is no such thing in any field."""
    owner = random.choice(("awards", "declines", "prices", "report", "certificate"))
    value = random.choice(OF_OTHER_KINDS)
    if owner in ("awards", "declines", "prices"):
        rows = getattr(outcome, owner)
        name = random.choice([f.name for f in fields(rows[0])])
        changed: dict[str, Any] = {
            owner: _at(random, rows, lambda r: [replace(r, **{name: value})])
        }
        return replace(outcome, **changed)
    if owner == "report":
        name = random.choice([f.name for f in fields(outcome.report) if f.name != "counts"])
        return replace(outcome, report=replace(outcome.report, **{name: value}))
    return replace(outcome, certificate=replace(outcome.certificate, scale=value))


TAMPERINGS: dict[str, Tamper] = {
    "another alternative": _field("awards", _other_alternative),
    "another start": _field("awards", lambda r, _, a: {"start": _another_day(r, a.start)}),
    "another start in the window": _field("awards", _moved),
    "other lots": _number("awards", "lots"),
    "fewer lots, with all that follows": _field("awards", _fewer_lots),
    "another value score": _number("awards", "value_score"),
    "another payment": _number("awards", "payment_credits"),
    "an award dropped": _row("awards", _gone),
    "an award doubled": _row("awards", _twice),
    "awards in another order": _order("awards"),
    "a loser wins as well": _award_a_declined_bid,
    "a winner loses": _decline_a_winner,
    "another bid wins instead": _field("awards", _other_winner),
    "another reason": _field(
        "declines", lambda r, _, d: {"reason": _another(r, list(Reason), d.reason)}
    ),
    "another alternative in a decline": _field(
        "declines", lambda r, _, __: {"alternative": r.choice((None, 1, 2, 3, 9))}
    ),
    "another pool in a decline": _field(
        "declines", lambda r, p, _: {"pool_key": r.choice([None, *(pool.key for pool in p.pools)])}
    ),
    "another day in a decline": _field(
        "declines", lambda r, p, d: {"day": r.choice((None, _another_day(r, d.day or p.starts_on)))}
    ),
    "another minimum winning offer": _field("declines", _higher_offer),
    "another bid in a decline": _field(
        "declines", lambda r, p, d: {"bid_key": _another(r, [b.key for b in p.bids], d.bid_key)}
    ),
    "a decline dropped": _row("declines", _gone),
    "a decline doubled": _row("declines", _twice),
    "declines in another order": _order("declines"),
    "a decline of nobody": _decline_nobody,
    "another list price": _number("prices", "list_price_microcredits"),
    "a list price of another day": _field(
        "prices", lambda r, _, p: {"day": _another_day(r, p.day)}
    ),
    "a list price of another pool": _field(
        "prices", lambda r, _, __: {"pool_key": r.choice(FOREIGN_KEYS)}
    ),
    "a list price dropped": _row("prices", _gone),
    "a list price doubled": _row("prices", _twice),
    "list prices in another order": _order("prices"),
    "another value": _number_of_the_report("value"),
    "another bound": _number_of_the_report("bound"),
    "another certified bound": _number_of_the_report("certified_bound"),
    "another gap": _report(lambda r, _: {"gap_ratio": r.choice((0.0, 1.0, -0.1, r.random()))}),
    "another pricing": _word_of_the_report("pricing", Pricing),
    "another status": _word_of_the_report("status", Status),
    "another proof": _word_of_the_report("proof", Proof),
    "another tie-break": _word_of_the_report("tie_break", TieBreak),
    "another end of the search": _word_of_the_report("stopped_by", StoppedBy),
    "another round": _report(lambda r, _: {"round_key": r.choice(FOREIGN_KEYS)}),
    "another hash of the problem": _hash("problem_sha256"),
    "another hash of the outcome": _hash("outcome_sha256"),
    "other counts": _number_of_a_part("counts"),
    "other baselines": _number_of_a_part("baselines"),
    "other counts or sums of the clearing": _number_of_a_part("clearing", "price_rule"),
    "a part of the gap under another name": _report(_moved_within_the_gap),
    "a rule for prices that there is not": _report(_other_rule),
    "nothing said of the clearing": _report(lambda _, __: {"clearing": None}),
    "seconds that cannot be": _report(_seconds),
    "a solver that is not described": _report(_solver),
    "said to be the best": _claim_less,
    "a price of the certificate changed": _rows(
        lambda r, _, row: [(*row[:-1], another_number(r, row[-1]))]
    ),
    "a price of the certificate dropped": _rows(_gone),
    "a price of the certificate doubled": _rows(_twice),
    "a price of the certificate elsewhere": _rows(_elsewhere),
    "a price of the certificate cut short": _rows(lambda _, __, row: [row[:-1]]),
    "a price of the certificate of another kind": _rows(
        lambda r, _, row: [(*row[:-1], r.choice(OF_OTHER_KINDS))]
    ),
    "a table of the certificate emptied": _certificate(_no_table),
    "another scale of the certificate": _certificate(_scale),
    "the same prices on a finer scale": _finer,
    "something of another kind": _of_another_kind,
}
