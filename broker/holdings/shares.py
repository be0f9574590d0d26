"""How much of a payment comes back for days that an award does not use: pure, in whole credits.

A payment is spread over the award's unit-days: the units of every item times its days. What comes
back is rounded down once, so that all cuts of an award never give back more than it paid.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass

from broker.policy.documents import Policy


@dataclass(frozen=True, slots=True)
class Stretch:
    """Units of one item on all days from the first to the last."""

    first_day: dt.date
    last_day: dt.date
    units: int

    def unit_days_from(self, day: dt.date) -> int:
        """Return its unit-days on a day and after it."""
        first = max(self.first_day, day)
        return max(0, (self.last_day - first).days + 1) * self.units


@dataclass(frozen=True, slots=True)
class Paid:
    """What an award paid for, by lot: its stretches are those of one lot."""

    payment_credits: int
    lots: int
    stretches: tuple[Stretch, ...]

    @property
    def first_day(self) -> dt.date:
        """The first day on which it uses anything."""
        return min(one.first_day for one in self.stretches)

    @property
    def last_day(self) -> dt.date:
        """The last day on which it uses anything."""
        return max(one.last_day for one in self.stretches)

    def refund_credits(self, lots: int, from_day: dt.date, percent: int) -> int:
        """Return the part of the payment that comes back for lots unused from a day on."""
        unused = unit_days(self.stretches, from_day) * lots * percent
        return self.payment_credits * unused // (unit_days(self.stretches) * self.lots * 100)


def unit_days(stretches: Iterable[Stretch], from_day: dt.date = dt.date.min) -> int:
    """Return all unit-days of one lot, or those from a day on."""
    return sum(one.unit_days_from(from_day) for one in stretches)


def refund_percent(policy: Policy | None, days_ahead: int) -> int:
    """Return how much of the payment for unused days comes back, released so many days ahead.

    The policy's curve decides; without one nothing comes back.
    """
    curve = policy.spot.release_refunds if policy and policy.spot else ()
    reached = (one.refund_percent for one in curve if one.days_ahead <= days_ahead)
    return max(reached, default=0)
