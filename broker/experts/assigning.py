"""Who works for whom on a day: hours that teams were awarded, given to the persons of a pool.

Pure and the same for the same question. Nobody gets more hours than they have, works for a team
that is barred to them, or for more teams than they take. A first choice keeps persons with the
team for which they worked before; where it leaves hours unnamed, other choices of who works for
which team are tried, each filled as full as it can be. What is then left is told, never dropped.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations, pairwise

MOST_CHOICES = 400
"""How many other choices of who works for whom a day is worth."""


@dataclass(frozen=True, slots=True)
class Need:
    """Hours of one day that a team was awarded. `key` tells it apart and orders it."""

    key: tuple[str, ...]
    team_id: str
    hours: int
    barred: frozenset[str] = frozenset()
    """Persons who declined just these hours."""


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody with hours left on a day.

    `teams` are those for which they work on it already, `barred` those for which they never do,
    `familiar` those for which they worked on other days.
    """

    id: str
    hours: int
    most_teams: int
    teams: frozenset[str] = frozenset()
    barred: frozenset[str] = frozenset()
    familiar: frozenset[str] = frozenset()

    @property
    def new_teams(self) -> int:
        """For how many more teams they can work."""
        return max(0, self.most_teams - len(self.teams))

    def may_work_for(self, team_id: str) -> bool:
        """Say whether they may work for a team at all."""
        return self.hours > 0 and team_id not in self.barred


@dataclass(frozen=True, slots=True)
class Share:
    """Hours of a need and who gives them; None where nobody is found."""

    need: Need
    person_id: str | None
    hours: int


Pairs = Mapping[str, frozenset[str]]
"""For which teams each person works."""


@dataclass(slots=True)
class _Filling:
    """What is given so far. Units: whole hours left, by person and by place of the need."""

    left: dict[str, int]
    open: dict[int, int]
    given: dict[tuple[int, str], int] = field(default_factory=lambda: defaultdict(int))


def assign(needs: Sequence[Need], persons: Sequence[Person]) -> tuple[Share, ...]:
    """Give the hours of one day to persons; the shares of each need add up to its hours."""
    ordered = sorted(needs, key=lambda need: need.key)
    people = sorted(persons, key=lambda person: person.id)
    best = _filled(ordered, people, _first_choice(ordered, people))
    if sum(best.open.values()):
        for pairs in _other_choices(ordered, people):
            other = _filled(ordered, people, pairs)
            if sum(other.open.values()) < sum(best.open.values()):
                best = other
            if not sum(best.open.values()):
                break
    return tuple(_shares(ordered, best))


def _first_choice(needs: Sequence[Need], people: Sequence[Person]) -> Pairs:
    """Choose team by team, the one with the fewest to choose from first."""
    hours = _hours_by_team(needs)
    able = {team: [one for one in people if one.may_work_for(team)] for team in hours}
    chosen: dict[str, set[str]] = {one.id: set(one.teams) for one in people}
    left = {one.id: one.hours for one in people}
    for team in sorted(hours, key=lambda team: (len(able[team]), -hours[team], team)):
        wanted = hours[team]
        while wanted and (one := _best(able[team], team, wanted, chosen, left)):
            chosen[one.id].add(team)
            taken = min(wanted, left[one.id])
            left[one.id] -= taken
            wanted -= taken
    return {id_: frozenset(teams) for id_, teams in chosen.items()}


def _best(
    able: Iterable[Person],
    team: str,
    wanted: int,
    chosen: Mapping[str, set[str]],
    left: Mapping[str, int],
) -> Person | None:
    """Return who fits best: works for the team already, knows it, and wastes the fewest hours."""
    fit = [
        one
        for one in able
        if left[one.id] > 0 and (team in chosen[one.id] or len(chosen[one.id]) < one.most_teams)
    ]
    return min(
        fit,
        key=lambda one: (
            team not in chosen[one.id],
            team not in one.familiar,
            left[one.id] < wanted,
            left[one.id] if left[one.id] >= wanted else -left[one.id],
            one.id,
        ),
        default=None,
    )


def _other_choices(needs: Sequence[Need], people: Sequence[Person]) -> Iterator[Pairs]:
    """Change whom one person works for, then two, from the first choice on; not without end."""
    start = dict(_first_choice(needs, people))
    teams = sorted(_hours_by_team(needs))
    budget = MOST_CHOICES
    for size in (1, 2):
        for some in combinations(people, size):
            for changed in _changes(some, teams):
                if not budget:
                    return
                budget -= 1
                yield {**start, **changed}


def _changes(some: Sequence[Person], teams: Sequence[str]) -> Iterator[dict[str, frozenset[str]]]:
    """Return every way in which some persons can work for as many teams as they take."""
    first, *rest = some
    for choice in _choices(first, teams):
        for others in _changes(rest, teams) if rest else ({},):
            yield {first.id: choice, **others}


def _choices(person: Person, teams: Sequence[str]) -> Iterator[frozenset[str]]:
    able = [team for team in teams if person.may_work_for(team) and team not in person.teams]
    size = min(person.new_teams, len(able))
    for chosen in combinations(able, size):
        yield person.teams | frozenset(chosen)


def _filled(needs: Sequence[Need], people: Sequence[Person], pairs: Pairs) -> _Filling:
    """Give as many hours as can be given when it is fixed who works for which team.

    Source: augmenting paths (Ford and Fulkerson 1956), needs in their order.
    """
    filling = _Filling(
        left={one.id: one.hours for one in people},
        open={place: need.hours for place, need in enumerate(needs)},
    )
    able = {place: _able(need, people, pairs) for place, need in enumerate(needs)}
    for place in filling.open:
        while filling.open[place] and (path := _path(place, able, filling, set())):
            _give(path, filling)
    return filling


def _able(need: Need, people: Sequence[Person], pairs: Pairs) -> tuple[str, ...]:
    fit = [
        one
        for one in people
        if one.may_work_for(need.team_id)
        and need.team_id in pairs[one.id]
        and one.id not in need.barred
    ]
    ranked = sorted(fit, key=lambda one: (need.team_id not in one.familiar, -one.hours, one.id))
    return tuple(one.id for one in ranked)


def _path(
    place: int, able: Mapping[int, tuple[str, ...]], filling: _Filling, seen: set[str]
) -> list[tuple[int, str]] | None:
    """Find hours for a need: of somebody who has some left, or whom another need can spare."""
    for id_ in able[place]:
        if id_ not in seen and filling.left[id_] > 0:
            return [(place, id_)]
    for id_ in able[place]:
        if id_ in seen:
            continue
        seen.add(id_)
        for other, giver in sorted(filling.given):
            if giver == id_ and other != place and filling.given[other, giver] > 0:
                rest = _path(other, able, filling, seen)
                if rest is not None:
                    return [(place, id_), *rest]
    return None


def _give(path: Sequence[tuple[int, str]], filling: _Filling) -> None:
    """Move as many hours as fit along a path from a need to somebody who has hours left."""
    (place, _), (_, last) = path[0], path[-1]
    spared = [filling.given[other, giver] for (_, giver), (other, _) in pairwise(path)]
    hours = min(filling.open[place], filling.left[last], *spared)
    for at, (needing, id_) in enumerate(path):
        filling.given[needing, id_] += hours
        if at + 1 < len(path):
            filling.given[path[at + 1][0], id_] -= hours
    filling.open[place] -= hours
    filling.left[last] -= hours


def _shares(needs: Sequence[Need], filling: _Filling) -> Iterator[Share]:
    for place, need in enumerate(needs):
        for (at, id_), hours in sorted(filling.given.items()):
            if at == place and hours:
                yield Share(need, id_, hours)
        if filling.open[place]:
            yield Share(need, None, filling.open[place])


def _hours_by_team(needs: Iterable[Need]) -> dict[str, int]:
    found: dict[str, int] = defaultdict(int)
    for need in needs:
        found[need.team_id] += need.hours
    return found
