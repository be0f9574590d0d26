"""What the database itself refuses in the ledger, and how it posts balances: on both databases.

Belongs to migration 0003 and stays as it is; a later change is a later migration. Every sentence
here is what somebody reads who tried it. Columns and CHECKs stand in broker/ledger/tables.py.
"""

from __future__ import annotations

from collections.abc import Mapping

ONCE = "an account is opened once, with nothing on it"
POSTED = "only a transfer changes a balance"
SEALED = "a posted journal takes no more transfers"
STRANGERS = "credits move between the accounts of one team, or from and to the issue"
TWICE = "an idempotency key has one journal"
SUMS = "a journal is the sum of its transfers"
CLOSED = "a closed period does not change"
NEXT = "periods follow each other"
TABLES = ("period", "account", "journal", "transfer")


def never(table: str) -> str:
    """Return the sentence that refuses to rewrite a table's rows."""
    return f"a {table} row is never changed or deleted"


# --- SQLite ----------------------------------------------------------------------------------


def _refuse(name: str, moment: str, table: str, sentence: str, when: str = "1") -> str:
    return (
        f"CREATE TRIGGER guard_{name} BEFORE {moment} ON {table} WHEN {when} "
        f"BEGIN SELECT RAISE(ABORT, '{sentence}'); END"
    )


_DELTA = (
    "SELECT CASE NEW.id WHEN credit_account THEN amount_credits "
    "WHEN debit_account THEN -amount_credits END FROM transfer WHERE id = NEW.last_transfer"
)
_NOT_POSTED = (
    "NEW.id IS NOT OLD.id OR NEW.kind IS NOT OLD.kind OR NEW.team_id IS NOT OLD.team_id "
    "OR NEW.last_transfer <= OLD.last_transfer "
    f"OR NEW.balance_credits IS NOT OLD.balance_credits + ({_DELTA})"
)
_OPENED = (
    "NEW.balance_credits <> 0 OR NEW.last_transfer <> 0 "
    "OR EXISTS (SELECT 1 FROM account WHERE id = NEW.id)"
)
_JOURNAL_THERE = "EXISTS (SELECT 1 FROM journal WHERE number = NEW.journal_number)"
_NOT_OF_ONE_TEAM = (
    "coalesce((SELECT payer.team_id IS NULL OR payee.team_id IS NULL "
    "OR payer.team_id = payee.team_id FROM account payer, account payee "
    "WHERE payer.id = NEW.debit_account AND payee.id = NEW.credit_account), 0) = 0"
)
_JOURNAL_TWICE = (
    "EXISTS (SELECT 1 FROM journal WHERE number = NEW.number "
    "OR idempotency_key = NEW.idempotency_key OR corrects = NEW.corrects)"
)
_OF_JOURNAL = "FROM transfer WHERE journal_number = NEW.number"
_NOT_ITS_SUM = (
    f"NEW.amount_credits IS NOT (SELECT sum(amount_credits) {_OF_JOURNAL}) "
    f"OR NEW.transfer_count IS NOT (SELECT count(*) {_OF_JOURNAL})"
)
_NOT_OPEN = "NOT EXISTS (SELECT 1 FROM period WHERE key = NEW.period_key AND closed_at IS NULL)"
_NOT_NEXT = (
    "NEW.closed_at IS NOT NULL OR EXISTS (SELECT 1 FROM period WHERE key = NEW.key) "
    "OR NEW.position <> (SELECT coalesce(max(position), 0) + 1 FROM period)"
)
_NOT_JUST_CLOSED = (
    "OLD.closed_at IS NOT NULL OR NEW.closed_at IS NULL OR NEW.key IS NOT OLD.key "
    "OR NEW.position IS NOT OLD.position OR NEW.starts_on IS NOT OLD.starts_on "
    "OR NEW.begun_at IS NOT OLD.begun_at"
)
_POST = (
    "CREATE TRIGGER post_transfer AFTER INSERT ON transfer BEGIN "
    "UPDATE account SET last_transfer = NEW.id, balance_credits = balance_credits + "
    "CASE id WHEN NEW.credit_account THEN NEW.amount_credits ELSE -NEW.amount_credits END "
    "WHERE id IN (NEW.debit_account, NEW.credit_account); END"
)

_SQLITE = (
    _refuse("account_insert", "INSERT", "account", ONCE, _OPENED),
    _refuse("account_update", "UPDATE", "account", POSTED, _NOT_POSTED),
    _refuse("account_delete", "DELETE", "account", never("account")),
    _refuse("transfer_insert", "INSERT", "transfer", SEALED, _JOURNAL_THERE),
    _refuse(
        "transfer_replace",
        "INSERT",
        "transfer",
        never("transfer"),
        "EXISTS (SELECT 1 FROM transfer WHERE id = NEW.id)",
    ),
    _refuse("transfer_teams", "INSERT", "transfer", STRANGERS, _NOT_OF_ONE_TEAM),
    _refuse("transfer_update", "UPDATE", "transfer", never("transfer")),
    _refuse("transfer_delete", "DELETE", "transfer", never("transfer")),
    _POST,
    _refuse("journal_insert", "INSERT", "journal", TWICE, _JOURNAL_TWICE),
    _refuse("journal_sum", "INSERT", "journal", SUMS, _NOT_ITS_SUM),
    _refuse("journal_period", "INSERT", "journal", CLOSED, _NOT_OPEN),
    _refuse("journal_update", "UPDATE", "journal", never("journal")),
    _refuse("journal_delete", "DELETE", "journal", never("journal")),
    _refuse("period_insert", "INSERT", "period", NEXT, _NOT_NEXT),
    _refuse("period_update", "UPDATE", "period", CLOSED, _NOT_JUST_CLOSED),
    _refuse("period_delete", "DELETE", "period", never("period")),
)


# --- PostgreSQL ------------------------------------------------------------------------------


def _function(name: str, body: str) -> str:
    return (
        f"CREATE FUNCTION ledger_{name}() RETURNS trigger LANGUAGE plpgsql AS "
        f"$body$ BEGIN {body} RETURN NEW; END $body$"
    )


def _raise(sentence: str) -> str:
    return (
        f"RAISE EXCEPTION '{sentence}' USING ERRCODE = 'integrity_constraint_violation', "
        "TABLE = TG_TABLE_NAME;"
    )


def _trigger(name: str, moment: str, table: str, function: str, when: str = "true") -> str:
    return (
        f"CREATE TRIGGER guard_{name} {moment} ON {table} FOR EACH ROW "
        f"WHEN ({when}) EXECUTE FUNCTION {function}"
    )


def _refuse_all(table: str, moment: str, sentence: str, when: str = "true") -> str:
    name = f"{table}_{moment.lower()}"
    return _trigger(name, f"BEFORE {moment}", table, f"ledger_refuse('{sentence}')", when)


def _keep_from_truncation(table: str) -> str:
    return (
        f"CREATE TRIGGER guard_{table}_truncate BEFORE TRUNCATE ON {table} FOR EACH STATEMENT "
        f"EXECUTE FUNCTION ledger_refuse('{never(table)}')"
    )


_POSTGRESQL = (
    _function(
        "refuse",
        "RAISE EXCEPTION '%', TG_ARGV[0] USING ERRCODE = 'integrity_constraint_violation';",
    ),
    _function(
        "check_transfer",
        "IF EXISTS (SELECT 1 FROM journal WHERE number = NEW.journal_number) "  # noqa: S608  # our constants
        f"THEN {_raise(SEALED)} END IF; "
        "IF NOT EXISTS (SELECT 1 FROM account payer, account payee "
        "WHERE payer.id = NEW.debit_account AND payee.id = NEW.credit_account "
        "AND (payer.team_id IS NULL OR payee.team_id IS NULL OR payer.team_id = payee.team_id)) "
        f"THEN {_raise(STRANGERS)} END IF;",
    ),
    _function(
        "post_transfer",
        "PERFORM 1 FROM account WHERE id IN (NEW.debit_account, NEW.credit_account) "
        "ORDER BY id FOR UPDATE; "
        "UPDATE account SET last_transfer = NEW.id, balance_credits = balance_credits + "
        "CASE id WHEN NEW.credit_account THEN NEW.amount_credits ELSE -NEW.amount_credits END "
        "WHERE id IN (NEW.debit_account, NEW.credit_account);",
    ),
    _function(
        "check_journal",
        "PERFORM 1 FROM period WHERE key = NEW.period_key AND closed_at IS NULL FOR SHARE; "  # noqa: S608  # our constants
        f"IF NOT FOUND THEN {_raise(CLOSED)} END IF; "
        f"IF NEW.amount_credits IS DISTINCT FROM (SELECT sum(amount_credits) {_OF_JOURNAL}) "
        f"OR NEW.transfer_count IS DISTINCT FROM (SELECT count(*) {_OF_JOURNAL}) "
        f"THEN {_raise(SUMS)} END IF;",
    ),
    _function(
        "check_period",
        "IF NEW.closed_at IS NOT NULL "  # noqa: S608  # our constants
        "OR NEW.position <> (SELECT coalesce(max(position), 0) + 1 FROM period) "
        f"THEN {_raise(NEXT)} END IF;",
    ),
    _refuse_all("account", "INSERT", ONCE, "NEW.balance_credits <> 0 OR NEW.last_transfer <> 0"),
    _refuse_all("account", "UPDATE", POSTED, "pg_trigger_depth() = 0"),
    _refuse_all("account", "DELETE", never("account")),
    _trigger("transfer_insert", "BEFORE INSERT", "transfer", "ledger_check_transfer()"),
    _trigger("transfer_posted", "AFTER INSERT", "transfer", "ledger_post_transfer()"),
    _refuse_all("transfer", "UPDATE", never("transfer")),
    _refuse_all("transfer", "DELETE", never("transfer")),
    _trigger("journal_insert", "BEFORE INSERT", "journal", "ledger_check_journal()"),
    _refuse_all("journal", "UPDATE", never("journal")),
    _refuse_all("journal", "DELETE", never("journal")),
    _trigger("period_insert", "BEFORE INSERT", "period", "ledger_check_period()"),
    _refuse_all(
        "period",
        "UPDATE",
        CLOSED,
        "OLD.closed_at IS NOT NULL OR NEW.closed_at IS NULL OR NEW.key <> OLD.key "
        "OR NEW.position <> OLD.position OR NEW.starts_on <> OLD.starts_on "
        "OR NEW.begun_at <> OLD.begun_at",
    ),
    _refuse_all("period", "DELETE", never("period")),
    *(_keep_from_truncation(table) for table in TABLES),
)

RAISED: Mapping[str, tuple[str, ...]] = {"sqlite": _SQLITE, "postgresql": _POSTGRESQL}
"""The statements that raise the guards, by the database's dialect."""


LEFT_BEHIND: Mapping[str, tuple[str, ...]] = {
    "sqlite": (),
    "postgresql": tuple(
        f"DROP FUNCTION ledger_{name}()"
        for name in ("refuse", "check_transfer", "post_transfer", "check_journal", "check_period")
    ),
}
"""The statements that take away what stays when the tables go with their triggers."""
