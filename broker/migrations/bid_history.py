"""What migration 0008 makes of bids that were there before it: the first version of each.

Belongs to that migration and stays as it is. It reads and writes tables as they were then, so it
imports nothing of the market; the layout is the one of broker/bids/submissions.py at that time.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa

WRITTEN_BY = "migration"
AT_ONCE = 1000
BIDS = sa.text(
    "SELECT bid.id, bid.round_id, bid.team_id, bid.key, bid.title, bid.submitted_at, "
    "team.key AS team_key, round.key AS round_key, "
    "coalesce(bid.submitted_at, round.closed_at, round.opens_at) AS written_at, "
    "bid_pledge.theme_key, bid_pledge.owner_after_award, bid_pledge.success_measure, "
    "bid_pledge.ends_on FROM bid JOIN team ON team.id = bid.team_id "
    "JOIN round ON round.id = bid.round_id LEFT JOIN bid_pledge ON bid_pledge.bid_id = bid.id "
    "ORDER BY bid.id"
)
ALTERNATIVES = sa.text(
    "SELECT bid_id, number, tier, offer_credits_per_lot, min_lots, max_lots, earliest_start, "
    "latest_start FROM alternative ORDER BY bid_id, number"
)
ITEMS = sa.text(
    "SELECT item.bid_id, item.number, pool.key AS pool_key, item.offset_days, item.days, "
    "item.units_per_lot FROM item JOIN pool ON pool.id = item.pool_id "
    "ORDER BY item.bid_id, item.number, item.position"
)
HEAD = sa.text(
    "INSERT INTO team_bid (id, round_id, team_id, key, state, version) "
    "VALUES (:id, :round_id, :team_id, :key, 'submitted', 1)"
)
VERSION = sa.text(
    "INSERT INTO bid_version (bid_id, version, state, title, document, written_by, written_at, "
    "salt, commitment) VALUES (:id, 1, 'submitted', :title, :document, :written_by, :written_at, "
    ":salt, :commitment)"
)


ASKED = sa.text(
    "INSERT INTO asked_pool (pool_id, round_id, bid_id, number, unit_days) "
    "SELECT item.pool_id, bid.round_id, item.bid_id, item.number, "
    "sum(item.units_per_lot * item.days) FROM item JOIN bid ON bid.id = item.bid_id "
    "JOIN snapshot ON snapshot.round_id = bid.round_id "
    "GROUP BY item.pool_id, bid.round_id, item.bid_id, item.number"
)


def keep_what_was_asked(connection: sa.Connection) -> None:
    """Note the pools of every bid whose round is closed."""
    connection.execute(ASKED)


def keep_what_was_submitted(connection: sa.Connection) -> None:
    """Give every bid that is there its first version."""
    alternatives = _alternatives(connection)
    bids = [_columns(bid, alternatives[bid["id"]]) for bid in connection.execute(BIDS).mappings()]
    for first in range(0, len(bids), AT_ONCE):
        connection.execute(HEAD, bids[first : first + AT_ONCE])
        connection.execute(VERSION, bids[first : first + AT_ONCE])


def _alternatives(connection: sa.Connection) -> dict[str, list[dict[str, Any]]]:
    items: dict[tuple[str, int], list[dict[str, Any]]] = defaultdict(list)
    for line in connection.execute(ITEMS).mappings():
        names = ("pool_key", "offset_days", "days", "units_per_lot")
        items[line["bid_id"], line["number"]].append({name: line[name] for name in names})
    found: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for line in connection.execute(ALTERNATIVES).mappings():
        one = {name: line[name] for name in line if name != "bid_id"}
        days = {name: str(one[name]) for name in ("earliest_start", "latest_start")}
        found[line["bid_id"]].append({**one, **days, "items": items[line["bid_id"], one["number"]]})
    return found


def _columns(bid: Any, alternatives: list[dict[str, Any]]) -> dict[str, Any]:
    document = json.dumps(
        dict(_document(bid, alternatives)),
        sort_keys=True,
        separators=(",", ":"),
        ensure_ascii=False,
    )
    salt = secrets.token_hex(32)
    return {
        **bid,
        "document": document,
        "written_by": WRITTEN_BY,
        "salt": salt,
        "commitment": hashlib.sha256((salt + document).encode()).hexdigest(),
    }


def _document(bid: Any, alternatives: list[dict[str, Any]]) -> Iterator[tuple[str, Any]]:
    yield "format", 1
    yield "round_key", bid["round_key"]
    yield "team_key", bid["team_key"]
    yield "bid_key", bid["key"]
    yield "version", 1
    yield "state", "submitted"
    yield "submitted_at", _instant(bid["submitted_at"])
    yield (
        "bid",
        {
            "title": bid["title"],
            "alternatives": alternatives,
            "theme_key": bid["theme_key"],
            "owner_after_award": bid["owner_after_award"] or "",
            "success_measure": bid["success_measure"] or "",
            "ends_on": str(bid["ends_on"]) if bid["ends_on"] else None,
        },
    )


def _instant(stored: Any) -> str | None:
    if stored is None:
        return None
    text = stored if isinstance(stored, str) else stored.isoformat()
    return text.removesuffix("Z").removesuffix("+00:00") + "+00:00"
