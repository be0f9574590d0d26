"""Numbers, days and codes are written the same way everywhere, and every code has words."""

from __future__ import annotations

import datetime as dt
import hashlib
import tomllib
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from allocation.outcome import (
    ClearingReport,
    FloorReport,
    PriceRule,
    Pricing,
    Proof,
    Reason,
    StoppedBy,
    TeamFloor,
    TieBreak,
)
from allocation.problem import TeamKey
from broker.errors import BrokerError, NotFound, Refused, WrongSchema
from broker.exports.rows import exact_credits
from broker.states import RoundState
from broker.texts import safe_cell
from tests.defects import proven
from web import filters, wording
from web.errors import HEADLINES, status_of
from web.steps import ORDER

ROOT = Path(__file__).parents[2]
NOON = dt.datetime(2026, 12, 4, 12, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("codes", "words"),
    [
        (Reason, wording.REASONS),
        (Proof, wording.PROOFS),
        (TieBreak, wording.TIE_BREAKS),
        (StoppedBy, wording.STOPS),
        (PriceRule, wording.PRICE_RULES),
    ],
)
def test_every_code_has_its_words(codes: type, words: dict[str, object]) -> None:
    assert set(codes) == set(words)


@pytest.mark.parametrize(
    ("shortfall", "is_proven", "ending"),
    [
        (0, True, "Every team that bid reached its floor."),
        (
            3,
            True,
            "no outcome misses less.",
        ),
        (
            3,
            False,
            "not proven to be the smallest.",
        ),
    ],
)
def test_a_sentence_says_how_the_floors_were_met(
    shortfall: int,
    is_proven: bool,  # noqa: FBT001  # a table's column
    ending: str,
) -> None:
    teams = (
        TeamFloor(TeamKey("blue"), 10, 10, 0),
        TeamFloor(TeamKey("red"), 10, 10 - shortfall, shortfall),
    )
    floors = FloorReport("0.5", shortfall / 10, is_proven, teams, 90, 4)
    sentence = wording.fairness(floors)
    assert sentence.endswith(ending)
    assert ("1 of 2 teams" in sentence) == (f"30{filters.WIDE}%" in sentence) == bool(shortfall)


@pytest.mark.parametrize(
    ("pricing", "beginning"),
    [
        (Pricing.CLEARING, "1 of 3 winners paid their offer"),
        (Pricing.PAY_AS_BID, "1 of 3 winners have a list cost above their offer"),
    ],
)
def test_a_sentence_says_whom_the_list_prices_do_not_fit(pricing: Pricing, beginning: str) -> None:
    report = proven().report
    clearing = ClearingReport(PriceRule.SMALLEST, 1, 2, 0, 0, 0, 0, 0)
    sentence = wording.clearing(replace(report, pricing=pricing, clearing=clearing))
    assert sentence.startswith(beginning)
    assert "2 of 6 bids that did not win offered more than their list cost" in sentence
    assert wording.clearing(replace(report, clearing=None)) == ""


def test_every_state_of_a_round_has_a_step_or_ends_it() -> None:
    assert set(ORDER) | {RoundState.CANCELLED} == set(RoundState)


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (filters.whole(1_234_567), "1\u202f234\u202f567"),
        (filters.credits_of(3_456_789), "3.46"),
        (exact_credits(3_456_700), "3.4567"),
        (exact_credits(20_000_000), "20"),
        (filters.percent(0.91), "91\u00a0%"),
        (filters.percent(0.0065), "0.65\u00a0%"),
        (filters.percent(0.00001), "under 0.01\u00a0%"),
        (filters.percent(0), "0\u00a0%"),
        (filters.times(1.804), "1.80×"),
        (filters.compact(12_345), "12.3k"),
        (filters.compact(999), "999"),
        (filters.units_of(1, "seat"), "1\u00a0seat"),
        (filters.units_of(16, "seat"), "16\u00a0seats"),
        (filters.span(dt.date(2026, 12, 7), dt.date(2026, 12, 20)), "7 – 20 December 2026"),
        (
            filters.span(dt.date(2026, 11, 30), dt.date(2026, 12, 13)),
            "30 November – 13 December 2026",
        ),
        (filters.instant(NOON), "4 Dec 2026, 12:00 UTC"),
        (filters.machine(NOON), "2026-12-04T12:00:00Z"),
        (filters.until(NOON + dt.timedelta(days=2, hours=3), NOON), "in 2 days"),
        (filters.until(NOON - dt.timedelta(hours=1), NOON), "1 hour ago"),
        (filters.until(NOON + dt.timedelta(seconds=9), NOON), "within a minute"),
    ],
)
def test_numbers_and_times_are_written_for_people(written: str, expected: str) -> None:
    assert written == expected


@given(st.text())
def test_no_cell_runs_as_a_formula_and_no_text_is_lost(text: str) -> None:
    cell = safe_cell(text)

    assert cell[:1] not in tuple("=+-@\t\r")
    assert cell.endswith(text)


def test_errors_of_the_market_have_a_status_with_a_headline() -> None:
    statuses = {kind: status_of(kind("It is so.")) for kind in (NotFound, Refused, WrongSchema)}

    assert statuses == {NotFound: 404, Refused: 409, WrongSchema: 503}
    assert status_of(BrokerError("Unknown.")) == 500
    assert set(statuses.values()) <= set(HEADLINES)


@pytest.mark.parametrize("folder", ["static", "tests/browser"])
def test_what_others_wrote_is_carried_unchanged_with_its_licence(folder: str) -> None:
    base = ROOT / folder
    packages = tomllib.loads((base / "VENDORED.toml").read_text())
    listed = {name: sha for package in packages.values() for name, sha in package["files"].items()}
    there = {
        path.relative_to(base).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in (base / "vendor").rglob("*")
        if path.is_file()
    }

    assert there == listed
    for name, package in packages.items():
        assert any("LICENSE" in file for file in package["files"]), name
