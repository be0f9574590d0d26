"""Who asks: the owner of the bearer token, within its scopes. Cookies count for nothing here."""

from __future__ import annotations

import re
from contextlib import suppress

from flask import g, request

from broker.access import Actor
from broker.errors import Busy, NotFound, SignInNeeded
from broker.people.actors import actor_of_token
from broker.people.tokens import note_use
from web.api.problems import ApiError
from web.cookies import is_private
from web.desk import market, now, write
from web.rates import hold_to_rate

BEARER = re.compile(r"Bearer +([A-Za-z0-9_\-]{1,200})", re.IGNORECASE)
FORBIDDEN = 403
_UNWRITABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")


def recognise() -> None:
    """Read who asks, before anything else is.

    Raises: SignInNeeded, ApiError, NotFound, TooManyRequests.
    """
    if not is_private():
        hint = "Serve the market over https, or ask from the machine that serves it."
        raise ApiError(FORBIDDEN, "A token is taken over https only.", hint=hint)
    given = BEARER.fullmatch(request.headers.get("Authorization", ""))
    if given is None:
        hold_to_rate()
        raise SignInNeeded("No token was sent.")
    at = now()
    with market() as session:
        found = actor_of_token(session, given[1], at)
    hold_to_rate(found.actor.id if found else None)
    if found is None:
        raise SignInNeeded("The token is not good, or not any more.")
    if found.is_stale:
        with suppress(Busy):  # an answer is no less right for it; the next request notes it
            write(lambda session: note_use(session, found.token_id, at))
    g.caller = found.actor
    if any(_UNWRITABLE.search(str(text)) for text in (request.view_args or {}).values()):
        raise NotFound("There is nothing here.")


def caller() -> Actor:
    """Return who asks."""
    found: Actor = g.caller
    return found
