"""Which rules bar a bid before anything is decided, and how to meet them next time.

The policy has rules, and so has every data pool: for which purposes it may be used, and how long.

Pure. A rule bars alternatives; a bid is declined by the policy when every alternative is barred.
freezing.py applies the rules at the close.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate

from allocation.outcome import Reason
from broker.policy.documents import Approval, Policy
from broker.policy.pledges import Pledge
from broker.pools.data_terms import DataTerms

BARRED_REASONS = (Reason.INELIGIBLE, Reason.APPROVAL_MISSING, Reason.POLICY)
"""The codes that a rule may give, and which of them comes first."""
NAMED_RULES = 3
"""How many rules the detail of a decline tells; the rest shows with the next bid."""


@dataclass(frozen=True, slots=True)
class AskedPool:
    """A pool that an alternative asks for, as far as rules speak of it."""

    key: str
    name: str
    classification: str


@dataclass(frozen=True, slots=True)
class ApprovalStanding:
    """Where a team stands with its approval for a pool, and a sentence that says so.

    `most_credits` is the most that a bid may offer under it, 0 where none holds.
    """

    most_credits: int
    said: str


NOT_ASKED = ApprovalStanding(0, "It had not asked for one.")
"""Where a team stands that never asked for an approval."""


@dataclass(frozen=True, slots=True)
class Use:
    """How many units of a pool an alternative asks for on its largest day, at its most lots.

    `offered_units` are those, reserved and spot together, of the pool's best day in the sprint,
    `days` those from the first to the last on which the alternative uses the pool.
    """

    asked_units: int
    offered_units: int
    days: int = 0


@dataclass(frozen=True, slots=True)
class Asked:
    """What a bid asks for, as far as rules speak of it.

    Shape: pools, the most credits that it offers, and its use of each pool by key, by number of
    alternative; approvals of its team and terms of data by key of the pool. `rank` is its place
    among the team's bids of the round, in the order of their last submission, from 1.
    """

    team_key: str
    pledge: Pledge
    pools: dict[int, tuple[AskedPool, ...]]
    most_credits: Mapping[int, int] = field(default_factory=dict)
    approvals: Mapping[str, ApprovalStanding] = field(default_factory=dict)
    uses: Mapping[int, Mapping[str, Use]] = field(default_factory=dict)
    rank: int = 1
    terms: Mapping[str, DataTerms] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Bar:
    """A rule that bars one alternative: its code, which rule it is, and how to meet it."""

    alternative: int
    reason: Reason
    pool_key: str | None
    detail: str


@dataclass(frozen=True, slots=True)
class BarredBid:
    """The decline that follows when every alternative of a bid is barred."""

    reason: Reason
    alternative: int
    pool_key: str | None
    detail: str


def bars_of(policy: Policy | None, asked: Asked) -> Iterator[Bar]:
    """Say which rules bar which alternatives of a bid: the policy's, and its data pools' terms."""
    unmet: tuple[str, ...] = ()
    if policy is not None:
        unmet = (*_unmet_facts(policy, asked.pledge), *_one_bid_too_many(policy, asked))
    for number, pools in sorted(asked.pools.items()):
        for detail in unmet:
            yield Bar(number, Reason.POLICY, None, detail)
        for pool in sorted(pools, key=lambda pool: pool.key):
            for reason, detail in _refusals(policy, asked, number, pool):
                yield Bar(number, reason, pool.key, detail)


def largest_uses(items: Iterable[tuple[str, int, int, int]], lots: int) -> Mapping[str, int]:
    """Return the units of each pool that so many lots use on their largest day.

    Shape: pool, offset in days, days and units per lot of every item.
    """
    steps: dict[str, Counter[int]] = defaultdict(Counter)
    for pool_key, offset, days, units in items:
        steps[pool_key][offset] += units * lots
        steps[pool_key][offset + days] -= units * lots
    return {
        pool_key: max(accumulate(change for _, change in sorted(changes.items())))
        for pool_key, changes in steps.items()
    }


def spans(items: Iterable[tuple[str, int, int, int]]) -> Mapping[str, int]:
    """Return the days from the first to the last on which items use each pool.

    Shape: as `largest_uses`.
    """
    first: dict[str, int] = {}
    last: dict[str, int] = {}
    for pool_key, offset, days, _ in items:
        first[pool_key] = min(offset, first.get(pool_key, offset))
        last[pool_key] = max(offset + days, last.get(pool_key, 0))
    return {pool_key: last[pool_key] - offset for pool_key, offset in first.items()}


def decline_of(bars: Sequence[Bar], alternatives: Iterable[int]) -> BarredBid | None:
    """Return the decline of a bid whose every alternative is barred; None if one is left.

    A code that holds for every alternative decides, the first in the order of precedence; where
    there is none, the first alternative does.
    """
    numbers = sorted(alternatives)
    barred = {bar.alternative for bar in bars}
    if not numbers or not barred.issuperset(numbers):
        return None
    codes = {n: {bar.reason for bar in bars if bar.alternative == n} for n in numbers}
    shared = set.intersection(*codes.values()) or codes[numbers[0]]
    reason = next(code for code in BARRED_REASONS if code in shared)
    told = [bar for bar in bars if bar.alternative == numbers[0] and bar.reason is reason]
    details = list(dict.fromkeys(bar.detail for bar in told))[:NAMED_RULES]
    return BarredBid(reason, numbers[0], told[0].pool_key, " ".join(details))


def _unmet_facts(policy: Policy, pledge: Pledge) -> Iterator[str]:
    rules = policy.readiness
    for rule, is_there, what, how in (
        (
            rules.owner_after_award,
            pledge.has_owner,
            "an owner after the award",
            "name who owns the result",
        ),
        (
            rules.success_measure,
            pledge.has_measure,
            "a success measure",
            "say how success is measured",
        ),
        (rules.end, pledge.ends_on is not None, "an end", "name the day on which the work ends"),
    ):
        if rule.is_required and not is_there:
            yield (
                f"The policy requires {what}, and the bid named none at the close. "
                f"Next time: {how} before the round closes."
            )


def _one_bid_too_many(policy: Policy, asked: Asked) -> Iterator[str]:
    most = policy.limits.most_bids if policy.limits else None
    if most is not None and asked.rank > most:
        yield (
            f"The policy counts {most} bids of a team in a round, in the order of their last "
            f"submission, and this was the team's bid number {asked.rank}. Next time: withdraw "
            "what matters least before the round closes, or ask for it in one bid."
        )


def _too_large(policy: Policy, asked: Asked, number: int, pool: AskedPool) -> Iterator[str]:
    percent = policy.limits.largest_bid_percent if policy.limits else None
    use = asked.uses.get(number, {}).get(pool.key)
    if percent is None or use is None:
        return
    most = use.offered_units * percent // 100
    if use.asked_units > most:
        yield (
            f"The policy lets a bid ask for {percent} % of {pool.name} on a day, which is {most} "
            f"of {use.offered_units} units, and this one asked for {use.asked_units}. Next time: "
            "ask for fewer lots or units before the round closes."
        )


def _refusals(
    policy: Policy | None, asked: Asked, number: int, pool: AskedPool
) -> Iterator[tuple[Reason, str]]:
    """Say why an alternative may not ask for a pool, or not for so much of it."""
    if policy is not None:
        yield from _closed_doors(policy, asked, number, pool)
        for detail in _too_large(policy, asked, number, pool):
            yield Reason.POLICY, detail
    terms = asked.terms.get(pool.key)
    if terms is not None:
        use = asked.uses.get(number, {}).get(pool.key)
        yield from _unmet_terms(terms, asked.pledge.purpose, pool, use.days if use else 0)


def _unmet_terms(
    terms: DataTerms, purpose: str, pool: AskedPool, days: int
) -> Iterator[tuple[Reason, str]]:
    """Say what of a data pool's terms an alternative does not meet."""
    if not terms.allows(purpose):
        said = f"“{purpose}” was none of them" if purpose else "the bid stated none at the close"
        detail = (
            f"{pool.name} may be used for some purposes only, and {said}. "
            f"Next time: state one of {', '.join(terms.purposes)}."
        )
        yield Reason.INELIGIBLE, detail
    if days > terms.longest_days:
        detail = (
            f"{pool.name} may be used for at most {terms.longest_days} days at once, and the bid "
            f"asked for {days}. Next time: ask for {terms.longest_days} days or fewer."
        )
        yield Reason.POLICY, detail


def _closed_doors(
    policy: Policy, asked: Asked, number: int, pool: AskedPool
) -> Iterator[tuple[Reason, str]]:
    for door in policy.eligibility:
        if door.pool_key == pool.key and asked.team_key not in door.eligible_teams:
            detail = (
                f"{pool.name} takes bids of some teams only, and the team is not among them. "
                f"Next time: ask {door.ask} before the round closes."
            )
            yield Reason.INELIGIBLE, detail
    standing = asked.approvals.get(pool.key, NOT_ASKED)
    if 0 < standing.most_credits >= asked.most_credits.get(number, 0):
        return
    for rule in policy.approvals:
        if rule.classification == pool.classification and (
            asked.team_key not in rule.approved_teams
        ):
            yield Reason.APPROVAL_MISSING, _missing(rule, pool, standing)


def _missing(rule: Approval, pool: AskedPool, standing: ApprovalStanding) -> str:
    """Say which approval was missing, from whom it was asked and since when, and what to do."""
    lack = "had none for so much" if standing.most_credits else "had no approval"
    return (
        f"{pool.name} is {pool.classification} and takes bids of approved teams only; "
        f"the team {lack} at the close. {standing.said} "
        f"Next time: ask {rule.ask} before the round closes."
    )
