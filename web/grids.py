"""Tables on screens: GET parameters into questions, and answers with every link a table needs.

Sorting, filtering and paging are links and a form, so they work without a script. Each table of a
page has its own prefix, empty for the main one. Rows become CSV and JSON in exports.py.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flask import Flask, request, url_for

from broker.dashboards.listings import (
    Column,
    InvalidQuestion,
    Listing,
    Question,
    Row,
    Subject,
)

PAGE_NUMBER = re.compile(r"[1-9][0-9]{0,8}")
ADDRESSES: Mapping[Subject, tuple[str, str]] = {
    Subject.POOL: ("pools.show", "key"),
    Subject.ROUND: ("rounds.show", "key"),
    Subject.RUN: ("runs.show", "run_id"),
    Subject.PERIOD: ("finance.period", "key"),
    Subject.JOURNAL: ("finance.journal", "number"),
    Subject.RECEIPT: ("receipts.show", "receipt_id"),
    Subject.DELIVERY: ("deliveries.show", "receipt_id"),
    Subject.TEAM_CREDITS: ("ledger.show", "key"),
    Subject.BID: ("bids.show", "bid_id"),
    Subject.APPROVAL: ("approvals.show", "request_id"),
    Subject.ACCESS: ("access_grants.show", "access_id"),
}


@dataclass(frozen=True, slots=True)
class Head:
    """The head of a column: a link that sorts by it, or turns the order round."""

    column: Column
    url: str
    direction: str


@dataclass(frozen=True, slots=True)
class Filter:
    """One field of the filter form; its name is the GET parameter."""

    column: Column
    name: str
    text: str


@dataclass(frozen=True, slots=True)
class Grid:
    """A table with all its links. Shape: `kept` are the parameters that a form must carry on."""

    name: str
    listing: Listing
    heads: tuple[Head, ...]
    filters: tuple[Filter, ...]
    kept: tuple[tuple[str, str], ...]
    action: str
    clear_url: str
    previous_url: str
    next_url: str
    csv_url: str
    json_url: str

    @property
    def is_asked(self) -> bool:
        """Whether somebody sorted, filtered or paged, and so wants to see the table."""
        asked = self.listing.question
        return self.is_filtered or bool(asked.sort) or asked.page > 1

    @property
    def is_filtered(self) -> bool:
        """Whether rows may be hidden by a filter."""
        return bool(self.listing.question.wanted(self.listing.table))


def question(prefix: str = "") -> Question:
    """Read what the address asks of a table. Raises: InvalidQuestion if a page is no number."""
    page = request.args.get(f"{prefix}page", "1")
    if not PAGE_NUMBER.fullmatch(page):
        raise InvalidQuestion(f"“{page[:40]}” is no page of a table: pages are numbers from 1 on.")
    own = {key for key in request.args if key.startswith(prefix)}
    filters = {key.removeprefix(prefix): request.args[key].strip() for key in own}
    return Question(request.args.get(f"{prefix}sort", ""), filters, int(page))


def day_asked(name: str) -> dt.date | None:
    """Read a day from the address. Raises: InvalidQuestion if it is none."""
    text = request.args.get(name, "")
    try:
        return dt.date.fromisoformat(text) if text else None
    except ValueError:
        raise InvalidQuestion(
            f"“{name}” takes a day such as 2026-12-07, not “{text[:40]}”."
        ) from None


def grid(listing: Listing, data: str, prefix: str = "", **values: Any) -> Grid:
    """Add its links to a table; `data` is the endpoint that serves its rows to programs."""
    asked = _asked(listing, prefix)
    downloads = {key.removeprefix(prefix): text for key, text in asked.items()}
    return Grid(
        name=listing.table.name,
        listing=listing,
        heads=tuple(_head(listing, column, prefix) for column in listing.table.columns),
        filters=_filters(listing, prefix),
        kept=_kept(listing, prefix),
        action=request.path,
        clear_url=_here(dict.fromkeys(asked, "")),
        previous_url=_page(prefix, listing.page - 1) if listing.page > 1 else "",
        next_url=_page(prefix, listing.page + 1) if listing.page < listing.pages else "",
        csv_url=_address(data, {"ending": "csv", **values, **downloads}),
        json_url=_address(data, {"ending": "json", **values, **downloads}),
    )


def subject_url(column: Column, row: Row) -> str:
    """Return the address of the thing that a cell names; empty where it names nothing."""
    key = row[column.reference] if column.names else None
    if column.names is None or key is None:
        return ""
    endpoint, parameter = ADDRESSES[column.names]
    return _address(endpoint, {parameter: key})


def register(app: Flask) -> None:
    """Make the addresses of things known to the templates."""
    app.jinja_env.globals["subject_url"] = subject_url


def _asked(listing: Listing, prefix: str) -> dict[str, str]:
    asked = listing.question.wanted(listing.table)
    if listing.question.sort:
        asked["sort"] = listing.question.sort
    return {prefix + key: text for key, text in asked.items()}


def _head(listing: Listing, column: Column, prefix: str) -> Head:
    up, down = column.key, f"-{column.key}"
    direction = {up: "ascending", down: "descending"}.get(listing.question.sort, "")
    first, second = (down, up) if column.is_number else (up, down)
    following = second if listing.question.sort == first else first
    return Head(column, _here({f"{prefix}sort": following, f"{prefix}page": ""}), direction)


def _filters(listing: Listing, prefix: str) -> tuple[Filter, ...]:
    typed = listing.question.filters
    return tuple(
        Filter(column, prefix + column.key, typed.get(column.key, ""))
        for column in listing.table.columns
        if column.filtered
    )


def _kept(listing: Listing, prefix: str) -> tuple[tuple[str, str], ...]:
    own = {prefix + column.key for column in listing.table.columns if column.filtered}
    left_out = own | {f"{prefix}page"}
    return tuple((key, text) for key, text in request.args.items() if key not in left_out)


def _page(prefix: str, page: int) -> str:
    return _here({f"{prefix}page": str(page)})


def _here(changes: Mapping[str, str]) -> str:
    """Return this address with some parameters changed; an empty text drops one."""
    parameters = {**request.args.to_dict(), **changes}
    kept = {key: text for key, text in parameters.items() if text}
    return _address(str(request.endpoint), {**(request.view_args or {}), **kept})


def _address(endpoint: str, values: Mapping[str, Any]) -> str:
    return url_for(endpoint, **values)
