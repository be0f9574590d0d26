"""An award on a pool of data grants access for its purpose and days, which ends exactly once."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

import pytest
from flask import Flask
from sqlalchemy import select, text
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col

from allocation.problem import Alternative
from broker.access import Actor
from broker.access_grants.endings import expire_access, revoke_access
from broker.audit import Change
from broker.bids.findings import InvalidDraft
from broker.dashboards.access_grants import access_screen
from broker.dashboards.listings import Question
from broker.db import Database, reading, transact
from broker.errors import (
    InvalidPool,
    InvalidRevocation,
    NotAllowed,
    NotFound,
    Refused,
    SignInNeeded,
)
from broker.holdings.releases import ReleaseAward, release_award
from broker.notices.tables import NoticeRow
from broker.people.actors import actor_of_person
from broker.people.persons import disable_person
from broker.pools.data_terms import Catalogue, CatalogueEntry, DataTerms, findings_in_terms
from broker.rounds import close_round
from tests.builders import an_alternative, an_item, day
from tests.cast import (
    ADMIN,
    LEAD,
    MEMBER,
    OPERATOR,
    OTHER_LEAD,
    OWNER,
    actor,
    signed_in,
    stranger,
)
from tests.data_pools import (
    CARE,
    ENTRY,
    NOTES,
    RESEARCH,
    STEWARD,
    an_open_round_with_data,
    ask,
    define,
    grants,
    notes,
    some_terms,
)
from tests.markets import ADA, NOON, a_change, event_kinds, events, run_it
from tests.policy_markets import declines, do
from tests.screens import screens


def publish(db: Database) -> None:
    """Close the round and publish it an hour later."""
    do(db, close_round, "sprint-1", hours=0.5)
    run_it(db)


def at_noon_of(number: int) -> dt.datetime:
    return dt.datetime.combine(day(number), dt.time(12), tzinfo=dt.UTC)


def tick(db: Database, at: dt.datetime) -> int:
    return transact(db, lambda session: expire_access(session, Change(ADA, at)))


def revoke(db: Database, who: Actor, reason: str = "Names were found", hours: float = 2) -> None:
    [grant] = grants(db)
    at = NOON + dt.timedelta(hours=hours)
    transact(db, lambda session: revoke_access(session, who, grant.id, reason, at))


# --- what is granted -----------------------------------------------------------------------


def test_a_publication_grants_what_its_awards_say_and_nothing_else(
    either_market: Database,
) -> None:
    an_open_round_with_data(either_market)
    both = an_alternative(
        an_item(), an_item(NOTES, units=3, days=2), an_item(NOTES, units=1, offset=2), lots=(2, 2)
    )
    won = ask(either_market, "b1", both)
    ask(either_market, "b2", an_alternative(an_item()), team="blue")
    ask(either_market, "b3", notes(units=99), team="blue")
    publish(either_market)
    found = [
        (one.bid_id, one.position, one.seats, one.from_on, one.until_on, one.purpose)
        for one in grants(either_market)
    ]
    assert found == [
        (won, 2, 6, day(0), day(1), RESEARCH),
        (won, 3, 2, day(2), day(2), RESEARCH),
    ]
    assert {one.state for one in grants(either_market)} == {"granted"}
    kinds = event_kinds(either_market)
    assert kinds.count("access.granted") == 1
    assert kinds.index("round.published") < kinds.index("access.granted") < len(kinds) - 1
    with reading(either_market) as session:
        told = session.scalars(select(NoticeRow).where(col(NoticeRow.kind) == "access-changed"))
        assert [one.sentence for one in told] == [
            "2 access grants for notes came with the result of sprint-1."
        ]


def test_data_that_nobody_defined_ask_for_no_purpose_and_are_granted_as_well(
    market: Database,
) -> None:
    an_open_round_with_data(market, is_defined=False)
    ask(market, "b1", notes(days=5))
    publish(market)
    assert [(one.seats, one.purpose) for one in grants(market)] == [(2, RESEARCH)]


# --- terms before and at the close ---------------------------------------------------------


@pytest.mark.parametrize(
    ("purpose", "days", "finding"),
    [
        ("Advertising", 1, "purpose: 'Advertising' is none of what Clinical notes may be used for"),
        (RESEARCH, 4, "days: 4 in all, and it may be used for at most 3 days at once"),
    ],
)
def test_a_bid_that_does_not_meet_the_terms_is_refused_beside_its_field(
    market: Database, purpose: str, days: int, finding: str
) -> None:
    an_open_round_with_data(market)
    with pytest.raises(InvalidDraft, match=finding) as refused:
        ask(market, "b1", notes(days=days), purpose=purpose)
    [found] = refused.value.found
    assert found.path in {"purpose", "alternatives.0.items.0.days"}


def test_a_bid_without_data_needs_no_purpose(market: Database) -> None:
    an_open_round_with_data(market)
    ask(market, "b1", an_alternative(an_item(days=5)), purpose=" ")
    publish(market)
    assert grants(market) == []


def test_days_of_several_items_count_from_the_first_to_the_last(market: Database) -> None:
    an_open_round_with_data(market)
    parts = an_item(NOTES), an_item(NOTES, offset=3)
    with pytest.raises(InvalidDraft, match="days: 4 in all"):
        ask(market, "b1", an_alternative(*parts))


def test_terms_that_narrow_before_the_close_decline_a_bid_with_their_code(
    either_market: Database,
) -> None:
    an_open_round_with_data(either_market)
    ask(either_market, "short", notes(days=1))
    ask(either_market, "long", notes(days=3), team="blue", purpose=CARE)
    ask(either_market, "either", notes(days=3), notes_second(), purpose=CARE)
    narrow = some_terms(either_market, CARE, longest_days=2)
    define(either_market, narrow, follows=1, hours=0.25)
    publish(either_market)
    found = declines(either_market)
    assert {key: found[key].reason for key in found} == {"short": "ineligible", "long": "policy"}
    assert "“Research” was none of them. Next time: state one of Better care" in (
        found["short"].detail
    )
    assert "at most 2 days at once, and the bid asked for 3" in found["long"].detail
    assert [one.seats for one in grants(either_market)] == [1]


def notes_second() -> Alternative:
    return an_alternative(an_item(NOTES, units=1, days=2), number=2, offer=50)


# --- how access ends -----------------------------------------------------------------------


def test_access_expires_once_on_the_day_after_its_last(either_market: Database) -> None:
    an_open_round_with_data(either_market)
    ask(either_market, "b1")
    publish(either_market)
    assert tick(either_market, at_noon_of(1)) == 0
    assert tick(either_market, at_noon_of(2)) == 1
    assert tick(either_market, at_noon_of(3)) == 0
    [grant] = grants(either_market)
    assert (grant.state, grant.ended_at, grant.ended_by) == ("expired", at_noon_of(2), ADA)
    assert event_kinds(either_market).count("access.expired") == 1
    with pytest.raises(Refused, match="This access is expired"):
        revoke(either_market, actor(either_market, ADMIN))


@pytest.mark.parametrize("who", [STEWARD, ADMIN])
def test_the_steward_and_an_admin_take_access_back_for_a_reason(market: Database, who: str) -> None:
    an_open_round_with_data(market)
    ask(market, "b1")
    publish(market)
    with pytest.raises(InvalidRevocation, match="reason: is empty"):
        revoke(market, actor(market, who), " ")
    revoke(market, actor(market, who))
    [grant] = grants(market)
    assert (grant.state, grant.reason) == ("revoked", "Names were found")
    assert tick(market, at_noon_of(9)) == 0
    with reading(market) as session:
        [event] = [one for one in events(session) if one.kind == "access.revoked"]
        assert "Names" not in event.facts
        told = select(col(NoticeRow.person_id)).where(
            col(NoticeRow.sentence).startswith("The access of your team")
        )
        assert set(session.scalars(told)) == {actor(market, key).id for key in (LEAD, MEMBER)}


@pytest.mark.parametrize("who", [LEAD, OTHER_LEAD, OWNER])
def test_nobody_else_takes_access_back(market: Database, who: str) -> None:
    an_open_round_with_data(market)
    ask(market, "b1")
    publish(market)
    with pytest.raises(NotAllowed):
        revoke(market, actor(market, who))
    with pytest.raises(NotFound):
        transact(market, lambda s: revoke_access(s, actor(market, ADMIN), "none", "x", NOON))
    with pytest.raises(SignInNeeded):
        revoke(market, Actor(ADA, None, ""))
    assert grants(market)[0].state == "granted"


def test_access_ends_with_what_its_team_gives_back(either_market: Database) -> None:
    an_open_round_with_data(either_market)
    ways = an_alternative(an_item(NOTES, units=2, days=3), lots=(3, 3))
    bid_id = ask(either_market, "b1", ways)
    publish(either_market)
    release(either_market, bid_id, 1, 1, follows=0)
    with reading(either_market) as session:
        said = [seats_until(session, day(number)) for number in (0, 1)]
    assert said == [(6, day(2)), (4, day(2))]
    release(either_market, bid_id, 2, 2, follows=1)
    with reading(either_market) as session:
        assert seats_until(session, day(1)) == (4, day(1))
    assert tick(either_market, at_noon_of(1)) == 0
    assert tick(either_market, at_noon_of(2)) == 1


def release(db: Database, bid_id: str, lots: int, number: int, *, follows: int) -> None:
    lead, wish = actor(db, LEAD), ReleaseAward(bid_id, lots, day(number), follows)
    transact(db, lambda session: release_award(session, lead, wish, NOON))


def seats_until(session: Session, today: dt.date) -> tuple[int, dt.date]:
    """Return what the list says of the only grant on a day."""
    admin = actor_of_person(session, ADMIN)
    [row] = access_screen(session, admin, Question(), today).rows
    return row["seats"], row["until_on"]


# --- what the database refuses -------------------------------------------------------------

_COPY = (
    "INSERT INTO access_grant SELECT 'other', run_id, bid_id, 9, team_id, pool_id, purpose, seats, "
    "from_on, until_on, 'granted', granted_at, NULL, NULL, '' FROM access_grant"
)
FORBIDDEN = {
    "granting outside a publication": _COPY,
    "more seats": "UPDATE access_grant SET seats = seats + 1",
    "another last day": "UPDATE access_grant SET until_on = '2027-01-01'",
    "another purpose": "UPDATE access_grant SET purpose = 'Advertising'",
    "ending without a moment": "UPDATE access_grant SET state = 'expired'",
    "revoking without a reason": (
        "UPDATE access_grant SET state = 'revoked', ended_at = granted_at, ended_by = 'eve'"
    ),
    "removing it": "DELETE FROM access_grant",
    "another purpose of a bid after the close": "UPDATE bid_purpose SET purpose = 'Advertising'",
    "taking a purpose away after the close": "DELETE FROM bid_purpose",
}


def test_the_database_refuses_to_grant_change_or_remove_access(either_market: Database) -> None:
    an_open_round_with_data(either_market)
    ask(either_market, "b1")
    publish(either_market)
    before = [one.model_dump() for one in grants(either_market)]
    done = [deed for deed, statement in FORBIDDEN.items() if does(either_market, statement)]
    assert done == []
    assert [one.model_dump() for one in grants(either_market)] == before


def does(db: Database, statement: str) -> bool:
    """Say whether the database lets somebody do something behind the market's back."""
    try:
        with Session(db.writer) as session, session.begin():
            session.execute(text(statement))
    except IntegrityError:
        return False
    return True


def test_access_that_ended_begins_no_more(either_market: Database) -> None:
    an_open_round_with_data(either_market)
    ask(either_market, "b1")
    publish(either_market)
    tick(either_market, at_noon_of(2))
    again = "UPDATE access_grant SET state = 'granted', ended_at = NULL, ended_by = NULL"
    with (
        pytest.raises(IntegrityError, match="ends once"),
        Session(either_market.writer) as session,
        session.begin(),
    ):
        session.execute(text(again))


# --- terms ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("catalogue", "reference", "is_right"),
    [
        ("datahub", "urn:li:dataset:(urn:li:dataPlatform:hive,claims.history,PROD)", True),
        ("datahub", "urn:li:dataProduct:claims", True),
        ("datahub", "urn:li:dataset:(urn:li:dataPlatform:hive,claims)", False),
        ("datahub", "https://datahub.example/dataset", False),
        ("openmetadata", "warehouse.claims.public.archive", True),
        ("openmetadata", 'warehouse."claims.eu".public', True),
        ("openmetadata", "warehouse", False),
        ("openmetadata", "warehouse..claims", False),
        ("url", "https://catalogue.example/claims?version=3", True),
        ("url", "https://ada:secret@catalogue.example/", False),
        ("url", "javascript:alert(1)", False),
        ("url", "https:///claims", False),
        ("wiki", "claims", False),
    ],
)
def test_a_catalogue_entry_is_written_as_its_catalogue_writes_it(
    catalogue: str, reference: str, *, is_right: bool
) -> None:
    terms = DataTerms("somebody", (RESEARCH,), 14, CatalogueEntry(catalogue, reference))
    assert (list(findings_in_terms(terms)) == []) is is_right


@pytest.mark.parametrize(
    ("terms", "finding"),
    [
        (DataTerms("", (RESEARCH,), 14, ENTRY), "steward: nobody"),
        (DataTerms("nobody", (RESEARCH,), 14, ENTRY), "steward: has left"),
        (DataTerms("", (), 14, ENTRY), "purposes: there is none"),
        (DataTerms("", (RESEARCH, RESEARCH), 14, ENTRY), "is named twice"),
        (DataTerms("", ("x" * 81,), 14, ENTRY), "longer than 80"),
        (DataTerms("", (RESEARCH,), 0, ENTRY), "longest days: 0 is out of range"),
        (
            DataTerms("", (RESEARCH,), 14, CatalogueEntry(Catalogue.URL, "")),
            "catalogue entry: '' is none",
        ),
    ],
)
def test_terms_that_cannot_be_are_refused_with_their_field(
    market: Database, terms: DataTerms, finding: str
) -> None:
    an_open_round_with_data(market)
    with pytest.raises(InvalidPool, match=finding):
        define(market, terms, follows=1)


# --- screens -------------------------------------------------------------------------------


@pytest.fixture
def app(market: Database) -> Iterator[Flask]:
    an_open_round_with_data(market)
    ask(market, "b1")
    publish(market)
    with screens(market) as app:
        yield app


def test_who_operates_the_data_reads_who_may_use_what_until_when(app: Flask) -> None:
    steward = signed_in(app, STEWARD)
    [row] = steward.get("/access-grants.json?state=granted").get_json()["rows"]
    assert (row["team_key"], row["pool_key"], row["purpose"]) == ("red", NOTES, RESEARCH)
    assert (row["seats"], row["from_on"], row["until_on"]) == (2, "2026-03-02", "2026-03-03")
    assert steward.get("/access-grants.json?state=revoked").get_json()["rows"] == []
    assert "Team red" in steward.get("/access-grants").text
    assert stranger(app).get("/access-grants").status_code == 303


def test_a_steward_takes_access_back_in_the_browser_and_the_team_reads_why(app: Flask) -> None:
    steward, lead = signed_in(app, STEWARD), signed_in(app, LEAD)
    access = steward.get("/access-grants.json").get_json()["rows"][0]["access"]
    here = f"/access-grants/{access}"
    assert "Take it back" not in lead.get(here).text
    refused = steward.post(f"{here}/revoke", data={"reason": ""})
    assert refused.status_code == 422
    assert "Is empty; say why" in refused.text
    assert steward.post(f"{here}/revoke", data={"reason": "Names"}).status_code == 303
    assert steward.post(f"{here}/revoke", data={"reason": "Again"}).status_code == 409
    assert "Names" in lead.get(here).text
    own = lead.get("/calendar/access.json").get_json()["rows"]
    assert [(row["state"], row["reason"]) for row in own] == [("revoked", "Names")]
    assert signed_in(app, OTHER_LEAD).get("/calendar/access.json").get_json()["rows"] == []


def test_the_pool_says_its_terms_and_who_has_left(app: Flask, market: Database) -> None:
    page = stranger(app).get(f"/pools/{NOTES}").text
    assert "Research, Better care" in page
    assert "warehouse.care.public.notes" in page
    assert "has left" not in page
    transact(market, lambda session: disable_person(session, OPERATOR, STEWARD, a_change(9).at))
    for address in ("/pools", f"/pools/{NOTES}"):
        assert "The steward of the data has left" in stranger(app).get(address).text
    assert "The steward of the data has left" in signed_in(app, ADMIN).get("/admin/pools").text


def test_an_admin_changes_the_terms_and_reads_them_back(app: Flask, market: Database) -> None:
    admin, here = signed_in(app, ADMIN), f"/admin/pools/{NOTES}"
    typed = {
        "name": "Clinical notes",
        "unit": "seat",
        "kind": "data",
        "follows": "1",
        "first_day": "2026-03-02",
        "monday-reserved": "10",
        "reason": "Shorter",
        "do": "save",
        "steward": some_terms(market).steward_id,
        "purposes": "Research\r\n\r\n Teaching ",
        "longest_days": "2",
        "catalogue": "url",
        "catalogue_entry": "ftp://notes",
    }
    refused = admin.post(f"{here}/calendar", data=typed)
    assert refused.status_code == 422
    assert "is none of url" in refused.text
    typed["catalogue_entry"] = "https://catalogue.example/notes"
    assert admin.post(f"{here}/calendar", data=typed).status_code == 303
    page = admin.get(here).text
    assert "Research, Teaching" in page
    assert "Version 2 is in force" in page


def test_an_admin_defines_a_pool_of_data_with_its_terms(app: Flask, market: Database) -> None:
    admin = signed_in(app, ADMIN)
    typed = {
        "key": "claims",
        "name": "Claims",
        "unit": "seat",
        "kind": "data",
        "owner": OWNER,
        "first_day": "2026-03-02",
        "reason": "New",
        "longest_days": "5",
        "purposes": "Research",
        "catalogue": "datahub",
        "catalogue_entry": "urn:li:dataProduct:claims",
    }
    refused = admin.post("/admin/pools", data=typed)
    assert refused.status_code == 422
    assert "Nobody is named; choose who looks after the data" in refused.text
    typed["steward"] = some_terms(market).steward_id
    assert admin.post("/admin/pools", data=typed).status_code == 303
    assert "urn:li:dataProduct:claims" in admin.get("/admin/pools/claims").text


def test_the_bid_form_offers_the_purposes_and_refuses_what_is_none(
    market: Database,
) -> None:
    an_open_round_with_data(market)
    with screens(market) as app:
        lead = signed_in(app, LEAD)
        assert "Better care (Clinical notes)" in lead.get("/bids/new").text
        typed = {
            "title": "Read notes",
            "round": "sprint-1",
            "team": "red",
            "do": "check",
            "a1-offer": "5",
            "a1-i1-pool": NOTES,
            "a1-i1-units": "1",
            "a1-i1-days": "1",
        }
        refused = lead.post("/bids/new", data=typed)
        assert refused.status_code == 422
        assert 'href="#purpose"' in refused.text
        assert lead.post("/bids/new", data={**typed, "purpose": CARE}).status_code == 200
