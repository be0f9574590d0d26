"""A team's credits on the screen are the sums of its ledger, and nobody else's business."""

from __future__ import annotations

import pytest
from sqlalchemy import event
from sqlmodel import Session

from broker.access import ANONYMOUS, Actor
from broker.dashboards.credits import (
    CreditsScreen,
    SprintRange,
    credits_screen,
    credits_table,
    own_team,
    readable_teams,
)
from broker.dashboards.listings import InvalidQuestion, Question, Row, all_rows
from broker.db import Database, reading
from broker.errors import NotFound, SignInNeeded
from broker.ledger.statements import read_statement
from tests.credit_markets import (
    READERS,
    a_member,
    a_sprint,
    an_auditor,
    build_credits,
    place,
    play_sprint,
    publish,
)
from tests.ledgers import announce, balances_of, violations

EVERYTHING = SprintRange()
ASKED = {"sprints": Question(), "entries": Question()}


@pytest.fixture
def spent(either_market: Database) -> Database:
    build_credits(either_market)
    assert violations(either_market) == []
    return either_market


def screen_of(
    session: Session, team: str, asked: SprintRange = EVERYTHING, actor: Actor | None = None
) -> CreditsScreen:
    return credits_screen(session, actor or an_auditor(), team, asked, ASKED)


def rows_of(
    session: Session, team: str, name: str, asked: SprintRange = EVERYTHING
) -> tuple[Row, ...]:
    return all_rows(session, credits_table(session, an_auditor(), team, asked, name), Question())


def moved(rows: tuple[Row, ...], *kinds: str) -> int:
    return sum(row["amount_credits"] for row in rows if row["kind"] in kinds)


# --- the numbers -------------------------------------------------------------------------------


@pytest.mark.parametrize("team", ["red", "blue"])
def test_the_screen_says_what_the_statement_and_the_database_say(
    spent: Database, team: str
) -> None:
    with reading(spent) as session:
        screen, statement = screen_of(session, team), read_statement(session, team)
    kept = balances_of(spent)[team]
    assert (screen.balance.available_credits, screen.balance.held_credits) == (
        statement.balance.available_credits,
        statement.balance.held_credits,
    )
    assert screen.balance.spent_credits == statement.balance.spent_credits == kept.spent_credits
    assert screen.sprints[-1].left_credits == kept.available_credits + kept.held_credits
    for name in ("endowed", "expired", "spent", "refunded"):
        by_sprint = sum(getattr(one, f"{name}_credits") for one in screen.sprints)
        by_period = sum(getattr(one, f"{name}_credits") for one in statement.periods)
        assert by_sprint == by_period, name


def test_every_line_of_the_ledger_shows_what_it_left_behind(spent: Database) -> None:
    with reading(spent) as session:
        rows, lines = rows_of(session, "red", "entries"), read_statement(session, "red").lines
    assert len(rows) == len(lines) > 15
    for row, line in zip(reversed(rows), lines, strict=True):
        entry, after = line.entry, line.after
        for name in ("kind", "debit", "credit", "amount_credits"):
            assert row[name] == getattr(entry, name)
        for name in ("available", "held", "spent"):
            assert row[f"{name}_after_credits"] == getattr(after, f"{name}_credits")


def test_the_rows_of_a_sprint_add_up_to_the_entries_that_count_for_it(spent: Database) -> None:
    with reading(spent) as session:
        sprints = screen_of(session, "red").sprints
        for sprint in sprints:
            only = SprintRange(sprint.key, sprint.key)
            entries = rows_of(session, "red", "entries", only)
            row = rows_of(session, "red", "sprints", only)[0]
            given = moved(entries, "endowment", "round-endowment", "endowment-by-hand")
            assert row["endowed_credits"] == sprint.endowed_credits == given
            assert row["expired_credits"] == moved(entries, "carry-over")
            assert row["spent_credits"] == moved(entries, "settlement")
            assert row["refunded_credits"] == moved(entries, "refund") // 2
            assert row["left_credits"] == sprint.left_credits
    assert {sprint.key for sprint in sprints} == {f"sprint-{n}" for n in range(1, 5)}


def test_what_a_sprint_leaves_is_what_it_had_and_changed(spent: Database) -> None:
    with reading(spent) as session:
        sprints = screen_of(session, "red").sprints
    left = 0
    for sprint in sprints:
        left += sprint.endowed_credits - sprint.expired_credits + sprint.corrected_credits
        assert sprint.had_credits == left
        left -= sprint.net_spent_credits
        assert sprint.left_credits == left
    assert [sprint.spent_credits for sprint in sprints] == [120, 120, 120, 0]
    assert [sprint.refunded_credits for sprint in sprints] == [40, 0, 0, 0]


def test_a_sprint_pays_for_itself_even_if_the_next_one_opened_meanwhile(
    either_market: Database,
) -> None:
    announce(either_market, a_sprint(1))
    place(either_market, 1, "red", 400)
    announce(either_market, a_sprint(2))
    publish(either_market, 1)
    with reading(either_market) as session:
        assert [one.spent_credits for one in screen_of(session, "red").sprints] == [120, 0]


def test_the_forecast_starts_from_the_ledger_and_the_announcement(spent: Database) -> None:
    with reading(spent) as session:
        screen = screen_of(session, "red")
    run = screen.runway
    assert run.pace is not None
    assert (run.pace.sprints, run.pace.spent_credits) == (3, 320)
    assert run.terms.cap_credits == 1000
    assert run.terms.endowment_credits == screen.sprints[-1].endowed_credits
    assert run.has_credits == screen.sprints[-1].left_credits
    assert [one.number for one in run.ahead] == [0, 1, 2, 3, 4]
    assert screen.next is not None


def test_the_cap_is_the_announced_credits_though_the_close_replaced_them(
    either_market: Database,
) -> None:
    play_sprint(either_market, 1, 400)
    with reading(either_market) as session:
        terms = screen_of(session, "red").runway.terms
    assert (terms.endowment_credits, terms.cap_credits) == (1000, 1000)


# --- the range ---------------------------------------------------------------------------------


def test_a_range_shows_its_sprints_only_and_forecasts_only_from_the_present(
    spent: Database,
) -> None:
    with reading(spent) as session:
        past = rows_of(session, "red", "sprints", SprintRange("sprint-1", "sprint-2"))
        swapped = rows_of(session, "red", "sprints", SprintRange("sprint-2", "sprint-1"))
        up_to_now = rows_of(session, "red", "sprints", SprintRange("sprint-3"))
    assert [row["sprint_key"] for row in past] == ["sprint-1", "sprint-2"]
    assert swapped == past
    assert [row["standing"] for row in up_to_now] == ["past", "present", *["forecast"] * 5]


def test_a_range_of_a_sprint_that_is_not_the_teams_is_refused(spent: Database) -> None:
    with reading(spent) as session, pytest.raises(InvalidQuestion, match="no sprint in which"):
        screen_of(session, "red", SprintRange("sprint-9"))


# --- who may look ------------------------------------------------------------------------------


def test_a_member_sees_the_own_team_and_no_other(spent: Database) -> None:
    member = a_member(spent, "red")
    with reading(spent) as session:
        assert own_team(session, member) == "red"
        assert screen_of(session, "red", actor=member).team.key == "red"
        sentences = set[str]()
        for stranger in ("blue", "no-team"):
            with pytest.raises(NotFound) as refused:
                screen_of(session, stranger, actor=member)
            sentences.add(str(refused.value))
    assert len(sentences) == 1


def test_whoever_is_in_several_teams_chooses(spent: Database) -> None:
    member = a_member(spent, "red", "blue")
    with reading(spent) as session:
        assert own_team(session, member) is None
        rows = all_rows(session, readable_teams(member), Question())
    assert [row["team_key"] for row in rows] == ["blue", "red"]
    kept = balances_of(spent)
    for row in rows:
        balance = kept[row["team_key"]]
        assert (row["available_credits"], row["held_credits"], row["spent_credits"]) == (
            balance.available_credits,
            balance.held_credits,
            balance.spent_credits,
        )


@pytest.mark.parametrize("role", sorted(READERS))
def test_auditor_and_admin_may_look_at_every_team(spent: Database, role: str) -> None:
    with reading(spent) as session:
        rows = all_rows(session, readable_teams(READERS[role]), Question())
        assert [row["team_key"] for row in rows] == ["blue", "red"]
        for row in rows:
            assert screen_of(session, row["team_key"], actor=READERS[role]).has_choice


def test_nobody_unknown_learns_even_whether_a_team_exists(spent: Database) -> None:
    with reading(spent) as session:
        for team in ("red", "nothing"):
            with pytest.raises(SignInNeeded):
                screen_of(session, team, actor=ANONYMOUS)
        with pytest.raises(SignInNeeded):
            readable_teams(ANONYMOUS)


# --- sealed, and quick -------------------------------------------------------------------------


def test_no_bid_of_an_open_round_changes_anything_before_the_close(either_market: Database) -> None:
    play_sprint(either_market, 1, 400)
    announce(either_market, a_sprint(2))
    before = [shown(either_market, team) for team in ("red", "blue")]
    place(either_market, 2, "red", 300)
    assert [shown(either_market, team) for team in ("red", "blue")] == before


def shown(db: Database, team: str) -> list[object]:
    """Return everything that the screen shows of a team."""
    with reading(db) as session:
        screen = screen_of(session, team)
    rows = [*screen.totals.rows, *screen.entries.rows]
    return [screen.balance, screen.sprints, screen.runway, screen.next, *map(dict, rows)]


def test_the_screen_asks_the_same_few_questions_however_long_the_ledger(
    market: Database,
) -> None:
    play_sprint(market, 1, 400)
    few = questions(market)
    for number in range(2, 8):
        play_sprint(market, number, 400)
    assert questions(market) == few <= 9


def questions(db: Database) -> int:
    asked: list[str] = []

    def note(_1: object, _2: object, statement: str, *_: object) -> None:
        if not statement.startswith("BEGIN"):
            asked.append(statement)

    event.listen(db.reader, "before_cursor_execute", note)
    with reading(db) as session:
        screen_of(session, "red")
    event.remove(db.reader, "before_cursor_execute", note)
    return len(asked)
