"""The books close once, whole and for good; what they got wrong is corrected afterwards."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import re
import shutil
import subprocess
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError
from sqlmodel import col

from broker.access import Actor
from broker.books.balances import period_balances
from broker.books.closing import VerifiedLog, close_books, kept_pack
from broker.books.corrections import (
    approve_correction,
    propose_correction,
    refuse_correction,
)
from broker.books.rates import RateWish, current_rate, read_rate, set_rate
from broker.books.tables import ExchangeRateRow, PeriodBalanceRow, PeriodCloseRow, VerificationRow
from broker.books.verifications import Notary, ask_verification, findings_of, verify_next
from broker.dashboards.finance import reconciliation
from broker.db import Database, reading, transact
from broker.errors import InvalidInput, NotAllowed, NotFound, Refused, UnusableKey
from broker.exports.bundles import verifier_source
from broker.exports.verify_bundle import violations_of
from broker.importing import import_round
from broker.ledger.journals import find_journal
from broker.ledger.tables import JournalRow, PeriodRow
from broker.people.grants import end_grant
from broker.people.persons import find_person
from broker.people.tables import RoleGrantRow
from tests.cast import MEMBER, NAMES, OPERATOR, Places, bring_people
from tests.commands import Broker
from tests.credit_markets import a_member, an_admin, an_auditor, build_credits
from tests.focus_rules import broken_rules, total_credits
from tests.holdings import THE_DAY_BEFORE, a_scarce_sprint, day, release, tick_at, wait
from tests.ledgers import BOB, violations
from tests.logs import EVIDENCE, sign
from tests.markets import a_change, a_database, at, event_kinds
from tests.overrides import a_published_contest, awards, override
from tests.past import sealed_round

CLEO, ADA = an_auditor(), an_admin()
SECOND = Actor(BOB, "p-9", "Bob", ADA.roles)
EURO = RateWish("EUR", 850_000, "Budget of the year.")
VERIFIED = VerifiedLog(3, "0" * 64)
NOTARY = Notary(lambda: EVIDENCE, lambda: None)
FILES = {
    *("README.txt", "access.csv", "closing-balances.csv", "corrections.csv", "cost-centres.csv"),
    *("endowments.csv", "focus.csv", "journal.csv", "journal.hledger", "manifest.json"),
    *("opening-balances.csv", "overrides.csv", "period.json", "rates.csv", "refunds.csv"),
    *("runs.csv", "settlements.csv", "utilisation.csv"),
}


@pytest.fixture
def books(either_market: Database) -> Database:
    """Return a market with three periods that can be closed, and a rate."""
    build_credits(either_market)
    set_a_rate(either_market)
    return either_market


@pytest.fixture(scope="module")
def books_file(migrated_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = Path(shutil.copy(migrated_file, tmp_path_factory.mktemp("books") / "broker.db"))
    db = a_database(file)
    build_credits(db)
    set_a_rate(db)
    db.dispose()
    return file


@pytest.fixture
def small_books(books_file: Path, tmp_path: Path) -> Iterator[Database]:
    """Return the same market, on SQLite alone."""
    db = a_database(Path(shutil.copy(books_file, tmp_path / "broker.db")))
    yield db
    db.dispose()


def set_a_rate(db: Database, wish: RateWish = EURO, actor: Actor = CLEO) -> int:
    return transact(db, lambda session: set_rate(session, actor, wish, a_change(5).at))


def close(db: Database, key: str, actor: Actor = CLEO) -> bool:
    return transact(db, lambda session: close_books(session, actor, key, VERIFIED, a_change(6).at))


def pack_of(db: Database, key: str) -> bytes:
    with reading(db) as session:
        return kept_pack(session, CLEO, key)


def files_of(pack: bytes) -> Mapping[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(pack)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def rows_of(pack: bytes, name: str) -> list[dict[str, str]]:
    content = files_of(pack)[f"{name}.csv"].decode()
    return list(csv.DictReader(io.StringIO(content, newline="")))


def focus_rows_of(pack: bytes) -> list[dict[str, str | None]]:
    return [{k: v or None for k, v in row.items()} for row in rows_of(pack, "focus")]


def keys_of(db: Database) -> list[str]:
    with reading(db) as session:
        return list(session.scalars(select(col(PeriodRow.key)).order_by(col(PeriodRow.position))))


# --- rates -----------------------------------------------------------------------------------


def test_every_rate_stays_and_the_last_one_holds(small_books: Database) -> None:
    assert set_a_rate(small_books, RateWish("USD", 1, "Another.")) == 2
    with reading(small_books) as session:
        rate = current_rate(session)
        assert rate is not None
        assert (rate.currency, rate.micros_per_credit) == ("USD", 1)
        assert session.get_one(ExchangeRateRow, 1).reason == EURO.reason
    assert event_kinds(small_books).count("exchange-rate.set") == 2


@pytest.mark.parametrize(
    ("wish", "finding"),
    [
        (RateWish("EURO", 1, "x"), "currency: 'EURO' is no national currency"),
        (RateWish("XXX", 1, "x"), "currency: 'XXX' is no national currency"),
        (RateWish("EUR", 0, "x"), "rate: 0 is out of range"),
        (RateWish("EUR", 1, " "), "reason: say why"),
    ],
)
def test_a_rate_is_of_a_national_currency_and_has_a_reason(
    market: Database, wish: RateWish, finding: str
) -> None:
    with pytest.raises(InvalidInput, match=finding):
        set_a_rate(market, wish)


def test_a_rate_is_read_exactly() -> None:
    assert [read_rate(t) for t in ("0.85", "1", "0.000001", " 12.5 ")] == [
        850_000,
        1_000_000,
        1,
        12_500_000,
    ]
    for wrong in ("", "-1", "1,5", "1.1234567", "1e3", "٣"):
        with pytest.raises(ValueError, match=f"^{re.escape(wrong)}$"):
            read_rate(wrong)


# --- who may ---------------------------------------------------------------------------------


def test_only_finance_closes_and_sets_rates(small_books: Database) -> None:
    for actor in (ADA, a_member(small_books, "red")):
        with pytest.raises(NotAllowed):
            close(small_books, keys_of(small_books)[0], actor)
        with pytest.raises(NotAllowed):
            set_a_rate(small_books, actor=actor)


def test_auditors_correct_nothing(small_books: Database) -> None:
    with pytest.raises(NotAllowed):
        transact(
            small_books,
            lambda session: propose_correction(session, CLEO, 1, "Wrong.", a_change(6).at),
        )


# --- closing ---------------------------------------------------------------------------------


def test_periods_close_in_order_and_only_after_another_followed(books: Database) -> None:
    first, second, _, last = keys_of(books)
    with pytest.raises(Refused, match=f"waits for period {first}"):
        close(books, second)
    with pytest.raises(Refused, match="into which credits move now"):
        close(books, last)
    with pytest.raises(NotFound, match="no period nowhere"):
        close(books, "nowhere")
    assert [close(books, first), close(books, first), close(books, second)] == [True, False, True]
    assert event_kinds(books).count("period.closed") == 2


def test_a_period_needs_a_rate_to_close(market: Database) -> None:
    build_credits(market)
    with pytest.raises(Refused, match="what a credit is worth"):
        close(market, keys_of(market)[0])
    assert "period.closed" not in event_kinds(market)


def test_a_pack_holds_every_file_and_lists_them_with_their_hashes(small_books: Database) -> None:
    first = keys_of(small_books)[0]
    close(small_books, first)
    files = files_of(pack_of(small_books, first))
    assert set(files) == FILES
    manifest = json.loads(files["manifest.json"])
    assert (manifest["kind"], manifest["period_key"]) == ("period-pack", first)
    for name, length, sha256 in manifest["files"]:
        assert (length, sha256) == (len(files[name]), hashlib.sha256(files[name]).hexdigest())


def test_what_the_close_fixed_names_the_pack(small_books: Database) -> None:
    first = keys_of(small_books)[0]
    close(small_books, first)
    pack = pack_of(small_books, first)
    with reading(small_books) as session:
        fixed = session.get_one(PeriodCloseRow, first)
        assert fixed.pack_sha256 == hashlib.sha256(pack).hexdigest()
        assert (fixed.log_size, fixed.log_root) == (VERIFIED.size, VERIFIED.root)
        kept = session.scalars(
            select(PeriodBalanceRow).where(col(PeriodBalanceRow.period_key) == first)
        ).all()
        period = session.get_one(PeriodRow, first)
        now = {one.account_id: one.closing_credits for one in period_balances(session, period)}
    assert {row.account_id: row.closing_credits for row in kept} == now


def test_two_exports_are_the_same_file_whatever_happens_between_them(small_books: Database) -> None:
    first, second, *_ = keys_of(small_books)
    close(small_books, first)
    before = pack_of(small_books, first)
    set_a_rate(small_books, RateWish("USD", 1, "Another."))
    close(small_books, second)
    assert pack_of(small_books, first) == before


def test_balances_of_a_period_begin_where_the_one_before_ended(small_books: Database) -> None:
    closing: dict[tuple[str, str], int] = {}
    for key in keys_of(small_books)[:3]:
        close(small_books, key)
        pack = pack_of(small_books, key)
        opening = {
            (r["account"], r["cost_centre"]): int(r["opening_credits"])
            for r in rows_of(pack, "opening-balances")
        }
        assert {k: n for k, n in opening.items() if n} == {k: n for k, n in closing.items() if n}
        closing = {
            (r["account"], r["cost_centre"]): int(r["closing_credits"])
            for r in rows_of(pack, "closing-balances")
        }
        assert sum(opening.values()) == sum(closing.values()) == 0


def test_cost_centres_add_up_from_opening_to_closing(small_books: Database) -> None:
    for key in keys_of(small_books)[:3]:
        close(small_books, key)
        for row in rows_of(pack_of(small_books, key), "cost-centres"):
            amounts = {name: int(n) for name, n in row.items() if name != "cost_centre"}
            ended = amounts.pop("closing_credits")
            assert sum(amounts.values()) == ended, row


def test_charges_keep_the_rules_and_add_up_to_the_ledger(books: Database) -> None:
    classes = Counter[str | None]()
    for key in keys_of(books)[:3]:
        close(books, key)
        pack = pack_of(books, key)
        rows = focus_rows_of(pack)
        assert broken_rules(rows) == {}
        spent = {
            name: sum(
                int(r[f"{name}_credits"])
                for r in rows_of(pack, f"{name}-balances")
                if r["account"] == "spent"
            )
            for name in ("opening", "closing")
        }
        assert total_credits(rows) == spent["closing"] - spent["opening"]
        assert json.loads(files_of(pack)["period.json"])["spent_credits"] == total_credits(rows)
        classes.update(row["ChargeClass"] for row in rows)
    assert classes["Correction"] == 1


def test_hledger_finds_nothing_wrong_in_the_journal(small_books: Database, tmp_path: Path) -> None:
    program = shutil.which("hledger")
    if program is None:
        pytest.skip("hledger is not installed here; tests/integration/test_ledger_exports.py reads")
    first = keys_of(small_books)[0]
    close(small_books, first)
    journal = tmp_path / "period.journal"
    journal.write_bytes(files_of(pack_of(small_books, first))["journal.hledger"])
    command = [program, "check", "-s", "-f", str(journal)]
    said = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert (said.returncode, said.stdout, said.stderr) == (0, "", "")


def test_the_pack_says_who_had_which_role_when_by_opaque_ids(small_books: Database) -> None:
    bring_people(small_books, Places(team="red", other_team="blue"))
    first, *_ = keys_of(small_books)
    with reading(small_books) as session:
        member = find_person(session, MEMBER)
        [grant] = session.scalars(
            select(RoleGrantRow).where(col(RoleGrantRow.person_id) == member.id)
        ).all()
    transact(small_books, lambda s: end_grant(s, OPERATOR, grant.id, a_change(5.5).at))
    close(small_books, first)
    rows = rows_of(pack_of(small_books, first), "access")
    [row] = [row for row in rows if row["person_id"] == member.id]
    assert (row["role"], row["team_key"]) == ("member", "red")
    assert row["until"] == "2026-02-20T17:30:00Z"
    assert {row["role"] for row in rows} >= {"platform-admin", "finance-auditor", "pool-owner"}
    assert not any(name.encode() in pack_of(small_books, first) for name in NAMES.values())


def test_an_open_period_has_no_pack(small_books: Database) -> None:
    with pytest.raises(NotFound, match="is not closed yet"):
        pack_of(small_books, keys_of(small_books)[0])


def _a_closed_pack(db: Database) -> bytes:
    """Let another sprint's round follow, and close the first period."""
    later = sealed_round("later", 2)
    transact(db, lambda session: import_round(session, later, a_change(998), is_open=True))
    set_a_rate(db)
    first = keys_of(db)[0]
    transact(db, lambda session: close_books(session, CLEO, first, VERIFIED, a_change(999).at))
    return pack_of(db, first)


def test_an_override_stands_in_the_pack_at_its_price_and_counts_no_unit_twice(
    either_market: Database,
) -> None:
    a_published_contest(either_market)
    override(either_market)
    sign(either_market)
    pack = _a_closed_pack(either_market)
    [row] = rows_of(pack, "overrides")
    said = ("sprint-1", "pin", "b1", "2", "200", "ada", "linus")
    names = ("round_key", "kind", "bid_key", "revision", "price_points", "author", "approver")
    assert tuple(row[name] for name in names) == said
    assert [run["revision"] for run in rows_of(pack, "runs")] == ["1", "2"]
    for run in rows_of(pack, "runs"):
        assert violations_of(files_of(pack)[run["bundle"]], verifier_source()) == []
    days = Counter((r["pool_key"], r["day"]) for r in rows_of(pack, "utilisation"))
    assert set(days.values()) == {1}
    assert broken_rules(focus_rows_of(pack)) == {}
    assert _unused_units(pack) == sum(
        int(r["reserved_free_units"]) for r in rows_of(pack, "utilisation")
    )
    assert total_credits(focus_rows_of(pack)) == sum(awards(either_market, 2).values())


def test_what_a_daily_round_hands_out_is_unused_no_more(market: Database) -> None:
    won, lost = a_scarce_sprint(market)
    wait(market, lost)
    release(market, won, 3, day(2))
    assert "published sprint-1-0301" in tick_at(market, THE_DAY_BEFORE)
    pack = _a_closed_pack(market)
    assert {run["bundle"] for run in rows_of(pack, "runs")} == {""}
    rows = rows_of(pack, "utilisation")
    assert {row["round_key"] for row in rows} == {"sprint-1", "sprint-1-0301"}
    left = {r["day"]: int(r["reserved_free_units"]) for r in sorted(rows, key=_round_of)}
    assert broken_rules(focus_rows_of(pack)) == {}
    assert _unused_units(pack) == sum(left.values()) == 20


def _round_of(row: Mapping[str, str]) -> str:
    return row["round_key"]


def _unused_units(pack: bytes) -> int:
    return sum(
        int(str(row["PricingQuantity"]))
        for row in focus_rows_of(pack)
        if row["CapacityReservationStatus"] == "Unused"
    )


CHANGES = (
    "UPDATE period_close SET pack_sha256 = '{zeros}'",
    "DELETE FROM period_close",
    "UPDATE period_balance SET closing_credits = closing_credits + 1",
    "DELETE FROM period_balance",
    "UPDATE period_pack SET content = content",
    "DELETE FROM period_pack",
    "INSERT INTO period_balance VALUES ('{first}', 'issue', 1, 1)",
    "UPDATE period SET closed_at = NULL, closed_by = NULL WHERE key = '{first}'",
    "UPDATE exchange_rate SET micros_per_credit = 1",
    "DELETE FROM exchange_rate",
    "UPDATE journal SET period_key = '{first}'",
    "UPDATE period SET closed_at = begun_at, closed_by = 'x' WHERE key = '{third}'",
)


def test_the_database_itself_refuses_to_change_what_is_closed(books: Database) -> None:
    first, _, third, _ = keys_of(books)
    close(books, first)
    before = pack_of(books, first)
    for statement in CHANGES:
        order = text(statement.format(first=first, third=third, zeros="0" * 64))
        with pytest.raises(DBAPIError):
            transact(books, lambda session, order=order: session.execute(order))
    assert pack_of(books, first) == before


# --- corrections -----------------------------------------------------------------------------


def propose(db: Database, number: int, reason: str = "Typed wrongly.", actor: Actor = ADA) -> str:
    return transact(
        db, lambda session: propose_correction(session, actor, number, reason, a_change(7).at)
    )


def number_of(db: Database, key: str) -> int:
    with reading(db) as session:
        journal = find_journal(session, key)
        assert journal is not None
        return journal.number


def test_a_correction_after_the_close_lands_in_the_period_of_the_day_and_names_what_it_corrects(
    books: Database,
) -> None:
    *_, third, last = keys_of(books)
    for key in keys_of(books)[:3]:
        close(books, key)
    gift = number_of(books, "endowment-by-hand/gift")
    correction_id = propose(books, gift)
    with pytest.raises(Refused, match="cannot approve it as well"):
        transact(books, lambda s: approve_correction(s, ADA, correction_id, a_change(8).at))
    number = transact(books, lambda s: approve_correction(s, SECOND, correction_id, a_change(8).at))
    with reading(books) as session:
        wrong, right = session.get_one(JournalRow, gift), session.get_one(JournalRow, number)
        assert (wrong.period_key, right.period_key, right.corrects) == (third, last, gift)
        assert (right.actor, right.approver) == (ADA.id, SECOND.id)
    assert violations(books) == []


def test_a_correction_is_proposed_once_and_decided_once(small_books: Database) -> None:
    gift = number_of(small_books, "endowment-by-hand/gift")
    with pytest.raises(InvalidInput, match="reason: say why"):
        propose(small_books, gift, " ")
    first = propose(small_books, gift)
    with pytest.raises(Refused, match="waits already"):
        propose(small_books, gift)
    transact(small_books, lambda s: refuse_correction(s, SECOND, first, a_change(8).at))
    with pytest.raises(Refused, match="was refused already"):
        transact(small_books, lambda s: approve_correction(s, SECOND, first, a_change(8).at))
    second = propose(small_books, gift)
    transact(small_books, lambda s: approve_correction(s, SECOND, second, a_change(8).at))
    with pytest.raises(Refused, match="is taken back already"):
        propose(small_books, gift)
    kinds = [kind for kind in event_kinds(small_books) if kind.startswith("correction.")]
    assert kinds == [
        *("correction.proposed", "correction.refused"),
        *("correction.proposed", "correction.approved"),
    ]


def test_payments_and_holds_are_not_taken_back_whole(small_books: Database) -> None:
    hold = number_of(small_books, f"hold/{keys_of(small_books)[0]}")
    with pytest.raises(Refused, match="cannot be taken back whole"):
        propose(small_books, hold)
    with pytest.raises(NotFound, match="no journal 99999"):
        propose(small_books, 99999)


# --- checks ----------------------------------------------------------------------------------


def ask(db: Database, closes: str | None = None, actor: Actor = CLEO) -> str:
    return transact(
        db, lambda session: ask_verification(session, actor, a_change(9).at, closes=closes)
    )


def check_of(db: Database, check_id: str) -> VerificationRow:
    with reading(db) as session:
        return session.get_one(VerificationRow, check_id)


def test_a_check_is_asked_for_once_made_by_the_worker_and_closes_the_period(
    books: Database,
) -> None:
    first = keys_of(books)[0]
    sign(books)
    check_id = ask(books, first)
    assert ask(books, first) == check_id
    assert verify_next(books, at(10), NOTARY)
    assert not verify_next(books, at(10), NOTARY)
    check = check_of(books, check_id)
    assert (check.state, findings_of(check), check.first_bad) == ("done", (), None)
    with reading(books) as session:
        assert session.get_one(PeriodRow, first).closed_by == CLEO.id
        fixed = session.get_one(PeriodCloseRow, first)
        assert fixed.log_size == check.events
    assert event_kinds(books)[-1] == "period.closed"


def test_a_check_of_tampered_books_names_the_first_bad_event_and_closes_nothing(
    small_books: Database,
) -> None:
    first = keys_of(small_books)[0]
    check_id = ask(small_books, first)
    gift = number_of(small_books, "endowment-by-hand/gift")
    tamper(small_books, "UPDATE journal SET reason = 'Mine.' WHERE reason = 'Said so.'", "journal")
    assert verify_next(small_books, at(10), NOTARY)
    check = check_of(small_books, check_id)
    assert check.state == "done"
    assert check.first_bad == gift
    assert any("journal" in sentence for sentence in findings_of(check))
    with reading(small_books) as session:
        assert session.get_one(PeriodRow, first).closed_at is None


def tamper(db: Database, statement: str, table: str) -> None:
    """Change a row as somebody does who has the file: with its triggers gone."""
    with db.writer.begin() as connection:
        names = connection.execute(
            text(f"SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = '{table}'")  # noqa: S608  # ours
        ).scalars()
        for name in names.all():
            connection.execute(text(f"DROP TRIGGER {name}"))
        connection.execute(text(statement))


def test_a_check_that_cannot_be_made_says_so(small_books: Database) -> None:
    def no_key() -> object:
        raise UnusableKey("The key is gone.")

    check_id = ask(small_books)
    assert verify_next(small_books, at(10), Notary(no_key, lambda: None))  # type: ignore[arg-type]
    check = check_of(small_books, check_id)
    assert (check.state, check.failure) == ("failed", "The key is gone.")


def test_a_check_that_its_worker_left_is_made_by_the_next(small_books: Database) -> None:
    check_id = ask(small_books)
    claimed = "UPDATE verification SET state = 'working', started_at = '{}'"
    early = a_change(9).at.isoformat()
    transact(small_books, lambda session: session.execute(text(claimed.format(early))))
    assert not verify_next(small_books, at(9.1), NOTARY)
    assert verify_next(small_books, at(10), NOTARY)
    assert check_of(small_books, check_id).state == "done"


def test_who_may_not_close_asks_for_no_close(small_books: Database) -> None:
    with pytest.raises(NotAllowed):
        ask(small_books, keys_of(small_books)[0], ADA)
    assert check_of(small_books, ask(small_books, actor=ADA)).state == "waiting"


def test_the_line_that_must_be_zero_is_zero_and_tampering_moves_it(small_books: Database) -> None:
    with reading(small_books) as session:
        assert reconciliation(session).is_zero
    tamper(
        small_books,
        "UPDATE account SET balance_credits = balance_credits + 1 WHERE kind = 'spent'",
        "account",
    )
    with reading(small_books) as session:
        books = reconciliation(session)
    assert not books.is_zero
    assert books.total_credits == books.wrong_accounts > 0


# --- commands --------------------------------------------------------------------------------


@pytest.fixture
def command(migrated: Broker, market: Database) -> Callable[..., tuple[int, str, str]]:
    build_credits(market)

    def call(*arguments: object) -> tuple[int, str, str]:
        said = migrated("period", *arguments)
        return said.code, said.out, said.err

    return call


def test_the_commands_set_a_rate_close_a_period_and_hand_out_its_pack(
    command: Callable[..., tuple[int, str, str]], market: Database, tmp_path: Path
) -> None:
    first = keys_of(market)[0]
    assert command("close", first)[0] == 3
    assert command("rate", "0.85", "eur", "--reason", "Budget.")[:2] == (
        0,
        "From now on a credit is worth 0.85 EUR.\n",
    )
    assert command("rate", "0,85", "EUR", "--reason", "Budget.")[0] == 2
    code, out, _ = command("close", first)
    assert (code, out.startswith(f"Period {first} is closed; its pack has")) == (0, True)
    assert command("close", first)[:2] == (0, f"Period {first} was closed already.\n")
    packs = []
    for name in ("one.zip", "two.zip"):
        assert command("pack", first, "--out", tmp_path / name)[0] == 0
        packs.append((tmp_path / name).read_bytes())
    assert packs[0] == packs[1] == pack_of(market, first)
    listed = json.loads(command("list", "--json")[1])
    assert [one["closed_at"] is not None for one in listed] == [True, False, False, False]
