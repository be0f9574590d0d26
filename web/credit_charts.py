"""The geometry of a team's credits: what there was to spend in each sprint, and what was spent.

Like charts.py, which has the base line; macros/credit_charts.html draws it, beside the table of
sprints with the same numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from broker.dashboards.credit_sources import Sprint
from broker.dashboards.credits import CreditsScreen
from broker.dashboards.runway import SprintAhead
from web.charts import COLUMNS_BASE, COLUMNS_FOOT, COLUMNS_HEIGHT
from web.filters import compact

CHART_SPRINTS = 12
STEP, WIDTH = 66, 50


@dataclass(frozen=True, slots=True)
class CreditColumn:
    """One sprint: a column as high as what there was, filled as far as it was spent."""

    label: str
    left: float
    middle: float
    top: float
    height: float
    filled_top: float
    filled_height: float
    caption: str
    is_forecast: bool
    is_short: bool


@dataclass(frozen=True, slots=True)
class CreditChart:
    """Columns of sprints beside each other, the forecast last; `left_out` older ones are not."""

    width: float
    height: float
    base: float
    columns: tuple[CreditColumn, ...]
    left_out: int


@dataclass(frozen=True, slots=True)
class _Amounts:
    """What a column shows."""

    label: str
    had: int
    spent: int
    is_forecast: bool = False
    is_short: bool = False


def credit_chart(screen: CreditsScreen) -> CreditChart:
    """Draw the sprints of a range, and the forecast where the range reaches the present."""
    past = [_of(sprint) for sprint in screen.shown[-CHART_SPRINTS:]]
    ahead = [_of_forecast(sprint) for sprint in screen.runway.ahead] if screen.is_up_to_now else []
    columns = _columns([*past, *ahead])
    left_out = len(screen.shown) - len(past)
    width = STEP * max(1, len(columns))
    return CreditChart(width, COLUMNS_BASE + COLUMNS_FOOT, COLUMNS_BASE, columns, left_out)


def _of(sprint: Sprint) -> _Amounts:
    label = f"{sprint.starts_on.day} {sprint.starts_on:%b}"
    return _Amounts(label, sprint.had_credits, sprint.net_spent_credits)


def _of_forecast(sprint: SprintAhead) -> _Amounts:
    label = f"+{sprint.number}" if sprint.number else "rest"
    return _Amounts(
        label,
        sprint.had_credits,
        sprint.spent_credits,
        is_forecast=True,
        is_short=sprint.short_credits > 0,
    )


def _columns(amounts: Sequence[_Amounts]) -> tuple[CreditColumn, ...]:
    highest = max((one.had for one in amounts), default=0) or 1
    return tuple(_column(one, place, highest) for place, one in enumerate(amounts))


def _column(amounts: _Amounts, place: int, highest: int) -> CreditColumn:
    height = _height(amounts.had, highest)
    filled = min(height, _height(amounts.spent, highest))
    return CreditColumn(
        label=amounts.label,
        left=place * STEP + (STEP - WIDTH) / 2,
        middle=place * STEP + STEP / 2,
        top=COLUMNS_BASE - height,
        height=height,
        filled_top=COLUMNS_BASE - filled,
        filled_height=filled,
        caption=compact(amounts.spent),
        is_forecast=amounts.is_forecast,
        is_short=amounts.is_short,
    )


def _height(credits_: int, highest: int) -> float:
    return round(COLUMNS_HEIGHT * max(0, credits_) / highest, 1)
