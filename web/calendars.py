"""The calendar of a team's awards: a bar a row, beside the days that it spans."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass

from flask import Blueprint, Response

from broker.dashboards.access_grants import team_access, team_access_table
from broker.dashboards.expert_hours import team_hours, team_hours_table
from broker.dashboards.listings import all_rows
from broker.dashboards.team_calendar import TeamCalendar, calendar_table, team_calendar
from web.auth import current_actor, sign_in_required
from web.desk import market, now
from web.exports import export
from web.grids import grid, question
from web.hypermedia import answer

calendars = Blueprint("calendars", __name__)
WIDTH = 240
"""How wide a bar's field is, in pixels."""
SMALLEST_BAR = 3.0


@dataclass(frozen=True, slots=True)
class SpanBar:
    """Where a holding lies in the days that show. Units: pixels."""

    left: float
    width: float
    today: float | None


@calendars.get("/calendar")
@sign_in_required
def show() -> Response:
    """Show what the teams of whoever asks were awarded."""
    teams = current_actor().teams
    with market() as session:
        screen = team_calendar(session, teams, now().date(), question())
        access = team_access(session, teams, question("access-"), now().date())
        hours = team_hours(session, teams, question("hours-"))
    grids = {
        "calendar": grid(screen.holdings, "calendars.data"),
        "access": grid(access, "calendars.access", "access-"),
        "hours": grid(hours, "calendars.hours", "hours-"),
    }
    swaps = ("calendar", "access", "hours")
    bars = span_bars(screen)
    return answer("calendar", swaps=swaps, screen=screen, grids=grids, bars=bars)


@calendars.get("/calendar.<any(csv, json):ending>")
@sign_in_required
def data(ending: str) -> Response:
    """Hand the same to a program."""
    table = calendar_table(current_actor().teams)
    with market() as session:
        return export(table, all_rows(session, table, question()), "calendar", ending)


@calendars.get("/calendar/access.<any(csv, json):ending>")
@sign_in_required
def access(ending: str) -> Response:
    """Hand what data the teams may use to a program."""
    table = team_access_table(current_actor().teams, now().date())
    with market() as session:
        return export(table, all_rows(session, table, question()), "team-access", ending)


@calendars.get("/calendar/hours.<any(csv, json):ending>")
@sign_in_required
def hours(ending: str) -> Response:
    """Hand who works for the teams to a program."""
    table = team_hours_table(current_actor().teams)
    with market() as session:
        return export(table, all_rows(session, table, question()), "team-hours", ending)


def span_bars(screen: TeamCalendar) -> Mapping[str, SpanBar]:
    """Return the bar of every holding, by its line."""
    days = (screen.ends_on - screen.begins_on).days + 1
    today = _left(screen, screen.today, days) if _shows(screen, screen.today) else None
    return {
        row["line"]: SpanBar(
            left=_left(screen, row["first_day"], days),
            width=max(
                SMALLEST_BAR,
                round(((row["last_day"] - row["first_day"]).days + 1) * WIDTH / days, 1),
            ),
            today=today,
        )
        for row in screen.rows
    }


def _shows(screen: TeamCalendar, day: dt.date) -> bool:
    return screen.begins_on <= day <= screen.ends_on


def _left(screen: TeamCalendar, day: dt.date, days: int) -> float:
    return round((day - screen.begins_on).days * WIDTH / days, 1)
