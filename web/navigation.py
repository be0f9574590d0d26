"""The top bar: the areas of the market; those of a team and of running it stand in menus."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby

from flask import Flask, current_app, request, url_for

from broker.access import Action, may
from web.auth import current_actor


@dataclass(frozen=True, slots=True)
class Area:
    """One entry of the top bar; `current` on a page says that it belongs here.

    `menu` is the word of the menu that it stands in; none where it stands in the bar itself.
    """

    name: str
    endpoint: str
    word: str
    action: Action = Action.READ_RESULTS
    menu: str = ""

    @property
    def icon(self) -> str:
        """Its drawing among the icons."""
        return ICONS.get(self.name, self.name)


@dataclass(frozen=True, slots=True)
class Menu:
    """Several areas under one word. Shape: one area where it needs no menu, and stands alone."""

    word: str
    areas: tuple[Area, ...]

    @property
    def icon(self) -> str:
        """Its drawing among the icons."""
        return ICONS[self.word]


MY_TEAM, RUNNING = "My team", "Administration"
ICONS = {MY_TEAM: "team", RUNNING: "running", "team_list": "team", "people": "person"}
"""Drawings that have other names than what they stand for."""
AREAS = (
    Area("market", "market.home", "Market"),
    Area("rounds", "rounds.index", "Rounds"),
    Area("pools", "pools.index", "Pools"),
    Area("capacity", "capacity.show", "Capacity"),
    Area("deliveries", "deliveries.index", "Deliveries"),
    Area("policy", "policy.index", "Policy"),
    Area("bids", "bids.index", "My bids", Action.USE_ACCOUNT, MY_TEAM),
    Area("hours", "hours.index", "My hours", Action.READ_OWN_HOURS, MY_TEAM),
    Area("approvals", "approvals.index", "Approvals", Action.USE_ACCOUNT, MY_TEAM),
    Area("ledger", "ledger.index", "Credits", Action.USE_ACCOUNT, MY_TEAM),
    Area("team_list", "teams.index", "Teams", Action.READ_TEAMS, MY_TEAM),
    Area("notices", "notices.index", "Notices", Action.READ_NOTICES),
    Area("pool_admin", "pool_admin.index", "Pool calendars", Action.READ_CALENDARS, RUNNING),
    Area("sprints", "sprints.index", "Sprints", Action.CHANGE_SPRINT_RULE, RUNNING),
    Area("finance", "finance.index", "Finance", Action.READ_FINANCE, RUNNING),
    Area("webhooks", "webhooks.index", "Webhooks", Action.MANAGE_WEBHOOKS, RUNNING),
    Area("people", "people.index", "People", Action.READ_PEOPLE, RUNNING),
)


def register(app: Flask) -> None:
    """Let the frame of every page show the areas and the way to sign in."""
    app.jinja_env.globals["menus"] = menus
    app.jinja_env.globals["sign_in_address"] = sign_in_address


def menus() -> Iterator[Menu]:
    """Return what stands in the bar for whoever asks: areas one by one, and menus of several."""
    for word, found in groupby(_areas(), key=lambda area: area.menu):
        areas = tuple(found)
        if word and len(areas) > 1:
            yield Menu(word, areas)
        else:
            yield from (Menu(area.word, (area,)) for area in areas)


def _areas() -> Iterator[Area]:
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
