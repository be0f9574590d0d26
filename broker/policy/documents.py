"""What a policy may say: its schema, whole numbers only, and nothing that it does not name.

The same document stands in a file and in the table of versions. Nothing here knows a database, a
file or a clock. reading.py reads it, scores.py and rules.py say what follows from it.

Units: every `_percent` is whole; 100 changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from allocation.outcome import Pricing
from allocation.wire import Document, canonical_json, sha256_of
from broker.texts import findings_in_key, findings_in_text

LEAST_PERCENT, MOST_PERCENT = 50, 200
"""The bounds of every multiplier, whatever a policy says."""
MOST_ENTRIES = 1000
LONGEST_DAYS = 366
"""How long a list in a policy may be."""
MOST_HOURS = 168
"""The longest time to accept an award."""
CLOCK_TIME = "^([01][0-9]|2[0-3]):[0-5][0-9]$"
"""A time of the day, from 00:00 to 23:59."""


def _keyed(key: str) -> str:
    return _without_findings(key, findings_in_key("the text", key))


def _worded(text: str) -> str:
    missing = () if text.strip() else ("the text: is empty; write a few words.",)
    return _without_findings(text, chain(missing, findings_in_text("the text", text)))


def _without_findings(text: str, findings: Iterator[str]) -> str:
    """Return a text. Raises: ValueError with the first finding, for the schema to place."""
    for finding in findings:
        raise ValueError(finding.removeprefix("the text: ").rstrip("."))
    return text


def _all_different(keys: Sequence[str], what: str) -> None:
    """Raise ValueError if a key stands twice."""
    twice = next((key for n, key in enumerate(keys) if key in keys[:n]), None)
    if twice is not None:
        raise ValueError(f"has {what} {twice!r} twice; keep one of them")


def _different(keys: tuple[str, ...]) -> tuple[str, ...]:
    _all_different(keys, "the team")
    return keys


Percent = Annotated[int, Field(ge=LEAST_PERCENT, le=MOST_PERCENT)]
Key = Annotated[str, AfterValidator(_keyed)]
Words = Annotated[str, AfterValidator(_worded)]
Teams = Annotated[tuple[Key, ...], Field(max_length=MOST_ENTRIES), AfterValidator(_different)]


class Part(BaseModel):
    """A part of a policy: strict about types, closed to keys that it does not name, frozen."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class Theme(Part):
    """A strategic theme of the quarter, confirmed for teams: bids are sealed, so never for a bid.

    Any other team may name it as well; the theme is then self-declared.
    """

    key: Key
    name: Words
    confirmed_percent: Percent
    self_declared_percent: Percent
    confirmed_teams: Teams

    @model_validator(mode="after")
    def _confirmed_counts_at_least_as_much(self) -> Self:
        if self.self_declared_percent > self.confirmed_percent:
            raise ValueError(
                "counts more when self-declared than when confirmed; "
                "give self_declared_percent at most confirmed_percent"
            )
        return self


class Fact(Part):
    """What one fact of readiness is worth, there or missing; a required one bars without it."""

    present_percent: Percent
    missing_percent: Percent
    is_required: bool

    @model_validator(mode="after")
    def _present_counts_at_least_as_much(self) -> Self:
        if self.missing_percent > self.present_percent:
            raise ValueError(
                "counts more when missing than when present; "
                "give missing_percent at most present_percent"
            )
        return self


class Readiness(Part):
    """The facts without which pilots never become anything."""

    owner_after_award: Fact
    success_measure: Fact
    end: Fact


class Calibration(Part):
    """How far a team's record may move its bids, and how slowly it does.

    Units: `prior_weight` is in the points in which promises are counted.
    """

    least_percent: Annotated[int, Field(ge=70, le=100)]
    most_percent: Annotated[int, Field(ge=100, le=115)]
    prior_weight: Annotated[int, Field(ge=1, le=10**12)]


class Bounds(Part):
    """Between what the product of all factors is kept."""

    least_percent: Annotated[int, Field(ge=LEAST_PERCENT, le=100)]
    most_percent: Annotated[int, Field(ge=100, le=MOST_PERCENT)]


class Approval(Part):
    """Pools of a classification take bids of approved teams only; `ask` says who approves."""

    classification: Words
    ask: Words
    approved_teams: Teams


class Eligibility(Part):
    """A pool takes bids of some teams only; `ask` says whom to talk to."""

    pool_key: Key
    ask: Words
    eligible_teams: Teams


class Limits(Part):
    """How much one team may ask for in a round; what is not named has no limit.

    `most_bids` counts a team's bids in the order of their last submission. `largest_bid_percent` is
    of the units that a pool offers on its best day of the sprint, rounded down.
    """

    most_bids: Annotated[int, Field(ge=1, le=MOST_ENTRIES)] | None = None
    largest_bid_percent: Annotated[int, Field(ge=1, le=100)] | None = None


class ReleaseRefund(Part):
    """How much of the payment for unused days comes back, released so many days ahead or more."""

    days_ahead: Annotated[int, Field(ge=0, le=LONGEST_DAYS)]
    refund_percent: Annotated[int, Field(ge=0, le=100)]


def _later_for_more(refunds: tuple[ReleaseRefund, ...]) -> tuple[ReleaseRefund, ...]:
    days = [one.days_ahead for one in refunds]
    percents = [one.refund_percent for one in refunds]
    if days != sorted(set(days)) or percents != sorted(percents):
        raise ValueError(
            "is out of order; list each number of days once, the smallest first, and never give "
            "back less for releasing earlier"
        )
    return refunds


class SpotRules(Part):
    """What a spot award is promised: how long it runs, how long before it is told, what is repaid.

    `broken_promise_percent` comes on top of the refund of unused days where a promise is broken.
    Daily rounds take bids until `daily_close_time` (UTC, `HH:MM`); without it they take none. A
    team that wants to be asked accepts what a waiting bid won within `accept_hours`; without it
    nobody is asked.
    """

    minimum_runtime_days: Annotated[int, Field(ge=0, le=LONGEST_DAYS)]
    notice_days: Annotated[int, Field(ge=0, le=LONGEST_DAYS)]
    broken_promise_percent: Annotated[int, Field(ge=0, le=100)]
    release_refunds: Annotated[
        tuple[ReleaseRefund, ...], Field(max_length=MOST_ENTRIES), AfterValidator(_later_for_more)
    ]
    daily_close_time: Annotated[str, Field(pattern=CLOCK_TIME)] | None = None
    accept_hours: Annotated[int, Field(ge=1, le=MOST_HOURS)] | None = None


TEAM_NAMES, NO_TEAM_NAMES = "team-names", "no-team-names"
"""What a decided round shows of the teams behind its bids."""


def _unlike_themes(themes: tuple[Theme, ...]) -> tuple[Theme, ...]:
    _all_different([theme.key for theme in themes], "the theme")
    return themes


def _unlike_approvals(rules: tuple[Approval, ...]) -> tuple[Approval, ...]:
    _all_different([rule.classification for rule in rules], "the classification")
    return rules


def _unlike_eligibilities(rules: tuple[Eligibility, ...]) -> tuple[Eligibility, ...]:
    _all_different([rule.pool_key for rule in rules], "the pool")
    return rules


class Policy(Part):
    """One version of the rules by which offers become value scores, and bids are barred."""

    format: Literal[1]
    themes: Annotated[
        tuple[Theme, ...], Field(max_length=MOST_ENTRIES), AfterValidator(_unlike_themes)
    ]
    readiness: Readiness
    calibration: Calibration
    multiplier: Bounds
    floor_percent: Annotated[int, Field(ge=0, le=100)]
    pricing: Literal["clearing", "pay-as-bid"]
    approvals: Annotated[
        tuple[Approval, ...], Field(max_length=MOST_ENTRIES), AfterValidator(_unlike_approvals)
    ]
    eligibility: Annotated[
        tuple[Eligibility, ...],
        Field(max_length=MOST_ENTRIES),
        AfterValidator(_unlike_eligibilities),
    ]
    limits: Limits | None = None
    spot: SpotRules | None = None
    disclosure: Literal["team-names", "no-team-names"] | None = None

    @property
    def pricing_rule(self) -> Pricing:
        """Return how payments follow from offers and prices."""
        return Pricing(self.pricing)

    def theme(self, key: str | None) -> Theme | None:
        """Return a theme by its key; None if the policy has no such theme."""
        return next((theme for theme in self.themes if theme.key == key), None)


def policy_document(policy: Policy) -> Document:
    """Return a policy as the document that files and the table of versions hold.

    A part that a policy does not name is not in it, so that a version from before there was such a
    part keeps its hash.
    """
    return policy.model_dump(mode="json", exclude_none=True)


def policy_text(policy: Policy) -> str:
    """Return the one way to write a policy: canonical JSON."""
    return canonical_json(policy_document(policy)).decode()


def policy_sha256(policy: Policy) -> str:
    """Return the hex SHA-256 of a policy's canonical JSON."""
    return sha256_of(policy_document(policy))
