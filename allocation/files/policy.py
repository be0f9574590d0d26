"""The fairness policy of a round as `policy.json`: one exact number, or none.

JSON as it is specified, not as parsers are lenient about it: no key twice, no NaN, no Infinity.
Read folders.py for the rest of the folder.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from pathlib import Path
from typing import Any

from allocation.errors import InvalidProblem
from allocation.files.findings import WHOLE_FILE, WHOLE_ROW, Finding, named, quoted
from allocation.files.rows import NOT_UTF_8
from allocation.files.tables import is_there, read_lines
from allocation.problem import MOST_DECIMALS, exact_text

POLICY_FILE = "policy.json"
FLOOR_RATIO = "floor_ratio"
_Refuse = Callable[[int, str, str, str], None]
_SHAPE = 'write one object, such as {"floor_ratio": 0.5}'


class _Object(list[tuple[str, Any]]):
    """A JSON object as its pairs, so that a key that stands twice is seen."""


class _Number(str):
    """A JSON number as it is written, so that nothing is rounded."""

    __slots__ = ()


def read_floor_ratio(folder: Path, findings: list[Finding]) -> Fraction:
    """Return the floor ratio of a folder's policy, exactly; 0 without a policy."""
    if not is_there(folder / POLICY_FILE):
        return Fraction(0)
    lines = read_lines(folder / POLICY_FILE, findings)
    return Fraction(0) if lines is None else _parse_lines(lines, findings)


def write_floor_ratio(folder: Path, ratio: Fraction) -> None:
    """Write a policy, and none for a ratio of 0.

    Raises: InvalidProblem if no decimal is exactly the ratio.
    """
    if not ratio:
        (folder / POLICY_FILE).unlink(missing_ok=True)
        return
    decimal = exact_text(ratio)
    if "/" in decimal:
        sentence = f"The floor ratio {ratio} is no decimal number, so no policy can hold it."
        raise InvalidProblem(sentence)
    text = f'{{"{FLOOR_RATIO}": {decimal}}}\n'
    (folder / POLICY_FILE).write_text(text, encoding="utf-8")


def _parse_lines(lines: list[str], findings: list[Finding]) -> Fraction:
    def refuse(line: int, column: str, wrong: str, hint: str) -> None:
        findings.append(Finding(POLICY_FILE, line, column, wrong, hint))

    foreign = [number for number, line in enumerate(lines, 1) if NOT_UTF_8.search(line)]
    for line in foreign:
        refuse(line, WHOLE_ROW, "is not UTF-8", "save the file as UTF-8")
    if foreign:
        return Fraction(0)
    try:
        document = _parse_json("\n".join(lines))
    except json.JSONDecodeError as error:
        refuse(error.lineno, WHOLE_ROW, f"is not JSON ({error.msg})", _SHAPE)
    except RecursionError:
        refuse(WHOLE_FILE, WHOLE_ROW, "is nested too deeply", _SHAPE)
    else:
        return _read_document(document, lines, refuse)
    return Fraction(0)


def _parse_json(text: str) -> object:
    parsed: object = json.loads(
        text,
        object_pairs_hook=_Object,
        parse_int=_Number,
        parse_float=_Number,
        parse_constant=str,  # NaN and Infinity are no numbers of JSON
    )
    return parsed


def _read_document(document: object, lines: list[str], refuse: _Refuse) -> Fraction:
    if not isinstance(document, _Object):
        refuse(WHOLE_FILE, WHOLE_ROW, "is not an object", _SHAPE)
        return Fraction(0)
    for key, count in Counter(key for key, _ in document).items():
        if key != FLOOR_RATIO:
            wrong = "is not a key of a policy"
            refuse(_line_of(key, lines), named(key), wrong, f"remove it, the key is {FLOOR_RATIO}")
        elif count > 1:
            refuse(_line_of(key, lines), key, f"stands {count} times", "keep one of them")
    values = [value for key, value in document if key == FLOOR_RATIO]
    ratios = [_ratio_of(value) for value in values]
    if None in ratios:
        wrong = f"{_shown(values[ratios.index(None)])} is not a number from 0 to 1"
        hint = f"write one such as 0.5, with at most {MOST_DECIMALS} decimals"
        refuse(_line_of(FLOOR_RATIO, lines), FLOOR_RATIO, wrong, hint)
    return (ratios[0] if ratios else None) or Fraction(0)


def _shown(value: object) -> str:
    return quoted(value) if isinstance(value, str) else "the value"


def _ratio_of(value: object) -> Fraction | None:
    """Return a JSON number from 0 to 1 exactly; None if it is anything else, or absurdly long."""
    if not isinstance(value, _Number) or len(value) > 2 * MOST_DECIMALS:
        return None
    try:
        number = Decimal(value)
    except InvalidOperation:
        return None
    if not number:
        return Fraction(0)
    decimals = -int(number.as_tuple().exponent)
    return Fraction(number) if 0 < number <= 1 and decimals <= MOST_DECIMALS else None


def _line_of(key: str, lines: list[str]) -> int:
    written = json.dumps(key, ensure_ascii=False)
    return next((number for number, line in enumerate(lines, 1) if written in line), WHOLE_FILE)
