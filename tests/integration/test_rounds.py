"""Rounds are announced, opened and closed; teams bid while they are open, not a moment later."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest
from sqlmodel import Session

from allocation.problem import Alternative, Problem
from broker.bids.placing import EnteredBid, PlaceBid, enter_bids, place_bid
from broker.db import Database, reading, transact, writing
from broker.directory import directory_of
from broker.errors import InvalidBid, InvalidRound, NotAllowed, NotFound, Refused
from broker.policy.pledges import NO_PLEDGE
from broker.rounds import close_round, create_round, find_round, finish_round, open_round
from broker.snapshots import frozen_problem, problem_of
from tests.bid_markets import a_lead
from tests.builders import a_bid, a_calendar, a_pool, a_problem, a_team, an_alternative, an_item
from tests.markets import NOON, a_change, bring_bid, described, event_kinds, run_it

CLOSES_AT = NOON + dt.timedelta(hours=10)


def an_offer() -> Problem:
    """Return a round of five days with one pool and two teams, and no bids."""
    return a_problem(pools=[a_pool()], capacity=a_calendar(), teams=[a_team("red"), a_team("blue")])


def a_wish(*alternatives: Alternative, key: str = "b1", **other: str) -> PlaceBid:
    ways = alternatives or (an_alternative(),)
    named = {"round_key": "sprint-1", "team_key": "red", "title": "Train", "bid_key": key}
    return PlaceBid(**(named | other), alternatives=ways)  # type: ignore[arg-type]


@pytest.fixture
def open_market(market: Database) -> Database:
    with writing(market) as session:
        create_round(session, described(an_offer()), a_change(), closes_at=CLOSES_AT)
        open_round(session, "sprint-1", a_change())
    return market


def findings_of(db: Database, wish: PlaceBid) -> tuple[str, ...]:
    with pytest.raises(InvalidBid) as caught, writing(db) as session:
        bring_bid(session, wish, a_change(1))
    return caught.value.findings


def do(db: Database, service: Callable[..., Any], *arguments: Any, hours: float = 1) -> Any:
    return transact(db, lambda session: service(session, *arguments, a_change(hours)))


def test_a_bid_is_stored_as_it_was_placed(open_market: Database) -> None:
    wish = a_wish(
        an_alternative(an_item(units=2), an_item(offset=1), lots=(1, 3), starts=(0, 2)),
        an_alternative(number=2, offer=70),
    )
    do(open_market, bring_bid, wish)
    with reading(open_market) as session:
        [bid] = problem_of(session, find_round(session, "sprint-1")).bids
    assert bid.alternatives == wish.alternatives
    assert (bid.key, bid.team_key, bid.submitted_at) == ("b1", "red", a_change(1).at)


def test_every_bid_before_the_close_is_in_the_snapshot_and_none_after_it(
    open_market: Database,
) -> None:
    for number in range(3):
        do(open_market, bring_bid, a_wish(key=f"b{number}"))
    assert do(open_market, close_round, "sprint-1", hours=2)
    with pytest.raises(Refused, match="is closed and takes no bids"):
        do(open_market, bring_bid, a_wish(key="late"))
    with reading(open_market) as session:
        frozen = frozen_problem(session, find_round(session, "sprint-1"))
    assert [bid.key for bid in frozen.bids] == ["b0", "b1", "b2"]


def test_the_closing_time_holds_even_before_anybody_closed_the_round(
    open_market: Database,
) -> None:
    do(open_market, bring_bid, a_wish(key="in-time"), hours=9.999)
    with pytest.raises(Refused, match="closed for bids at 2026-02-20 22:00"):
        do(open_market, bring_bid, a_wish(key="late"), hours=10)


def test_a_round_takes_no_bids_before_it_opens(market: Database) -> None:
    do(market, create_round, described(an_offer()))
    with pytest.raises(Refused, match="is scheduled and takes no bids"):
        do(market, bring_bid, a_wish())


def test_what_is_done_already_is_said_and_changes_nothing(open_market: Database) -> None:
    assert not do(open_market, open_round, "sprint-1")
    assert do(open_market, close_round, "sprint-1")
    before = event_kinds(open_market)
    assert not do(open_market, close_round, "sprint-1")
    assert event_kinds(open_market) == before


def test_a_round_lives_from_announcement_to_end(open_market: Database) -> None:
    do(open_market, bring_bid, a_wish())
    do(open_market, close_round, "sprint-1", hours=2)
    run_it(open_market)
    assert do(open_market, finish_round, "sprint-1", hours=3)
    assert not do(open_market, finish_round, "sprint-1", hours=4)
    assert [kind for kind in event_kinds(open_market) if kind.startswith("round.")] == [
        f"round.{state}" for state in ("scheduled", "open", "closed", "published", "finished")
    ]


@pytest.mark.parametrize(
    ("service", "sentence"),
    [
        (close_round, "Round sprint-1 is scheduled; only an open round can close."),
        (finish_round, "Round sprint-1 is scheduled and cannot become finished."),
    ],
)
def test_no_step_of_a_round_is_left_out(
    market: Database, service: Callable[..., bool], sentence: str
) -> None:
    do(market, create_round, described(an_offer()))
    with pytest.raises(Refused) as caught:
        do(market, service, "sprint-1")
    assert str(caught.value) == sentence


def test_a_closed_round_never_opens_again(open_market: Database) -> None:
    do(open_market, close_round, "sprint-1")
    with pytest.raises(Refused, match="closed and cannot become open"):
        do(open_market, open_round, "sprint-1")


def test_a_round_that_is_not_there_is_named(market: Database) -> None:
    for service in (open_round, close_round, finish_round):
        with pytest.raises(NotFound, match="no round sprint-9"):
            do(market, service, "sprint-9")


def test_a_key_of_a_round_is_taken_only_once(open_market: Database) -> None:
    with pytest.raises(Refused, match="a round sprint-1 already"):
        do(open_market, create_round, described(an_offer()))


def test_everything_wrong_with_a_round_is_said_at_once(market: Database) -> None:
    offer = described(an_offer())
    broken = dataclasses.replace(offer, name="x\ny", teams=dict.fromkeys(offer.teams, "z" * 1001))
    with pytest.raises(InvalidRound) as caught:
        do(market, create_round, broken)
    assert caught.value.findings == (
        "name: holds a control character or a line break; remove it.",
        "team blue: has 1001 characters; shorten it to 1000.",
        "team red: has 1001 characters; shorten it to 1000.",
    )


BIG = 10**12
WRONG: dict[str, tuple[PlaceBid, str]] = {
    "key": (a_wish(key="../b"), "bid: '../b' is not a key"),
    "title": (a_wish(title="a\nb"), "title: holds a control character"),
    "surrogate": (a_wish(title="a\ud800"), "title: holds a control character"),
    "team": (a_wish(team_key="green"), "team: 'green' does not bid in round sprint-1"),
    "numbers": (a_wish(an_alternative(), an_alternative()), "two have the same number"),
    "number": (a_wish(an_alternative(number=0)), "alternative: 0 is out of range"),
    "offer": (a_wish(an_alternative(offer=0, value=1)), "alternative 1, offer: 0 is out of range"),
    "value": (
        a_wish(an_alternative(offer=BIG // 2 + 1)),
        "alternative 1, offer: 500000000001 × 1 lots could count for more than 1000000000000",
    ),
    "most": (
        a_wish(an_alternative(offer=BIG, value=1, lots=(1, 2))),
        "alternative 1, offer: 1000000000000 × 2 lots is more than 1000000000000",
    ),
    "lots": (a_wish(an_alternative(lots=(3, 2))), "alternative 1, max lots: 2 is below"),
    "no lots": (a_wish(an_alternative(lots=(0, 2))), "alternative 1, min lots: 0 is out of range"),
    "window": (a_wish(an_alternative(starts=(3, 2))), "alternative 1, start: "),
    "early": (a_wish(an_alternative(starts=(-1, 2))), "is no window from 2026-03-02 on"),
    "long": (
        a_wish(an_alternative(an_item(days=3), starts=(0, 3))),
        "alternative 1, start: 2026-03-05 leaves 2 days for 3",
    ),
    "pool": (a_wish(an_alternative(an_item("tpu"))), "alternative 1, tpu: this round offers no"),
    "units": (a_wish(an_alternative(an_item(units=0))), "units per lot: 0 is out of range"),
    "all units": (
        a_wish(an_alternative(an_item(units=10**9), lots=(1, 2))),
        "1000000000 units × 2 lots is more than 1000000000",
    ),
    "days": (a_wish(an_alternative(an_item(days=0))), "days: 0 is out of range"),
    "offset": (a_wish(an_alternative(an_item(offset=-1))), "offset days: -1 is out of range"),
}


@pytest.mark.parametrize("what", WRONG)
def test_a_bid_that_breaks_a_rule_is_refused_with_a_finding(
    open_market: Database, what: str
) -> None:
    wish, finding = WRONG[what]
    assert any(finding in found for found in findings_of(open_market, wish))


def test_an_alternative_needs_an_item_and_a_bid_an_alternative(open_market: Database) -> None:
    bare = dataclasses.replace(an_alternative(), items=())
    assert findings_of(open_market, a_wish(bare)) == ("alternative 1: it needs at least one item.",)
    nothing = dataclasses.replace(a_wish(), alternatives=())
    assert findings_of(open_market, nothing) == ("alternatives: a bid needs at least one.",)


def test_a_key_of_a_bid_is_taken_only_once(open_market: Database) -> None:
    do(open_market, bring_bid, a_wish())
    assert findings_of(open_market, a_wish()) == ("bid: b1 is taken; give the bid another key.",)


def test_no_team_learns_from_a_key_whether_another_has_bid(open_market: Database) -> None:
    """That a key is taken is told to who brings the bids of all teams, and to no team."""
    do(open_market, bring_bid, a_wish())
    lead = a_lead(open_market, "blue")
    for key in ("b1", "free"):
        with pytest.raises(NotAllowed), writing(open_market) as session:
            place_bid(session, lead, a_wish(key=key, team_key="blue"), a_change(1).at)


def test_the_largest_bid_that_a_round_may_hold_is_taken(open_market: Database) -> None:
    do(open_market, bring_bid, a_wish(an_alternative(offer=BIG // 2)))
    with reading(open_market) as session:
        assert problem_of(session, find_round(session, "sprint-1")).bids


def test_the_values_of_a_round_never_grow_beyond_what_is_exact(open_market: Database) -> None:
    """Every team has half of what is exact, divided by two; the other half is for folders."""
    dearest = an_alternative(offer=BIG // 2)
    share = 2**53 // 2 // 2 // BIG
    with Session(open_market.writer) as session:
        row = find_round(session, "sprint-1")
        directory = directory_of(session, row)
        bids = [a_bid(f"b{number}", dearest) for number in range(share - 1)]
        entered = [
            EnteredBid(f"id-{bid.key}", 1, directory.team_ids["red"], bid, "Train", NO_PLEDGE)
            for bid in bids
        ]
        enter_bids(session, directory, row.key, entered, a_change())
        bring_bid(session, a_wish(dearest, key="last"), a_change(1))
        with pytest.raises(InvalidBid, match="exceed the largest value"):
            bring_bid(session, a_wish(dearest, key="too-much"), a_change(1))
        bring_bid(session, a_wish(dearest, key="of-others", team_key="blue"), a_change(1))
        session.rollback()
