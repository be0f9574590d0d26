"""Tables that people sort, filter and page; programs take them whole.

A `Table` says what can be asked of a query; `list_rows` answers a `Question` with one page of it
and `all_rows` with everything. It knows no screen, no URL and no file format.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Integer,
    RowMapping,
    Select,
    String,
    Subquery,
    and_,
    false,
    func,
    literal,
    or_,
    select,
)
from sqlmodel import Session

from broker.errors import BrokerError
from broker.tables import Day, Instant

PAGE_ROWS = 50
TEXT_LIMIT = 200
TOTAL = "rows_in_all"
Row = RowMapping
"""One row of a table, by column key."""


class InvalidQuestion(BrokerError):  # noqa: N818  # the market's word; it is an error
    """A table was asked for a column that it does not have, or a value that means nothing."""

    code = "invalid-question"


class Kind(StrEnum):
    """What a column holds, and so how it is written, compared and filtered."""

    TEXT = "text"
    KEY = "key"
    CHOICE = "choice"
    COUNT = "count"
    TIMES = "times"
    SHARE = "share"
    MICROCREDITS = "microcredits"
    MILLISECONDS = "milliseconds"
    MINUTES = "minutes"
    DAY = "day"
    INSTANT = "instant"


class Subject(StrEnum):
    """The thing of the market that a column names, so that a screen can lead to it."""

    POOL = "pool"
    ROUND = "round"
    RUN = "run"
    PERIOD = "period"
    JOURNAL = "journal"
    RECEIPT = "receipt"
    DELIVERY = "delivery"
    BID = "bid"
    TEAM_CREDITS = "team-credits"
    APPROVAL = "approval"
    ACCESS = "access"


NUMBER_KINDS = (
    Kind.COUNT,
    Kind.TIMES,
    Kind.SHARE,
    Kind.MICROCREDITS,
    Kind.MILLISECONDS,
    Kind.MINUTES,
)


@dataclass(frozen=True, slots=True)
class Column:
    """One column. `names` and `reference` say which thing it is about and where its key stands.

    One that is not handed out is there to be searched in: programs do not get it.
    """

    key: str
    label: str
    kind: Kind = Kind.TEXT
    unit: str = ""
    choices: tuple[str, ...] = ()
    filtered: bool = False
    shown: bool = True
    handed_out: bool = True
    names: Subject | None = None
    reference: str = ""

    @property
    def is_number(self) -> bool:
        """Whether the column lines up at its right edge."""
        return self.kind in NUMBER_KINDS


@dataclass(frozen=True, slots=True)
class Table:
    """What can be asked: a query whose columns carry the keys, and the order nobody asked for.

    Where a column names every row once (`identity`), a page is found by what it is sorted by alone,
    and only the rows on it are read whole: for queries with columns that take long.
    """

    name: str
    caption: str
    columns: tuple[Column, ...]
    rows: Select[Any]
    order: tuple[str, ...]
    identity: str = ""

    def column(self, key: str) -> Column:
        """Return a column by its key. Raises: InvalidQuestion if there is none."""
        for column in self.columns:
            if column.key == key:
                return column
        known = ", ".join(column.key for column in self.columns)
        raise InvalidQuestion(f"The table {self.name} has no column “{key}”. It has: {known}.")

    def showing(self, name: str, caption: str, keys: tuple[str, ...]) -> Table:
        """Return the same table for a screen that shows only some columns, in their order."""
        shown = tuple(replace(self.column(key), shown=True) for key in keys)
        rest = tuple(replace(c, shown=False) for c in self.columns if c.key not in keys)
        return replace(self, name=name, caption=caption, columns=(*shown, *rest))


@dataclass(frozen=True, slots=True)
class Question:
    """What somebody wants of a table. `sort` is a column's key, with a minus for the largest first.

    Shape: filters hold what was typed, by column key. An empty text filters nothing, and neither
    does a key that the table does not filter by.
    """

    sort: str = ""
    filters: Mapping[str, str] = field(default_factory=dict)
    page: int = 1

    def wanted(self, table: Table) -> dict[str, str]:
        """Return the filters that filter a table."""
        typed = {c.key: self.filters.get(c.key, "") for c in table.columns if c.filtered}
        return {key: text for key, text in typed.items() if text}


@dataclass(frozen=True, slots=True)
class Listing:
    """One page of a table's answer. Shape: at most PAGE_ROWS rows; `total` counts all of them."""

    table: Table
    question: Question
    rows: tuple[Row, ...]
    total: int
    page: int

    @property
    def pages(self) -> int:
        """How many pages there are; an empty answer has one."""
        return max(1, -(-self.total // PAGE_ROWS))

    @property
    def first(self) -> int:
        """The number of the first row on this page, counted from 1."""
        return (self.page - 1) * PAGE_ROWS + 1 if self.total else 0

    @property
    def last(self) -> int:
        """The number of the last row on this page."""
        return self.first + len(self.rows) - 1 if self.total else 0


def list_rows(session: Session, table: Table, question: Question) -> Listing:
    """Answer a question with one page; a page behind the last one is the last one.

    Raises: InvalidQuestion if it sorts by a column that is not there, or by a day that is none.
    """
    found = _found(table, question)
    rows = _page(session, table, found, question.page)
    if rows or question.page == 1:
        total = rows[0][TOTAL] if rows else 0
        return Listing(table, question, rows, total, question.page)
    total = session.execute(select(func.count()).select_from(found.subquery())).scalar_one()
    last = max(1, -(-total // PAGE_ROWS))
    return Listing(table, question, _page(session, table, found, last), total, last)


def _page(session: Session, table: Table, found: Select[Any], page: int) -> tuple[Row, ...]:
    total: ColumnElement[int] = func.count().over()
    first = (page - 1) * PAGE_ROWS
    if table.identity:
        name = found.selected_columns[table.identity]
        window = found.with_only_columns(name, total).limit(PAGE_ROWS).offset(first)
        named = session.execute(window).all()
        total = literal(named[0][1] if named else 0)
        window = found.where(name.in_([row[0] for row in named])).add_columns(total.label(TOTAL))
    else:
        window = found.add_columns(total.label(TOTAL)).limit(PAGE_ROWS).offset(first)
    return tuple(session.execute(window).mappings().all())


@dataclass(frozen=True, slots=True)
class Stretch:
    """Some rows of a table, and after which row the next ones come; None where there are none."""

    rows: tuple[Row, ...]
    next_after: tuple[Any, ...] | None


def rows_after(
    session: Session,
    table: Table,
    filters: Mapping[str, str],
    after: Sequence[Any] | None,
    limit: int,
) -> Stretch:
    """Return the rows of a table that come after one of them, in the table's own order.

    The place is that row's values in the order, so rows that come and go meanwhile neither repeat
    nor hide others. Raises: InvalidQuestion for values that no row can have.
    """
    question = Question(filters=filters)
    rows = table.rows.subquery()
    conditions = [_matches(table, rows, *wanted) for wanted in question.wanted(table).items()]
    if after is not None:
        conditions.append(_comes_after(rows, table.order, after))
    wanted_rows = select(rows).where(*conditions).order_by(*_order(table, rows, ""))
    found = tuple(session.execute(wanted_rows.limit(limit + 1)).mappings().all())
    shown = found[:limit]
    keys = [key.removeprefix("-") for key in table.order]
    is_last = len(found) <= limit
    return Stretch(shown, None if is_last else tuple(shown[-1][key] for key in keys))


def _comes_after(
    rows: Subquery, order: Sequence[str], values: Sequence[Any]
) -> ColumnElement[bool]:
    """Say which rows come after one: later in a column, and alike in all before it."""
    if len(order) != len(values):
        raise InvalidQuestion("The cursor is not one of this list; begin without a cursor.")
    ways: list[ColumnElement[bool]] = []
    alike: list[ColumnElement[bool]] = []
    for key, value in zip(order, values, strict=True):
        column = rows.c[key.removeprefix("-")]
        _check_value(column, value)
        if value is not None:
            later = column < value if key.startswith("-") else column > value
            ways.append(and_(*alike, or_(later, column.is_(None))))
        alike.append(column.is_not_distinct_from(value))
    return or_(false(), *ways)


def _check_value(column: ColumnElement[Any], value: Any) -> None:
    """Make sure that a column may hold a value. Raises: InvalidQuestion."""
    kinds: Mapping[type[Any], tuple[type[Any], ...]] = {
        Day: (dt.date,),
        Instant: (dt.datetime,),
        Integer: (int,),
        String: (str,),
    }
    fits = next((held for kind, held in kinds.items() if isinstance(column.type, kind)), ())
    if value is not None and type(value) not in fits:
        raise InvalidQuestion("The cursor is not one of this list; begin without a cursor.")


def all_rows(session: Session, table: Table, question: Question) -> tuple[Row, ...]:
    """Answer a question whole, whatever its page. Raises: InvalidQuestion as `list_rows`."""
    return tuple(session.execute(_found(table, question)).mappings().all())


def _found(table: Table, question: Question) -> Select[Any]:
    rows = table.rows.subquery()
    conditions = [_matches(table, rows, *wanted) for wanted in question.wanted(table).items()]
    return select(rows).where(*conditions).order_by(*_order(table, rows, question.sort))


def _order(table: Table, rows: Subquery, sort: str) -> list[ColumnElement[Any]]:
    """Sort by what was asked, then by the table's own order, so that pages never overlap."""
    if sort:
        table.column(sort.removeprefix("-"))
    return [_ordered(rows, key) for key in (sort, *table.order) if key]


def _ordered(rows: Subquery, key: str) -> ColumnElement[Any]:
    column = rows.c[key.removeprefix("-")]
    return column.desc().nulls_last() if key.startswith("-") else column.asc().nulls_last()


def _matches(table: Table, rows: Subquery, key: str, text: str) -> ColumnElement[bool]:
    column = table.column(key)
    if len(text) > TEXT_LIMIT or not text.isprintable():
        raise InvalidQuestion(
            f"The filter “{key}” takes up to {TEXT_LIMIT} letters, digits and signs on one line."
        )
    if column.kind is Kind.DAY:
        return rows.c[key] == _day(key, text)
    if column.kind is Kind.CHOICE:
        return rows.c[key] == text
    return rows.c[key].icontains(text, autoescape=True)


def _day(key: str, text: str) -> dt.date:
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        raise InvalidQuestion(
            f"The filter “{key}” takes a day such as 2026-12-07, not “{text}”."
        ) from None
