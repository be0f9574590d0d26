"""What programs do about their own matters and about results: the same as people on pages."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import select
from sqlmodel import col

import tests.data_pools as data
import tests.expert_pools as experts
from broker.access import Scope
from broker.db import Database, reading
from broker.rounds import close_round
from broker.tables import BidRow
from tests.api import Program, a_draft, issue
from tests.builders import FIRST_DAY
from tests.cast import ADMIN, LEAD, MEMBER, OTHER_LEAD, OWNER, SECOND_ADMIN, Places, bring_people
from tests.markets import event_kinds, run_it
from tests.overrides import KEY, WHY, a_published_contest, work
from tests.policies import a_policy
from tests.policy_markets import adopt, do
from tests.screens import screens
from tests.sprints import a_market

Programs = Callable[..., Program]
A_PIN = {
    "bid_key": "b1",
    "kind": "pin",
    "reason": WHY,
    "alternative": 1,
    "start": FIRST_DAY.isoformat(),
    "lots": 1,
}


def publish(db: Database) -> None:
    do(db, close_round, "sprint-1", hours=0.5)
    run_it(db)


def bid_of(db: Database, key: str) -> str:
    with reading(db) as session:
        return session.scalars(select(col(BidRow.id)).where(col(BidRow.key) == key)).one()


def test_a_team_keeps_templates_of_its_own_and_starts_bids_from_them(market: Database) -> None:
    a_market(market)
    with screens(market) as app:
        lead, member = Program(app, issue(market, LEAD)), Program(app, issue(market, MEMBER))
        rival = Program(app, issue(market, OTHER_LEAD))
        body = {"team_key": "red", "round_key": "sprint-1", "draft": a_draft()}
        bid = lead.post("/bids", body).json["bid_id"]
        saved = lead.post(f"/bids/{bid}/template", {"name": "Usual"}, key="k")
        assert lead.post(f"/bids/{bid}/template", {"name": "Usual"}, key="k").data == saved.data
        assert member.post(f"/bids/{bid}/template", {"name": "Mine"}).status_code == 403
        assert rival.post(f"/bids/{bid}/template", {"name": "Mine"}).status_code == 404
        assert lead.post(f"/bids/{bid}/template", {"name": " "}).status_code == 422
        [template] = member.get("/templates").json["templates"]
        assert template == {
            "template_id": saved.json["template_id"],
            "team_key": "red",
            "name": "Usual",
            "starts_on": "2026-03-02",
            "draft": template["draft"],
        }
        used = f"/rounds/sprint-1/templates/{template['template_id']}"
        assert lead.get(used).json["draft"]["title"] == "Train"
        assert (rival.get("/templates").json["templates"], rival.get(used).status_code) == ([], 404)
        reader = Program(app, issue(market, LEAD, {Scope.READ_MARKET}))
        assert reader.get("/templates").status_code == 403
        assert rival.post(f"/templates/{template['template_id']}/remove").status_code == 404
        assert lead.post(f"/templates/{template['template_id']}/remove").status_code == 200
        assert lead.get("/templates").json["templates"] == []


def test_hours_are_declined_named_and_confirmed_by_whom_they_concern(market: Database) -> None:
    experts.an_open_round_with_experts(market)
    for key in ("b1", "b2", "b3"):  # together they need everybody
        experts.ask(market, key)
    publish(market)
    with screens(market) as app:
        owner, pool = Program(app, issue(market, OWNER)), f"/pools/{experts.COUNSEL}/hours"
        asked = owner.get(pool, state="asked").json["rows"]
        guest = [row["hours_id"] for row in asked if row["expert_key"] == experts.GINA]
        others = [row["hours_id"] for row in asked if row["expert_key"] != experts.GINA]
        assert guest
        assert owner.post("/hours/confirm", {"hours_ids": guest}).json["hours"] > 0
        assert owner.post("/hours/confirm", {"hours_ids": others}).status_code == 403
        person = next(row["expert_key"] for row in asked if row["hours_id"] in others)
        who = Program(app, issue(market, person))
        ids = [row["hours_id"] for row in who.get("/hours").json["rows"]]
        assert sorted(ids) == sorted(r["hours_id"] for r in asked if r["expert_key"] == person)
        lead = Program(app, issue(market, LEAD))
        assert lead.get("/hours").json["rows"] == []
        assert lead.post("/hours/confirm", {"hours_ids": ids}).status_code == 403
        assert lead.get(pool).status_code == 403
        reader = Program(app, issue(market, person, {Scope.READ_MARKET}))
        assert reader.post("/hours/confirm", {"hours_ids": ids}).status_code == 403
        assert who.post("/hours/confirm", {"hours_ids": ids}).json["hours"] > 0
        assert who.post("/hours/confirm", {"hours_ids": []}).status_code == 422
        declined = who.post("/hours/decline", {"hours_ids": ids, "reason": "On leave"})
        assert declined.json["hours"] > 0
        assert {row["state"] for row in who.get("/hours").json["rows"]} == {"declined"}
        opened = owner.get(pool, state="to-be-named").json["rows"] or asked
        named = owner.post(f"/hours/{opened[0]['hours_id']}/name", {"expert_key": "nobody"})
        assert named.status_code in {404, 409}


def test_access_to_data_is_read_by_everybody_and_taken_back_for_a_reason(market: Database) -> None:
    data.an_open_round_with_data(market)
    data.ask(market, "b1")
    publish(market)
    with screens(market) as app:
        steward, lead = Program(app, issue(market, data.STEWARD)), Program(app, issue(market, LEAD))
        [row] = lead.get("/access-grants").json["rows"]
        one = f"/access-grants/{row['access']}"
        assert lead.get(one).json["state"] == "granted"
        assert lead.post(f"{one}/revoke", {"reason": "Mine"}).status_code == 403
        assert steward.post(f"{one}/revoke", {"reason": " "}).status_code == 422
        taken = steward.post(f"{one}/revoke", {"reason": "Names were found"}, key="k")
        again = steward.post(f"{one}/revoke", {"reason": "Names were found"}, key="k")
        assert (taken.status_code, again.data) == (200, taken.data)
        assert steward.post(f"{one}/revoke", {"reason": "Again"}).status_code == 409
        assert lead.get(one).json["reason"] == "Names were found"
        assert event_kinds(market).count("access.revoked") == 1


def test_notices_are_a_person_s_own(market: Database) -> None:
    data.an_open_round_with_data(market)
    data.ask(market, "b1")
    publish(market)
    with screens(market) as app:
        lead, rival = Program(app, issue(market, LEAD)), Program(app, issue(market, OTHER_LEAD))
        notices = lead.get("/notices", standing="unread").json["rows"]
        assert notices
        one = f"/notices/{notices[0]['id']}/read"
        reader = Program(app, issue(market, LEAD, {Scope.READ_MARKET}))
        assert reader.get("/notices").json["rows"] == lead.get("/notices").json["rows"]
        assert reader.post(one).status_code == 403
        assert rival.post(one).status_code == 404
        assert lead.post(one).status_code == 200
        assert len(lead.get("/notices", standing="unread").json["rows"]) == len(notices) - 1
        assert lead.post("/notices/read", {"until": "2026-12-31T00:00:00Z"}).status_code == 200
        assert lead.get("/notices", standing="unread").json["rows"] == []
        unwanted = [{"kind": "round-opened", "channel": "mail"}]
        assert lead.send("PUT", "/notices/choices", {"unwanted": unwanted}).status_code == 200
        assert lead.get("/notices/choices").json["unwanted"] == unwanted
        assert rival.get("/notices/choices").json["unwanted"] == []
        assert Program(app, issue(market, None)).get("/notices").status_code == 403


def test_an_override_is_proposed_by_one_and_published_by_another(market: Database) -> None:
    a_published_contest(market)
    bring_people(market, Places(team="red", other_team="blue"))
    with screens(market) as app:
        first, second = (
            Program(app, issue(market, ADMIN)),
            Program(app, issue(market, SECOND_ADMIN)),
        )
        here = f"/rounds/{KEY}/overrides"
        assert Program(app, issue(market, LEAD)).post(here, A_PIN).status_code == 403
        runner = Program(app, issue(market, ADMIN, {Scope.WRITE_ROUNDS, Scope.RUN_ROUNDS}))
        assert runner.post(here, A_PIN).status_code == 403
        assert first.post(here, A_PIN | {"lots": None}).status_code == 422
        one = f"/overrides/{first.post(here, A_PIN).json['override_id']}"
        assert second.post(f"{one}/approve").status_code == 409
        work(market)
        read = Program(app, issue(market, LEAD)).get(one).json
        assert (read["state"], read["run_state"], read["round_key"]) == ("proposed", "checked", KEY)
        assert read["price"] == 200
        assert {bid["bid_id"] for bid in read["bids"]} >= {bid_of(market, "b1")}
        assert first.post(f"{one}/approve").status_code == 409
        assert second.post(f"{one}/approve").status_code == 200
        assert [row["state"] for row in first.get(here).json["overrides"]] == ["approved"]


def test_what_would_have_won_is_asked_by_the_team_and_read_in_its_receipt(market: Database) -> None:
    a_published_contest(market)
    bring_people(market, Places(team="red", other_team="blue"))
    with screens(market) as app:
        lead, rival = Program(app, issue(market, LEAD)), Program(app, issue(market, OTHER_LEAD))
        mine, wish = f"/declines/{bid_of(market, 'b1')}", {"offer_credits_per_lot": 950}
        assert lead.post(f"{mine}/what-ifs", wish).status_code == 403
        assert rival.post(f"{mine}/what-ifs", wish | {"start": "2027-01-01"}).status_code == 422
        assert rival.post(f"{mine}/what-ifs", wish).status_code == 200
        assert rival.post(f"{mine}/exact").status_code == 200
        receipt = f"/receipts/{bid_of(market, 'b1')}"
        assert len(rival.get(receipt).json["what_ifs"]) == 1
        won = f"/declines/{bid_of(market, 'r1')}"
        assert lead.post(f"{won}/what-ifs", wish).status_code == 404


def test_a_policy_is_replayed_by_admins_and_read_by_everybody(market: Database) -> None:
    adopt(market, a_policy())
    a_published_contest(market)
    bring_people(market, Places(team="red", other_team="blue"))
    with screens(market) as app:
        admin, lead = Program(app, issue(market, ADMIN)), Program(app, issue(market, LEAD))
        here = f"/policy/replays/{admin.get('/policy').json['document_sha256']}"
        assert lead.get(here).json["replays"] == []
        assert lead.post(here).status_code == 403
        assert admin.post(here).status_code == 200
        [replay] = lead.get(here).json["replays"]
        assert (replay["round_key"], replay["state"], replay["bids"]) == (KEY, "waiting", [])
        assert admin.post("/policy/replays/none").status_code == 404
