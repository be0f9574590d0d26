"""Help stands where people are: the documents as pages, and every word of the market."""

from __future__ import annotations

import re
from html import unescape

import pytest
from flask.testing import FlaskClient

from tests.screens import links_of
from web.help_documents import BOOKS, DOCS, GUIDES, as_html, glossary
from web.tours import DAYS


def test_the_glossary_page_has_every_word_of_the_document(past: FlaskClient) -> None:
    rows = [line for line in (DOCS / "glossary.md").read_text().splitlines() if "| **" in line]
    page = past.get("/help/glossary").text

    assert len(glossary()) == len(rows) > 100
    for term in glossary():
        assert page.count(f'<div id="{term.slug}">') == 1
        assert f"<dt>{term.word}</dt>" in page


@pytest.mark.parametrize("name", [*GUIDES, *BOOKS])
def test_a_document_is_a_page_whose_links_all_answer(past: FlaskClient, name: str) -> None:
    page = past.get(f"/help/{name}")
    body = page.text[page.text.index("<article") : page.text.index("</article>")]

    assert page.status_code == 200
    for source in re.findall(r'src="([^"]+)"', body):
        with past.get(unescape(source)) as picture:
            assert picture.status_code == 200
    here = [link for link in re.findall(r'href="([^"]+)"', body) if link.startswith("/")]
    assert all(past.get(link).status_code == 200 for link in here)
    assert ".md" not in " ".join(re.findall(r'href="([^"]+)"', body))


def test_a_document_cannot_write_markup_of_its_own() -> None:
    assert "<script>" not in as_html("<script>alert(1)</script> and *that*")


def test_every_page_leads_to_help_and_to_the_words(past: FlaskClient) -> None:
    for address in ("/", "/rounds/past-2/declines", "/capacity/scarcity", "/nowhere"):
        links = links_of(address, past.get(address).text)
        assert {"/help", "/help/glossary"} <= set(links)


def test_only_a_demonstration_has_a_tour(past: FlaskClient) -> None:
    assert past.get("/help/demo").status_code == 404
    assert past.get("/help/nothing").status_code == 404
    assert len({day.key for day in DAYS}) == 5
