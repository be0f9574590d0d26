"""Credits come by the formula, are held once, settled and released: on both databases."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import select, text
from sqlmodel import col

from allocation.problem import Problem, RoundKey, Team, TeamKey
from broker.audit import ActorId, Change
from broker.db import Database, reading, transact
from broker.errors import InvalidInput, NotFound, Overdrawn, Refused
from broker.ledger.endowments import EndowmentByHand, endow_by_hand
from broker.ledger.holds import Refund, refund_award
from broker.ledger.journals import (
    ISSUE,
    Journal,
    Transfer,
    account_id,
    find_journal,
    post_journal,
    reverse_journal,
)
from broker.ledger.periods import close_period
from broker.ledger.statements import Balance, read_statement
from broker.ledger.tables import AccountKind, JournalKind, JournalRow, PeriodRow
from broker.rounds import close_round, find_round
from broker.runs import published_run
from broker.snapshots import frozen_problem
from broker.tables import AwardRow, BidRow
from tests.builders import a_bid, a_problem, an_alternative, day
from tests.ledgers import (
    BOB,
    a_contested_problem,
    announce,
    balances_of,
    give,
    settle_one,
    team_ids,
    violations,
)
from tests.markets import NOON, a_change, bring, bring_bid, described, events, row_counts, run_it
from tests.past import moved

TEAMS = (Team(TeamKey("red"), 1000), Team(TeamKey("blue"), 500))


def a_sprint(number: int) -> Problem:
    """Return an announced round of two teams, without bids."""
    return moved(a_problem(teams=TEAMS), f"sprint-{number}", number)


def close(db: Database, key: str) -> None:
    transact(db, lambda session: close_round(session, key, a_change(0.5)))


def kinds(db: Database) -> list[str]:
    with reading(db) as session:
        return list(session.scalars(select(col(JournalRow.kind)).order_by(col(JournalRow.number))))


# --- endowments ------------------------------------------------------------------------------


def test_the_first_round_gives_teams_what_it_announces(either_market: Database) -> None:
    announce(either_market, a_sprint(1))
    assert balances_of(either_market) == {"red": Balance(1000), "blue": Balance(500)}
    assert violations(either_market) == []


def test_the_next_sprint_decays_caps_and_shares_the_rest(either_market: Database) -> None:
    announce(either_market, a_sprint(1))
    give(either_market, "blue", 300)
    announce(either_market, a_sprint(2))
    assert kinds(either_market)[-2:] == ["carry-over", "endowment"]
    # red keeps 750 of 1000, blue 500 of 800; the pot of 250 is shared 2 to 1.
    assert balances_of(either_market) == {"red": Balance(750 + 167), "blue": Balance(500 + 83)}
    assert violations(either_market) == []


def test_what_is_held_counts_as_held_when_the_next_sprint_is_endowed(
    either_market: Database,
) -> None:
    bids = [a_bid("r1", an_alternative(offer=400), team="red")]
    announce(either_market, replace(a_problem(*bids, teams=TEAMS), bids=()))
    place(either_market, bids[0].key, "red", 400)
    close(either_market, "sprint-1")
    assert balances_of(either_market)["red"] == Balance(600, 400)
    announce(either_market, a_sprint(2))
    held = sum(b.available_credits + b.held_credits for b in balances_of(either_market).values())
    assert held == 1500


def place(db: Database, key: str, team: str, offer: int) -> None:
    from broker.bids.placing import PlaceBid  # noqa: PLC0415  # only here are bids placed singly

    wish = PlaceBid("sprint-1", key, team, key, (an_alternative(offer=offer),))
    transact(db, lambda session: bring_bid(session, wish, a_change(0.1)))


def test_a_round_of_the_same_sprint_lets_nothing_expire(either_market: Database) -> None:
    announce(either_market, a_sprint(1))
    again = replace(a_sprint(1), round_key=RoundKey("sprint-1b"), nonce="")
    announce(either_market, again)
    assert balances_of(either_market) == {"red": Balance(1000), "blue": Balance(500)}


def test_the_close_fixes_what_a_team_can_spend(either_market: Database) -> None:
    announce(either_market, a_sprint(1))
    give(either_market, "red", 7)
    close(either_market, "sprint-1")
    with reading(either_market) as session:
        problem = frozen_problem(session, find_round(session, "sprint-1"))
    assert {team.key: team.credits for team in problem.teams} == {"red": 1007, "blue": 500}


def test_an_import_brings_teams_up_to_the_credits_that_it_names(either_market: Database) -> None:
    problem = a_contested_problem()
    bring(either_market, described(problem))
    richer = replace(problem, round_key=RoundKey("other"), nonce="", bids=())
    richer = replace(richer, teams=(Team(TeamKey("red"), 1200), Team(TeamKey("blue"), 100)))
    bring(either_market, described(richer))
    # red has 1000 held for the first round and gets 1200; blue's 500 are held, and it gets 100.
    assert balances_of(either_market) == {"red": Balance(1200, 1000), "blue": Balance(100, 500)}
    assert violations(either_market) == []


# --- holds, settlement, release --------------------------------------------------------------


def test_the_hold_is_what_the_bids_could_cost_and_no_more_than_the_credits(
    either_market: Database,
) -> None:
    bring(either_market, described(a_contested_problem()))
    # red's bids could cost 1100 and it has 1000; blue's could cost 700 and it has 500.
    assert balances_of(either_market) == {"red": Balance(0, 1000), "blue": Balance(0, 500)}


def test_publishing_settles_the_awards_and_releases_the_rest(either_market: Database) -> None:
    ran = settle_one(either_market)
    assert ran.outcome is not None
    paid = sum(award.payment_credits for award in ran.outcome.awards)
    balances = balances_of(either_market)
    assert paid > 0
    assert sum(balance.spent_credits for balance in balances.values()) == paid
    assert sum(balance.available_credits for balance in balances.values()) == 1500 - paid
    assert {balance.held_credits for balance in balances.values()} == {0}
    assert violations(either_market) == []


def test_every_journal_has_one_event_with_its_number(either_market: Database) -> None:
    settle_one(either_market)
    with reading(either_market) as session:
        journals = session.scalars(select(JournalRow)).all()
        told = {e.sequence: (e.kind, e.subject) for e in events(session)}
    assert {j.number: (f"ledger.{j.kind}", f"journal:{j.idempotency_key}") for j in journals} == {
        number: event for number, event in told.items() if event[0].startswith("ledger.")
    }


def test_a_round_that_closed_before_there_was_a_ledger_is_settled_all_the_same(
    market: Database,
) -> None:
    bring(market, described(a_contested_problem()))
    forget_the_ledger(market)
    run_it(market)
    assert kinds(market) == ["round-endowment", "hold", "settlement", "release"]
    assert violations(market) == []


def forget_the_ledger(db: Database) -> None:
    """Empty the ledger as if it had come with an upgrade after the close."""
    from alembic import command  # noqa: PLC0415  # the one test that moves the schema

    from broker.schema import migrate, move_schema  # noqa: PLC0415  # likewise

    move_schema(db, command.downgrade, "0002")
    with db.writer.begin() as connection:
        guards = dict(
            connection.execute(
                text("SELECT name, sql FROM sqlite_master WHERE name LIKE 'guard_audit_event_%'")
            ).all()
        )
        for guard in guards:
            connection.execute(text(f"DROP TRIGGER {guard}"))
        connection.execute(text("DELETE FROM audit_event WHERE kind LIKE 'ledger.%'"))
        connection.execute(text("DELETE FROM audit_event WHERE kind LIKE 'period.%'"))
        connection.execute(
            text(
                "UPDATE audit_event SET sequence = (SELECT count(*) FROM audit_event earlier "
                "WHERE earlier.sequence <= audit_event.sequence)"
            )
        )
        for guard in guards.values():
            connection.execute(text(guard))
    migrate(db)


# --- by hand, refunds, corrections -----------------------------------------------------------


def test_an_endowment_by_hand_needs_two_persons_and_a_reason(either_market: Database) -> None:
    announce(either_market, a_sprint(1))
    alone = EndowmentByHand("k", "red", 5, "Please.", a_change().actor)
    with pytest.raises(Refused, match="cannot approve it as well"):
        transact(either_market, lambda session: endow_by_hand(session, alone, a_change()))
    silent = replace(alone, proposed_by=BOB, reason=" ", amount_credits=0)
    with pytest.raises(InvalidInput, match=r"amount: 0 .*reason: is empty"):
        transact(either_market, lambda session: endow_by_hand(session, silent, a_change()))
    with pytest.raises(NotFound, match="no team green"):
        give(either_market, "green", 5)
    number = give(either_market, "red", 5)
    with reading(either_market) as session:
        journal = session.get_one(JournalRow, number)
        assert (journal.actor, journal.approver) == ("bob", "ada")


def test_one_key_has_one_effect_and_one_answer(either_market: Database) -> None:
    announce(either_market, a_sprint(1))
    first = give(either_market, "red", 5)
    before = row_counts(either_market)
    assert give(either_market, "red", 5) == first
    with pytest.raises(Refused, match="was used for another journal"):
        give(either_market, "red", 6)
    assert row_counts(either_market) == before


def awarded(db: Database) -> tuple[str, AwardRow]:
    with reading(db) as session:
        run = published_run(session, find_round(session, "sprint-1"))
        assert run is not None
        paid = (
            select(AwardRow)
            .join(BidRow, col(BidRow.id) == col(AwardRow.bid_id))
            .where(col(AwardRow.payment_credits) > 1)
            .order_by(col(BidRow.key))
        )
        award = session.scalars(paid).first()
        assert award is not None
        return run.id, award


def test_a_refund_gives_back_at_most_what_was_paid(either_market: Database) -> None:
    settle_one(either_market)
    run_id, award = awarded(either_market)
    before = sum(b.available_credits for b in balances_of(either_market).values())
    part = Refund("r1", run_id, award.bid_id, award.payment_credits - 1, "Preempted.")
    for _ in range(2):  # the same key again changes nothing
        transact(either_market, lambda session: refund_award(session, part, a_change(2)))
    more = replace(part, key="r2", amount_credits=2)
    with pytest.raises(Refused, match="1 of its payment are left"):
        transact(either_market, lambda session: refund_award(session, more, a_change(2)))
    after = balances_of(either_market).values()
    assert sum(b.available_credits for b in after) == before + award.payment_credits - 1
    assert sum(b.refunded_credits for b in after) == award.payment_credits - 1
    assert violations(either_market) == []


def test_a_refund_is_of_an_award(either_market: Database) -> None:
    settle_one(either_market)
    with pytest.raises(NotFound, match="awarded no bid"):
        transact(
            either_market,
            lambda session: refund_award(session, Refund("r", "run", "bid", 1, ""), a_change()),
        )


def test_a_correction_is_a_new_journal_of_two_persons_and_made_once(
    either_market: Database,
) -> None:
    announce(either_market, a_sprint(1))
    number = give(either_market, "red", 50)
    assert number is not None

    def correct(reason: str, proposed_by: ActorId) -> int | None:
        return transact(
            either_market,
            lambda session: reverse_journal(
                session, number, a_change(2), reason=reason, proposed_by=proposed_by
            ),
        )

    with pytest.raises(Refused, match="cannot approve it as well"):
        correct("Typed wrongly.", a_change().actor)
    assert correct("Typed wrongly.", BOB) == correct("Typed wrongly.", BOB)
    assert balances_of(either_market)["red"] == Balance(1000)
    assert violations(either_market) == []


def test_credits_that_are_not_there_cannot_be_spent(either_market: Database) -> None:
    announce(either_market, a_sprint(1))
    available = account_id(AccountKind.AVAILABLE, team_ids(either_market)["blue"])
    wish = Journal(JournalKind.CARRY_OVER, "k", (Transfer(available, ISSUE, 501),))
    before = row_counts(either_market)
    with pytest.raises(Overdrawn, match="too few credits for k"):
        transact(either_market, lambda session: post_journal(session, wish, a_change()))
    assert row_counts(either_market) == before


def test_there_is_no_money_before_the_first_period(either_market: Database) -> None:
    wish = Journal(JournalKind.CARRY_OVER, "k", (Transfer(ISSUE, ISSUE, 1),))
    with pytest.raises(Refused, match="no period yet"):
        transact(either_market, lambda session: post_journal(session, wish, a_change()))


# --- periods and statements ------------------------------------------------------------------


def test_a_period_closes_once_after_another_followed(either_market: Database) -> None:
    announce(either_market, a_sprint(1))

    def close_books(key: str) -> bool:
        auditor = Change(ActorId("cleo"), NOON)
        return transact(either_market, lambda session: close_period(session, key, auditor))

    with pytest.raises(Refused, match="is the one into which credits move now"):
        close_books("sprint-1")
    with pytest.raises(NotFound, match="no period sprint-9"):
        close_books("sprint-9")
    announce(either_market, a_sprint(2))
    assert [close_books("sprint-1"), close_books("sprint-1")] == [True, False]
    with reading(either_market) as session:
        assert session.get_one(PeriodRow, "sprint-1").closed_by == "cleo"
        told = [event.kind for event in events(session)]
    assert told.count("period.closed") == 1


def test_an_older_round_goes_into_the_period_at_hand(either_market: Database) -> None:
    announce(either_market, a_sprint(3))
    bring(either_market, described(a_contested_problem()))
    with reading(either_market) as session:
        assert [p.key for p in session.scalars(select(PeriodRow))] == ["sprint-3"]
        hold = find_journal(session, "hold/sprint-1")
        assert hold is not None
        assert hold.period_key == "sprint-3"


def test_a_statement_ends_at_the_balance_that_the_database_keeps(either_market: Database) -> None:
    settle_one(either_market)
    run_id, award = awarded(either_market)
    refund = Refund("r1", run_id, award.bid_id, 1, "Broken.")
    transact(either_market, lambda session: refund_award(session, refund, a_change(2)))
    for team, balance in balances_of(either_market).items():
        with reading(either_market) as session:
            statement = read_statement(session, team)
        [total] = statement.periods
        assert statement.balance == statement.lines[-1].after == balance
        assert total.endowed_credits == {"red": 1000, "blue": 500}[team]
        assert total.net_spent_credits == balance.spent_credits
        assert total.refunded_credits == balance.refunded_credits
        assert statement.holds == ()


def test_a_statement_names_what_waits_for_a_round(either_market: Database) -> None:
    bring(either_market, described(a_contested_problem()))
    with reading(either_market) as session:
        [hold] = read_statement(session, "red").holds
        assert (hold.round_key, hold.credits) == ("sprint-1", 1000)
        with pytest.raises(NotFound, match="no team green"):
            read_statement(session, "green")


def test_a_team_without_credits_has_an_empty_statement(either_market: Database) -> None:
    bring(either_market, described(a_problem(teams=[Team(TeamKey("red"), 0)])))
    with reading(either_market) as session:
        statement = read_statement(session, "red")
    assert (statement.balance, statement.lines) == (Balance(), ())


def test_the_first_day_of_a_period_is_its_sprints(either_market: Database) -> None:
    announce(either_market, a_sprint(1))
    with reading(either_market) as session:
        assert session.get_one(PeriodRow, "sprint-1").starts_on == day(0)
