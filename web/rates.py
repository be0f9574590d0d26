"""How much anybody may ask: per account, per token's owner, or per address of whoever is unknown.

Counted in the memory of each server process, so that counting costs no write and a lost process
forgives; several processes let through as many times more. Signing in waits by counts of its own in
the database. The rule is a bucket that fills evenly (GCRA): what it holds may be asked at once.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from flask import Flask, Response, current_app, g, request

from broker.errors import TooManyRequests
from broker.people.attempts import home_of
from web.auth import NEVER_SIGNED_IN, PROGRAMS, current_actor

MINUTE_SECONDS = 60.0
AT_ONCE = 4
"""The part of a minute's requests that may come at once: one in so many."""
MOST_ASKERS = 20_000


@dataclass(slots=True)
class Rates:
    """How many requests a minute an asker may make. `free_at` tells when each bucket is full."""

    per_minute: int
    clock: Callable[[], float] = time.monotonic
    free_at: dict[str, float] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self, asker: str) -> float:
        """Count a request and return 0, or how many seconds are to be waited, uncounted."""
        step = MINUTE_SECONDS / self.per_minute
        with self.lock:
            at = self.clock()
            free = max(self.free_at.get(asker, at), at) + step
            wait = free - at - MINUTE_SECONDS / AT_ONCE
            if wait > 0:
                return wait
            if len(self.free_at) >= MOST_ASKERS:
                self.free_at = {one: then for one, then in self.free_at.items() if then > at}
            self.free_at[asker] = free
        return 0.0


def register(app: Flask, per_minute: int) -> None:
    """Hold every page and every program to a rate; 0 holds nobody to any."""
    app.extensions["rates"] = Rates(per_minute) if per_minute else None
    app.before_request(_hold_page)
    app.after_request(_say_when)


def hold_to_rate(asker: str | None = None) -> None:
    """Count a request of somebody, or of an address. Raises: TooManyRequests."""
    rates: Rates | None = current_app.extensions["rates"]
    if rates is None:
        return
    wait = rates.take(asker or f"address:{home_of(request.remote_addr or '')}")
    if wait:
        g.wait_seconds = math.ceil(wait)
        hint = f"Wait {g.wait_seconds} seconds, then go on more slowly."
        raise TooManyRequests("That was asked too often.", hint=hint, wait_seconds=g.wait_seconds)


def _hold_page() -> None:
    if request.endpoint in NEVER_SIGNED_IN or request.blueprint == PROGRAMS:
        return
    actor = current_actor()
    hold_to_rate(actor.id if actor.person_id is not None else None)


def _say_when(response: Response) -> Response:
    if "wait_seconds" in g:
        response.headers["Retry-After"] = str(g.wait_seconds)
    return response
