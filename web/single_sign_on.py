"""The company's own sign-in: a browser is sent there, comes back, and has a session as any other.

It is begun by a link, because the content policy lets no form lead elsewhere. What the browser
needs on its way back is in a cookie of its own; the provider's side stands in
broker/people/providers.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote

import structlog
from flask import Blueprint, redirect, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from broker.access import nothing_here
from broker.errors import BrokerError, InvalidSettings, ProviderFailed, Refused, WrongSignIn
from broker.people.directories import read_groups
from broker.people.identities import sign_on
from web.accounts import Finding, Typed, check_private, leave_session, safe_address, sign_in_page
from web.auth import SESSION_COOKIE
from web.cookies import give_cookie, new_secret, read_cookie, take_cookie
from web.desk import database, now
from web.ways import ways_in

if TYPE_CHECKING:
    from broker.people.providers import Provider

single_sign_on = Blueprint("single_sign_on", __name__, url_prefix="/sign-in/company")
WAY_COOKIE = "broker-way"
LONGEST_WANTED = 1500
SEE_OTHER, FORBIDDEN, CONFLICT, UNAVAILABLE = 303, 403, 409, 503
log = structlog.get_logger()


@single_sign_on.get("")
def leave() -> AnyResponse:
    """Send a browser to the company's sign-in."""
    from broker.people.providers import Flow  # noqa: PLC0415  # an extra of the package

    provider = _provider()
    check_private()
    secret, wanted = new_secret(), quote(safe_address(request.args.get("next", "/")))
    try:
        address = provider.leave_for(Flow(secret), _back_address(), now())
    except ProviderFailed as error:
        return _refused(error)
    response = redirect(address, SEE_OTHER)
    give_cookie(
        response, WAY_COOKIE, f"{secret} {wanted if len(wanted) <= LONGEST_WANTED else '/'}"
    )
    return response


@single_sign_on.get("/back")
def come_back() -> AnyResponse:
    """Let in whom the provider vouches for, and lead them where they wanted to go."""
    provider = _provider()
    check_private()
    way, _, wanted = read_cookie(WAY_COOKIE).partition(" ")
    secret = new_secret()
    try:
        _let_in(provider, way, request.args, secret)
    except (WrongSignIn, Refused, ProviderFailed, InvalidSettings) as error:
        return _refused(error)
    leave_session()
    response = redirect(safe_address(unquote(wanted)), SEE_OTHER)
    give_cookie(response, SESSION_COOKIE, secret)
    take_cookie(response, WAY_COOKIE)
    return response


def _let_in(provider: Provider, way: str, said: Mapping[str, str], secret: str) -> None:
    from broker.people.providers import Flow  # noqa: PLC0415  # an extra of the package

    if not way:
        hint = "Allow cookies of this market, and begin again from the page to sign in."
        raise WrongSignIn("This browser did not begin to sign in here, or long ago.", hint=hint)
    claimed = provider.come_back(Flow(way), _back_address(), said, now())
    meanings = read_groups(ways_in().groups_file)
    sign_on(database(), claimed, meanings, secret, request.user_agent.string, now())


def _provider() -> Provider:
    provider = ways_in().provider
    if provider is None:
        raise nothing_here()
    return provider


def _back_address() -> str:
    return ways_in().public_url + url_for("single_sign_on.come_back")


def _refused(error: BrokerError) -> AnyResponse:
    """Show the page to sign in again, with a sentence that its reader can act on."""
    log.warning("sign-on.refused", why=str(error))
    if isinstance(error, InvalidSettings):
        error = ProviderFailed("What groups mean here cannot be read.", hint=TELL)
    status = {WrongSignIn: FORBIDDEN, ProviderFailed: UNAVAILABLE}.get(type(error), CONFLICT)
    response = sign_in_page(Typed(findings=(Finding("company", str(error)),)))
    response.status_code = status
    take_cookie(response, WAY_COOKIE)
    return response


TELL = "Tell whoever runs this market; `broker doctor --production` says what is wrong."
