"""The policy in the browser: everybody reads, one admin proposes, another one activates."""

from __future__ import annotations

import json
from collections.abc import Callable
from io import BytesIO

import pytest
from flask.testing import FlaskClient
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from broker.db import Database, reading, transact
from broker.policy.documents import policy_sha256
from broker.policy.replaying import replay_next
from broker.policy.sentences import differences, rules_of
from tests.cast import ADMIN, SECOND_ADMIN, Browser
from tests.markets import at, better_baseline
from tests.policies import THEME, a_document, a_policy
from tests.policy_markets import CLOSED_DOOR, LAWYER, adopt

PAGE = "/admin/policy"
RICH = a_document(
    approvals=CLOSED_DOOR,
    eligibility=[{"pool_key": "gpu", "ask": "Otto", "eligible_teams": ["red", "blue"]}],
    floor_percent=10,
)
OTHER = a_document(themes=[THEME | {"confirmed_percent": 140}])
SignedInAs = Callable[[str], Browser]


def propose(browser: Browser, document: object, reason: str = "Because.") -> int:
    data = {"document": json.dumps(document), "reason": reason}
    return browser.post(f"{PAGE}/proposals", data=data).status_code


def waiting_id(db: Database) -> str:
    with reading(db) as session:
        found: str = session.scalar(
            text("SELECT id FROM policy_proposal ORDER BY proposed_at DESC")
        )
        return found


def leaves(document: object) -> list[object]:
    if isinstance(document, dict):
        return [leaf for value in document.values() for leaf in leaves(value)]
    if isinstance(document, list):
        return [leaf for value in document for leaf in leaves(value)]
    return [document]


def test_every_field_of_the_policy_in_force_is_on_the_page(
    past_market: Database, past: FlaskClient
) -> None:
    adopt(
        past_market,
        a_policy(**{key: RICH[key] for key in RICH if key != "format"}),
        proposed_by=LAWYER,
    )
    page = past.get(PAGE).text
    for rule in rules_of(a_policy(**{key: RICH[key] for key in RICH if key != "format"})):
        assert rule.name in page
        assert rule.said in page
    for leaf in leaves({key: RICH[key] for key in RICH if key != "format"}):
        assert isinstance(leaf, bool) or str(leaf) in page


@pytest.mark.parametrize(
    "change",
    [
        {"themes": [THEME | {"name": "Safest care"}]},
        {"themes": [THEME | {"confirmed_teams": ["blue"]}]},
        {"themes": []},
        {"calibration": {"least_percent": 71, "most_percent": 115, "prior_weight": 1000}},
        {"multiplier": {"least_percent": 50, "most_percent": 199}},
        {"floor_percent": 1},
        {"pricing": "pay-as-bid"},
        {"approvals": CLOSED_DOOR},
        {"eligibility": RICH["eligibility"]},
    ],
)
def test_whatever_a_policy_changes_is_a_difference_old_and_new(change: dict[str, object]) -> None:
    found = differences(a_policy(), a_policy(**change))
    assert found
    assert all(one.before != one.after for one in found)
    back = differences(a_policy(**change), a_policy())
    assert {(one.name, one.subject, one.before, one.after) for one in found} == {
        (one.name, one.subject, one.after, one.before) for one in back
    }
    assert not differences(a_policy(**change), a_policy(**change))


def test_a_second_admin_activates_and_the_first_one_cannot(
    past_market: Database, signed_in_as: SignedInAs
) -> None:
    first, second = signed_in_as(ADMIN), signed_in_as(SECOND_ADMIN)
    assert propose(first, OTHER) == 303
    address = f"{PAGE}/proposals/{waiting_id(past_market)}"
    assert "Activate it now" not in first.get(PAGE).text
    assert first.post(f"{address}/activate").status_code == 409
    assert "Activate it now" in second.get(PAGE).text
    assert second.post(f"{address}/activate").status_code == 303
    page = second.get(PAGE).text
    assert "In force: version 1" in page
    assert "Ada Admin" in page
    assert "Linus Admin" in page
    assert second.post(f"{address}/activate").status_code == 409


def test_the_database_refuses_what_one_person_does_alone(
    past_market: Database, signed_in_as: SignedInAs
) -> None:
    propose(signed_in_as(ADMIN), OTHER)
    alone = (
        "UPDATE policy_proposal SET state = 'activated', version = 1, decided_by = author, "
        "decided_at = proposed_at"
    )
    other_words = "UPDATE policy_proposal SET document = '{}'"
    gone = "DELETE FROM policy_proposal"
    for statement in (alone, other_words, gone):
        with pytest.raises(IntegrityError):
            transact(past_market, lambda session, sql=statement: session.execute(text(sql)))


def test_what_is_wrong_with_a_document_is_said_field_by_field_and_what_was_typed_stays(
    signed_in_as: SignedInAs,
) -> None:
    browser = signed_in_as(ADMIN)
    wrong = json.dumps(a_document(floor_percent=101, pricing="lottery"))
    answer = browser.post(f"{PAGE}/proposals", data={"document": wrong, "reason": " "})
    assert answer.status_code == 422
    assert "floor_percent: is 101, too large; write 100 or less." in answer.text
    assert "pricing: is" in answer.text
    assert "Say why, for everybody to read." in answer.text
    assert "&#34;pricing&#34;: &#34;lottery&#34;" in answer.text
    assert 'id="error_summary"' in answer.text


def test_a_file_is_read_like_what_is_typed(past_market: Database, signed_in_as: SignedInAs) -> None:
    browser = signed_in_as(ADMIN)
    file = (BytesIO(json.dumps(OTHER).encode()), "policy.json")
    data = {"document": "", "reason": "From a file.", "file": file}
    sent = browser.post(f"{PAGE}/proposals", data=data, content_type="multipart/form-data")
    assert sent.status_code == 303
    assert waiting_id(past_market)


def test_one_proposal_waits_at_a_time_and_may_be_taken_back(
    past_market: Database, signed_in_as: SignedInAs
) -> None:
    browser = signed_in_as(ADMIN)
    propose(browser, OTHER)
    assert propose(browser, RICH) == 409
    assert browser.post(f"{PAGE}/proposals/{waiting_id(past_market)}/refuse").status_code == 303
    assert propose(browser, RICH) == 303


def test_a_version_shows_its_difference_to_the_one_in_force(
    past_market: Database, past: FlaskClient
) -> None:
    adopt(past_market, a_policy(), proposed_by=LAWYER)
    adopt(past_market, a_policy(floor_percent=25), proposed_by=LAWYER)
    page = past.get(f"{PAGE}/versions/1").text
    assert "<del>25 % of what its bids alone" in page
    assert "<ins>no floor</ins>" in page
    assert json.loads(past.get(f"{PAGE}/versions/1.json").text) == a_document()
    assert past.get(f"{PAGE}/versions/3").status_code == 404


def test_a_replay_is_watched_until_it_is_done(
    past_market: Database, past: FlaskClient, signed_in_as: SignedInAs
) -> None:
    policy = a_policy(pricing="pay-as-bid")
    adopt(past_market, policy, proposed_by=LAWYER)
    address = f"{PAGE}/replays/{policy_sha256(policy)}"
    swap = {"HX-Request": "true", "HX-Target": "replay"}
    assert "Nobody has asked" in past.get(address).text
    assert signed_in_as(ADMIN).post(address).status_code == 303
    part = past.get(address, headers=swap).text
    assert part.lstrip().startswith('<div id="replay"')
    assert 'hx-trigger="every 2s"' in part
    assert "0 of 2 rounds are replayed" in part
    while replay_next(past_market, at(5), better_baseline):
        pass
    part = past.get(address, headers=swap).text
    assert "hx-trigger" not in part
    assert "2 of 2 rounds are replayed" in part
    assert "the same outcome" in part
    assert past.get(f"{PAGE}/replays/none").status_code == 404
