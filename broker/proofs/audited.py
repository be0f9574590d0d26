"""Which tables the log vouches for, row by row, and how a row is hashed.

Every table is audited unless it stands in `NOT_AUDITED` with the reason. The rows of `SEALED` are
the bids: nothing about them may enter the log before their round closes, so the close enters them.
A row's hash is the SHA-256 of its salt, if it has one, and of the canonical JSON of its columns; a
column that is null is left out, so that a column that comes later changes no hash.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Iterator, Mapping
from fractions import Fraction
from hashlib import sha256
from typing import Any

from sqlalchemy import ColumnElement, Row, Text, select, type_coerce
from sqlalchemy import Table as Rows
from sqlmodel import col

import broker.every_table  # noqa: F401  # makes the metadata complete
from allocation.wire import canonical_json
from broker.bids.tables import BidVersionRow, TeamBidRow
from broker.policy.tables import BidPledgeRow, BidPurposeRow
from broker.proofs.leaves import instant_text
from broker.states import BidState
from broker.tables import AlternativeRow, BidRow, ItemRow, RoundRow, Table

Salts = Mapping[str, str]
"""What is hashed before a row, by its key."""

NOT_AUDITED: Mapping[str, str] = {
    "api_answer": "what programs were answered; what was done for it has events of its own",
    "asked_pool": "copied from the items at the close, to find bids by their pool",
    "audit_checkpoint": "the log's own: every line is signed",
    "audit_event": "the log itself",
    "audit_leaf": "the log's own: the tree and the chain",
    "audit_salt": "the log's own: another salt is another hash",
    "audit_touched": "the log's own: empty between transactions",
    "bid_template": "a team's own notes; a bid made from one has versions of its own",
    "counterfactual": "computed from what is audited, and can be computed again",
    "counterfactual_question": "a question; its event says who asked what",
    "digest": "mails tell, and decide nothing",
    "host": "when each host last did its work",
    "installation": "what the file is, for commands",
    "notice": "notices tell, and decide nothing",
    "notice_opt_out": "what a person wants to be told",
    "pool_figure": "summed up from what is audited, and can be summed up again",
    "round_figure": "summed up from what is audited, and can be summed up again",
    "team_figure": "summed up from what is audited, and can be summed up again",
    "period_pack": "its SHA-256 stands in period_close, which is audited",
    "person_session": "sign-ins begin and end with events of their own, and are seen in between",
    "policy_replay": "computed from what is audited, and can be computed again",
    "run_request": "waits for a host to take it up; its event says who asked",
    "run_stage": "lines of progress",
    "sign_in_attempt": "counted to slow guessing down, then forgotten",
    "webhook_message": "messages tell, and decide nothing",
    "transfer": "every journal, which is audited, holds the hash of its transfers",
    "verification": "a check can be made again; its events say who asked and what was found",
}
"""Tables that the log does not vouch for, each with the reason."""
SEALED = ("team_bid", "bid_version", "bid", "alternative", "item", "bid_pledge", "bid_purpose")
"""Tables of bids, entered at the close of their round: of every bid that was ever submitted."""
SALTED = frozenset({"expert", "person", "person_identity"})
"""Tables of which a row may have to be forgotten: its hash then says nothing without its salt."""
VOLATILE: Mapping[str, frozenset[str]] = {
    "api_token": frozenset({"used_at"}),
    "round": frozenset({"lease_holder", "lease_until", "fence"}),
}
"""Columns that say who is at work or when something was used, and decide nothing."""


def audited_tables() -> dict[str, Rows]:
    """Return the tables that the log vouches for, by name."""
    every = Table.metadata.tables
    return {name: every[name] for name in sorted(every) if name not in NOT_AUDITED}


def noted_tables() -> dict[str, Rows]:
    """Return the tables of which every change is noted as it happens."""
    return {name: rows for name, rows in audited_tables().items() if name not in SEALED}


def hashed_names(rows: Rows) -> list[str]:
    """Return the names of the columns that the hashes of a table's rows speak of."""
    volatile = VOLATILE.get(rows.name, frozenset())
    return [column.name for column in rows.columns if column.name not in volatile]


def hashed_columns(rows: Rows) -> list[Any]:
    """Return these columns as they are stored: what is no instant any more has a hash too."""
    return [type_coerce(rows.columns[name], Text()).label(name) for name in hashed_names(rows)]


def sealed_in(rounds: ColumnElement[bool]) -> dict[str, ColumnElement[bool]]:
    """Return which rows of the sealed tables are of some rounds, by table."""
    ids = select(col(RoundRow.id)).where(rounds)
    submitted = select(col(BidVersionRow.bid_id)).where(
        col(BidVersionRow.state) == BidState.SUBMITTED
    )
    teams = (col(TeamBidRow.round_id).in_(ids)) & col(TeamBidRow.id).in_(submitted)
    bids = select(col(BidRow.id)).where(col(BidRow.round_id).in_(ids))
    return {
        "team_bid": teams,
        "bid_version": col(BidVersionRow.bid_id).in_(select(col(TeamBidRow.id)).where(teams)),
        "bid": col(BidRow.round_id).in_(ids),
        "alternative": col(AlternativeRow.bid_id).in_(bids),
        "item": col(ItemRow.bid_id).in_(bids),
        "bid_pledge": col(BidPledgeRow.bid_id).in_(bids),
        "bid_purpose": col(BidPurposeRow.bid_id).in_(bids),
    }


def key_text(values: Iterable[Any]) -> str:
    """Return the primary key of a row as the log names it: its values, joined by slashes."""
    return "/".join(str(_plain(value)) for value in values)


def hasher(rows: Rows, salts: Salts) -> Callable[[Row[Any]], tuple[str, str]]:
    """Return what makes the key and the hash of each row of `hashed_columns`, in their order."""
    names = hashed_names(rows)
    places = [names.index(column.name) for column in rows.primary_key]

    def key_and_hash(row: Row[Any]) -> tuple[str, str]:
        content = {
            name: _plain(value) for name, value in zip(names, row, strict=True) if value is not None
        }
        key = key_text(row[place] for place in places)
        return key, sha256(salts.get(key, "").encode() + canonical_json(content)).hexdigest()

    return key_and_hash


def hashed(rows: Rows, found: Iterable[Row[Any]], salts: Salts) -> Iterator[tuple[str, str]]:
    """Return the key and the hash of every row found."""
    return map(hasher(rows, salts), found)


def _plain(value: Any) -> str | int:
    """Return a value as JSON has it: texts and whole numbers, instants and days as texts."""
    if isinstance(value, str | int):
        return value
    if isinstance(value, dt.datetime):
        return instant_text(value)
    if isinstance(value, dt.date):
        return value.isoformat()
    if isinstance(value, Fraction):
        return str(value)
    raise TypeError(f"{type(value).__name__} has no place in a hash.")
