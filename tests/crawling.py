"""Reading a site completely, as one visitor: every page, every download, every form.

Addresses come from three places: links and forms that were found, the routes of the application
with what is known about their arguments, and guesses. Answers are kept byte by byte, with their
status and headers, under what was asked; only what time it is by the server's clock is left out.
"""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import parse_qs, urlencode, urljoin, urlsplit

from flask import Flask
from flask.testing import FlaskClient
from werkzeug.routing import IntegerConverter, Rule
from werkzeug.test import TestResponse

from tests.screens import links_of

EACH_QUESTION = 1
"""How many addresses that ask the same page for the same parameters are read; of a page that was
asked for something, what else could be asked of it is left out. A day in a path is a parameter."""
DAY = re.compile(r"\d{4}-\d\d-\d\d")
HX = {"HX-Request": "true"}
LAST = ("/account/", "/admin/people/", "/sign-out")
"""Forms that may end the visit are sent last, in this order."""
NUMBERS = ("1", "999")
"""What stands for a number of which nothing is known."""
Words = Mapping[str, Sequence[str]]
"""What may stand for an argument of a route, by `blueprint.argument` or by the argument alone."""


@dataclass(frozen=True)
class Said:
    """An answer: all of it."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes


@dataclass(frozen=True)
class Form:
    """A form that writes, as its page offers it, with one of its buttons."""

    action: str
    fields: tuple[tuple[str, str], ...]


DRAWN = {"Date", "X-Request-ID"}
"""Headers that say when and by which id something was asked, whatever the answer is."""


def said_by(answer: TestResponse) -> Said:
    """Keep an answer and close it."""
    with answer:
        headers = tuple(pair for pair in answer.headers if pair[0] not in DRAWN)
        return Said(answer.status_code, headers, answer.get_data())


# --- reading -----------------------------------------------------------------------------------


@dataclass
class Visit:
    """All that one visitor asked and was told; `forms` are those that were offered.

    Whoever follows no questions reads every page as it is, and not what else it could be asked.
    """

    browser: FlaskClient
    follows_questions: bool = True
    told: dict[str, Said] = field(default_factory=dict)
    forms: dict[Form, None] = field(default_factory=dict)
    parts: set[tuple[str, str]] = field(default_factory=set)

    def read(self, addresses: Sequence[str]) -> None:
        """Read some addresses and everything that they lead to."""
        waiting, questions = list(dict.fromkeys(addresses)), Counter[str]()
        seen = {*waiting, *self.told}
        for address in waiting:
            for link in self._look(address):
                questions[_question(link)] += link not in seen
                if link not in seen and not _asks_more(address, link):
                    seen.add(link)
                    is_new = self.follows_questions and questions[_question(link)] <= EACH_QUESTION
                    if is_new or not _is_question(link):
                        waiting.append(link)

    def _look(self, address: str) -> list[str]:
        said = self.told[address] = said_by(self.browser.get(address))
        target = ("Location", dict(said.headers).get("Location", ""))
        if target[1]:
            return [urljoin(address, target[1])]
        if dict(said.headers).get("Content-Type", "").split(";")[0] != "text/html":
            return []
        page = _Page(address)
        page.feed(said.body.decode())
        self.forms.update(dict.fromkeys(page.forms()))
        for part in page.parts:
            self._look_at_part(part)
        return links_of(address, said.body.decode())

    def _look_at_part(self, part: _Part) -> None:
        """Read one part of a page as a script would, once for each page and part."""
        kind = urlsplit(part.address).path, part.target
        if kind not in self.parts:
            self.parts.add(kind)
            headers = HX | {"HX-Target": part.target}
            answer = self.browser.get(part.address, headers=headers)
            self.told[f"{part.address} for {part.target}"] = said_by(answer)

    def send_forms(self) -> None:
        """Send every form that was offered, as it stands, with each of its buttons."""
        for form in sorted(self.forms, key=_place):
            answer = self.browser.post(form.action, data=dict(form.fields))
            self.told[f"POST {form.action} {urlencode(form.fields)}"] = said_by(answer)


def _place(form: Form) -> int:
    path = urlsplit(form.action).path
    return next((n for n, start in enumerate(LAST, 1) if path.startswith(start)), 0)


def _asks_more(address: str, link: str) -> bool:
    """Say whether a link only asks the same page for something else again."""
    here, there = urlsplit(address), urlsplit(link)
    return bool(here.query) and here.path == there.path


def _is_question(link: str) -> bool:
    return "?" in link or DAY.search(link) is not None


def _question(address: str) -> str:
    """Return what an address asks for: its path and the names of its parameters."""
    parts = urlsplit(address)
    return f"{DAY.sub('DAY', parts.path)}?{'&'.join(sorted(parse_qs(parts.query)))}"


# --- knowing the routes ------------------------------------------------------------------------


def pages_of(app: Flask) -> Iterator[Rule]:
    """Return the routes that people use; those of programs know no browser (tests/api.py)."""
    return (rule for rule in app.url_map.iter_rules() if not rule.endpoint.startswith("api."))


def addresses_of(app: Flask, words: Words, method: str = "GET") -> list[str]:
    """Return every page's route of a method with everything that may stand for its arguments."""
    rules = (rule for rule in pages_of(app) if method in (rule.methods or ()))
    return [address for rule in rules for address in _filled(rule, words)]


def _filled(rule: Rule, words: Words) -> Iterator[str]:
    choices = {name: _choices(rule, name, words) for name in sorted(rule.arguments)}
    for values in itertools.product(*choices.values()):
        built = rule.build(dict(zip(choices, values, strict=True)))
        if built is not None:
            yield built[1]


def _choices(rule: Rule, name: str, words: Words) -> Sequence[str]:
    converter = rule._converters[name]  # nothing else tells
    closed = getattr(converter, "items", None)
    if closed:
        return sorted(closed)
    blueprint = rule.endpoint.partition(".")[0]
    unknown = NUMBERS if isinstance(converter, IntegerConverter) else ("nothing",)
    return words.get(f"{blueprint}.{name}", words.get(name, unknown))


# --- reading a page ----------------------------------------------------------------------------


@dataclass(frozen=True)
class _Part:
    address: str
    target: str


@dataclass
class _Draft:
    """A form while it is read."""

    action: str
    extra: str
    fields: list[tuple[str, str]] = field(default_factory=list)
    buttons: list[tuple[str, str]] = field(default_factory=list)


class _Page(HTMLParser):
    """The forms and the parts of a page."""

    def __init__(self, address: str) -> None:
        super().__init__()
        self._address = address
        self._open: list[_Draft] = []
        self._by_id: dict[str, _Draft] = {}
        self._drafts: list[_Draft] = []
        self._area: str | None = None
        self._select: tuple[str, list[tuple[str, bool]]] | None = None
        self.parts: list[_Part] = []

    def forms(self) -> Iterator[Form]:
        for draft in self._drafts:
            for button in draft.buttons or [("", "")]:
                pressed = [button] if button[0] else []
                yield Form(draft.action, (*draft.fields, *pressed))
            if draft.extra:
                yield Form(draft.extra, tuple(draft.fields))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {key: value or "" for key, value in attrs}
        if values.get("hx-get"):
            target = values.get("hx-target", "").removeprefix("#")
            self.parts.append(_Part(urljoin(self._address, values["hx-get"]), target))
        if tag == "form":
            self._begin(values)
        elif tag in {"input", "button"}:
            self._field(tag, values)
        elif tag == "select":
            self._select = values.get("name", ""), []
        elif tag == "option" and self._select:
            self._select[1].append((values.get("value", ""), "selected" in values))
        elif tag == "textarea":
            self._area = values.get("name", "")
            self._put((self._area, ""))

    def handle_endtag(self, tag: str) -> None:
        if tag == "form" and self._open:
            self._open.pop()
        elif tag == "select" and self._select:
            name, options = self._select
            chosen = [value for value, is_chosen in options if is_chosen] or [
                value for value, _ in options[:1]
            ]
            self._put(*((name, value) for value in chosen))
            self._select = None
        elif tag == "textarea":
            self._area = None

    def handle_data(self, data: str) -> None:
        if self._area is not None and self._open:
            name, text = self._open[-1].fields[-1]
            self._open[-1].fields[-1] = (name, text + data)

    def _begin(self, values: Mapping[str, str]) -> None:
        draft = _Draft(urljoin(self._address, values.get("action", "")), values.get("hx-post", ""))
        self._open.append(draft)
        if values.get("method", "get").lower() == "post":
            self._drafts.append(draft)

    def _field(self, tag: str, values: Mapping[str, str]) -> None:
        kind = values.get("type", "submit" if tag == "button" else "text")
        pair = values.get("name", ""), values.get("value", "")
        if kind == "submit":
            if self._open:
                self._open[-1].buttons.append(pair)
        elif kind not in {"checkbox", "radio"} or "checked" in values:
            self._put(pair)

    def _put(self, *pairs: tuple[str, str]) -> None:
        if self._open:
            self._open[-1].fields += [pair for pair in pairs if pair[0]]
