"""The top bar: the areas of the market, and which of them need to know who asks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from flask import Flask, current_app, request, url_for

from broker.access import Action, may
from web.auth import current_actor


@dataclass(frozen=True, slots=True)
class Area:
    """One entry of the top bar; `current` on a page says that it belongs here."""

    name: str
    endpoint: str
    word: str
    action: Action = Action.READ_RESULTS


AREAS = (
    Area("market", "market.home", "Market"),
    Area("rounds", "rounds.index", "Rounds"),
    Area("pools", "pools.index", "Pools"),
    Area("capacity", "capacity.show", "Capacity"),
    Area("deliveries", "deliveries.index", "Deliveries"),
    Area("policy", "policy.index", "Policy"),
    Area("bids", "bids.index", "My bids", Action.USE_ACCOUNT),
    Area("approvals", "approvals.index", "Approvals", Action.USE_ACCOUNT),
    Area("ledger", "ledger.index", "Credits", Action.USE_ACCOUNT),
    Area("notices", "notices.index", "Notices", Action.READ_NOTICES),
    Area("pool_admin", "pool_admin.index", "Pool calendars", Action.READ_CALENDARS),
    Area("sprints", "sprints.index", "Sprints", Action.CHANGE_SPRINT_RULE),
    Area("team_list", "teams.index", "Teams", Action.READ_TEAMS),
    Area("people", "people.index", "People", Action.READ_PEOPLE),
)


def register(app: Flask) -> None:
    """Let the frame of every page show the areas and the way to sign in."""
    app.jinja_env.globals["areas"] = areas
    app.jinja_env.globals["sign_in_address"] = sign_in_address


def areas() -> Iterator[Area]:
    """Return the areas that this application has and that whoever asks may enter."""
    actor = current_actor()
    for area in AREAS:
        if area.endpoint in current_app.view_functions and may(actor, area.action):
            yield area


def sign_in_address() -> str:
    """Return where to sign in, and to come back from there to this page."""
    if request.method != "GET" or request.endpoint in {None, "accounts.ask"}:
        return url_for("accounts.ask")
    return url_for("accounts.ask", next=request.full_path.removesuffix("?"))
