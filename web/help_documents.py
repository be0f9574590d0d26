"""The documents of `docs` as pages: markdown in, HTML out, and the glossary word by word.

The documents are the one source: what people read here is what stands in the repository. Links
between documents become links between pages; what has no page here stays plain text.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from flask import url_for
from markdown_it import MarkdownIt
from markdown_it.token import Token
from markupsafe import Markup

DOCS = Path(__file__).parent.parent / "docs"
GLOSSARY = "glossary"
GUIDES: Mapping[str, str] = {
    "team-leads": "Team leads and members: bids, awards, receipts, credits, deliveries.",
    "platform-admins": "Platform admins and pool owners: rounds, pools, policy, overrides.",
    "finance": "Finance: the ledger, periods, checks, and what is handed out.",
    "operators": "Operators: hosts, ticks, backups, logs.",
}
BOOKS: Mapping[str, str] = {
    "audit": "The audit log: what it vouches for, and how to check it.",
    "bundles": "Bundles: a round that one file can verify.",
    "programs": "The interface for programs.",
}
_ROW = re.compile(r"^\| \*\*(?P<word>[^*]+)\*\*(?P<of>[^|]*)\| (?P<means>.+) \|$", re.MULTILINE)
_FILE = re.compile(r"^(?:docs/)?(?P<name>[a-z-]+)\.md(?P<place>#.*)?$")
_PICTURE = re.compile(r"^(?:docs/)?images/(?P<name>[a-z0-9-]+\.png)$")


@dataclass(frozen=True, slots=True)
class Term:
    """One word of the glossary, with what it means as HTML and as plain text."""

    word: str
    slug: str
    means: Markup
    plain: str


@dataclass(frozen=True, slots=True)
class Document:
    """A document as a page."""

    title: str
    body: Markup


def slug_of(words: str) -> str:
    """Return what names a place in a page: letters, digits and hyphens."""
    return re.sub(r"[^a-z0-9]+", "-", words.lower()).strip("-")


@cache
def glossary() -> tuple[Term, ...]:
    """Return every word of the glossary, in its order."""
    text = (DOCS / f"{GLOSSARY}.md").read_text()
    return tuple(
        Term(
            word=(word := f"{row['word']}{row['of'].rstrip()}"),
            slug=slug_of(word),
            means=as_html(row["means"], is_inline=True),
            plain=re.sub(r"[*`]", "", row["means"]),
        )
        for row in _ROW.finditer(text)
    )


@cache
def terms() -> Mapping[str, Term]:
    """Return the words of the glossary by the words themselves."""
    return {term.word: term for term in glossary()}


def document(name: str) -> Document:
    """Return a document as a page; only those that GUIDES and BOOKS name."""
    head, _, rest = (DOCS / f"{name}.md").read_text().partition("\n")
    return Document(head.removeprefix("# "), as_html(rest))


def as_html(text: str, *, is_inline: bool = False) -> Markup:
    """Return markdown as HTML; HTML in it is text."""
    reader = MarkdownIt("commonmark", {"html": False}).enable("table")
    tokens = reader.parseInline(text) if is_inline else reader.parse(text)
    _adapt(tokens)
    found = reader.renderer.render(tokens, reader.options, {})
    table = '<div class="scroll" role="region" aria-label="Table" tabindex="0"><table>'
    found = found.replace("<table>", table).replace("</table>", "</table></div>")
    return Markup(found)  # noqa: S704  # written by the renderer, which takes no HTML


def _adapt(tokens: Sequence[Token]) -> None:
    """Point links and pictures to pages of the market, and give headings names."""
    for place, token in enumerate(tokens):
        if token.type == "heading_open":
            token.attrSet("id", slug_of(tokens[place + 1].content))
        if token.type == "link_open":
            _point(token)
        if token.type == "image":
            found = _PICTURE.match(str(token.attrs.get("src", "")))
            name = found["name"] if found else ""
            token.attrs.update(src=url_for("help.picture", name=name), loading="lazy")
        _adapt(token.children or ())


def _point(token: Token) -> None:
    address = str(token.attrs.get("href", ""))
    found = _FILE.match(address)
    known = {GLOSSARY, *GUIDES, *BOOKS}
    if found and found["name"] in known:
        token.attrSet("href", url_for("help.show", name=found["name"]) + (found["place"] or ""))
    elif not address.startswith(("https://", "#")):
        del token.attrs["href"]
