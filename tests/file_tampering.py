"""Random tamperings of the files of an OUT folder: bytes, lines, cells, keys, kinds of numbers.

Each takes a source of chance and the bytes of a file, and returns other bytes. Some leave the
meaning as it is; strict_files.py and second_judge.py say whether what is left is a sound outcome.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from random import Random
from typing import Any

Spoil = Callable[[Random, bytes], bytes]
TABLES = ("awards.csv", "declines.csv", "prices.csv")
DOCUMENTS = ("report.json", "certificate.json")


# --- bytes ---------------------------------------------------------------------------------


def _flip_a_bit(random: Random, data: bytes) -> bytes:
    place = random.randrange(len(data))
    flipped = data[place] ^ (1 << random.randrange(8))
    return data[:place] + bytes([flipped]) + data[place + 1 :]


def _cut(random: Random, data: bytes) -> bytes:
    return data[: random.randrange(len(data))]


def _take_out(random: Random, data: bytes) -> bytes:
    begin = random.randrange(len(data))
    return data[:begin] + data[begin + random.randint(1, 30) :]


def _put_in(random: Random, data: bytes) -> bytes:
    place = random.randrange(len(data) + 1)
    return data[:place] + random.choice((b"0", b"1", b" ", b",", b"\n", b"\0", b"\xff", b'"'))


# --- lines and cells -----------------------------------------------------------------------


def _lines(change: Callable[[Random, list[str]], list[str]]) -> Spoil:
    """Change the rows below the header."""

    def spoil(random: Random, data: bytes) -> bytes:
        header, *rows = data.decode().splitlines()
        return "".join(f"{line}\n" for line in (header, *change(random, rows))).encode()

    return spoil


def _without_one(random: Random, rows: list[str]) -> list[str]:
    gone = random.randrange(len(rows))
    return rows[:gone] + rows[gone + 1 :]


def _with_one_twice(random: Random, rows: list[str]) -> list[str]:
    place = random.randrange(len(rows))
    return [*rows[:place], rows[place], *rows[place:]]


def _swapped(random: Random, rows: list[str]) -> list[str]:
    return random.sample(rows, len(rows))


def _blank_line(random: Random, rows: list[str]) -> list[str]:
    place = random.randrange(len(rows) + 1)
    return [*rows[:place], "", *rows[place:]]


def _cell(random: Random, rows: list[str]) -> list[str]:
    place = random.randrange(len(rows))
    cells = rows[place].split(",")
    column = random.randrange(len(cells))
    cells[column] = _other_text(random, cells[column], [row.split(",")[column] for row in rows])
    return [*rows[:place], ",".join(cells), *rows[place + 1 :]]


def _other_text(random: Random, text: str, others: list[str]) -> str:
    variants = [f"{text}0", f"0{text}", f"+{text}", f"-{text}", f"{text}.0", f" {text}", f"{text} "]
    variants += [text[:-1], "", "x", "1e3", f'"{text}"', "٣", "0", "1", "7", *others, *others]
    digits = [place for place, letter in enumerate(text) if letter.isdigit()]
    for place in digits[-3:]:
        variants.append(text[:place] + random.choice("0123456789") + text[place + 1 :])
    return random.choice(variants)


def _columns(random: Random, data: bytes) -> bytes:
    """Write the columns in another order, or leave one out, or call one by another name."""
    rows = [line.split(",") for line in data.decode().splitlines()]
    if len({len(row) for row in rows}) > 1:
        return data  # a cell with a comma in it is quoted
    order = list(range(len(rows[0])))
    how = random.randrange(3)
    if how == 0:
        random.shuffle(order)
    elif how == 1:
        order.pop(random.randrange(len(order)))
    else:
        rows[0][random.randrange(len(order))] = random.choice(("price", "", "bid_key "))
    return "".join(",".join(row[n] for n in order) + "\n" for row in rows).encode()


def _dressed(random: Random, data: bytes) -> bytes:
    """Write the same with a byte-order mark, or as other systems end their lines."""
    mark, end = random.choice((b"", b"\xef\xbb\xbf")), random.choice((b"\n", b"\r\n", b"\r"))
    return mark + data.replace(b"\n", end)


# --- keys and values -----------------------------------------------------------------------


class _Pairs(list[tuple[str, Any]]):
    """The keys and values of an object, in their order; a key may stand there twice."""


def _gathered(pairs: list[tuple[str, Any]], found: list[_Pairs]) -> _Pairs:
    found.append(_Pairs(pairs))
    return found[-1]


def _text(value: Any) -> str:
    """Write JSON from pairs; a list of pairs is an object."""
    if isinstance(value, _Pairs):
        return "{" + ", ".join(f"{json.dumps(k)}: {_text(v)}" for k, v in value) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_text(item) for item in value) + "]"
    return json.dumps(value)


def _document(change: Callable[[Random, _Pairs], None]) -> Spoil:
    """Change one object of a JSON document, at any depth."""

    def spoil(random: Random, data: bytes) -> bytes:
        found: list[_Pairs] = []
        document = json.loads(data, object_pairs_hook=lambda pairs: _gathered(pairs, found))
        change(random, random.choice([pairs for pairs in found if pairs]))
        return _text(document).encode()

    return spoil


def _drop_key(random: Random, pairs: _Pairs) -> None:
    pairs.pop(random.randrange(len(pairs)))


def _double_key(random: Random, pairs: _Pairs) -> None:
    pairs.append(random.choice(pairs))


def _rename_key(random: Random, pairs: _Pairs) -> None:
    place = random.randrange(len(pairs))
    key, value = pairs[place]
    pairs[place] = (random.choice((key.upper(), f"{key} ", "worth")), value)


def _reorder_keys(random: Random, pairs: _Pairs) -> None:
    random.shuffle(pairs)


def _change_value(random: Random, pairs: _Pairs) -> None:
    place = random.randrange(len(pairs))
    key, value = pairs[place]
    pairs[place] = (key, _other_value(random, value))


def _other_value(random: Random, value: Any) -> Any:
    if isinstance(value, list) and value and random.random() < 0.9:
        return _other_list(random, value)
    others: list[Any] = [None, True, "", [], str(value), -1, 0.5]
    if isinstance(value, (int, float)):
        others += [value + 1, value - 1, value * 10, float(value), str(value), value + 1, 2**70]
    return random.choice(others)


def _other_list(random: Random, values: list[Any]) -> list[Any]:
    """Drop, double, swap or change what stands in a list, at any depth."""
    place = random.randrange(len(values))
    how = random.randrange(5)
    if how == 0:
        return [*values[:place], *values[place + 1 :]]
    if how == 1:
        return [*values[:place], values[place], *values[place:]]
    if how == 2:
        return random.sample(values, len(values))
    return [*values[:place], _other_value(random, values[place]), *values[place + 1 :]]


def _nan(random: Random, data: bytes) -> bytes:
    return data.replace(b": 0", b": " + random.choice((b"NaN", b"Infinity", b"1e999", b"-0")), 1)


def _garbage_behind(random: Random, data: bytes) -> bytes:
    return data + random.choice((b"{}", b"\0", b"]", b" \n", b"\n\n"))


OF_BYTES: dict[str, Spoil] = {
    "a bit flipped": _flip_a_bit,
    "cut off": _cut,
    "bytes taken out": _take_out,
    "all behind a place replaced": _put_in,
}
OF_TABLES: dict[str, Spoil] = {
    "a row removed": _lines(_without_one),
    "a row repeated": _lines(_with_one_twice),
    "rows in another order": _lines(_swapped),
    "a blank line": _lines(_blank_line),
    "a cell changed": _lines(_cell),
    "another cell changed": _lines(_cell),
    "columns changed": _columns,
    "other line ends": _dressed,
}
OF_DOCUMENTS: dict[str, Spoil] = {
    "a key dropped": _document(_drop_key),
    "a key doubled": _document(_double_key),
    "a key renamed": _document(_rename_key),
    "keys in another order": _document(_reorder_keys),
    "a value changed": _document(_change_value),
    "another value changed": _document(_change_value),
    "no number": _nan,
    "something behind": _garbage_behind,
}
