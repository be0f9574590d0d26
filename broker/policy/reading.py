"""A policy from a text: read strictly, and refused with every finding as `where: what; what to do`.

JSON as it is specified: no key twice, no NaN, no Infinity. What a policy may say stands in
documents.py.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from allocation.files.findings import pathname, quoted
from broker.errors import InvalidInput, InvalidPolicy
from broker.policy.documents import Part, Policy

P = TypeVar("P", bound=Part)
MOST_BYTES = 1_000_000
"""A policy is read by people; nothing larger is one."""
WHOLE = "policy"
"""Where a finding is that concerns all of it."""
_SAID: Mapping[str, str] = {
    "missing": "is missing; add it",
    "extra_forbidden": "is no key that belongs here; remove it or correct its spelling",
    "int_type": "is {input}, not a whole number; write digits without quotes and without a point",
    "int_from_float": "is {input}, not a whole number; write digits without a point",
    "bool_type": "is {input}, neither true nor false; write one of them without quotes",
    "string_type": "is {input}, not a text; put it in double quotes",
    "tuple_type": "is {input}, not a list; put its entries in square brackets",
    "model_type": "is {input}, not an object; put its keys in curly brackets",
    "date_type": 'is {input}, not a day; write one such as "2026-03-02"',
    "date_from_datetime_parsing": 'is {input}, not a day; write one such as "2026-03-02"',
    "date_parsing": 'is {input}, not a day; write one such as "2026-03-02"',
    "date_from_datetime_inexact": 'is {input}, not a day; write one such as "2026-03-02"',
    "dict_type": "is {input}, not an object; put its keys in curly brackets",
    "mapping_type": "is {input}, not an object; put its keys in curly brackets",
    "greater_than_equal": "is {input}, too small; write {ge} or more",
    "less_than_equal": "is {input}, too large; write {le} or less",
    "too_long": "has {actual_length} entries; keep at most {max_length}",
    "literal_error": "is {input}; write {expected}",
    "value_error": "{error}",
}
"""What is wrong and what to do, by the kind of error that the schema finds."""


class _TwiceError(ValueError):
    """A key stands twice in one object."""


def read_policy_file(file: Path) -> Policy:
    """Return the policy in a file. Raises: InvalidPolicy with every finding."""
    try:
        with file.open("rb") as opened:
            content = opened.read(MOST_BYTES + 1)
    except OSError as error:
        why = f"cannot be read: {error.strerror}; name a file that is there and that you may read."
        raise InvalidPolicy(file.name[:64], [f"{pathname(file)}: {why}"]) from error
    return read_policy(content, file.name)


def read_policy(content: bytes, name: str = WHOLE) -> Policy:
    """Return the policy that a text says. Raises: InvalidPolicy with every finding."""
    return read_document(content, name, Policy, InvalidPolicy)


def read_document(
    content: bytes, name: str, schema: type[P], refusal: type[InvalidInput], whole: str = WHOLE
) -> P:
    """Return what a text says by a schema; `whole` names all of it where a finding is about that.

    Raises: the refusal with every finding.
    """
    findings = list(_findings_in_text(content, whole))
    if findings:
        raise refusal(name[:64], findings)
    try:
        return schema.model_validate_json(content.decode("utf-8-sig"))
    except ValidationError as error:
        found = sorted(_finding(one, whole) for one in error.errors())
        raise refusal(name[:64], found) from error


def _findings_in_text(content: bytes, whole: str) -> Iterator[str]:
    """Say why a text is no JSON at all, or an ambiguous one."""
    if len(content) > MOST_BYTES:
        yield f"{whole}: is larger than {MOST_BYTES} bytes; keep to what people can read."
        return
    try:
        json.loads(
            content.decode("utf-8-sig"), object_pairs_hook=_without_twins, parse_constant=_refuse
        )
    except UnicodeDecodeError:
        yield f"{whole}: is not UTF-8; save the file as UTF-8."
    except json.JSONDecodeError as error:
        yield f"line {error.lineno}: is not JSON ({error.msg}); correct it there."
    except RecursionError:
        yield f"{whole}: is nested too deeply; write one object as the documents show it."
    except _TwiceError as error:
        yield f"{whole}: {error}; keep one of them."
    except ValueError as error:
        yield f"{whole}: {error}; write whole numbers."


def _without_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    for key, count in Counter(key for key, _ in pairs).items():
        if count > 1:
            raise _TwiceError(f"the key {quoted(key)} stands {count} times in one object")
    return dict(pairs)


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is no number of JSON")


def _finding(error: ErrorDetails, whole: str) -> str:
    """Say one error of the schema in the words of the market."""
    facts = {"error": error["msg"], **error.get("ctx", {}), "input": _shown(error["input"])}
    said = _SAID.get(error["type"], "{error}; correct it").format_map(facts)
    return f"{_where(error['loc'], whole)}: {said}."


def _where(path: tuple[int | str, ...], whole: str) -> str:
    """Write a path such as `themes[2].name`."""
    steps = (f"[{step}]" if isinstance(step, int) else f".{step[:64]}" for step in path)
    return "".join(steps).lstrip(".") or whole


def _shown(value: object) -> str:
    """Show a value as JSON has it, cut where it is long."""
    return quoted(value) if isinstance(value, str) else json.dumps(value, default=str)[:40]
