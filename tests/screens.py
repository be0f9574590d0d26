"""Serving the screens to a test, and reading them as a stranger would: link by link."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from html.parser import HTMLParser
from urllib.parse import urldefrag, urljoin, urlsplit

from flask import Flask
from flask.testing import FlaskClient

from broker.clock import Clock
from broker.config import Settings
from broker.db import Database
from tests.markets import at
from web import desk
from web.app import create_app

LINK_ATTRIBUTES = {"a": "href", "link": "href", "script": "src", "form": "action"}
HIDDEN_FIELD = re.compile(rb'<input type="hidden" name="csrf_token" value="[0-9a-f]+">')
A_KEY_OR_ID = re.compile(r"[0-9a-f-]{36}|\d{4}-\d\d-\d\d")


class _Links(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        if (values.get("method") or "get").lower() == "post":
            return
        self.found += [
            values[key] or "" for key in (LINK_ATTRIBUTES.get(tag), "hx-get") if key in values
        ]


def links_of(address: str, html: str) -> list[str]:
    """Return the addresses on this site that a page leads to."""
    parser = _Links()
    parser.feed(html)
    joined = (urldefrag(urljoin(address, link)).url for link in parser.found)
    return [link for link in joined if not urlsplit(link).netloc]


def kind_of(address: str) -> str:
    """Return an address without its ids, days and question: what kind of page it is."""
    return A_KEY_OR_ID.sub("*", urlsplit(address).path)


def app_over(db: Database, clock: Clock) -> Flask:
    """Return the application over a market, on whichever database it is."""
    app = create_app(Settings(f"sqlite:///{db.file}"), clock)
    if db.writer.dialect.name != "sqlite":
        desk.register(app, db, clock)
        app.extensions["desk"].is_checked = True
    return app


@contextmanager
def screens(db: Database) -> Iterator[Flask]:
    """Serve the screens of a market, at three in the afternoon."""
    app = app_over(db, at(3))
    yield app
    app.extensions["desk"].db.dispose()


@dataclass(frozen=True)
class Answer:
    """What a page said."""

    address: str
    status: int
    body: bytes


def crawl(client: FlaskClient, start: str = "/", each_kind: int = 6) -> Iterator[Answer]:
    """Follow every link from a page on; of each kind of address only some.

    Hidden fields against forged forms are left out: they differ from browser to browser.
    """
    waiting, seen, kinds = [start], {start}, Counter[str]()
    while waiting:
        address = waiting.pop(0)
        kinds[kind_of(address)] += 1
        if kinds[kind_of(address)] > each_kind:
            continue
        with client.get(address) as response:
            body = HIDDEN_FIELD.sub(b"", response.get_data())
            yield Answer(address, response.status_code, body)
            is_page = response.mimetype == "text/html"
            links = links_of(address, response.text) if is_page else []
        new = [link for link in dict.fromkeys(links) if link not in seen]
        seen.update(new)
        waiting += new
