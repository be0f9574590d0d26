"""That the report says truly how the fairness floors were met, and that no floor is too high.

What a team's bids are worth on its slice at most follows from the certificate's prices, and from
what those bids are worth in full. That a floor is not too low takes a solver and passes here.
Source: MODEL.md, Floors.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from fractions import Fraction

from allocation.errors import Violation
from allocation.judge.case import Case
from allocation.judge.certificate import is_scale, prices_by_tier
from allocation.judge.ground import Ask, Days, Ground, cost_per_lot, running_sums
from allocation.outcome import Certificate, FloorReport, Placed, TeamFloor
from allocation.problem import TeamKey, Tier, exact_text

RATIO_TOLERANCE = Fraction(1, 10**12)
"""The largest shortfall is written as a number that is not whole."""


def check_floors(case: Case) -> Iterator[Violation]:
    """Find floors that are not those of this round, and sums about them that are wrong."""
    ratio, floors = case.ground.problem.floor_ratio, case.outcome.report.floors
    if floors is None:
        if ratio:
            yield Violation("floors", "The policy has floors; the report says nothing of them.")
        return
    if not ratio:
        yield Violation("floors", "The report speaks of floors; the policy has none.")
        return
    if floors.ratio != exact_text(ratio):
        yield Violation(
            "floor-ratio", f"The report says a floor ratio of {floors.ratio}; it is {ratio}."
        )
    yield from _check_teams(case, floors)
    yield from _check_ceilings(case, floors)
    yield from _check_shortfall(floors)
    yield from _check_price(case, floors)


def is_beaten_by(case: Case, placed: Iterable[Placed], value: int) -> bool:
    """Say whether other awards miss the floors less, or no more and are worth more."""
    report = case.outcome.report
    if report.floors is None:
        return report.value < value
    asks = case.ground.asks
    worth: Counter[TeamKey] = Counter()
    for p in placed:
        ask = next(ask for ask in asks[p.bid_key] if ask.number == p.alternative)
        worth[ask.team_key] += ask.value_score * p.lots
    mine = _largest_shortfall(report.floors, _awarded_values(case))
    return (_largest_shortfall(report.floors, worth), -value) < (mine, -report.value)


def _awarded_values(case: Case) -> Counter[TeamKey]:
    worth: Counter[TeamKey] = Counter()
    for holding in case.holdings:
        worth[holding.ask.team_key] += holding.ask.value_score * holding.award.lots
    return worth


def _largest_shortfall(floors: FloorReport, worth: Mapping[TeamKey, int]) -> Fraction:
    return max(
        (
            Fraction(max(0, team.floor - worth.get(team.team_key, 0)), team.floor)
            for team in floors.teams
            if team.floor > 0
        ),
        default=Fraction(0),
    )


def _check_teams(case: Case, floors: FloorReport) -> Iterator[Violation]:
    bidding = sorted({bid.team_key for bid in case.ground.problem.bids})
    if [team.team_key for team in floors.teams] != bidding:
        yield Violation(
            "floor-teams", "The report's floors must name every team that bids once, in order."
        )
    worth = _awarded_values(case)
    for team in floors.teams:
        yield from _check_team(team, worth[team.team_key])


def _check_team(team: TeamFloor, worth: int) -> Iterator[Violation]:
    if team.floor < 0:
        yield Violation("floor", f"The floor of team {team.team_key} is {team.floor}, below 0.")
    if team.value != worth:
        yield Violation(
            "floor-value",
            f"The report says that the awards of team {team.team_key} are worth {team.value}; "
            f"they are worth {worth}.",
        )
    missing = max(0, team.floor - worth)
    if team.shortfall != missing:
        yield Violation(
            "floor-shortfall",
            f"The report says that team {team.team_key} misses {team.shortfall} of its floor of "
            f"{team.floor}; awards worth {worth} miss {missing}.",
        )


def _check_shortfall(floors: FloorReport) -> Iterator[Violation]:
    shortfall = _largest_shortfall(floors, {team.team_key: team.value for team in floors.teams})
    if abs(Fraction(floors.shortfall_ratio) - shortfall) > RATIO_TOLERANCE:
        yield Violation(
            "shortfall-ratio",
            f"The report says a largest shortfall of {floors.shortfall_ratio}; its teams make it "
            f"{float(shortfall)}.",
        )
    if not shortfall and not floors.is_proven:
        yield Violation("floors-proven", "No shortfall at all is smallest, whoever proves it.")


def _check_price(case: Case, floors: FloorReport) -> Iterator[Violation]:
    report, without = case.outcome.report, floors.value_without_floors
    least = max(report.value, report.baselines.first_come, report.baselines.density_greedy)
    if not least <= without <= report.certified_bound:
        yield Violation(
            "value-without-floors",
            f"The report says a value of {without} without floors; it lies between {least} and "
            f"{report.certified_bound}.",
        )
    if floors.price_of_fairness != without - report.value:
        yield Violation(
            "price-of-fairness",
            f"The report says a price of fairness of {floors.price_of_fairness}; {without} without "
            f"floors less {report.value} with them are {without - report.value}.",
        )


# --- what a floor can be at most -----------------------------------------------------------


def _check_ceilings(case: Case, floors: FloorReport) -> Iterator[Violation]:
    if not is_scale(case.outcome.certificate.scale):
        return
    ratio = case.ground.problem.floor_ratio
    ceilings = slice_ceilings(case.ground, case.outcome.certificate)
    for team in floors.teams:
        most = ratio * ceilings.get(team.team_key, Fraction(0)) // 1
        if team.floor > most:
            yield Violation(
                "floor",
                f"The floor of team {team.team_key} is {team.floor}; by the certificate's prices "
                f"it is at most {most}.",
            )


def slice_ceilings(ground: Ground, certificate: Certificate) -> dict[TeamKey, Fraction]:
    """Return what the bids of every team can be worth on its slice at most. Units: value points."""
    prices = prices_by_tier(ground, certificate)
    credit_prices = dict(certificate.credit_prices)
    sums = {tier: running_sums(days) for tier, days in prices.items()}
    surplus: Counter[TeamKey] = Counter()
    in_full: Counter[TeamKey] = Counter()
    for asks in ground.asks.values():
        team_key = asks[0].team_key
        price = credit_prices.get(team_key, 0)
        of_bid = [_gain_and_worth(ground, a, sums, certificate.scale, price) for a in asks]
        surplus[team_key] += max(0, *(gain for gain, _ in of_bid))
        in_full[team_key] += max(worth for _, worth in of_bid)
    supply = sum(ground.credits.values())
    units_worth = _units_worth(ground, prices)
    return {
        key: min(
            Fraction(in_full[key]),
            Fraction(
                units_worth * own + (credit_prices.get(key, 0) * own + surplus[key]) * supply,
                certificate.scale * supply,
            ),
        )
        for key, own in ground.credits.items()
        if supply
    }


def _units_worth(ground: Ground, prices: Mapping[Tier, Days]) -> int:
    """Return what all units are worth at these prices; reserved units bear both of them."""
    total, both = prices[Tier.SPOT], prices[Tier.RESERVED]
    return sum(
        total[pool][day] * units + (both[pool][day] - total[pool][day]) * reserved[day]
        for pool, reserved in ground.room.reserved.items()
        for day, units in enumerate(ground.room.total[pool])
    )


def _gain_and_worth(
    ground: Ground, ask: Ask, sums: Mapping[Tier, Days], scale: int, credit_price: int
) -> tuple[int, int]:
    """Return the most that an ask gains beyond the prices, and is worth in full; 0 if never."""
    before_use = scale * ask.value_score - credit_price * ask.offer_credits
    placements = ground.eligible[ask.bid_key, ask.number]
    of_tier = sums[ask.tier]
    gains = [lots * (before_use - cost_per_lot(ask, of_tier, start)) for start, lots in placements]
    most = max((lots for _, lots in placements), default=0)
    return max(gains, default=0), ask.value_score * most
