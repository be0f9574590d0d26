"""On a receipt people ask what would have won, and what if; the worker answers, never a request."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import count, takewhile
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select, update
from sqlmodel import col
from werkzeug.test import TestResponse

from allocation.counterfactuals import Standing
from allocation.engine.portfolio import allocate
from allocation.options import Options, Progress
from allocation.outcome import Outcome
from allocation.problem import Problem
from broker.background import answer_what_is_asked
from broker.clock import Clock
from broker.counterfactuals.answering import GIVEN_UP_AFTER, Bench, answer_next, has_question
from broker.counterfactuals.answers import decided_round, write_estimates
from broker.counterfactuals.tables import CounterfactualRow, QuestionRow
from broker.counterfactuals.working import Budget
from broker.db import Database, reading, transact, writing
from broker.tables import AwardRow, BidRow, DeclineRow
from tests.builders import a_bid, a_problem, an_alternative, an_item
from tests.cast import (
    ADMIN,
    AUDITOR,
    LEAD,
    MEMBER,
    OTHER_LEAD,
    OWNER,
    bring_people,
    signed_in,
    stranger,
)
from tests.markets import at, bring, described, event_kinds, run_it
from tests.screens import screens
from web.wording import LATE_ANSWER

ASK = "Ask for the exact answer"
WHAT_IF = "Would this have won?"


def solve(problem: Problem, options: Options, report: Callable[[Progress], None]) -> Outcome:
    return allocate(problem, options, time.monotonic, report, lambda _: None)


def a_round() -> Problem:
    """Return a round that red loses by a little: ten units, of which each bid wants most."""
    red = a_bid("b1", an_alternative(an_item(units=8), offer=60), team="red")
    blue = a_bid("b2", an_alternative(an_item(units=8), offer=90), team="team-0")
    return a_problem(red, blue)


@dataclass
class Asked:
    """A published round, its screens, and two receipts: who lost, who won."""

    db: Database
    app: Flask
    lost: str
    won: str

    def post(self, person: str, what: str, **data: str) -> TestResponse:
        return signed_in(self.app, person).post(f"/receipts/{self.lost}/{what}", data=data)

    def page(self, person: str = LEAD) -> str:
        return signed_in(self.app, person).get(f"/receipts/{self.lost}").text

    def questions(self) -> list[QuestionRow]:
        with reading(self.db) as session:
            return list(session.scalars(select(QuestionRow).order_by(col(QuestionRow.asked_at))))

    def work(self, clock: Clock | None = None) -> int:
        """Answer all that is asked, as the worker does; return how many questions there were."""
        with ThreadPoolExecutor(1) as executor:
            bench = Bench(self.db, Budget(30, 5, 1), clock or at(4), executor)
            return sum(1 for _ in takewhile(bool, (answer_next(bench) for _ in count())))


def published(db: Database, problem: Problem) -> None:
    bring(db, described(problem))
    bring_people(db)
    run_it(db, solve=solve)
    transact(db, lambda session: write_estimates(session, decided_round(session, "sprint-1")))


@pytest.fixture
def asked(market: Database) -> Iterator[Asked]:
    with asked_in(market) as asked:
        yield asked


@pytest.fixture
def asked_on_either(either_market: Database) -> Iterator[Asked]:
    with asked_in(either_market) as asked:
        yield asked


@contextmanager
def asked_in(db: Database) -> Iterator[Asked]:
    published(db, a_round())
    with reading(db) as session:
        lost = session.scalars(select(col(DeclineRow.bid_id))).one()
        won = session.scalars(select(col(AwardRow.bid_id))).one()
    with screens(db) as app:
        yield Asked(db, app, lost, won)


def test_the_exact_answer_is_asked_for_once_and_appears_when_the_worker_was_there(
    asked_on_either: Asked,
) -> None:
    asked = asked_on_either
    assert ASK in asked.page()
    for _ in range(2):
        answer = asked.post(LEAD, "exact")
        assert answer.status_code == 303
        assert answer.location == f"/receipts/{asked.lost}#would_have_won"
    assert asked.post(MEMBER, "exact").status_code == 303
    assert len(asked.questions()) == 1
    assert event_kinds(asked.db).count("counterfactual.asked") == 1

    waiting = asked.page()
    assert "waits for the worker" in waiting
    assert 'hx-trigger="every 3s"' in waiting
    assert ASK not in waiting

    assert asked.work() == 1
    done = asked.page()
    assert "Offer 91 credits" in done
    assert "every 3s" not in done
    assert ASK not in done
    assert asked.post(LEAD, "exact").status_code == 303
    assert asked.work() == 0


def test_the_part_that_watches_is_the_part_that_a_swap_gets(asked: Asked) -> None:
    browser = signed_in(asked.app, LEAD)
    swap = {"HX-Request": "true", "HX-Target": "would_have_won"}
    part = browser.post(f"/receipts/{asked.lost}/exact", headers=swap)
    assert part.status_code == 200
    assert part.text.count('id="would_have_won"') == 1
    assert "<html" not in part.text
    assert "every 3s" in part.text
    asked.work()
    assert "every 3s" not in browser.get(f"/receipts/{asked.lost}", headers=swap).text


@pytest.mark.parametrize("person", [OTHER_LEAD, AUDITOR, OWNER])
def test_who_is_not_of_the_team_may_read_and_not_ask(asked: Asked, person: str) -> None:
    page = asked.page(person)
    assert ASK not in page
    assert WHAT_IF not in page
    assert asked.post(person, "exact").status_code == 403
    assert asked.post(person, "what-if", offer="91").status_code == 403
    assert asked.questions() == []


def test_nobody_in_particular_may_not_ask(asked: Asked) -> None:
    nobody = stranger(asked.app)
    assert ASK not in nobody.get(f"/receipts/{asked.lost}").text
    for what in ("exact", "what-if"):
        nobody.post(f"/receipts/{asked.lost}/{what}", data={"offer": "91"})
    assert asked.questions() == []


@pytest.mark.parametrize("person", [LEAD, MEMBER, ADMIN])
def test_a_what_if_at_the_minimum_winning_offer_wins_and_one_credit_less_loses(
    asked_on_either: Asked, person: str
) -> None:
    asked = asked_on_either
    for offer in ("91", "90"):
        answer = asked.post(person, "what-if", offer=offer)
        assert (answer.status_code, answer.location) == (303, f"/receipts/{asked.lost}#what_ifs")
    assert "The worker decides the round again with your change" in asked.page(person)
    assert asked.work() == 2
    verdicts = {json.loads(q.document)["offer_credits_per_lot"]: q for q in asked.questions()}
    assert {offer: q.verdict for offer, q in verdicts.items()} == {91: "wins", 90: "loses"}
    found = json.loads(verdicts[91].answer or "{}")
    assert (found["lots"], found["displaced"]["bids"], found["is_best"]) == (1, ["b2"], True)
    assert 0 <= found["payment_credits"] <= 91
    page = asked.page(person)
    assert "<strong>Yes</strong> <small>exact" in page
    assert "<strong>No</strong> <small>exact" in page
    assert "Bid b2" not in page


def test_two_workers_answer_every_question_once(asked_on_either: Asked) -> None:
    asked = asked_on_either
    for offer in (90, 91, 92):
        asked.post(LEAD, "what-if", offer=str(offer))
    with ThreadPoolExecutor(2) as workers:
        answered = [worker.result() for worker in [workers.submit(asked.work) for _ in "12"]]
    assert sum(answered) == 3
    found = {json.loads(one.document)["offer_credits_per_lot"]: one for one in asked.questions()}
    assert {offer: one.verdict for offer, one in found.items()} == {
        90: "loses",
        91: "wins",
        92: "wins",
    }


def test_what_was_asked_is_in_the_receipt_for_programs_of_the_team_alone(
    asked_on_either: Asked,
) -> None:
    asked = asked_on_either
    asked.post(LEAD, "what-if", offer="91", tier="spot")
    asked.work()

    def what_ifs(browser: FlaskClient) -> Any:
        return browser.get(f"/receipts/{asked.lost}.json").get_json()["what_ifs"]

    [found] = what_ifs(signed_in(asked.app, MEMBER))
    assert (found["offer_credits_per_lot"], found["asked_tier"]) == (91, "spot")
    assert (found["progress"], found["verdict"]) == ("answered", "wins")
    assert 0 <= found["payment_credits"] <= 91
    assert what_ifs(signed_in(asked.app, ADMIN)) == [found]
    for browser in (signed_in(asked.app, OTHER_LEAD), stranger(asked.app)):
        assert what_ifs(browser) is None


def test_the_same_what_if_twice_is_one_question(asked: Asked) -> None:
    for _ in range(3):
        asked.post(LEAD, "what-if", offer="75", start="", lots="", tier="")
    assert len(asked.questions()) == 1
    assert asked.work() == 1
    asked.post(MEMBER, "what-if", offer="75")
    assert asked.work() == 0


def test_what_was_asked_is_for_the_team_alone(asked: Asked) -> None:
    asked.post(LEAD, "what-if", offer="753")
    assert "offered 753 credits" in asked.page(MEMBER)
    assert "offered 753 credits" not in asked.page(OTHER_LEAD)


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ({"offer": ""}, "Write the offer as a whole number"),
        ({"offer": "1.5"}, "Write the offer as a whole number"),
        ({"offer": "0"}, "0 is out of range"),
        ({"offer": "91", "start": "soon"}, "Write the day as year"),
        ({"offer": "91", "start": "2031-01-01"}, "leaves the sprint"),
        ({"offer": "91", "lots": "4"}, "4 is out of range"),
        ({"offer": "91", "tier": "gold"}, "Choose reserved or spot"),
    ],
)
def test_what_cannot_be_asked_comes_back_with_what_was_typed(
    asked: Asked, typed: dict[str, str], said: str
) -> None:
    answer = asked.post(LEAD, "what-if", **typed)
    assert answer.status_code == 422
    assert said in answer.text
    assert 'id="error_summary"' in answer.text
    assert f'value="{typed["offer"]}"' in answer.text
    assert asked.questions() == []


def test_only_so_many_questions_about_a_bid_wait_at_a_time(asked: Asked) -> None:
    said = [asked.post(LEAD, "what-if", offer=str(70 + n)).status_code for n in range(6)]
    assert said == [303] * 5 + [409]
    asked.work()
    assert asked.post(LEAD, "what-if", offer="99").status_code == 303


def test_a_bid_that_won_has_nothing_to_ask(asked: Asked) -> None:
    browser = signed_in(asked.app, ADMIN)
    assert ASK not in browser.get(f"/receipts/{asked.won}").text
    for what in ("exact", "what-if"):
        answer = browser.post(f"/receipts/{asked.won}/{what}", data={"offer": "9"})
        assert answer.status_code == 404


def test_a_round_with_floors_is_not_asked_about(market: Database) -> None:
    published(market, replace(a_round(), floor_ratio=Fraction(1, 2)))
    with reading(market) as session:
        declined = list(session.execute(select(DeclineRow.bid_id, BidRow.team_id).join(BidRow)))
    with screens(market) as app:
        admin = signed_in(app, ADMIN)
        for bid_id, _ in declined:
            assert ASK not in admin.get(f"/receipts/{bid_id}").text
            assert admin.post(f"/receipts/{bid_id}/exact").status_code == 409
    assert declined


def test_a_bounded_answer_may_be_asked_for_again(asked: Asked) -> None:
    transact(
        asked.db,
        lambda s: s.execute(
            update(CounterfactualRow).values(
                standing=Standing.INTERVAL, lower_credits=80, upper_credits=99, answered_at=at(2)()
            )
        ),
    )
    page = asked.page()
    assert "Open between 80 and 99 credits" in page
    assert "Look further" in page
    asked.post(LEAD, "exact")
    asked.work()
    assert "Offer 91 credits" in asked.page()


def test_a_question_that_a_lost_worker_had_begun_is_taken_up_again(asked: Asked) -> None:
    asked.post(LEAD, "what-if", offer="91")
    transact(asked.db, lambda s: s.execute(update(QuestionRow).values(begun_at=at(3)())))
    assert "being computed" in asked.page()
    soon = at(3)() + GIVEN_UP_AFTER / 2
    assert not has_question(asked.db, soon)
    assert asked.work(lambda: soon) == 0
    assert asked.work(lambda: at(3)() + GIVEN_UP_AFTER) == 1


def test_a_page_says_how_to_start_a_worker_only_when_nothing_began_for_a_while(
    asked: Asked,
) -> None:
    asked.post(LEAD, "exact")
    assert LATE_ANSWER[:20] not in asked.page()
    transact(asked.db, lambda s: s.execute(update(QuestionRow).values(asked_at=at(2)())))
    assert LATE_ANSWER[:20] in asked.page()


def test_the_worker_answers_in_a_process_of_its_own(asked: Asked) -> None:
    asked.post(LEAD, "what-if", offer="91")
    answer_what_is_asked(asked.db, at(4), 0.2)
    (question,) = asked.questions()
    assert question.verdict == "wins"


def test_the_database_refuses_an_answer_without_a_verdict(asked: Asked) -> None:
    asked.post(LEAD, "what-if", offer="91")
    with pytest.raises(Exception, match="ck_counterfactual_question"), writing(asked.db) as session:
        session.execute(update(QuestionRow).values(begun_at=at(3)(), answered_at=at(3)()))
    with reading(asked.db) as session:
        assert session.scalar(select(func.count()).select_from(QuestionRow)) == 1
