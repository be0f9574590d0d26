"""Finance: the books, period by period; who checks, closes and corrects them.

Auditors work here, admins read along and correct. A check of everything is asked for with POST; the
worker makes it, and a part of the page looks again until it is over. Who may do what is decided by
the services.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable
from dataclasses import dataclass

from flask import Blueprint, Response, redirect, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from broker.access import Action, require
from broker.books.closing import kept_pack
from broker.books.corrections import approve_correction, propose_correction, refuse_correction
from broker.books.rates import set_rate
from broker.books.verifications import ask_verification
from broker.dashboards.finance import (
    check_screen,
    finance_screen,
    journal_screen,
    overview,
    period_screen,
)
from broker.dashboards.finance_tables import (
    balance_table,
    entry_table,
    override_table,
    period_table,
    run_table,
)
from broker.dashboards.listings import InvalidQuestion, Table, all_rows
from broker.errors import InvalidInput
from broker.exports.bundles import public_bundle
from web.auth import current_actor
from web.desk import market, moment, now, write
from web.exports import export
from web.finance_forms import NO_RATE, FieldFinding, FinanceForm, rate_wish, typed_form
from web.grids import grid, question
from web.hypermedia import answer

finance = Blueprint("finance", __name__)
SEE_OTHER, INVALID = 303, 422
ZIP = "application/zip"
REVISION = re.compile(r"[1-9][0-9]{0,8}")


@dataclass(frozen=True, slots=True)
class Days:
    """From which day to which somebody wants to see the journal, as typed and as read."""

    first: str = ""
    last: str = ""

    @property
    def read(self) -> tuple[dt.date | None, dt.date | None]:
        """Return the days; None where none was typed. Raises: InvalidQuestion."""
        return _day("from", self.first), _day("until", self.last)


@finance.get("/finance")
def index() -> Response:
    """Show the books at one look."""
    return _index(FinanceForm({}))


@finance.get("/finance.<any(csv, json):ending>")
def index_data(ending: str) -> Response:
    """Hand the periods to a program."""
    return _data(period_table, "periods", ending)


@finance.get("/finance/periods/<key>")
def period(key: str) -> Response:
    """Show one period with its journal, and what its close fixed."""
    with market() as session:
        screen = period_screen(session, current_actor(), key, question())
    grids = {"entries": grid(screen.entries, "finance.period_data", key=key)}
    return answer("period", swaps=("entries",), screen=screen, grids=grids)


@finance.get("/finance/periods/<key>/entries.<any(csv, json):ending>")
def period_data(key: str, ending: str) -> Response:
    """Hand the journal of a period to a program."""
    return _data(lambda: entry_table(period_key=key), f"{key}-entries", ending)


@finance.post("/finance/periods/<key>/close")
def close(key: str) -> AnyResponse:
    """Have everything checked, and the period closed if nothing is found."""
    actor = current_actor()
    write(lambda s: ask_verification(s, actor, moment(s), closes=key))
    return redirect(url_for("finance.period", key=key), SEE_OTHER)


@finance.get("/finance/periods/<key>/pack.zip")
def pack(key: str) -> Response:
    """Hand out the archive of a closed period."""
    with market() as session:
        content = kept_pack(session, current_actor(), key)
    return _archive(content, f"period-{key}.zip")


@finance.get("/finance/journal")
def entries() -> Response:
    """Show every transfer of credits."""
    days = _days()
    with market() as session:
        listing = overview(session, current_actor(), entry_table(*days.read), question())
    kept = {name: text for name, text in (("from", days.first), ("until", days.last)) if text}
    grids = {"entries": grid(listing, "finance.entries_data", **kept)}
    return answer("finance_journal", swaps=("entries",), days=days, grids=grids)


@finance.get("/finance/journal.<any(csv, json):ending>")
def entries_data(ending: str) -> Response:
    """Hand the journal to a program."""
    days = _days()
    return _data(lambda: entry_table(*days.read), "journal", ending)


@finance.get("/finance/journal/<int:number>")
def journal(number: int) -> Response:
    """Show one journal, what it takes back and what takes it back."""
    return _journal(number, FinanceForm({}))


@finance.get("/finance/journal/<int:number>/entries.<any(csv, json):ending>")
def journal_data(number: int, ending: str) -> Response:
    """Hand the transfers of a journal to a program."""
    return _data(lambda: entry_table(number=number), f"journal-{number}", ending)


@finance.post("/finance/journal/<int:number>/correction")
def propose(number: int) -> AnyResponse:
    """Propose to take a journal back."""
    actor, form = current_actor(), typed_form(request.form)
    require(actor, Action.PROPOSE_CORRECTION)
    try:
        write(lambda s: propose_correction(s, actor, number, form.text("reason"), moment(s)))
    except InvalidInput as error:
        return _journal(number, form.refused(error.findings))
    return redirect(url_for("finance.journal", number=number), SEE_OTHER)


@finance.post("/finance/journal/<int:number>/correction/<correction_id>/approve")
def approve(number: int, correction_id: str) -> AnyResponse:
    """Take a journal back, as the second person."""
    actor = current_actor()
    write(lambda s: approve_correction(s, actor, correction_id, moment(s)))
    return redirect(url_for("finance.journal", number=number), SEE_OTHER)


@finance.post("/finance/journal/<int:number>/correction/<correction_id>/refuse")
def refuse(number: int, correction_id: str) -> AnyResponse:
    """Turn a proposed correction down, or take the own one back."""
    actor = current_actor()
    write(lambda s: refuse_correction(s, actor, correction_id, moment(s)))
    return redirect(url_for("finance.journal", number=number), SEE_OTHER)


@finance.get("/finance/balances")
def balances() -> Response:
    """Show what every team has, beside what was issued to it."""
    return _table("finance_balances", balance_table(), "finance.balances_data")


@finance.get("/finance/balances.<any(csv, json):ending>")
def balances_data(ending: str) -> Response:
    """Hand the balances to a program."""
    return _data(balance_table, "balances", ending)


@finance.get("/finance/runs")
def runs() -> Response:
    """Show every run, with what proves its result."""
    return _table("finance_runs", run_table(), "finance.runs_data")


@finance.get("/finance/runs.<any(csv, json):ending>")
def runs_data(ending: str) -> Response:
    """Hand the runs to a program."""
    return _data(run_table, "runs", ending)


@finance.get("/finance/overrides")
def overrides() -> Response:
    """Show the human corrections of results, with what each cost in value."""
    return _table("finance_overrides", override_table(), "finance.overrides_data")


@finance.get("/finance/overrides.<any(csv, json):ending>")
def overrides_data(ending: str) -> Response:
    """Hand the overrides to a program."""
    return _data(override_table, "overrides", ending)


@finance.post("/finance/verifications")
def verify() -> AnyResponse:
    """Have everything checked."""
    actor = current_actor()
    check_id = write(lambda s: ask_verification(s, actor, moment(s)))
    return redirect(url_for("finance.verification", check_id=check_id), SEE_OTHER)


@finance.get("/finance/verifications/<check_id>")
def verification(check_id: str) -> Response:
    """Show how far a check is, and what it found; the part looks again until it is over."""
    with market() as session:
        check = check_screen(session, current_actor(), check_id)
    return answer("verification", swaps=("verification",), check=check)


@finance.post("/finance/rates")
def rate() -> AnyResponse:
    """Set what a credit is worth from now on."""
    actor, form = current_actor(), typed_form(request.form)
    require(actor, Action.SET_EXCHANGE_RATE)
    wish = rate_wish(form)
    if wish is None:
        return _index(FinanceForm(form.typed, (FieldFinding("rate", NO_RATE),)))
    try:
        write(lambda s: set_rate(s, actor, wish, moment(s)))
    except InvalidInput as error:
        return _index(form.refused(error.findings))
    return redirect(url_for("finance.index"), SEE_OTHER)


@finance.get("/rounds/<key>/bundle.zip")
def bundle(key: str) -> Response:
    """Hand out what proves the result of a round, or an earlier one; everybody may check it."""
    revision = request.args.get("revision", "")
    with market() as session:
        wanted = _revision(revision) if revision else None
        content = public_bundle(session, current_actor(), key, wanted)
    return _archive(content, f"{key}-bundle.zip")


def _index(form: FinanceForm) -> Response:
    with market() as session:
        screen = finance_screen(session, current_actor(), question(), now())
    grids = {"periods": grid(screen.periods, "finance.index_data")}
    response = answer("finance", swaps=("periods",), screen=screen, form=form, grids=grids)
    response.status_code = INVALID if form.findings else response.status_code
    return response


def _journal(number: int, form: FinanceForm) -> Response:
    with market() as session:
        screen = journal_screen(session, current_actor(), number, question())
    grids = {"entries": grid(screen.entries, "finance.journal_data", number=number)}
    response = answer("journal", swaps=("entries",), screen=screen, form=form, grids=grids)
    response.status_code = INVALID if form.findings else response.status_code
    return response


def _table(page: str, table: Table, data: str) -> Response:
    with market() as session:
        listing = overview(session, current_actor(), table, question())
    return answer(page, swaps=(table.name,), grids={table.name: grid(listing, data)})


def _data(table_of: Callable[[], Table], name: str, ending: str) -> Response:
    require(current_actor(), Action.READ_FINANCE)
    with market() as session:
        table = table_of()
        return export(table, all_rows(session, table, question()), name, ending)


def _archive(content: bytes, name: str) -> Response:
    response = Response(content, mimetype=ZIP)
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def _days() -> Days:
    return Days(request.args.get("from", ""), request.args.get("until", ""))


def _revision(text: str) -> int:
    if not REVISION.fullmatch(text):
        raise InvalidQuestion(f"A revision is a number from 1 on, not “{text[:40]}”.")
    return int(text)


def _day(name: str, text: str) -> dt.date | None:
    try:
        return dt.date.fromisoformat(text) if text else None
    except ValueError:
        raise InvalidQuestion(
            f"The filter “{name}” takes a day such as 2026-12-07, not “{text[:40]}”."
        ) from None
