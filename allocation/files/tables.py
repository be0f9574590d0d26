"""CSV text and the tables in it: a header, then records, each with the line it begins in.

RFC 4180 to the letter, but with line ends of either kind and a byte-order mark allowed, and it
reads on after a record that it cannot understand. It knows columns, not what they mean: rows.py
knows the kinds of cells, files/supply.py and files/demand.py the files of a round.
"""

from __future__ import annotations

import csv
import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from allocation.files.findings import WHOLE_FILE, WHOLE_ROW, Finding, named
from allocation.files.rows import NOT_UTF_8, Keys, Row

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_CELL = re.compile(r'"((?:[^"]++|"")*+)"(?=,|\Z)|([^",]*+)(?=,|\Z)')


@dataclass(frozen=True, slots=True)
class Layout:
    """The columns of a file, and whether it may do without rows."""

    file: str
    required: tuple[str, ...]
    optional: tuple[str, ...] = ()
    needs_rows: bool = False

    @property
    def columns(self) -> tuple[str, ...]:
        """Every column, the required ones first."""
        return (*self.required, *self.optional)


@dataclass(slots=True)
class Table:
    """The rows of a file, in its order.

    `lost` holds the cells of records that could not be placed in columns, so that what refers to
    one of them is not reported as well. An unreadable file is a table without columns.
    """

    file: str
    columns: frozenset[str] = frozenset()
    rows: list[Row] = field(default_factory=list)
    lost: set[str] = field(default_factory=set)

    def has(self, *columns: str) -> bool:
        """Say whether the file could be read and has all these columns."""
        return self.columns.issuperset(columns)

    def keys(self, column: str) -> Keys:
        """Return the keys that the file defines or mentions in a column."""
        texts = {row.raw(column) for row in self.rows} if self.has(column) else set()
        return Keys(self.file, frozenset(texts | self.lost), is_whole=self.has(column))


class Record(NamedTuple):
    """The cells between two line ends; with `wrong`, what could be told of a broken one."""

    line: int
    cells: list[str]
    line_count: int = 1
    wrong: str = ""


def read_table(folder: Path, layout: Layout, findings: list[Finding]) -> Table:
    """Read a file of a folder, as far as it can be read; what is wrong goes to the findings."""
    lines = read_lines(folder / layout.file, findings)
    if lines is None:
        return Table(layout.file)
    records = _split_records(lines)
    header = next(records, None)
    if header is None:
        wrong, hint = "has no header", f"begin it with {','.join(layout.required)}"
        findings.append(Finding(layout.file, WHOLE_FILE, WHOLE_ROW, wrong, hint))
        return Table(layout.file)
    return _read_rows(layout, header, records, findings)


def is_there(path: Path) -> bool:
    """Say whether a folder has anything under this name, readable or not."""
    return os.path.lexists(path)


def read_lines(path: Path, findings: list[Finding]) -> list[str] | None:
    """Return the lines of a text file without their ends; None, and a finding, if it has none.

    Bytes that are not UTF-8 become lone surrogates, so that the cell they stand in can be named.
    """
    try:
        if path.is_file():
            data = path.read_bytes().removeprefix(_BYTE_ORDER_MARK)
            text = data.decode("utf-8", errors="surrogateescape")
            return [line.removesuffix("\r") for line in text.split("\n")]
        wrong = "is not a file that can be read" if is_there(path) else "is missing"
    except OSError as error:
        wrong = f"cannot be read: {error.strerror}"
    hint = "put a file with this name, that you may read, into the folder"
    findings.append(Finding(path.name, WHOLE_FILE, WHOLE_ROW, wrong, hint))
    return None


def write_table(folder: Path, layout: Layout, rows: Iterable[Sequence[object]]) -> None:
    """Write a file of a folder, every column of its layout in order."""
    with (folder / layout.file).open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(layout.columns)
        writer.writerows(rows)


def _split_records(lines: Sequence[str]) -> Iterator[Record]:
    at = 0
    while at < len(lines):
        line = lines[at]
        record = _quoted_record(lines, at) if '"' in line else Record(at + 1, line.split(","))
        if line.strip(" \t"):
            yield record
        at += record.line_count


def _quoted_record(lines: Sequence[str], at: int) -> Record:
    """Read a record with quotes; a broken one ends with its first line, so that reading goes on."""
    line_count, is_open = 1, lines[at].count('"') % 2 == 1
    while is_open and at + line_count < len(lines):
        is_open ^= lines[at + line_count].count('"') % 2 == 1
        line_count += 1
    text = "\n".join(lines[at : at + line_count])
    cells = None if is_open else _split_cells(text)
    if cells is not None:
        return Record(at + 1, cells, line_count)
    wrong = "opens a quote that nothing closes" if is_open else "has a quote in the wrong place"
    return Record(at + 1, lines[at].replace('"', "").split(","), wrong=wrong)


def _split_cells(text: str) -> list[str] | None:
    cells, at = [], 0
    while match := _CELL.match(text, at):
        inner, bare = match.groups()
        cells.append(bare if inner is None else inner.replace('""', '"'))
        at = match.end() + 1
        if at > len(text):
            return cells
    return None


def _read_rows(
    layout: Layout, header: Record, records: Iterable[Record], findings: list[Finding]
) -> Table:
    table = Table(layout.file, _check_header(layout, header, findings))
    if not table.columns:
        return table
    places = {name: place for place, name in reversed(list(enumerate(header.cells)))}
    known = {name: place for name, place in places.items() if name in table.columns}
    width = len(header.cells)
    for record in records:
        if record.wrong or len(record.cells) != width:
            wrong, hint = _wrong_record(record, width)
            table.lost.update(record.cells)
            findings.append(Finding(layout.file, record.line, WHOLE_ROW, wrong, hint))
        else:
            table.rows.append(Row(layout.file, record.line, known, record.cells, findings))
    if layout.needs_rows and not table.rows and not table.lost:
        wrong, hint = "has a header but no rows", "add at least one row"
        findings.append(Finding(layout.file, WHOLE_FILE, WHOLE_ROW, wrong, hint))
    return table


def _wrong_record(record: Record, width: int) -> tuple[str, str]:
    if record.wrong:
        hint = "put the whole cell between quotes and double every quote inside it"
        return record.wrong, hint
    hint = "write one cell per column, in quotes where it holds a comma"
    return f"has {len(record.cells)} cell(s) under {width} column(s)", hint


def _wrong_header_text(names: Iterable[str]) -> str:
    text = ",".join(names)
    if "\0" in text or NOT_UTF_8.search(text):
        return "is not UTF-8 text"
    return "ends its lines with carriage returns alone" if "\r" in text else ""


def _check_header(layout: Layout, header: Record, findings: list[Finding]) -> frozenset[str]:
    """Return the columns of the layout that the header names; none if it cannot be believed."""
    names = header.cells

    def refuse(column: str, wrong: str, hint: str) -> None:
        findings.append(Finding(layout.file, header.line, column, wrong, hint))

    if wrong := header.wrong or _wrong_header_text(names):
        refuse(WHOLE_ROW, wrong, "save the file as UTF-8 text with one header line")
        return frozenset()
    for name, count in Counter(names).items():
        if name not in layout.columns:
            hint = f"remove it, the columns are {', '.join(layout.columns)}"
            refuse(named(name), "is not a column of this file", hint)
        elif count > 1:
            refuse(name, f"stands {count} times in the header", "keep one of them")
    for name in layout.required:
        if name not in names:
            refuse(name, "is a column that is missing", "add it to the header and to every row")
    return frozenset(names) & frozenset(layout.columns)
