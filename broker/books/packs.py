"""The archive of a closed period: everything an auditor asks for, as files anybody can read.

It is written once, when the period closes, and kept; equal books make equal bytes. Teams are the
cost centres. People are in it by their opaque ids only.
"""

from __future__ import annotations

import datetime as dt
import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from sqlalchemy import or_, select
from sqlmodel import Session, col

from allocation.wire import canonical_json
from broker.books.balances import PeriodBalance, period_balances
from broker.books.charges import (
    SettledRun,
    award_charges,
    decided_rounds,
    movements,
    settled_runs,
    spent_in,
    unused_units,
)
from broker.books.focus import COLUMNS as FOCUS_COLUMNS
from broker.books.focus import NUMBERS, Billing, Row, focus_rows
from broker.books.tables import ExchangeRateRow
from broker.clock import machine
from broker.dashboards.listings import Question, all_rows
from broker.dashboards.use import day_table
from broker.errors import Refused
from broker.exports.archives import pack
from broker.exports.bundles import run_bundle
from broker.exports.rows import Digits, as_csv, csv_of
from broker.ledger.entries import Entry, read_entries
from broker.ledger.exports import COLUMNS as JOURNAL_COLUMNS
from broker.ledger.exports import as_hledger, cells_of
from broker.ledger.tables import AccountKind, JournalKind, PeriodRow
from broker.overrides.tables import OverrideRow, OverrideState
from broker.people.tables import FIRST_ADMIN, RoleGrantRow
from broker.tables import BidRow, PoolRow, RoundRow, RunRow, TeamRow

Table = tuple[tuple[str, ...], list[list[str | float | None]]]
"""A header and its rows."""

JOURNALS_OF: Mapping[str, tuple[JournalKind, ...]] = {
    "endowments": (
        JournalKind.ENDOWMENT,
        JournalKind.ROUND_ENDOWMENT,
        JournalKind.ENDOWMENT_BY_HAND,
        JournalKind.CARRY_OVER,
    ),
    "settlements": (JournalKind.SETTLEMENT,),
    "refunds": (JournalKind.REFUND,),
    "corrections": (JournalKind.CORRECTION,),
}
"""Which journals stand in which file of their own."""
README = """\
The books of one period, closed for good.

period.json            what the close fixed: days, log, exchange rate, totals
opening-balances.csv   what every account had at the beginning
closing-balances.csv   what every account had at the end
endowments.csv         credits that were issued, and credits that expired
settlements.csv        payments for awards
refunds.csv            payments that came back
corrections.csv        journals that take others back, and which
overrides.csv          human corrections of a result, and what each cost in value
journal.csv            every transfer, by cost centre (team) and in order
journal.hledger        the same for hledger: hledger check -s -f journal.hledger
cost-centres.csv       what the period did to every team
utilisation.csv        units of every pool and day: reserved, spot, held, unused
focus.csv              charges as rows of FOCUS 1.2
rates.csv              every exchange rate until the close
runs.csv               the runs of the period with what proves them, and the name of its bundle
bundles/               one archive per run that a signed checkpoint covered at the close, overridden
                       results included: python verify_bundle.py BUNDLE
access.csv             who had which role from when to when, by opaque ids
manifest.json          length and SHA-256 of every file
"""


@dataclass(frozen=True, slots=True)
class Closing:
    """What a close knows besides the books: the log it verified, the rate, when, and until when."""

    log_size: int
    log_root: str
    rate: ExchangeRateRow
    at: dt.datetime
    following: PeriodRow


@dataclass(frozen=True, slots=True)
class _Books:
    """What several files are made of, read once."""

    session: Session
    period: PeriodRow
    closing: Closing
    balances: tuple[PeriodBalance, ...]
    entries: tuple[Entry, ...]
    runs: tuple[SettledRun, ...]
    team_keys: Mapping[str, str]
    charges: tuple[Row, ...]
    bundles: Mapping[str, bytes]


def period_pack(session: Session, period: PeriodRow, closing: Closing) -> bytes:
    """Return the archive of a period. Raises: ValueError if its charges miss the ledger."""
    books = _read(session, period, closing)
    _check_charges(books)
    files = {f"{name}.csv": csv_of(*table(books)).encode() for name, table in _TABLES.items()}
    files |= {
        "README.txt": README.encode(),
        "period.json": canonical_json(_period(books)) + b"\n",
        "journal.hledger": as_hledger(books.entries).encode(),
        "utilisation.csv": _utilisation(books).encode(),
        **books.bundles,
    }
    return pack(files, kind="period-pack", period_key=period.key)


def _read(session: Session, period: PeriodRow, closing: Closing) -> _Books:
    runs = settled_runs(session, period)
    teams = session.execute(select(col(TeamRow.id), col(TeamRow.key)))
    entries = (entry for entry in read_entries(session) if entry.period_key == period.key)
    billing = Billing(
        period.key,
        period.starts_on,
        closing.following.starts_on,
        closing.rate.currency,
        closing.rate.micros_per_credit,
    )
    charges = focus_rows(
        billing,
        (charge for run in runs for charge in award_charges(session, run.run_id)),
        movements(session, period),
        unused_units(session, runs),
    )
    return _Books(
        session=session,
        period=period,
        closing=closing,
        balances=period_balances(session, period),
        entries=tuple(entries),
        runs=runs,
        team_keys=dict(teams.all()),
        charges=tuple(charges),
        bundles=dict(_bundles(session, runs)),
    )


def _bundles(session: Session, runs: Iterable[SettledRun]) -> Iterator[tuple[str, bytes]]:
    """Yield what proves each run by itself; runs.csv says where no checkpoint covered one yet."""
    for run in runs:
        try:
            yield _bundle_name(run), run_bundle(session, run.round_key, run.revision)
        except Refused:
            continue


def _bundle_name(run: SettledRun) -> str:
    return f"bundles/{run.round_key}-revision-{run.revision}.zip"


def _check_charges(books: _Books) -> None:
    """Make sure that the charges are what the ledger says was spent, to the last part."""
    charged = sum(_micros(str(row["PricingCurrencyEffectiveCost"])) for row in books.charges)
    spent = spent_in(books.session, books.period) * 10**6
    if charged != spent:
        raise ValueError(f"The charges are {charged} microcredits, the ledger says {spent}.")


def _micros(decimal: str) -> int:
    whole, _, part = decimal.removeprefix("-").partition(".")
    found = int(whole) * 10**6 + int(part.ljust(6, "0"))
    return -found if decimal.startswith("-") else found


# --- files -----------------------------------------------------------------------------------


def _period(books: _Books) -> dict[str, object]:
    closing = books.closing
    return {
        "format": 1,
        "period_key": books.period.key,
        "position": books.period.position,
        "starts_on": books.period.starts_on.isoformat(),
        "ends_before": closing.following.starts_on.isoformat(),
        "begun_at": machine(books.period.begun_at),
        "ended_at": machine(closing.following.begun_at),
        "log_size": closing.log_size,
        "log_root": closing.log_root,
        "exchange_rate": {
            "number": closing.rate.number,
            "currency": closing.rate.currency,
            "micros_per_credit": closing.rate.micros_per_credit,
        },
        "spent_credits": spent_in(books.session, books.period),
        "sum_of_opening_balances": sum(one.opening_credits for one in books.balances),
        "sum_of_closing_balances": sum(one.closing_credits for one in books.balances),
        "transfers": len(books.entries),
    }


def _balances(moment: str) -> Callable[[_Books], Table]:
    def table(books: _Books) -> Table:
        header = ("account", "cost_centre", f"{moment}_credits")
        rows = [
            [one.kind, books.team_keys.get(one.team_id or ""), getattr(one, f"{moment}_credits")]
            for one in books.balances
        ]
        return header, sorted(rows, key=lambda row: (str(row[1] or ""), str(row[0])))

    return table


def _journals(kinds: Iterable[str]) -> Callable[[_Books], Table]:
    def table(books: _Books) -> Table:
        of_kinds = (entry for entry in books.entries if entry.kind in kinds)
        return JOURNAL_COLUMNS, [[*cells_of(entry)] for entry in of_kinds]

    return table


def _journal(books: _Books) -> Table:
    ordered = sorted(books.entries, key=lambda entry: entry.team_key)
    return ("cost_centre", *JOURNAL_COLUMNS), [[e.team_key, *cells_of(e)] for e in ordered]


def _cost_centres(books: _Books) -> Table:
    """Return what the period did to every team: each line's credits add up to its closing."""
    sums: dict[str, Counter[str]] = defaultdict(Counter)
    for entry in books.entries:
        sums[entry.team_key][entry.kind] += _had_more(entry)
    held = (AccountKind.AVAILABLE, AccountKind.HELD)
    for one in books.balances:
        if one.team_id and one.kind in held:
            sums[books.team_keys[one.team_id]]["opening"] += one.opening_credits
            sums[books.team_keys[one.team_id]]["closing"] += one.closing_credits
    names = ("opening", *(kind for kind in JournalKind if kind not in _INSIDE), "closing")
    header = ("cost_centre", *(f"{name.replace('-', '_')}_credits" for name in names))
    return header, [[team, *(sums[team][name] for name in names)] for team in sorted(sums)]


_INSIDE = frozenset({JournalKind.HOLD, JournalKind.RELEASE})
"""What moves credits between what a team has and has, so that it has neither more nor less."""


def _had_more(entry: Entry) -> int:
    """Return by how much a transfer changes what a team has, available and held."""
    own = {AccountKind.AVAILABLE, AccountKind.HELD}
    return entry.amount_credits * ((entry.credit in own) - (entry.debit in own))


def _utilisation(books: _Books) -> str:
    """Return the units of every round that the period decided, per pool and day."""
    parts: list[str] = []
    for run in decided_rounds(books.runs):
        table = day_table(run.round_id)
        lines = as_csv(table, all_rows(books.session, table, Question())).split("\r\n")
        header, rows = lines[0], [line for line in lines[1:] if line]
        parts += [f"round_key,{header}"] if not parts else []
        parts += [f"{run.round_key},{line}" for line in rows]
    return "".join(f"{line}\r\n" for line in parts)


def _focus(books: _Books) -> Table:
    return FOCUS_COLUMNS, [[_charged(row, name) for name in FOCUS_COLUMNS] for row in books.charges]


def _charged(row: Row, name: str) -> str | None:
    value = row[name]
    return Digits(value) if name in NUMBERS and value is not None else value


def _rates(books: _Books) -> Table:
    rates = books.session.scalars(
        select(ExchangeRateRow)
        .where(col(ExchangeRateRow.number) <= books.closing.rate.number)
        .order_by(col(ExchangeRateRow.number))
    )
    header = ("number", "currency", "micros_per_credit", "reason", "set_by", "set_at")
    return header, [
        [r.number, r.currency, r.micros_per_credit, r.reason, r.set_by, machine(r.set_at)]
        for r in rates
    ]


def _runs(books: _Books) -> Table:
    rows: list[list[str | float | None]] = []
    for one in books.runs:
        run = books.session.get_one(RunRow, one.run_id)
        report = json.loads(run.report or "{}")
        proof = [report.get(name) for name in ("status", "proof", "value", "certified_bound")]
        hashes = (run.problem_sha256, run.outcome_sha256)
        name = _bundle_name(one)
        bundle = name if name in books.bundles else None
        rows.append([one.round_key, run.id, run.revision, *hashes, *proof, bundle])
    header = ("round_key", "run_id", "revision", "problem_sha256", "outcome_sha256")
    return (*header, "status", "proof", "value", "certified_bound", "bundle"), rows


def _overrides(books: _Books) -> Table:
    """Return the human corrections of results that were approved in the period, at their price."""
    until = books.closing.following.begun_at
    approved = (
        select(OverrideRow, RunRow, col(RoundRow.key), col(BidRow.key))
        .join(RunRow, col(RunRow.id) == col(OverrideRow.run_id))
        .join(RoundRow, col(RoundRow.id) == col(OverrideRow.round_id))
        .join(BidRow, col(BidRow.id) == col(OverrideRow.bid_id))
        .where(
            col(OverrideRow.state) == OverrideState.APPROVED,
            col(OverrideRow.decided_at) >= books.period.begun_at,
            col(OverrideRow.decided_at) < until,
        )
        .order_by(col(OverrideRow.decided_at), col(OverrideRow.id))
    )
    found = books.session.execute(approved)
    header = ("round_key", "override", "kind", "bid_key", "revision", "price_points", "author")
    return (*header, "approver", "approved_at", "reason"), [_override(*row) for row in found]


def _override(
    one: OverrideRow, run: RunRow, round_key: str, bid_key: str
) -> list[str | float | None]:
    report = json.loads(run.report or "{}")
    price = report["override"]["before_value"] - report["value"]
    decided_at = machine(one.decided_at) if one.decided_at else None
    what = (round_key, one.id, one.kind, bid_key, run.revision, price)
    return [*what, one.proposed_by, one.decided_by, decided_at, one.reason]


def _access(books: _Books) -> Table:
    """Return the roles that were in force at some moment of the period, until its close."""
    until = books.closing.at
    since = books.period.begun_at
    grants = (
        select(RoleGrantRow, col(TeamRow.key), col(PoolRow.key))
        .outerjoin(TeamRow, col(TeamRow.id) == col(RoleGrantRow.team_id))
        .outerjoin(PoolRow, col(PoolRow.id) == col(RoleGrantRow.pool_id))
        .where(
            or_(col(RoleGrantRow.approved_at) <= until, col(RoleGrantRow.approved_at).is_(None)),
            or_(col(RoleGrantRow.ended_at) >= since, col(RoleGrantRow.ended_at).is_(None)),
        )
    )
    header = ("person_id", "role", "team_key", "pool_key", "basis", "from", "until")
    rows = list(_grants(books.session.execute(grants).all(), until))
    return (*header, "proposed_by", "approved_by", "ended_by"), sorted(rows, key=str)


def _grants(
    found: Iterable[tuple[RoleGrantRow, str | None, str | None]], until: dt.datetime
) -> Iterator[list[str | float | None]]:
    for grant, team_key, pool_key in found:
        begun_at = grant.approved_at or (grant.proposed_at if _is_first(grant) else None)
        if begun_at is None or begun_at > until:
            continue
        has_ended = grant.ended_at is not None and grant.ended_at <= until
        ended_at = machine(grant.ended_at) if has_ended and grant.ended_at else None
        who = (grant.proposed_by, grant.approved_by, grant.ended_by if has_ended else None)
        yield [
            *(grant.person_id, grant.role, team_key, pool_key, grant.basis),
            *(machine(begun_at), ended_at, *who),
        ]


def _is_first(grant: RoleGrantRow) -> bool:
    return grant.basis == FIRST_ADMIN


_TABLES: Mapping[str, Callable[[_Books], Table]] = {
    "opening-balances": _balances("opening"),
    "closing-balances": _balances("closing"),
    **{name: _journals(kinds) for name, kinds in JOURNALS_OF.items()},
    "overrides": _overrides,
    "journal": _journal,
    "cost-centres": _cost_centres,
    "focus": _focus,
    "rates": _rates,
    "runs": _runs,
    "access": _access,
}
