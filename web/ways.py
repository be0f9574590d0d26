"""Which ways in an installation has: passwords of its own, the company's sign-in, or both."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from flask import Flask, current_app

from broker.config import Settings
from broker.errors import InvalidSettings
from broker.people.directories import GroupRole, read_groups
from broker.people.identities import provider_of

if TYPE_CHECKING:
    from broker.people.providers import Provider


@dataclass(frozen=True, slots=True)
class WaysIn:
    """How people sign in. `back` is where the provider sends browsers; empty without one."""

    has_passwords: bool
    provider: Provider | None = None
    groups_file: Path | None = None
    public_url: str = ""


@dataclass(frozen=True, slots=True)
class Groups:
    """What the company's groups mean, for whoever reads people; or what is wrong with the file."""

    is_used: bool
    meanings: tuple[GroupRole, ...] = ()
    wrong: str = ""


def register(app: Flask, settings: Settings) -> None:
    """Keep which ways there are. Raises: InvalidSettings if one lacks what it needs."""
    sign_on = settings.sign_on
    app.extensions["ways-in"] = WaysIn(
        settings.has_passwords,
        provider_of(sign_on) if sign_on else None,
        sign_on.groups_file if sign_on else None,
        settings.public_url,
    )


def ways_in() -> WaysIn:
    """Return how people sign in here."""
    ways: WaysIn = current_app.extensions["ways-in"]
    return ways


def groups() -> Groups:
    """Return what the company's groups mean at this moment."""
    file = ways_in().groups_file
    try:
        return Groups(file is not None, read_groups(file))
    except InvalidSettings as error:
        return Groups(is_used=True, wrong=str(error))
