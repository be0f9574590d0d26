"""`broker policy`: files in, versions out, findings on lines of their own."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.policies import a_document


def test_a_policy_is_shown_as_a_file_that_can_be_edited_and_adopted(
    migrated: Any, tmp_path: Any
) -> None:
    file = tmp_path / "policy.json"
    file.write_text(json.dumps(a_document()))
    assert migrated("policy", "show").code == 2
    assert migrated("policy", "check", file).code == 0
    assert migrated("policy", "list").out == ""
    adopted = migrated("policy", "adopt", file, "--reason", "Themes of the autumn")
    assert (adopted.code, adopted.out[:20]) == (0, "Policy 1 is adopted,")
    file.write_text(
        migrated("policy", "show").out.replace('"floor_percent": 0', '"floor_percent": 9')
    )
    again = migrated(
        "policy", "adopt", file, "--reason", "Floors", "--proposed-by", "grace", "--json"
    )
    assert (again.code, again.document["version"], again.document["author"]) == (0, 2, "grace")
    assert migrated("policy", "adopt", file, "--reason", "Again").out.startswith("Policy 2 says")
    assert migrated("policy", "show", "1").document == a_document()
    assert migrated("policy", "show", "3").code == 2
    assert len(migrated("policy", "list").out.splitlines()) == 2


def test_an_invalid_policy_leaves_with_2_and_every_finding_on_a_line(
    migrated: Any, tmp_path: Any
) -> None:
    file = tmp_path / "policy.json"
    file.write_text(json.dumps(a_document(floor_percent=-1, pricing="free")))
    for arguments in (("check", file), ("adopt", file, "--reason", "x")):
        said = migrated("policy", *arguments)
        assert (said.code, said.out) == (2, "")
        assert said.err.splitlines() == [
            "floor_percent: is -1, too small; write 0 or more.",
            "pricing: is 'free'; write 'clearing' or 'pay-as-bid'.",
        ]
    assert migrated("policy", "check", tmp_path / "none.json").code == 2


@pytest.mark.parametrize("moment", ["soon", "2026-12-01", "2026-12-01T00:00:00"])
def test_a_moment_without_an_offset_is_refused(migrated: Any, tmp_path: Any, moment: str) -> None:
    file = tmp_path / "policy.json"
    file.write_text(json.dumps(a_document()))
    said = migrated("policy", "adopt", file, "--reason", "x", "--in-force-from", moment)
    assert said.code == 2
    assert moment in said.err
