"""The rule by which sprints come again: how long, from when, and when each round opens and closes.

A document with a strict schema, whole numbers only. Sprint after sprint follows the first day
without a gap. Times are those of a zone, so that a round opens at nine in summer and in winter. On
a holiday nothing opens and nothing closes: it does on the last day before that is none; a sprint
of nothing but holidays is left out. Nothing here knows a database or asks for the time.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, Field, model_validator

from allocation.wire import Document, canonical_json, sha256_of
from broker.errors import InvalidInput
from broker.policy.documents import MOST_ENTRIES, Key, Part, Words
from broker.policy.reading import read_document
from broker.texts import LARGEST_NUMBER, findings_in_key

LONGEST_DAYS = 366
"""How long a sprint may be, and how long before its start anything may happen."""
EARLIEST_DAY, LATEST_DAY = dt.date(2000, 1, 1), dt.date(2999, 12, 31)
FARTHEST_DAYS = 3660
"""How far from the first day a holiday may lie."""
LARGEST_NUMBER_OF_A_SPRINT = 10**6
PLACEHOLDERS = ("{number}", "{start}", "{year}", "{month}", "{week}")
UNIQUE = ("{number}", "{start}")
"""Either of them gives every sprint a key of its own."""
_CLOCK = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]")
_ZONE = re.compile(r"UTC|[A-Za-z_]{1,32}(/[A-Za-z0-9_+-]{1,32}){1,2}")
"""Zones of the world, which are the same on every host; never the one that a host calls local."""


class InvalidSprintRule(InvalidInput):
    """A rule for sprints says what none may say."""

    code = "invalid-sprint-rule"
    what = "rule for sprints"


def _clock_time(text: str) -> str:
    if not _CLOCK.fullmatch(text):
        raise ValueError(f"is {text[:40]!r}, not a time of day; write one such as 09:00")
    return text


def _zone(name: str) -> str:
    if _ZONE.fullmatch(name):
        try:
            _zone_of(name)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            pass
        else:
            return name
    raise ValueError(f"is {name[:40]!r}, not a time zone; write one such as Europe/Berlin or UTC")


def _pattern(text: str) -> str:
    if not any(word in text for word in UNIQUE):
        raise ValueError("names every sprint the same; put {number} or {start} into it")
    if any(sign in _filled(text, dict.fromkeys(PLACEHOLDERS, "")) for sign in "{}"):
        raise ValueError(f"has braces around something else; use {', '.join(PLACEHOLDERS)}")
    return text


def _key_pattern(text: str) -> str:
    longest = {"{number}": str(LARGEST_NUMBER_OF_A_SPRINT), "{start}": "2026-03-02"}
    sample = _filled(text, {"{year}": "2026", "{month}": "03", "{week}": "10", **longest})
    if any(findings_in_key("key", sample)):
        raise ValueError(
            f"makes keys such as {sample[:40]!r}; use letters, digits, dots, underscores and "
            "hyphens, at most 64 in all"
        )
    return text


def _in_order(days: Sequence[dt.date]) -> tuple[dt.date, ...]:
    return tuple(sorted(set(days)))


DaysBefore = Annotated[int, Field(ge=1, le=LONGEST_DAYS)]
Credits = Annotated[int, Field(ge=0, le=LARGEST_NUMBER)]
ClockTime = Annotated[str, AfterValidator(_clock_time)]


class SprintRule(Part):
    """One version of the rule.

    Units: `days` is the length of a sprint; the other `_days` count back from its first day.
    `announce_days` says when the round is announced with its capacity, at the beginning of that
    day. Teams that `team_credits` does not name get `credits_per_team`.
    """

    format: Literal[1]
    key_pattern: Annotated[Words, AfterValidator(_pattern), AfterValidator(_key_pattern)]
    name_pattern: Annotated[Words, AfterValidator(_pattern)]
    zone: Annotated[str, AfterValidator(_zone)]
    first_day: Annotated[dt.date, Field(ge=EARLIEST_DAY, le=LATEST_DAY)]
    first_number: Annotated[int, Field(ge=0, le=LARGEST_NUMBER_OF_A_SPRINT)]
    days: Annotated[int, Field(ge=1, le=LONGEST_DAYS)]
    announce_days: DaysBefore
    open_days: DaysBefore
    open_time: ClockTime
    close_days: DaysBefore
    close_time: ClockTime
    holidays: Annotated[
        tuple[dt.date, ...], Field(max_length=MOST_ENTRIES), AfterValidator(_in_order)
    ]
    credits_per_team: Credits
    team_credits: Annotated[Mapping[Key, Credits], Field(max_length=MOST_ENTRIES)]

    @model_validator(mode="after")
    def _one_after_the_other(self) -> Self:
        if not self.announce_days >= self.open_days > self.close_days:
            raise ValueError(
                "is announced, opens and closes in another order; give announce_days at least "
                "open_days, and open_days more than close_days"
            )
        if any(abs((day - self.first_day).days) > FARTHEST_DAYS for day in self.holidays):
            raise ValueError(
                f"has a holiday more than {FARTHEST_DAYS} days from the first day; remove it"
            )
        for one in _sprints_near_holidays(self):
            if one.opens_at >= one.closes_at:
                raise ValueError(
                    f"leaves no time to bid for the sprint from {one.starts_on}: all of it is "
                    "holidays; open earlier or name fewer holidays"
                )
        return self


@dataclass(frozen=True, slots=True)
class Sprint:
    """One sprint of a rule, with the moments of its round."""

    number: int
    key: str
    name: str
    starts_on: dt.date
    days: int
    announces_at: dt.datetime
    opens_at: dt.datetime
    closes_at: dt.datetime

    @property
    def ends_on(self) -> dt.date:
        """The last day."""
        return self.starts_on + dt.timedelta(days=self.days - 1)


def sprints_from(rule: SprintRule, day: dt.date) -> Iterator[Sprint]:
    """Return the sprints that end on a day or later, one after the other, without an end."""
    position = max(0, (day - rule.first_day).days // rule.days)
    while rule.first_day.toordinal() + (position + 1) * rule.days < dt.date.max.toordinal():
        if not _is_all_holidays(rule, _start(rule, position)):
            yield _sprint(rule, position)
        position += 1


def read_rule(content: bytes) -> SprintRule:
    """Return the rule that a text says. Raises: InvalidSprintRule with every finding."""
    return read_document(content, "as written", SprintRule, InvalidSprintRule)


def rule_document(rule: SprintRule) -> Document:
    """Return a rule as the document that the table of versions holds."""
    return rule.model_dump(mode="json")


def rule_text(rule: SprintRule) -> str:
    """Return the one way to write a rule: canonical JSON."""
    return canonical_json(rule_document(rule)).decode()


def rule_sha256(rule: SprintRule) -> str:
    """Return the hex SHA-256 of a rule's canonical JSON."""
    return sha256_of(rule_document(rule))


def _sprint(rule: SprintRule, position: int) -> Sprint:
    starts_on, number = _start(rule, position), rule.first_number + position
    words = {
        "{number}": str(number),
        "{start}": starts_on.isoformat(),
        "{year}": f"{starts_on.year:04}",
        "{month}": f"{starts_on.month:02}",
        "{week}": f"{starts_on.isocalendar().week:02}",
    }
    opens_at = _moment(rule, starts_on, rule.open_days, rule.open_time)
    return Sprint(
        number=number,
        key=_filled(rule.key_pattern, words),
        name=_filled(rule.name_pattern, words),
        starts_on=starts_on,
        days=rule.days,
        announces_at=min(opens_at, _midnight(rule, starts_on)),
        opens_at=opens_at,
        closes_at=_moment(rule, starts_on, rule.close_days, rule.close_time),
    )


def _start(rule: SprintRule, position: int) -> dt.date:
    return rule.first_day + dt.timedelta(days=position * rule.days)


def _is_all_holidays(rule: SprintRule, starts_on: dt.date) -> bool:
    days = (starts_on + dt.timedelta(days=n) for n in range(rule.days))
    return all(day in rule.holidays for day in days)


def _moment(rule: SprintRule, starts_on: dt.date, days_before: int, clock: str) -> dt.datetime:
    """Return a moment some days before a sprint, or on the last day before that is no holiday."""
    day = starts_on - dt.timedelta(days=days_before)
    while day in rule.holidays:
        day -= dt.timedelta(days=1)
    return _instant(rule, day, dt.time.fromisoformat(clock))


def _midnight(rule: SprintRule, starts_on: dt.date) -> dt.datetime:
    return _instant(rule, starts_on - dt.timedelta(days=rule.announce_days), dt.time())


def _instant(rule: SprintRule, day: dt.date, clock: dt.time) -> dt.datetime:
    return dt.datetime.combine(day, clock, tzinfo=_zone_of(rule.zone)).astimezone(dt.UTC)


def _sprints_near_holidays(rule: SprintRule) -> Iterator[Sprint]:
    """Return the sprints whose times a holiday may move; no other can be out of order."""
    reach = dt.timedelta(days=LONGEST_DAYS)
    positions = {
        position
        for day in rule.holidays
        for position in range(
            max(0, (day - rule.first_day).days // rule.days),
            max(0, (day + reach - rule.first_day).days // rule.days + 1),
        )
        if (_start(rule, position) - day).days <= rule.open_days
    }
    for position in sorted(positions):
        if not _is_all_holidays(rule, _start(rule, position)):
            yield _sprint(rule, position)


def _filled(pattern: str, words: Mapping[str, str]) -> str:
    for word, text in words.items():
        pattern = pattern.replace(word, text)
    return pattern


@lru_cache(maxsize=64)
def _zone_of(name: str) -> ZoneInfo:
    return ZoneInfo(name)
