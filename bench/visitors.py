"""Users of a served market: each reads and bids over HTTP like a browser, and thinks in between.

A bid is what a person sends: the form of a new bid, its review, the submission, with the hidden
field of the form and the cookies that the pages gave. Every request is timed from the first byte
sent to the last one read.
"""

from __future__ import annotations

import random
import re
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import requests

from web.auth import SESSION_COOKIE
from web.csrf import FIELD

READ, BID = "read", "bid"
PAGES = (
    "/",
    "/bids",
    "/rounds",
    "/rounds/open",
    "/pools",
    "/capacity",
    "/calendar",
    "/deliveries",
    "/notices",
)
BID_PERCENT = 20
"""How often a user bids instead of reading a page."""
PATIENCE_SECONDS = 30
OK, SEE_OTHER = 200, 303
_TOKEN = re.compile(rf'name="{FIELD}" value="([0-9a-f]+)"')


@dataclass(frozen=True, slots=True)
class Asked:
    """One request: a read or a bid, how long its answer took, and what was wrong with it."""

    kind: str
    milliseconds: float
    error: str = ""


@dataclass(frozen=True, slots=True)
class Pace:
    """How long users stay, and how long they think before each request. Units: seconds."""

    stay: float
    think: tuple[float, float]


def visit_together(address: str, secrets: Sequence[str], pace: Pace) -> list[Asked]:
    """Let one user for each session use the market at once, and return all that was asked."""
    visitors = [
        Visitor(address, secret, pace, random.Random(number))  # noqa: S311  # no secret
        for number, secret in enumerate(secrets)
    ]
    with ThreadPoolExecutor(len(visitors)) as threads:
        return [one for asked in threads.map(Visitor.stay, visitors) for one in asked]


class _NoUse(Exception):  # noqa: N818  # an answer with which a user cannot go on
    """The user begins anew; the answer is counted as wrong already."""


@dataclass(slots=True)
class Visitor:
    """One user with a session, and what they asked so far."""

    address: str
    secret: str
    pace: Pace
    draw: random.Random
    asked: list[Asked] = field(default_factory=list)
    browser: requests.Session = field(default_factory=requests.Session)

    def stay(self) -> list[Asked]:
        """Read and bid until the time is over."""
        self.browser.trust_env = False
        self.browser.cookies.set(SESSION_COOKIE, self.secret)
        until = time.monotonic() + self.pace.stay
        for _ in self._deeds():
            pause = self.draw.uniform(*self.pace.think)
            if time.monotonic() + pause >= until:
                break
            time.sleep(pause)
        self.browser.close()
        return self.asked

    def _deeds(self) -> Iterator[None]:
        """Do one thing after the other, with room to think before each."""
        while True:
            yield
            try:
                if self.draw.randrange(100) < BID_PERCENT:
                    yield from self._bid()
                else:
                    self._read(self.draw.choice(PAGES))
            except _NoUse:
                continue

    def _bid(self) -> Iterator[None]:
        form = self._bid_form()
        token = self._token(self._read("/bids/new"))
        yield
        review = self._send("/bids/new", {**form, FIELD: token, "do": "review"})
        yield
        token = self._token(self._read(review))
        yield
        last = {**form, FIELD: token, "do": "submit", "version": "1"}
        bid = self._send(f"{review.removesuffix('/review')}/edit", last)
        if bid != review.removesuffix("/review"):
            self.asked.append(Asked(BID, 0, f"the submission led to {bid[:40]}"))

    def _bid_form(self) -> dict[str, str]:
        return {
            "title": f"Train model {self.draw.randrange(10**6)}",
            "owner": "Head of care",
            "measure": "Fewer readmissions",
            "a1-tier": self.draw.choice(("reserved", "spot")),
            "a1-offer": str(self.draw.randint(1, 40)),
            "a1-i1-pool": f"p{self.draw.randint(1, 24):02}",
            "a1-i1-units": "1",
            "a1-i1-days": str(self.draw.randint(1, 5)),
        }

    def _read(self, page: str) -> str:
        return self._ask(READ, "GET", page, OK).text

    def _send(self, page: str, form: dict[str, str]) -> str:
        return self._ask(BID, "POST", page, SEE_OTHER, form).headers["Location"]

    def _ask(
        self, kind: str, method: str, page: str, wanted: int, form: dict[str, str] | None = None
    ) -> requests.Response:
        began = time.perf_counter()
        try:
            answer = self.browser.request(
                method,
                f"{self.address}{page}",
                data=form,
                timeout=PATIENCE_SECONDS,
                allow_redirects=False,
            )
        except requests.RequestException as error:
            self._note(kind, began, f"{method} {page}: {type(error).__name__}")
            raise _NoUse from error
        is_good = answer.status_code == wanted
        self._note(kind, began, "" if is_good else f"{method} {page}: {answer.status_code}")
        if not is_good:
            raise _NoUse
        return answer

    def _note(self, kind: str, began: float, error: str) -> None:
        self.asked.append(Asked(kind, 1000 * (time.perf_counter() - began), error))

    def _token(self, page: str) -> str:
        found = _TOKEN.search(page)
        if found is None:
            self.asked.append(Asked(READ, 0, "a form without its hidden field"))
            raise _NoUse
        return found[1]
