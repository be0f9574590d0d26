"""docs/BENCHMARKS.md has several writers: each rewrites its own part and leaves the others alone.

`python -m bench` writes the first part, which needs no marks. Any other command of the bench keeps
its part between two marks that name it. Nothing here knows what is measured.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

_PART = re.compile(r"<!-- part: (?P<command>.+?) -->\n.*?<!-- end of part -->\n", re.DOTALL)


def rewrite_first(document: Path, text: str) -> None:
    """Rewrite what stands before all marked parts."""
    parts = [found.group() for found in _PART.finditer(_text_of(document))]
    document.write_text("\n".join([text, *parts]), encoding="utf-8")


def rewrite_part(document: Path, command: str, lines: Sequence[str]) -> None:
    """Rewrite the part of one command, or add it at the end."""
    part = "\n".join([f"<!-- part: {command} -->", *lines, "<!-- end of part -->\n"])
    old = _text_of(document)
    known = {found["command"]: found.group() for found in _PART.finditer(old)}
    new = old.replace(known[command], part) if command in known else f"{old}\n{part}"
    document.write_text(new, encoding="utf-8")


def _text_of(document: Path) -> str:
    return document.read_text(encoding="utf-8") if document.exists() else ""
