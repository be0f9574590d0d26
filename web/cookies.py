"""Cookies that only this site reads back, and only where nobody listens in between.

Over https their names carry the prefix that ties them to this host; over plain http they are only
for a demo on the same machine.
"""

from __future__ import annotations

import ipaddress
import secrets
from urllib.parse import urlsplit

from flask import request
from werkzeug.wrappers import Response as AnyResponse

SECRET_BYTES = 32
BOUND_TO_THIS_HOST = "__Host-"


def new_secret() -> str:
    """Return a text of 256 random bits."""
    return secrets.token_urlsafe(SECRET_BYTES)


def read_cookie(name: str) -> str:
    """Return what a browser brought under a name, or an empty text."""
    return request.cookies.get(_full(name), "")


def give_cookie(response: AnyResponse, name: str, value: str) -> None:
    """Let the browser keep a value until it is closed."""
    response.set_cookie(
        _full(name), value, httponly=True, secure=request.is_secure, samesite="Lax", path="/"
    )


def take_cookie(response: AnyResponse, name: str) -> None:
    """Let the browser forget a value."""
    response.delete_cookie(
        _full(name), httponly=True, secure=request.is_secure, samesite="Lax", path="/"
    )


def is_private() -> bool:
    """Say whether nobody can listen in: https, or a browser on the same machine."""
    return request.is_secure or _is_this_machine(urlsplit(request.host_url).hostname or "")


def _full(name: str) -> str:
    return f"{BOUND_TO_THIS_HOST}{name}" if request.is_secure else name


def _is_this_machine(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
