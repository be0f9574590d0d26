"""An award on an expert pool names persons and their hours, who confirm or decline them."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterator

import pytest
from flask import Flask
from sqlalchemy import select, text
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col

from broker.db import Database, reading, transact
from broker.errors import InvalidAnswer, InvalidPool, NotAllowed, NotFound, Refused
from broker.experts.answers import confirm_hours, decline_hours, name_hours
from broker.experts.tables import ExpertHoursRow
from broker.holdings.releases import ReleaseAward, release_award
from broker.notices.tables import NoticeRow
from broker.people.actors import actor_of_person
from broker.pools.calendars import Maintenance, Units
from broker.pools.changes import PoolWish, find_pool, preview_change, versions_of
from broker.pools.definitions import definition_from
from broker.pools.roster_sheets import read_roster_sheet, roster_sheet_of
from broker.pools.rosters import RosterPerson
from broker.rounds import close_round
from tests.builders import FIRST_DAY, an_alternative, an_item, day
from tests.cast import (
    ADMIN,
    LEAD,
    MEMBER,
    NEWCOMER,
    OTHER_LEAD,
    OWNER,
    actor,
    signed_in,
    stranger,
)
from tests.expert_pools import (
    COUNSEL,
    GINA,
    HOURS,
    NAMED,
    a_roster,
    an_open_round_with_experts,
    ask,
    away,
    counsel,
    enlist,
    given,
    keys_of,
    rows_of,
)
from tests.markets import NOON, event_kinds, events, run_it
from tests.policy_markets import do
from tests.pool_changes import offered_of
from tests.screens import screens

LIVE = ("asked", "confirmed", "to-be-named")
NOBODY = None


def publish(db: Database) -> None:
    do(db, close_round, "sprint-1", hours=0.5)
    run_it(db)


def confirm(db: Database, who: str, rows: list[ExpertHoursRow], hours: float = 2) -> int:
    person, at = actor(db, who), NOON + dt.timedelta(hours=hours)
    ids = [row.id for row in rows]
    return transact(db, lambda session: confirm_hours(session, person, ids, at))


def decline(
    db: Database, who: str, rows: list[ExpertHoursRow], reason: str = "On leave", hours: float = 3
) -> int:
    person, at = actor(db, who), NOON + dt.timedelta(hours=hours)
    ids = [row.id for row in rows]
    return transact(db, lambda session: decline_hours(session, person, ids, reason, at))


def asked_of(db: Database, key: str, *states: str) -> list[ExpertHoursRow]:
    keys = keys_of(db)
    return [row for row in rows_of(db, *(states or LIVE)) if keys.get(row.expert_id or "") == key]


def hours_of_days(db: Database) -> dict[tuple[str, int], int]:
    """Return what stands for each award and day."""
    found: Counter[tuple[str, int]] = Counter()
    for row in rows_of(db, *LIVE):
        found[row.bid_id, (row.day - FIRST_DAY).days] += row.hours
    return dict(found)


# --- the roster is the capacity ------------------------------------------------------------


def test_a_pool_offers_the_hours_of_its_persons_and_follows_who_is_away(
    either_market: Database,
) -> None:
    an_open_round_with_experts(either_market)
    assert offered_of(either_market, COUNSEL) == [Units(18, 0)] * 5
    holiday = Maintenance(day(4), None, "Holiday")
    enlist(either_market, away(a_roster(spot_percent=25), GINA, 0, 1), holiday, follows=1)
    assert offered_of(either_market, COUNSEL) == [
        *[Units(9, 3)] * 2,
        *[Units(14, 4)] * 2,
        Units(0, 0),
    ]


@pytest.mark.parametrize(
    ("persons", "finding"),
    [
        ((RosterPerson("nobody", HOURS),), "person 1: 'nobody' has no account; write a name"),
        ((RosterPerson(GINA, (25, *HOURS[1:])),), "person 1: 25 is out of range"),
        ((RosterPerson(GINA, HOURS), RosterPerson(GINA, HOURS)), "person 1: 'gina' is named twice"),
        ((RosterPerson(GINA, HOURS, own_team="none"),), "person 1: no team is called 'none'"),
        ((RosterPerson(GINA, HOURS, most_teams=0),), "person 1: 0 is out of range"),
    ],
)
def test_a_roster_that_cannot_be_is_refused_with_its_person(
    market: Database, persons: tuple[RosterPerson, ...], finding: str
) -> None:
    an_open_round_with_experts(market)
    with pytest.raises(InvalidPool, match=finding):
        enlist(market, a_roster(*persons), follows=1)


# --- who is named --------------------------------------------------------------------------


def test_a_publication_names_persons_for_every_awarded_hour(either_market: Database) -> None:
    an_open_round_with_experts(either_market)
    red = ask(either_market, "b1", counsel(hours=3, days=2, lots=2))
    blue = ask(either_market, "b2", counsel(hours=9, days=1), team="blue")
    publish(either_market)
    assert hours_of_days(either_market) == {(red, 0): 6, (red, 1): 6, (blue, 0): 9}
    teams = {(row.team_id, key) for key in (MEMBER,) for row in asked_of(either_market, key)}
    assert len(teams) == 1, "the member of team red works for team blue only"
    assert {row.state for row in rows_of(either_market)} == {"asked"}
    assert event_kinds(either_market).count("experts.named") == 1
    with reading(either_market) as session:
        [event] = [one for one in events(session) if one.kind == "experts.named"]
        assert '"hours_named":21,"hours_sha256"' in event.facts
        told = select(NoticeRow).where(col(NoticeRow.kind) == "hours-to-confirm")
        people = {one.person_id for one in session.scalars(told)}
    assert people == {actor(either_market, key).id for key in (NEWCOMER, MEMBER)}


def test_hours_that_nobody_can_give_are_to_be_named_and_the_owner_is_told(
    either_market: Database,
) -> None:
    an_open_round_with_experts(either_market)
    red = ask(either_market, "b1", counsel(hours=18, days=1))
    publish(either_market)
    assert hours_of_days(either_market) == {(red, 0): 18}
    assert given(either_market, "to-be-named") == [(0, NOBODY, 6, "to-be-named")]
    assert asked_of(either_market, MEMBER) == []
    with reading(either_market) as session:
        told = select(NoticeRow).where(col(NoticeRow.kind) == "hours-to-name")
        [notice] = session.scalars(told)
    assert notice.person_id == actor(either_market, OWNER).id
    assert notice.sentence == "6 hours of counsel have nobody yet: name somebody."


def test_a_bid_without_experts_names_nobody(market: Database) -> None:
    an_open_round_with_experts(market)
    ask(market, "b1", an_alternative(an_item()))
    publish(market)
    assert rows_of(market) == []
    assert "experts.named" not in event_kinds(market)


# --- answers -------------------------------------------------------------------------------


def test_persons_confirm_their_hours_once_and_are_asked_no_more(either_market: Database) -> None:
    an_open_round_with_experts(either_market)
    ask(either_market, "b1", counsel(hours=6, days=2), team="blue")
    publish(either_market)
    rows = rows_of(either_market)
    [who] = {keys_of(either_market)[row.expert_id or ""] for row in rows}
    answers = OWNER if who == GINA else who
    assert confirm(either_market, answers, rows) == 12
    assert confirm(either_market, answers, rows) == 0
    assert {row.state for row in rows_of(either_market)} == {"confirmed"}
    assert event_kinds(either_market).count("hours.confirmed") == 1
    with reading(either_market) as session:
        unread = select(NoticeRow).where(
            col(NoticeRow.kind) == "hours-to-confirm", col(NoticeRow.read_at).is_(None)
        )
        assert session.scalars(unread).all() == []


def test_a_decline_asks_others_and_what_nobody_can_give_stays_open(
    either_market: Database,
) -> None:
    an_open_round_with_experts(either_market)
    red = ask(either_market, "b1", counsel(hours=12, days=1))
    publish(either_market)
    mine = asked_of(either_market, NEWCOMER)
    confirm(either_market, NEWCOMER, mine)
    with pytest.raises(InvalidAnswer, match="reason: is empty"):
        decline(either_market, NEWCOMER, mine, " ")
    assert decline(either_market, NEWCOMER, mine) == 6
    assert Counter(given(either_market)) == Counter(
        [(0, NOBODY, 6, "to-be-named"), (0, GINA, 6, "asked"), (0, NEWCOMER, 6, "declined")]
    )
    assert hours_of_days(either_market) == {(red, 0): 12}
    with pytest.raises(Refused, match="These hours is declined"):
        confirm(either_market, NEWCOMER, mine)
    with reading(either_market) as session:
        [event] = [one for one in events(session) if one.kind == "hours.declined"]
        assert "leave" not in event.facts


def test_whoever_declined_is_not_asked_for_the_same_hours_again(market: Database) -> None:
    an_open_round_with_experts(market)
    ask(market, "b1", counsel(hours=6, days=1), team="blue")
    publish(market)
    asked = []
    for hours in range(3):
        [row] = rows_of(market, "asked")
        who = keys_of(market)[row.expert_id or ""]
        asked.append(who)
        decline(market, OWNER if who == GINA else who, [row], hours=hours + 2)
    assert sorted(asked) == sorted([NEWCOMER, MEMBER, GINA])
    assert given(market, "to-be-named") == [(0, NOBODY, 6, "to-be-named")]


@pytest.mark.parametrize("who", [MEMBER, LEAD, OWNER, ADMIN])
def test_nobody_answers_for_somebody_who_has_an_account(market: Database, who: str) -> None:
    an_open_round_with_experts(market)
    ask(market, "b1", counsel(hours=12, days=1))
    publish(market)
    mine = asked_of(market, NEWCOMER)
    assert mine
    with pytest.raises(NotAllowed):
        confirm(market, who, mine)
    with pytest.raises(NotAllowed):
        decline(market, who, mine)


def test_the_owner_answers_for_who_has_no_account_and_names_somebody(market: Database) -> None:
    an_open_round_with_experts(market)
    ask(market, "b1", counsel(hours=12, days=1))
    publish(market)
    with pytest.raises(NotAllowed):
        confirm(market, LEAD, asked_of(market, GINA))
    decline(market, OWNER, asked_of(market, GINA))
    [row] = rows_of(market, "to-be-named")
    owner, at = actor(market, OWNER), NOON + dt.timedelta(hours=4)
    with pytest.raises(Refused, match="Max Member cannot give these hours"):
        transact(market, lambda s: name_hours(s, owner, row.id, MEMBER, at))
    with pytest.raises(NotAllowed):
        transact(market, lambda s: name_hours(s, actor(market, LEAD), row.id, NEWCOMER, at))
    with pytest.raises(NotFound):
        transact(market, lambda s: name_hours(s, owner, "none", NEWCOMER, at))
    more = a_roster(*a_roster().persons, RosterPerson("hugo", HOURS))
    NAMED["hugo"] = "Hugo Hired"
    enlist(market, more, follows=1, hours=5)
    assert given(market, *LIVE) == [
        (0, key, 6, "asked") for key in _by_id(market, NEWCOMER, "hugo")
    ]


def _by_id(db: Database, *keys: str) -> list[str]:
    """Return experts in the order of their ids, as rows are."""
    ids = {key: id_ for id_, key in keys_of(db).items()}
    return sorted(keys, key=lambda key: ids[key])


# --- calendars that change afterwards ------------------------------------------------------


def test_who_is_away_now_gives_the_hours_to_others_and_the_preview_says_so(
    either_market: Database,
) -> None:
    an_open_round_with_experts(either_market)
    blue = ask(either_market, "b1", counsel(hours=18, days=2), team="blue")
    publish(either_market)
    assert len(rows_of(either_market, "asked")) == 6
    roster = away(a_roster(), NEWCOMER, 1, 1)
    with reading(either_market) as session:
        row = versions_of(session, find_pool(session, COUNSEL).id)[0]
        definition = definition_from(row.document)
        changed = type(definition.calendar)(
            definition.calendar.first_day, definition.calendar.week, roster=roster
        )
        wish = PoolWish(COUNSEL, type(definition)(definition.name, "hour", changed), "x", 1, NAMED)
        owner = actor_of_person(session, OWNER)
        effect = preview_change(session, owner, wish, NOON.date())
    [lost] = effect.lost_hours
    assert (lost.expert, lost.day, lost.hours) == ("Noah Newcomer", day(1), 6)
    enlist(either_market, roster, follows=1, hours=4)
    assert hours_of_days(either_market) == {(blue, 0): 18, (blue, 1): 18}
    assert given(either_market, "to-be-named") == [(1, NOBODY, 6, "to-be-named")]
    assert [row.day for row in asked_of(either_market, NEWCOMER)] == [day(0)]
    enlist(either_market, follows=2, hours=5)
    assert given(either_market, "to-be-named") == []


def test_what_a_team_gives_back_is_asked_of_nobody_any_more(either_market: Database) -> None:
    an_open_round_with_experts(either_market)
    blue = ask(either_market, "b1", counsel(hours=5, days=3, lots=3), team="blue")
    publish(either_market)
    lead, wish = actor(either_market, OTHER_LEAD), ReleaseAward(blue, 2, day(1))
    transact(either_market, lambda session: release_award(session, lead, wish, NOON))
    assert hours_of_days(either_market) == {(blue, 0): 15, (blue, 1): 5, (blue, 2): 5}
    rest = ReleaseAward(blue, 1, day(2), follows=1)
    transact(either_market, lambda session: release_award(session, lead, rest, NOON))
    assert hours_of_days(either_market) == {(blue, 0): 15, (blue, 1): 5}
    with reading(either_market) as session:
        freed = select(NoticeRow).where(col(NoticeRow.sentence).contains("asked for no more"))
        assert session.scalars(freed).all() != []


# --- what the database refuses -------------------------------------------------------------

_COPY = (
    "INSERT INTO expert_hours SELECT '{id}', run_id, bid_id, position, team_id, pool_id, day, "
    "{expert}, {hours}, {of_day}, 1, 'asked', written_at, NULL, NULL, '' FROM expert_hours "
    "WHERE state = 'asked' AND expert_id = (SELECT id FROM expert WHERE key = 'gina')"
)
FORBIDDEN = {
    "more hours than a day has": _COPY.format(id="x", expert="expert_id", hours=1, of_day=6),
    "more hours than the day by one row": _COPY.format(
        id="x", expert="expert_id", hours=7, of_day=6
    ),
    "the own team": _COPY.format(
        id="x", expert="(SELECT id FROM expert WHERE key = 'max')", hours=1, of_day=6
    ),
    "hours of no award": _COPY.format(id="x", expert="NULL", hours=1, of_day="NULL").replace(
        "bid_id, position", "bid_id, 9"
    ),
    "other hours": "UPDATE expert_hours SET hours = hours - 1",
    "another person": "UPDATE expert_hours SET expert_id = NULL",
    "confirmed without who and when": "UPDATE expert_hours SET state = 'confirmed'",
    "declined without a reason": (
        "UPDATE expert_hours SET state = 'declined', answered_at = written_at, answered_by = 'eve'"
    ),
    "removing them": "DELETE FROM expert_hours",
    "removing an expert": "DELETE FROM expert",
}


def test_the_database_refuses_hours_that_nobody_may_be_asked_for(
    either_market: Database,
) -> None:
    an_open_round_with_experts(either_market)
    ask(either_market, "b1", counsel(hours=12, days=1))
    publish(either_market)
    before = [row.model_dump() for row in rows_of(either_market)]
    done = [deed for deed, statement in FORBIDDEN.items() if does(either_market, statement)]
    assert done == []
    assert [row.model_dump() for row in rows_of(either_market)] == before
    decline(either_market, NEWCOMER, asked_of(either_market, NEWCOMER))
    again = "UPDATE expert_hours SET state = 'asked', reason = '' WHERE state = 'declined'"
    assert not does(either_market, again)


def does(db: Database, statement: str) -> bool:
    """Say whether the database lets somebody do something behind the market's back."""
    try:
        with Session(db.writer) as session, session.begin():
            session.execute(text(statement))
    except IntegrityError:
        return False
    return True


# --- sheets --------------------------------------------------------------------------------

HEAD = (
    "entry,person,name,monday,tuesday,wednesday,thursday,friday,saturday,sunday,"
    "most_teams,own_team,skills,from,to,note\n"
)
SHEET = HEAD + (
    "first-day,,,,,,,,,,,,,2026-03-02,,\n"
    "spot,,,20,,,,,,,,,,,,\n"
    "person,noah,,6,6,6,6,4,,,2,,contracts; privacy,,,\n"
    "person,gina,Gina Guest,4,4,4,4,4,,,,blue,,,,\n"
    "absence,gina,,,,,,,,,,,,2026-03-04,2026-03-06,\n"
    "closed,,,,,,,,,,,,,2026-03-09,,Holiday\n"
)


def test_a_sheet_reads_back_as_it_was_written() -> None:
    read = read_roster_sheet(SHEET)
    assert read.findings == ()
    assert read.calendar is not None
    assert read.calendar.roster is not None
    noah, gina = read.calendar.roster.persons
    assert (noah.most_teams, noah.skills) == (2, ("contracts", "privacy"))
    assert (gina.own_team, [one.last_day for one in gina.absences]) == ("blue", [day(4)])
    again = read_roster_sheet(roster_sheet_of(read.calendar, read.names))
    assert (again.calendar, again.names) == (read.calendar, read.names)


@pytest.mark.parametrize(
    ("line", "finding"),
    [
        ("person,noah,,x,,,,,,,,,,,,", "line 3: monday: 'x' is no whole number"),
        ("absence,eve,,,,,,,,,,,,2026-03-04,,", "line 3: person: 'eve' has no line"),
        ("absence,noah,,,,,,,,,,,,soon,,", "line 3: from: 'soon' is no day"),
        ("weekend,,,,,,,,,,,,,,,", "line 3: entry: 'weekend' is none"),
        ("first-day,,,,,,,,,,,,,2026-03-03,,", "line 3: entry: first-day is named twice"),
        ("person,noah", "line 3: has 2 cells; the header has 16"),
    ],
)
def test_what_is_wrong_with_a_sheet_is_said_by_line(line: str, finding: str) -> None:
    read = read_roster_sheet(f"{HEAD}first-day,,,,,,,,,,,,,2026-03-02,,\n{line}\n")
    assert read.calendar is None
    assert [one for one in read.findings if finding in one] != []


# --- screens -------------------------------------------------------------------------------


@pytest.fixture
def app(market: Database) -> Iterator[Flask]:
    an_open_round_with_experts(market)
    ask(market, "b1", counsel(hours=12, days=1))
    publish(market)
    with screens(market) as app:
        yield app


def test_a_person_confirms_and_declines_in_the_browser(app: Flask, market: Database) -> None:
    noah, here = signed_in(app, NEWCOMER), "/hours"
    [row] = asked_of(market, NEWCOMER)
    assert "6\u00a0hours of yours wait for an answer" in noah.get(here).text
    refused = noah.post(here, data={"do": "decline", "hours": row.id})
    assert refused.status_code == 422
    assert "Is empty; say why" in refused.text
    assert noah.post(here, data={"do": "confirm"}).status_code == 422
    assert noah.post(here, data={"do": "confirm", "hours": row.id}).status_code == 303
    [said] = noah.get("/hours.json").get_json()["rows"]
    assert (said["state"], said["hours"], said["team_key"]) == ("confirmed", 6, "red")
    data = {"do": "decline", "hours": row.id, "reason": "Ill"}
    assert noah.post(here, data=data).status_code == 303
    assert "Nothing is asked of you" in noah.get(here).text
    assert stranger(app).get(here).status_code == 303


def test_a_team_reads_who_works_for_it_and_no_other_team_does(app: Flask) -> None:
    rows = signed_in(app, LEAD).get("/calendar/hours.json").get_json()["rows"]
    assert {(row["expert"], row["hours"]) for row in rows} == {
        ("Noah Newcomer", 6),
        ("Gina Guest", 6),
    }
    assert signed_in(app, OTHER_LEAD).get("/calendar/hours.json").get_json()["rows"] == []


def test_the_owner_sees_a_pools_hours_answers_for_guests_and_names_others(
    app: Flask, market: Database
) -> None:
    owner, here = signed_in(app, OWNER), f"/admin/pools/{COUNSEL}/hours"
    [row] = asked_of(market, GINA)
    data = {"do": "decline", "hours": row.id, "reason": "Ill"}
    assert owner.post(here, data=data).status_code == 303
    page = owner.get(here).text
    assert "6\u00a0hours have nobody yet" in page
    assert "nobody has hours left" in page
    [open_] = rows_of(market, "to-be-named")
    refused = owner.post(f"{here}/{open_.id}/name", data={"expert": GINA})
    assert refused.status_code == 409
    assert "cannot give these hours" in refused.text
    assert signed_in(app, LEAD).get(here).status_code == 403


def test_an_owner_changes_the_roster_by_form_and_by_sheet(app: Flask) -> None:
    owner, here = signed_in(app, OWNER), f"/admin/pools/{COUNSEL}"
    page = owner.get(here).text
    assert "Gina Guest" in page
    typed = {
        "kind": "expert",
        "name": "Privacy counsel",
        "unit": "hour",
        "follows": "1",
        "first_day": "2026-03-02",
        "reason": "Fewer",
        "do": "save",
        "spot_percent": "0",
        "person-1-key": "noah",
        "person-1-monday": "5",
        "person-1-teams": "2",
        "person-4-key": "hans",
        "person-4-monday": "3",
        "absence-1-person": "noah",
        "absence-1-first": "2026-03-09",
        "absence-1-last": "",
    }
    refused = owner.post(f"{here}/calendar", data=typed)
    assert refused.status_code == 422
    assert 'href="#person-4-key"' in refused.text
    assert "has no account; write a name" in refused.text
    typed["person-4-name"] = "Hans Helper"
    assert (
        "Hours that others have to give"
        in owner.post(f"{here}/calendar", data={**typed, "do": "check"}).text
    )
    assert owner.post(f"{here}/calendar", data=typed).status_code == 303
    assert "Hans Helper" in owner.get(here).text
    sheet = owner.get(f"{here}/sheet.csv").text
    assert "person,hans,Hans Helper,3,0,0,0,0,0,0,1,,," in sheet
    preview = owner.post(f"{here}/sheet", data={"sheet": sheet.replace(",3,0", ",4,0", 1)})
    assert preview.status_code == 200
    assert 'name="person-2-name" value="Hans Helper"' in preview.text
    wrong = owner.post(f"{here}/sheet", data={"sheet": HEAD + "person,hans\n"})
    assert wrong.status_code == 422
    assert "line 2: has 2 cells" in wrong.text
