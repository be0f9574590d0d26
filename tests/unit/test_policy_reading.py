"""A policy is read strictly: what is wrong is said whole, with the place and what to do."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from broker.errors import InvalidPolicy
from broker.policy.documents import policy_document, policy_sha256, policy_text
from broker.policy.reading import MOST_BYTES, read_policy, read_policy_file
from tests.policies import FACT, THEME, a_document, a_policy, readiness


def findings_in(content: str | bytes) -> tuple[str, ...]:
    raw = content.encode() if isinstance(content, str) else content
    with pytest.raises(InvalidPolicy) as caught:
        read_policy(raw)
    return caught.value.findings


def findings_with(**changes: Any) -> tuple[str, ...]:
    return findings_in(json.dumps(a_document(**changes)))


def test_a_policy_reads_back_as_it_was_written() -> None:
    policy = a_policy()
    assert read_policy(policy_text(policy).encode()) == policy
    assert policy_document(policy) == a_document()


def test_order_of_keys_spaces_and_a_byte_order_mark_change_no_hash() -> None:
    document = dict(reversed(a_document().items()))
    spaced = b"\xef\xbb\xbf" + json.dumps(document, indent=4).encode()
    assert policy_sha256(read_policy(spaced)) == policy_sha256(a_policy())


CASES: dict[str, tuple[dict[str, Any], str]] = {
    "a percent as a fraction": (
        {"themes": [THEME | {"confirmed_percent": 125.5}]},
        (
            "themes[0].confirmed_percent: is 125.5, not a whole number; "
            "write digits without quotes and without a point."
        ),
    ),
    "a percent with a point": (
        {"themes": [THEME | {"confirmed_percent": 125.0}]},
        (
            "themes[0].confirmed_percent: is 125.0, not a whole number; "
            "write digits without quotes and without a point."
        ),
    ),
    "a percent as a text": (
        {"floor_percent": "50"},
        (
            "floor_percent: is '50', not a whole number; "
            "write digits without quotes and without a point."
        ),
    ),
    "a truth for a number": (
        {"floor_percent": True},
        (
            "floor_percent: is true, not a whole number; "
            "write digits without quotes and without a point."
        ),
    ),
    "a factor beyond the bounds": (
        {"themes": [THEME | {"confirmed_percent": 201}]},
        "themes[0].confirmed_percent: is 201, too large; write 200 or less.",
    ),
    "a factor below the bounds": (
        {"readiness": readiness(end=FACT | {"missing_percent": 49})},
        "readiness.end.missing_percent: is 49, too small; write 50 or more.",
    ),
    "calibration beyond its bounds": (
        {"calibration": {"least_percent": 69, "most_percent": 115, "prior_weight": 1}},
        "calibration.least_percent: is 69, too small; write 70 or more.",
    ),
    "no prior": (
        {"calibration": {"least_percent": 70, "most_percent": 115, "prior_weight": 0}},
        "calibration.prior_weight: is 0, too small; write 1 or more.",
    ),
    "an unknown key": (
        {"colour": "blue"},
        "colour: is no key that belongs here; remove it or correct its spelling.",
    ),
    "an unknown format": ({"format": 2}, "format: is 2; write 1."),
    "an unknown pricing": (
        {"pricing": "free"},
        "pricing: is 'free'; write 'clearing' or 'pay-as-bid'.",
    ),
    "a number for a truth": (
        {"readiness": readiness(end=FACT | {"is_required": 1})},
        (
            "readiness.end.is_required: is 1, neither true nor false; "
            "write one of them without quotes."
        ),
    ),
    "a list for an object": (
        {"multiplier": []},
        "multiplier: is [], not an object; put its keys in curly brackets.",
    ),
    "an object for a list": (
        {"themes": {}},
        "themes: is {}, not a list; put its entries in square brackets.",
    ),
    "nothing for a text": (
        {"themes": [THEME | {"name": None}]},
        "themes[0].name: is null, not a text; put it in double quotes.",
    ),
    "an empty name": (
        {"themes": [THEME | {"name": " "}]},
        "themes[0].name: is empty; write a few words.",
    ),
    "a key with a space": (
        {"themes": [THEME | {"key": "safer care"}]},
        (
            "themes[0].key: 'safer care' is not a key; use 1 to 64 letters, digits, dots, "
            "underscores or hyphens, the first a letter or digit."
        ),
    ),
    "a line break": (
        {"themes": [THEME | {"name": "a\nb"}]},
        "themes[0].name: holds a control character or a line break; remove it.",
    ),
    "a theme twice": (
        {"themes": [THEME, THEME]},
        "themes: has the theme 'care' twice; keep one of them.",
    ),
    "a team twice": (
        {"themes": [THEME | {"confirmed_teams": ["red", "red"]}]},
        "themes[0].confirmed_teams: has the team 'red' twice; keep one of them.",
    ),
    "self-declared above confirmed": (
        {"themes": [THEME | {"self_declared_percent": 126}]},
        (
            "themes[0]: counts more when self-declared than when confirmed; "
            "give self_declared_percent at most confirmed_percent."
        ),
    ),
    "missing above present": (
        {"readiness": readiness(end=FACT | {"missing_percent": 101})},
        (
            "readiness.end: counts more when missing than when present; "
            "give missing_percent at most present_percent."
        ),
    ),
    "a pool twice": (
        {"eligibility": [{"pool_key": "gpu", "ask": "Ada", "eligible_teams": []}] * 2},
        "eligibility: has the pool 'gpu' twice; keep one of them.",
    ),
    "a classification twice": (
        {"approvals": [{"classification": "secret", "ask": "Ada", "approved_teams": []}] * 2},
        "approvals: has the classification 'secret' twice; keep one of them.",
    ),
}


@pytest.mark.parametrize("what", CASES)
def test_what_no_policy_may_say_is_refused_with_its_place_and_what_to_do(what: str) -> None:
    changes, finding = CASES[what]
    assert findings_with(**changes) == (finding,)


@pytest.mark.parametrize("key", a_document())
def test_a_key_that_is_missing_is_named(key: str) -> None:
    document = {name: value for name, value in a_document().items() if name != key}
    assert findings_in(json.dumps(document)) == (f"{key}: is missing; add it.",)


def test_every_finding_is_said_at_once() -> None:
    found = findings_with(floor_percent=101, pricing="free", themes=[{"key": "care"}], colour=1)
    assert [finding.split(":")[0] for finding in found] == sorted(
        [
            "colour",
            "floor_percent",
            "pricing",
            "themes[0].confirmed_percent",
            "themes[0].confirmed_teams",
            "themes[0].name",
            "themes[0].self_declared_percent",
        ]
    )


@pytest.mark.parametrize(
    ("content", "finding"),
    [
        ("", "line 1: is not JSON (Expecting value); correct it there."),
        ('{"format": 1,\n}', "line 2: is not JSON"),
        (b"\xff\xfe", "policy: is not UTF-8; save the file as UTF-8."),
        ("[" * 100_000, "policy: is nested too deeply"),
        ('{"format": 1, "format": 1}', "policy: the key 'format' stands 2 times in one object"),
        ('{"a": {"b": 1, "b": 2}}', "policy: the key 'b' stands 2 times in one object"),
        ('{"floor_percent": NaN}', "policy: NaN is no number of JSON; write whole numbers."),
        ('{"floor_percent": -Infinity}', "policy: -Infinity is no number of JSON"),
        ("9" * 5000, "policy: "),
        (b" " * (MOST_BYTES + 1), f"policy: is larger than {MOST_BYTES} bytes"),
        ('"\\ud800"', "policy: "),
        ("7", "policy: is 7, not an object; put its keys in curly brackets."),
    ],
)
def test_what_is_no_document_is_refused_with_one_finding(
    content: str | bytes, finding: str
) -> None:
    [found] = findings_in(content)
    assert found.startswith(finding)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidPolicy, match=r"none\.json: cannot be read: No such file"):
        read_policy_file(tmp_path / "none.json")


def test_the_policy_that_the_documents_show_is_one() -> None:
    text = (Path(__file__).parents[2] / "docs" / "platform-admins.md").read_text()
    [shown] = re.findall(r"```json\n(.*?)```", text, re.DOTALL)
    assert read_policy(shown.encode()).theme("safer-care")
