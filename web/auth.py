"""Who asks: the person behind a request, from the session that the server keeps."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from broker.access import ANONYMOUS, Action, Actor, require

P = ParamSpec("P")
R = TypeVar("R")


def current_actor() -> Actor:
    """Return who asks."""
    return ANONYMOUS


def sign_in_required(view: Callable[P, R]) -> Callable[P, R]:
    """Let a page answer only to people whom the market knows; others sign in first."""

    @wraps(view)
    def answer(*args: P.args, **kwargs: P.kwargs) -> R:
        require(current_actor(), Action.USE_ACCOUNT)
        return view(*args, **kwargs)

    return answer
