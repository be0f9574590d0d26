"""How numbers, days and instants are written for people: the same way on every screen.

Thin spaces group digits, units stand behind numbers, instants are in UTC. Nothing here knows a
screen; words for codes stand in wording.py.
"""

from __future__ import annotations

import datetime as dt
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction

from flask import Flask

from allocation.outcome import PRICE_SCALE
from broker.clock import machine
from broker.exports.rows import exact_credits

THIN = "\N{NARROW NO-BREAK SPACE}"
WIDE = "\N{NO-BREAK SPACE}"
DASH = "\N{EN DASH}"
SMALLEST_SHARE = 0.0001
WHOLE_SHARE = 0.1
LONG_NUMBER = 1000
MINUTE, HOUR, DAY = 60, 3600, 86400


def whole(number: int) -> str:
    """Write a whole number with its thousands apart."""
    return f"{number:,}".replace(",", THIN)


def units_of(count: int, unit: str) -> str:
    """Write an amount with its unit, in the plural where there are several."""
    plural = "" if count == 1 or not unit[-1:].isalpha() or unit.endswith("s") else "s"
    return f"{whole(count)}{WIDE}{unit}{plural}"


def compact(number: int) -> str:
    """Write a whole number in little room: three digits and a letter once it is long."""
    for size, letter in ((10**12, "T"), (10**9, "G"), (10**6, "M"), (10**4, "k")):
        if number >= size:
            return f"{number / (1000 if letter == 'k' else size):.3g}{letter}"
    return str(number)


def compact_credits(microcredits: int) -> str:
    """Write millionths of a credit as credits in little room."""
    found = microcredits / PRICE_SCALE
    return f"{found:.3g}" if found < LONG_NUMBER else compact(round(found))


def credits_of(microcredits: int) -> str:
    """Write millionths of a credit as credits, rounded to two decimals."""
    exact = Decimal(microcredits) / PRICE_SCALE
    return f"{exact.quantize(Decimal('0.01'), ROUND_HALF_UP):,}".replace(",", THIN)


def percent(ratio: float) -> str:
    """Write a share in whole percent; a small one with two decimals, and never a false zero."""
    if 0 < ratio < SMALLEST_SHARE:
        return f"under 0.01{WIDE}%"
    decimals = 2 if 0 < ratio < WHOLE_SHARE else 0
    return f"{ratio * 100:.{decimals}f}{WIDE}%"


def percentage(percent: Fraction) -> str:
    """Write a percentage as it is, with at most two decimals."""
    return f"{float(percent):.2f}".rstrip("0").rstrip(".") + f"{THIN}%"


def points(ratio: float) -> str:
    """Write a difference of two shares in percentage points, with its sign."""
    rounded = round(ratio * 100)
    return f"{rounded:+d}".replace("-", "\N{MINUS SIGN}") if rounded else "no change"


def times(ratio: float) -> str:
    """Write how many times one amount is another."""
    return f"{ratio:.2f}\N{MULTIPLICATION SIGN}"


def seconds(duration: float) -> str:
    """Write a duration in seconds."""
    return f"{duration:.1f}{WIDE}s"


def milliseconds(duration: int) -> str:
    """Write a duration that was measured in milliseconds."""
    return seconds(duration / 1000)


def day(value: dt.date) -> str:
    """Write a day with its weekday."""
    return f"{value:%a} {value.day} {value:%b} {value.year}"


def weekday(value: dt.date) -> str:
    """Write a day as the head of a narrow column."""
    return f"{value:%a}"[:2] + f" {value.day}"


def span(first: dt.date, last: dt.date) -> str:
    """Write a span of days without saying a month or a year twice."""
    end = f"{last.day} {last:%B} {last.year}"
    if first == last:
        return end
    if (first.year, first.month) == (last.year, last.month):
        return f"{first.day} {DASH} {end}"
    if first.year == last.year:
        return f"{first.day} {first:%B} {DASH} {end}"
    return f"{first.day} {first:%B} {first.year} {DASH} {end}"


def instant(value: dt.datetime) -> str:
    """Write an instant to the minute, in UTC."""
    moment = value.astimezone(dt.UTC)
    return f"{moment.day} {moment:%b} {moment.year}, {moment:%H:%M} UTC"


def until(value: dt.datetime, now: dt.datetime) -> str:
    """Say how far away an instant is, in its largest whole unit."""
    away = int((value - now).total_seconds())
    size = abs(away)
    for unit, length in (("day", DAY), ("hour", HOUR), ("minute", MINUTE)):
        if size >= length:
            count = size // length
            words = f"{count} {unit}{'s' if count > 1 else ''}"
            return f"in {words}" if away > 0 else f"{words} ago"
    return "within a minute" if away > 0 else "just now"


def lasting(minutes: int) -> str:
    """Write how long something took, in its two largest units."""
    if minutes < 1:
        return f"under 1{WIDE}min"
    hours, left = divmod(minutes, MINUTE)
    days, hours = divmod(hours, DAY // HOUR)
    parts = [f"{n}{WIDE}{unit}" for n, unit in ((days, "d"), (hours, "h"), (left, "min")) if n]
    return " ".join(parts[:2])


def short(key: str) -> str:
    """Cut a hash or an id to what people compare by eye."""
    return key[:12]


def register(app: Flask) -> None:
    """Make the filters known to the templates."""
    for name, function in (
        ("whole", whole),
        ("credits", credits_of),
        ("exact", exact_credits),
        ("units_of", units_of),
        ("percent", percent),
        ("percentage", percentage),
        ("points", points),
        ("times", times),
        ("seconds", seconds),
        ("milliseconds", milliseconds),
        ("day", day),
        ("weekday", weekday),
        ("span", span),
        ("instant", instant),
        ("machine", machine),
        ("until", until),
        ("lasting", lasting),
        ("short", short),
    ):
        app.add_template_filter(function, name)
