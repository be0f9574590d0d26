"""What is to be said about how people sign in: passwords, the company's provider, its groups."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from contextlib import suppress

from sqlmodel import Session

from broker.config import Settings
from broker.errors import InvalidSettings, ProviderFailed
from broker.people.directories import read_groups, unknown_places
from broker.people.identities import provider_of
from broker.upkeep.findings import Finding, good, problem, warning

SUBJECT = "sign-in"


def ways_in_findings(
    settings: Settings, at: dt.datetime, *, is_production: bool
) -> Iterator[Finding]:
    """Look at how people get in, and in production ask the provider whether it answers."""
    sign_on = settings.sign_on
    if sign_on is None and not settings.has_passwords:
        hint = "Set BROKER_OIDC_ISSUER, or BROKER_PASSWORDS to on."
        yield problem(SUBJECT, "Nobody can sign in: there are no passwords and no provider.", hint)
    elif sign_on is None and is_production:
        hint = "Set BROKER_OIDC_ISSUER, _CLIENT_ID and _CLIENT_SECRET."
        yield warning(SUBJECT, "People sign in with passwords of this market alone.", hint)
    elif sign_on is not None and is_production:
        yield from _embedded_accounts(has_passwords=settings.has_passwords)
    if sign_on is None:
        return
    try:
        meanings = read_groups(sign_on.groups_file)
        yield good(SUBJECT, f"{len({one.group for one in meanings})} groups mean roles.")
        if is_production:
            provider_of(sign_on).description(at)
            yield good(SUBJECT, f"{sign_on.issuer} answers.")
    except (InvalidSettings, ProviderFailed) as error:
        yield problem(SUBJECT, error.sentence, error.hint)


def places_of_groups(settings: Settings, session: Session) -> Iterator[Finding]:
    """Name teams and pools of the file of groups that the market does not have."""
    with suppress(InvalidSettings):  # said already
        meanings = read_groups(settings.sign_on.groups_file if settings.sign_on else None)
        unknown = unknown_places(session, meanings)
        if unknown:
            sentence = f"Groups mean roles in what is not there: {', '.join(unknown)}."
            yield warning(SUBJECT, sentence, "Add them, or correct the file of groups.")


def _embedded_accounts(*, has_passwords: bool) -> Iterator[Finding]:
    if has_passwords:
        hint = "Set BROKER_PASSWORDS to off once everybody is linked."
        yield warning(SUBJECT, "The embedded accounts can still sign in with passwords.", hint)
    else:
        yield good(SUBJECT, "The embedded accounts are switched off.")
