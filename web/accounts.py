"""Signing in and out, and one's own account: roles, sessions, password."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from flask import Blueprint, Response, make_response, redirect, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from broker.dashboards.people import account_screen
from broker.errors import BrokerError, InvalidPerson, NotAllowed, TooManyAttempts, WrongSignIn
from broker.people.sessions import end_other_sessions, end_session
from broker.people.sign_in import Attempt, change_password, sign_in
from web.auth import SESSION_COOKIE, current_actor, own_session, sign_in_required
from web.cookies import give_cookie, is_private, new_secret, read_cookie, take_cookie
from web.desk import database, market, now, write
from web.errors import status_of
from web.hypermedia import answer
from web.ways import ways_in

accounts = Blueprint("accounts", __name__)
SEE_OTHER = 303
UNPROCESSABLE = 422
LONGEST_ADDRESS = 2000
_UNSAFE_IN_ADDRESS = re.compile(r"[\x00-\x20\x7f\\]")


@dataclass(frozen=True, slots=True)
class Finding:
    """What is wrong with a field of a form, in a sentence."""

    field: str
    sentence: str


@dataclass(frozen=True, slots=True)
class Typed:
    """What a form says again when it comes back, and what is wrong with it."""

    name: str = ""
    next: str = "/"
    findings: tuple[Finding, ...] = field(default=())
    said: str = ""


def safe_address(text: str) -> str:
    """Return an address on this site, or home for anything that could lead elsewhere."""
    parts = urlsplit(text) if not _UNSAFE_IN_ADDRESS.search(text) else None
    is_ours = (
        parts is not None
        and not parts.scheme
        and not parts.netloc
        and text.startswith("/")
        and not text.startswith("//")
        and len(text) <= LONGEST_ADDRESS
    )
    return text if is_ours else "/"


@accounts.get("/sign-in")
def ask() -> AnyResponse:
    """Show the form to sign in with; whoever is signed in goes on at once."""
    wanted = safe_address(request.args.get("next", "/"))
    if current_actor().person_id is not None:
        return redirect(wanted, SEE_OTHER)
    return sign_in_page(Typed(next=wanted))


@accounts.post("/sign-in")
def begin() -> AnyResponse:
    """Sign somebody in, and lead them where they wanted to go."""
    check_private()
    _check_passwords()
    name, wanted = request.form.get("name", ""), safe_address(request.form.get("next", "/"))
    secret = new_secret()
    try:
        sign_in(database(), _attempt(name), secret, now())
    except (WrongSignIn, TooManyAttempts) as error:
        findings = (Finding("name", str(error)),)
        return _refused(sign_in_page(Typed(name[:64], wanted, findings)), error)
    leave_session()
    response = redirect(wanted, SEE_OTHER)
    give_cookie(response, SESSION_COOKIE, secret)
    return response


@accounts.post("/sign-out")
def end() -> AnyResponse:
    """End the session of this browser."""
    leave_session()
    response = redirect(url_for("market.home"), SEE_OTHER)
    take_cookie(response, SESSION_COOKIE)
    return response


@accounts.get("/account")
@sign_in_required
def show() -> Response:
    """Show one's own name, roles and sessions."""
    return _account_page(Typed())


@accounts.post("/account/password")
@sign_in_required
def password() -> AnyResponse:
    """Change one's own password; every other session ends."""
    _check_passwords()
    own, new = own_session(), request.form.get("new_password", "")
    if new != request.form.get("repeated", ""):
        finding = Finding("repeated", "The new password is not the same twice. Type it again.")
        return _with_status(_account_page(Typed(findings=(finding,))), UNPROCESSABLE)
    attempt = _attempt(own.person_key)
    try:
        change_password(database(), own.actor, attempt, new, own.session_id, now())
    except InvalidPerson as error:
        findings = tuple(Finding("new_password", one) for one in error.findings)
        return _with_status(_account_page(Typed(findings=findings)), UNPROCESSABLE)
    except (WrongSignIn, TooManyAttempts) as error:
        wrong = isinstance(error, WrongSignIn)
        sentence = "That is not your present password." if wrong else str(error)
        return _refused(_account_page(Typed(findings=(Finding("password", sentence),))), error)
    return redirect(url_for("accounts.show"), SEE_OTHER)


@accounts.post("/account/sessions/end-others")
@sign_in_required
def end_others() -> AnyResponse:
    """Sign out everywhere else."""
    own, at = own_session(), now()
    person_id = str(own.actor.person_id)
    write(lambda session: end_other_sessions(session, person_id, own.session_id, at))
    return redirect(url_for("accounts.show"), SEE_OTHER)


@accounts.post("/account/sessions/<session_id>/end")
@sign_in_required
def end_one(session_id: str) -> AnyResponse:
    """Sign out of one of one's own sessions; of a stranger's, nothing happens."""
    person_id, at = str(own_session().actor.person_id), now()
    write(lambda session: end_session(session, person_id, session_id, at))
    return redirect(url_for("accounts.show"), SEE_OTHER)


def _attempt(name: str) -> Attempt:
    return Attempt(
        key=name,
        password=request.form.get("password", ""),
        address=request.remote_addr or "",
        browser=request.user_agent.string,
    )


def check_private() -> None:
    """Take no password where somebody could read it on the way. Raises: NotAllowed."""
    if not is_private():
        hint = "Serve it over https, or open it on the machine that serves it."
        raise NotAllowed("People sign in over https only.", hint=hint)


def _check_passwords() -> None:
    """Take no password where there are none. Raises: NotAllowed."""
    if not ways_in().has_passwords:
        hint = "Use the company's sign-in."
        raise NotAllowed("Nobody signs in to this market with a password.", hint=hint)


def leave_session() -> None:
    """End the session that this browser has, if any."""
    if not read_cookie(SESSION_COOKIE) or current_actor().person_id is None:
        return
    own, at = own_session(), now()
    person_id = str(own.actor.person_id)
    write(lambda session: end_session(session, person_id, own.session_id, at))


def sign_in_page(typed: Typed) -> Response:
    """Show the ways in, and what was wrong with the last try."""
    return answer("sign_in", typed=typed, is_private=is_private(), ways=ways_in())


def _account_page(typed: Typed) -> Response:
    own = own_session()
    with market() as session:
        screen = account_screen(session, own.actor, own.session_id, now())
    has_passwords = ways_in().has_passwords and screen.person.has_password
    return answer("account", screen=screen, typed=typed, has_password=has_passwords)


def _refused(response: Response, error: BrokerError) -> Response:
    if isinstance(error, TooManyAttempts):
        response.headers["Retry-After"] = str(error.facts["wait_seconds"])
        return _with_status(response, status_of(error))
    return _with_status(response, UNPROCESSABLE)


def _with_status(response: Response, status: int) -> Response:
    return make_response(response, status)
