"""Pages, and the parts of pages that a swap asks for: the same templates serve both.

A part's file name in partials/, its root element's id and the `hx-target` are the same word.
"""

from __future__ import annotations

from typing import Any

from flask import Response, make_response, render_template, request

from web.auth import signed_in
from web.desk import installed_for, market


def answer(page: str, *, swaps: tuple[str, ...] = (), **context: Any) -> Response:
    """Answer with a page, or with the one part of it that a swap asks for."""
    target = request.headers.get("HX-Target", "")
    if is_swap() and target in swaps:
        response = make_response(render_template(f"partials/{target}.html", **context))
    else:
        response = make_response(render_template(f"pages/{page}.html", **_frame(), **context))
    response.vary.update(("HX-Request", "HX-Target"))
    return response


def is_swap() -> bool:
    """Say whether a script asks for a part of a page, rather than a browser for all of it."""
    headers = request.headers
    return headers.get("HX-Request") == "true" and "HX-History-Restore-Request" not in headers


def _frame() -> dict[str, Any]:
    """Return what stands around every page."""
    found = signed_in()
    with market() as session:
        return {"purpose": installed_for(session), "unread": found.unread if found else 0}
