"""What a team pledges with a bid: the theme it serves, and what makes it ready to become something.

The factors of the value score follow from it. It is sealed with its bid until the close. Nothing
here knows a database.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass

from broker.policy.documents import Policy
from broker.texts import findings_in_text


@dataclass(frozen=True, slots=True)
class Pledge:
    """Which theme a bid serves, who owns what comes of it, how it is measured, when it ends.

    `purpose` is what its data are for, in the words of the pools that it asks for data.
    """

    theme_key: str | None = None
    owner_after_award: str = ""
    success_measure: str = ""
    ends_on: dt.date | None = None
    purpose: str = ""

    @property
    def has_owner(self) -> bool:
        """Whether somebody is named who owns the result after the award."""
        return bool(self.owner_after_award.strip())

    @property
    def has_measure(self) -> bool:
        """Whether the bid says how success is measured."""
        return bool(self.success_measure.strip())


NO_PLEDGE = Pledge()


def findings_in_pledge(pledge: Pledge, policy: Policy | None, starts_on: dt.date) -> Iterator[str]:
    """Say what is wrong with a pledge; what is missing in it is not wrong, it only counts less."""
    yield from findings_in_text("owner after the award", pledge.owner_after_award)
    yield from findings_in_text("success measure", pledge.success_measure)
    yield from findings_in_text("purpose", pledge.purpose)
    if pledge.ends_on is not None and pledge.ends_on < starts_on:
        yield f"end: {pledge.ends_on} is before the sprint starts on {starts_on}; name a later day."
    if pledge.theme_key is not None and (policy is None or not policy.theme(pledge.theme_key)):
        themes = ", ".join(theme.key for theme in policy.themes) if policy else ""
        hint = f"choose one of {themes}" if themes else "there are none now; leave it out"
        yield f"theme: {pledge.theme_key[:64]!r} is no theme of the policy in force; {hint}."
