"""The documents: links lead somewhere, and what they tell people to type exists."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from broker.cli import COMMANDS

HOME = Path(__file__).parents[2]
PAGES = sorted([*HOME.glob("*.md"), *HOME.glob("docs/**/*.md")])
LINK = re.compile(r"\]\(([^)#:\s]+)\)")
TYPED = re.compile(
    r"(?:^ {4}(?:\.venv/bin/)?|`(?:\.venv/bin/)?)(make|broker) ([a-z-]+)", re.MULTILINE
)


def targets() -> set[str]:
    return set(re.findall(r"^([a-z-]+):", (HOME / "Makefile").read_text(), re.MULTILINE))


def name_of(page: Path) -> str:
    return str(page.relative_to(HOME))


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_link_leads_to_a_file(page: Path) -> None:
    links = [link for link in LINK.findall(page.read_text()) if not link.endswith(".png")]
    assert [link for link in links if not (page.parent / link).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_command_to_type_exists(page: Path) -> None:
    known = {"make": targets(), "broker": set(COMMANDS)}
    typed = TYPED.findall(page.read_text())
    assert [(tool, word) for tool, word in typed if word not in known[tool]] == []


def test_the_first_five_decisions_say_how_we_would_notice_that_they_were_wrong() -> None:
    decisions = sorted(HOME.glob("docs/adr/000*.md"))
    parts = ("**Context.**", "**Decision.**", "**Alternatives.**", "**How we would notice")
    assert len(decisions) >= 5
    assert all(part in page.read_text() for page in decisions for part in parts)


def test_the_readme_names_both_commands_in_one_screen_and_labels_the_fiction() -> None:
    text = (HOME / "README.md").read_text()
    assert "make demo" in text
    assert "make test" in text
    assert "fictional" in text
    assert len(text.splitlines()) <= 60
