"""Options that several commands share, and how they become the engine's."""

from __future__ import annotations

import datetime as dt
import functools
import math
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from allocation.options import Options
from allocation.outcome import Pricing

DEFAULTS = Options()
LONGEST_SECONDS = 10**6
LARGEST_SEED = 2**31 - 1
MOST_WORKERS = 256


class Seconds(click.ParamType[float]):
    """A positive number of seconds."""

    name = "seconds"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Refuse what is no such number, infinity and not-a-number among it."""
        try:
            seconds = float(value)
        except ValueError:
            seconds = math.nan
        if not 0 < seconds <= LONGEST_SECONDS:
            self.fail(f"{value!r} is no number of seconds up to {LONGEST_SECONDS}.", param, ctx)
        return seconds


class Moment(click.ParamType[dt.datetime]):
    """An instant with its offset, such as 2026-03-02T18:00+01:00 or 2026-03-02T17:00Z."""

    name = "instant"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> dt.datetime:
        """Refuse what is no instant: without an offset it would mean another moment elsewhere."""
        if isinstance(value, dt.datetime):
            return value
        try:
            moment = dt.datetime.fromisoformat(str(value))
        except ValueError:
            self.fail(f"{value!r} is no instant; write it as 2026-03-02T18:00Z.", param, ctx)
        if moment.tzinfo is None:
            self.fail(f"{value!r} has no offset; write Z at its end for UTC.", param, ctx)
        return moment.astimezone(dt.UTC)


class Day(click.ParamType[dt.date]):
    """A day of the calendar, such as 2026-03-02."""

    name = "day"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> dt.date:
        """Refuse what is no day."""
        try:
            return dt.date.fromisoformat(str(value))
        except ValueError:
            self.fail(f"{value!r} is no day; write it as 2026-03-02.", param, ctx)


class NamedPath(click.Path):
    """A path with a name: an empty text would silently mean the working directory."""

    def __init__(self) -> None:
        super().__init__(path_type=Path)

    def convert(
        self,
        value: str | os.PathLike[str],
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> Any:
        """Refuse an empty text."""
        if value == "":
            self.fail("an empty text names no folder; write . for this one.", param, ctx)
        return super().convert(value, param, ctx)


time_limit_option = click.option(
    "--time-limit",
    type=Seconds(),
    default=DEFAULTS.time_limit_seconds,
    show_default=True,
    help="Seconds after which the best judged outcome is taken.",
)
seed_option = click.option(
    "--seed",
    type=click.IntRange(0, LARGEST_SEED),
    default=DEFAULTS.seed,
    show_default=True,
    help="Seed of an outcome that is not proven.",
)
workers_option = click.option(
    "--workers",
    type=click.IntRange(1, MOST_WORKERS),
    default=DEFAULTS.workers,
    show_default=True,
    help="How many processors the solver may use.",
)
pricing_option = click.option(
    "--pricing",
    type=click.Choice([rule.value for rule in Pricing]),
    default=DEFAULTS.pricing.value,
    show_default=True,
    help="How payments follow from offers and prices.",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Answer in JSON.")
quiet_option = click.option("--quiet", "is_quiet", is_flag=True, help="Say nothing but errors.")


def search_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that steer the search; the command gets them as one `options`."""

    @functools.wraps(command)
    def with_options(
        *args: Any, time_limit: float, seed: int, workers: int, pricing: str, **others: Any
    ) -> Any:
        options = Options(time_limit, seed, workers, Pricing(pricing))
        return command(*args, options=options, **others)

    for option in (pricing_option, workers_option, seed_option, time_limit_option):
        option(with_options)
    return with_options
