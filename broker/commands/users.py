"""`broker user add|list|password|role|disable|enable|erase|link`: people, from the command line.

The first platform admin is made here. Every other role needs a second person: the command line may
propose it, and a platform admin who is named approves it.
"""

from __future__ import annotations

import datetime as dt
import functools
import sys
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import click
from sqlmodel import Session

from allocation.wire import Document
from broker.access import Actor, service
from broker.clock import system_clock
from broker.commands.market import command_line, market_of
from broker.commands.options import json_option
from broker.commands.speech import say_json
from broker.config import Settings
from broker.dashboards.people import PersonBrief, RoleBrief, people
from broker.db import reading, transact
from broker.people.actors import actor_of_person
from broker.people.erasing import erase_person
from broker.people.grants import (
    Grant,
    approve_grant,
    end_grant,
    find_grant,
    propose_grant,
)
from broker.people.identities import link_identity
from broker.people.persons import (
    NewPerson,
    add_person,
    disable_person,
    enable_person,
    set_password,
)
from broker.people.tables import GRANTED

T = TypeVar("T")
Environment = Mapping[str, str]


@click.group()
def user() -> None:
    """Add people, give them roles and passwords, shut them out."""


role_option = click.option("--role", type=click.Choice(GRANTED), help="A role for the person.")
team_option = click.option("--team", "team_key", help="The team, for member and team-lead.")
pool_option = click.option("--pool", "pool_key", help="The pool, for pool-owner.")
Where = tuple[str | None, str | None]
"""The keys of the team and of the pool that a role is for."""


def where_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that say what a role is for; the command gets them as one `where`."""

    @functools.wraps(command)
    def with_options(*args: Any, team_key: str | None, pool_key: str | None, **others: Any) -> Any:
        return command(*args, where=(team_key, pool_key), **others)

    return team_option(pool_option(with_options))


stdin_option = click.option(
    "--password-stdin", "from_stdin", is_flag=True, help="Read the password from standard input."
)


@user.command()
@click.argument("key")
@click.option("--name", required=True, help="The name that people see.")
@click.option("--email", default="", help="Where notices go.")
@role_option
@where_options
@stdin_option
@json_option
@click.pass_obj
def add(
    environment: Environment,
    key: str,
    name: str,
    email: str,
    role: str | None,
    where: Where,
    *,
    from_stdin: bool,
    as_json: bool,
) -> None:
    """Add a person who signs in as KEY; a role waits for its second person.

    Without --password-stdin the person has no password yet: `broker user password KEY` sets it.
    """
    password = _read_password() if from_stdin else None
    wish = Grant(key, role, *where) if role else None

    def work(session: Session, actor: Actor, at: dt.datetime) -> bool:
        is_new = add_person(session, actor, NewPerson(key, name, email), at)
        if wish is not None:
            propose_grant(session, actor, wish, at)
        if password is not None and is_new:
            set_password(session, actor, key, password, at)
        return is_new

    is_new = _do(environment, work)
    _say(environment, key, f"{key} is added." if is_new else f"{key} is there already.", as_json)


@user.command("list")
@json_option
@click.pass_obj
def list_(environment: Environment, *, as_json: bool) -> None:
    """List everybody with their roles and their last sign-in."""
    with reading(market_of(environment)) as session:
        found = people(session, service(command_line()))
    if as_json:
        say_json([_document(brief) for brief in found])
        return
    for brief in found:
        click.echo(_line(brief))


@user.command()
@click.argument("key")
@stdin_option
@json_option
@click.pass_obj
def password(environment: Environment, key: str, *, from_stdin: bool, as_json: bool) -> None:
    """Set the password of KEY, and end every session of theirs."""
    typed = _read_password() if from_stdin else _ask_password()
    _do(environment, lambda session, actor, at: set_password(session, actor, key, typed, at))
    _say(environment, key, f"The password of {key} is set; their sessions are ended.", as_json)


@user.command()
@click.argument("key")
@click.option("--grant", "granted", type=click.Choice(GRANTED), help="Propose this role.")
@click.option("--end", "ended", type=click.Choice(GRANTED), help="Take this role back, at once.")
@where_options
@click.option("--proposed-by", help="The platform admin who proposes it; else the command line.")
@click.option("--approved-by", help="The platform admin who approves it, another person.")
@json_option
@click.pass_obj
def role(
    environment: Environment,
    key: str,
    granted: str | None,
    ended: str | None,
    where: Where,
    proposed_by: str | None,
    approved_by: str | None,
    *,
    as_json: bool,
) -> None:
    """Propose, approve or end a role of KEY.

    A role that is proposed waits until it is called again with --approved-by, or until a platform
    admin approves it on the page of people.
    """
    if (granted is None) == (ended is None):
        raise click.UsageError("Give either --grant or --end.")
    wish = Grant(key, granted or ended or "", *where)
    if ended is not None:
        _do(environment, lambda s, actor, at: end_grant(s, actor, find_grant(s, wish).id, at))
        _say(environment, key, f"{key} is no {ended} any more.", as_json)
        return
    is_in_force = _do(environment, _granting(wish, proposed_by, approved_by))
    waits = "is in force" if is_in_force else "waits for a second person"
    _say(environment, key, f"The role {granted} of {key} {waits}.", as_json)


@user.command()
@click.argument("key")
@json_option
@click.pass_obj
def disable(environment: Environment, key: str, *, as_json: bool) -> None:
    """Shut KEY out at once: no session and no role stays."""
    is_new = _do(environment, lambda session, actor, at: disable_person(session, actor, key, at))
    _say(environment, key, f"{key} is disabled{'' if is_new else ' already'}.", as_json)


@user.command()
@click.argument("key")
@json_option
@click.pass_obj
def enable(environment: Environment, key: str, *, as_json: bool) -> None:
    """Let KEY sign in again, without any role."""
    is_new = _do(environment, lambda session, actor, at: enable_person(session, actor, key, at))
    _say(environment, key, f"{key} is enabled{'' if is_new else ' already'}.", as_json)


@user.command()
@click.argument("key")
@click.option("--approved-by", required=True, help="The platform admin who approves it.")
@click.pass_obj
def erase(environment: Environment, key: str, approved_by: str) -> None:
    """Forget who KEY was, for good: name, key, address, notices. What they did stays."""

    def work(session: Session, actor: Actor, at: dt.datetime) -> str:
        return erase_person(session, actor, key, actor_of_person(session, approved_by), at).key

    click.echo(f"{key} is erased, and is {_do(environment, work)} from now on.")


@user.command()
@click.argument("key")
@click.option("--subject", required=True, help="The subject (sub) that the provider gives KEY.")
@click.option("--issuer", help="The provider; else that of BROKER_OIDC_ISSUER.")
@click.pass_obj
def link(environment: Environment, key: str, subject: str, issuer: str | None) -> None:
    """Let KEY sign in with the company's own sign-in, as SUBJECT."""
    sign_on = Settings.from_environment(environment).sign_on
    named = issuer or (sign_on.issuer if sign_on else None)
    if named is None:
        raise click.UsageError("Name the provider with --issuer, or set BROKER_OIDC_ISSUER.")
    is_new = _do(environment, lambda s, actor, at: link_identity(s, actor, key, named, subject, at))
    click.echo(f"{key} signs in as {subject} of {named}{'' if is_new else ' already'}.")


def _granting(
    wish: Grant, proposed_by: str | None, approved_by: str | None
) -> Callable[[Session, Actor, dt.datetime], bool]:
    def work(session: Session, actor: Actor, at: dt.datetime) -> bool:
        author = actor_of_person(session, proposed_by) if proposed_by else actor
        granted = propose_grant(session, author, wish, at)
        if granted.is_in_force or approved_by is None:
            return granted.is_in_force
        return approve_grant(session, actor_of_person(session, approved_by), granted.id, at)

    return work


def _do(environment: Environment, work: Callable[[Session, Actor, dt.datetime], T]) -> T:
    """Do something as the command line, in one transaction."""
    db, actor, at = market_of(environment), service(command_line()), system_clock()
    return transact(db, lambda session: work(session, actor, at))


def _say(environment: Environment, key: str, sentence: str, as_json: bool) -> None:  # noqa: FBT001  # the last of four plain words
    if not as_json:
        click.echo(sentence)
        return
    with reading(market_of(environment)) as session:
        [brief] = [one for one in people(session, service(command_line())) if one.key == key]
    say_json(_document(brief))


def _ask_password() -> str:
    if not sys.stdin.isatty():
        raise click.UsageError("There is no terminal to ask at; use --password-stdin.")
    answer: str = click.prompt("Password", hide_input=True, confirmation_prompt=True)
    return answer


def _read_password() -> str:
    return sys.stdin.readline().rstrip("\r\n")


def _document(brief: PersonBrief) -> Document:
    return {
        "user": brief.key,
        "person_id": brief.id,
        "name": brief.name,
        "email": brief.email,
        "state": "disabled" if brief.disabled_at else "active",
        "has_password": brief.has_password,
        "signed_in_at": brief.signed_in_at.isoformat() if brief.signed_in_at else None,
        "roles": [_role_document(one) for one in brief.roles],
    }


def _role_document(one: RoleBrief) -> Document:
    return {
        "role": one.role,
        "team": one.team_key,
        "pool": one.pool_key,
        "state": "in-force" if one.is_in_force else "proposed",
        "proposed_by": one.proposed_by,
        "approved_by": one.approved_by,
    }


def _line(brief: PersonBrief) -> str:
    roles = ", ".join(_role_words(one) for one in brief.roles) or "no role"
    seen = f"last signed in {brief.signed_in_at:%Y-%m-%d %H:%M}" if brief.signed_in_at else "never"
    state = "disabled" if brief.disabled_at else seen
    return f"{brief.key}  {brief.name}  {roles}  ({state})"


def _role_words(one: RoleBrief) -> str:
    where = one.team_key or one.pool_key
    of_what = f" of {where}" if where else ""
    return f"{one.role}{of_what}{'' if one.is_in_force else ' (proposed)'}"
