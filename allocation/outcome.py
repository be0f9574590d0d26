"""What a round answers: awards, declines, list prices, the certificate and the report.

Frozen, sorted by key, whole numbers. Nothing here knows how an outcome was found; judge.py says
whether it may be published.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from allocation.problem import BidKey, PoolKey, RoundKey, TeamKey, Tier

PRICE_SCALE = 10**6
"""List prices are whole millionths of a credit."""


class Reason(StrEnum):
    """Why a bid was declined: wrong before impossible before policy before scarcity."""

    INELIGIBLE = "ineligible"
    APPROVAL_MISSING = "approval-missing"
    POLICY = "policy"
    EXCEEDS_POOL = "exceeds-pool"
    INSUFFICIENT_CREDITS = "insufficient-credits"
    BELOW_RESERVE_PRICE = "below-reserve-price"
    CREDITS_SPENT = "credits-spent"
    OUTBID = "outbid"
    BUNDLE_PARTNER_UNAVAILABLE = "bundle-partner-unavailable"
    TIE_BREAK = "tie-break"
    NOT_PROVEN = "not-proven"
    OVERRIDE = "override"


class Pricing(StrEnum):
    """How an award's payment follows from its offer and the list prices."""

    CLEARING = "clearing"
    PAY_AS_BID = "pay-as-bid"


class Status(StrEnum):
    """Whether the value is known to be the best there is."""

    OPTIMAL = "optimal"
    FEASIBLE = "feasible"


class Proof(StrEnum):
    """What stands behind `optimal`."""

    CERTIFIED = "certified"
    TWO_SOLVERS = "two-solvers"
    ONE_SOLVER = "one-solver"
    NONE = "none"


class TieBreak(StrEnum):
    """Whether the written tie-break left exactly one outcome."""

    UNIQUE = "unique"
    INCOMPLETE = "incomplete"


class StoppedBy(StrEnum):
    """What ended the search; the wall clock is the last guard, and promises nothing."""

    PROOF = "proof"
    DETERMINISTIC_LIMIT = "deterministic-limit"
    WALL_CLOCK = "wall-clock"


class PriceRule(StrEnum):
    """Which rule has named the prices, where the relaxation leaves a choice or has no answer."""

    SMALLEST = "smallest"
    SIMPLEX = "simplex"
    SEARCH = "search"


@dataclass(frozen=True, slots=True, order=True)
class Placed:
    """A bid that is served: with which alternative, from which day, with how many lots."""

    bid_key: BidKey
    alternative: int
    start: dt.date
    lots: int


@dataclass(frozen=True, slots=True)
class Award:
    """A bid that won: value score and payment are of the whole award, not per lot."""

    bid_key: BidKey
    alternative: int
    start: dt.date
    lots: int
    value_score: int
    payment_credits: int

    @property
    def placed(self) -> Placed:
        """What the award grants, whatever it counts for and costs."""
        return Placed(self.bid_key, self.alternative, self.start, self.lots)


@dataclass(frozen=True, slots=True)
class Decline:
    """A bid that did not win, its reason code and the facts that decided it."""

    bid_key: BidKey
    reason: Reason
    alternative: int | None = None
    pool_key: PoolKey | None = None
    day: dt.date | None = None
    minimum_winning_offer_credits: int | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class ListPrice:
    """The published price of one unit for one day; units: millionths of a credit."""

    pool_key: PoolKey
    day: dt.date
    tier: Tier
    list_price_microcredits: int


@dataclass(frozen=True, slots=True)
class Certificate:
    """Prices that bound the value of every feasible outcome; each is n / scale value points.

    Shape: entries with n > 0 only; whatever is not named has price 0.
    Source: MODEL.md, Certificate.
    """

    scale: int
    reserved_prices: tuple[tuple[PoolKey, dt.date, int], ...] = ()
    total_prices: tuple[tuple[PoolKey, dt.date, int], ...] = ()
    credit_prices: tuple[tuple[TeamKey, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Counts:
    """How many bids there were, what became of them, and how many placements were eligible."""

    bids: int
    awarded: int
    declined: int
    placements: int


@dataclass(frozen=True, slots=True)
class Baselines:
    """What two simpler rules would have been worth, in value points."""

    first_come: int
    density_greedy: int


@dataclass(frozen=True, slots=True)
class TeamFloor:
    """What a team was to get at least, what it got, and what is missing, in value points."""

    team_key: TeamKey
    floor: int
    value: int
    shortfall: int


@dataclass(frozen=True, slots=True)
class FloorReport:
    """How a round met its fairness floors, and what they cost. Units: value points.

    `ratio` is the policy's, as text with all its digits; `shortfall_ratio` the largest part of a
    floor that is missed, and `is_proven` says that it could not be smaller. Shape: `teams` has the
    teams that bid, ordered by key.
    """

    ratio: str
    shortfall_ratio: float
    is_proven: bool
    teams: tuple[TeamFloor, ...]
    value_without_floors: int
    price_of_fairness: int


@dataclass(frozen=True, slots=True)
class ClearingReport:
    """How well the list prices clear the round, and what is between the value and the bound.

    `winners_capped` paid their offer because their list cost was above it;
    `losers_above_list_cost` offered more than theirs, and it was not credits that they lacked.

    Units: `regret` to `rounded_off` are value points times the certificate's scale, at its prices.
    They are what bids would still gain, what winners lose, and what capacity and credits left over
    are worth; together (certified bound - value) x scale + `rounded_off`.
    """

    price_rule: PriceRule
    winners_capped: int
    losers_above_list_cost: int
    regret: int
    winners_loss: int
    capacity_left: int
    credits_left: int
    rounded_off: int


@dataclass(frozen=True, slots=True)
class Override:
    """What people decide after a run: the awards of some bids, and that others get none.

    `payable` says for every team of the round what it can pay in all: what it has paid for the
    awards that are changed, and what it has available besides. Shape: each ordered by key.
    Units: credits.
    """

    pinned: tuple[Placed, ...] = ()
    excluded: tuple[BidKey, ...] = ()
    payable: tuple[tuple[TeamKey, int], ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "pinned", tuple(sorted(self.pinned)))
        object.__setattr__(self, "excluded", tuple(sorted(self.excluded)))
        object.__setattr__(self, "payable", tuple(sorted(self.payable)))

    @property
    def decided(self) -> frozenset[BidKey]:
        """The bids that the override speaks of."""
        return frozenset({*self.excluded, *(placed.bid_key for placed in self.pinned)})


@dataclass(frozen=True, slots=True)
class OverrideReport:
    """What an outcome overrides, and how much of it stays. Source: MODEL.md, Overrides.

    `before_awards` are those of the outcome that is overridden, `kept` counts the other bids'
    awards among them that stay as they are. `is_fewest` says that no outcome keeps more of them,
    `is_best` that of those none is worth more. Units: `before_value` is in value points.
    """

    override: Override
    before_sha256: str
    before_value: int
    before_awards: tuple[Placed, ...]
    kept: int
    is_fewest: bool
    is_best: bool

    @property
    def others(self) -> tuple[Placed, ...]:
        """The awards before of bids that the override does not speak of."""
        decided = self.override.decided
        return tuple(placed for placed in self.before_awards if placed.bid_key not in decided)

    @property
    def changed(self) -> int:
        """How many awards of other bids are gone or changed."""
        return len(self.others) - self.kept


@dataclass(frozen=True, slots=True)
class ContestReport:
    """How a round with a contest reached its goals. Source: MODEL.md, Contests.

    `first_value` is what the bids that come first got, `kept` counts the holders with all their
    lots. `is_first_best` says that no outcome has a larger first value, `is_best` that of those
    none is worth more, `is_fewest` that of those none disturbs fewer holders. Units: value points.
    """

    first_value: int
    kept: int
    is_first_best: bool
    is_best: bool
    is_fewest: bool


@dataclass(frozen=True, slots=True)
class Report:
    """What an outcome says about itself. Units: value, bounds in value points; times in seconds.

    `floors` is there where the policy has floors; `clearing` where the prices were looked at;
    `override` where the outcome overrides an earlier one; `contest` where the round has one.
    """

    round_key: RoundKey
    problem_sha256: str
    outcome_sha256: str
    pricing: Pricing
    status: Status
    proof: Proof
    tie_break: TieBreak
    value: int
    bound: int
    certified_bound: int
    gap_ratio: float
    stopped_by: StoppedBy
    seconds: Mapping[str, float]
    solver: Mapping[str, Any]
    baselines: Baselines
    counts: Counts
    floors: FloorReport | None = None
    clearing: ClearingReport | None = None
    override: OverrideReport | None = None
    contest: ContestReport | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """Everything a run publishes: one decision per bid, the prices, and what proves them."""

    awards: tuple[Award, ...]
    declines: tuple[Decline, ...]
    prices: tuple[ListPrice, ...]
    certificate: Certificate
    report: Report
