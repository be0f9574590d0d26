"""Screen 7, credits and runway: what a team has, where it went, and how long it lasts.

Everything here follows from the ledger and from what rounds announce, never from bids, so that the
screen is the same before a close whatever was bid. A journal of a round counts for that round's
sprint, any other for the sprint in whose period it was posted; so the rows of the table of sprints
are sums of the rows of the table of entries. The forecast stands in runway.py.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlmodel import Session

from broker.access import Action, Actor, may, nothing_here, require, require_scope
from broker.dashboards.credit_sources import (
    Sprint,
    Team,
    announced_ahead,
    balance_of,
    find_team,
    last_endowment,
    read_sprints,
    teams_of,
)
from broker.dashboards.credit_tables import entry_table, sprint_table, team_table
from broker.dashboards.listings import InvalidQuestion, Listing, Question, Table, list_rows
from broker.dashboards.runway import Runway, Terms, pace_of, runway
from broker.ledger.statements import Balance


@dataclass(frozen=True, slots=True)
class SprintRange:
    """The sprints that somebody wants to see, by the keys of the first and the last."""

    first: str = ""
    last: str = ""


@dataclass(frozen=True, slots=True)
class NextSprint:
    """The round whose opening changes the sprint, as far as it is announced."""

    name: str
    opens_at: dt.datetime | None


@dataclass(frozen=True, slots=True)
class CreditsScreen:
    """A team's credits. Shape: `sprints` oldest first, `shown` those of the range."""

    team: Team
    balance: Balance
    sprints: tuple[Sprint, ...]
    shown: tuple[Sprint, ...]
    runway: Runway
    next: NextSprint | None
    has_choice: bool
    totals: Listing
    entries: Listing

    @property
    def is_up_to_now(self) -> bool:
        """Whether the range reaches the present, from which a forecast can go on."""
        return bool(self.shown) and self.shown[-1] == self.sprints[-1]


@dataclass(frozen=True, slots=True)
class TeamsScreen:
    """The teams whose credits the reader may see."""

    teams: Listing


def own_team(session: Session, actor: Actor) -> str | None:
    """Return the key of the only team whose credits somebody may read; None for none or many."""
    teams = teams_of(session, _readable(actor), most=2)
    return teams[0].key if len(teams) == 1 else None


def teams_screen(session: Session, actor: Actor, question: Question) -> TeamsScreen:
    """Return the teams to choose from. Raises: SignInNeeded if nobody knows who asks."""
    return TeamsScreen(list_rows(session, readable_teams(actor), question))


def readable_teams(actor: Actor) -> Table:
    """Return the table of teams whose credits somebody may read. Raises: SignInNeeded."""
    require_scope(actor, Action.READ_TEAM_CREDITS)
    return team_table(_readable(actor))


def credits_screen(
    session: Session,
    actor: Actor,
    key: str,
    asked: SprintRange,
    questions: Mapping[str, Question],
) -> CreditsScreen:
    """Return what a team has, had and will have.

    Shape: questions by table: sprints, entries.

    Raises: NotFound if there is no such team or it is none of the reader's; InvalidQuestion if the
    range names a sprint that the team does not have.
    """
    team = readable_team(session, actor, key)
    balance, sprints = balance_of(session, team.id), read_sprints(session, team.id)
    forecast, following = _forecast(session, team, balance, sprints)
    shown = in_range(sprints, asked)
    totals = sprint_table(shown, forecast.ahead if _reaches_now(shown, sprints) else ())
    return CreditsScreen(
        team=team,
        balance=balance,
        sprints=sprints,
        shown=shown,
        runway=forecast,
        next=following,
        has_choice=_has_choice(actor),
        totals=list_rows(session, totals, questions["sprints"]),
        entries=list_rows(session, entry_table(team.id, shown), questions["entries"]),
    )


def credits_table(session: Session, actor: Actor, key: str, asked: SprintRange, name: str) -> Table:
    """Return a table of the screen for programs: sprints or entries. Raises: as the screen."""
    team = readable_team(session, actor, key)
    sprints = read_sprints(session, team.id)
    shown = in_range(sprints, asked)
    if name == "entries":
        return entry_table(team.id, shown)
    forecast, _ = _forecast(session, team, balance_of(session, team.id), sprints)
    return sprint_table(shown, forecast.ahead if _reaches_now(shown, sprints) else ())


def readable_team(session: Session, actor: Actor, key: str) -> Team:
    """Return a team whose credits somebody may read.

    Raises: NotFound in the same words if there is no such team and if it is a stranger's.
    """
    team = find_team(session, key)
    require(actor, Action.READ_TEAM_CREDITS, team_id=team.id if team else None)
    if team is None:
        raise nothing_here()
    return team


def in_range(sprints: Sequence[Sprint], asked: SprintRange) -> tuple[Sprint, ...]:
    """Return the sprints from the first to the last that was named, in whichever order."""
    places = {sprint.key: place for place, sprint in enumerate(sprints)}
    for key in (asked.first, asked.last):
        if key and key not in places:
            raise InvalidQuestion(f"“{key[:64]}” is no sprint in which this team had credits.")
    ends = (places.get(asked.first, 0), places.get(asked.last, len(sprints) - 1))
    return tuple(sprints[min(ends) : max(ends) + 1])


def _reaches_now(shown: Sequence[Sprint], sprints: Sequence[Sprint]) -> bool:
    return bool(shown) and shown[-1] == sprints[-1]


def _readable(actor: Actor) -> frozenset[str] | None:
    """Return the ids of the teams whose credits somebody may read; None for every team."""
    if may(actor, Action.READ_TEAM_CREDITS):
        return None
    return frozenset(
        team_id for team_id in actor.teams if may(actor, Action.READ_TEAM_CREDITS, team_id=team_id)
    )


def _has_choice(actor: Actor) -> bool:
    ids = _readable(actor)
    return ids is None or len(ids) > 1


def _forecast(
    session: Session, team: Team, balance: Balance, sprints: Sequence[Sprint]
) -> tuple[Runway, NextSprint | None]:
    pace = pace_of([sprint.net_spent_credits for sprint in sprints if sprint.is_decided])
    ahead = announced_ahead(session, team.id)
    endowment = last_endowment(session, team)
    terms = Terms()
    if endowment is not None:
        cap = endowment.announced_credits if ahead is None else ahead.announced_credits
        terms = Terms(endowment.credits, cap)
    pays_now = bool(sprints) and not sprints[-1].is_decided
    has = balance.available_credits + balance.held_credits
    following = NextSprint(ahead.name, ahead.opens_at) if ahead else None
    return runway(has, pace, terms, pays_now=pays_now), following
