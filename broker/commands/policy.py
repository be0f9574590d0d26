"""`broker policy list|show|check|adopt`; `replay` stands in replays.py."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from pathlib import Path

import click
from sqlmodel import Session

from allocation.files.findings import pathname
from allocation.wire import Document
from broker.audit import ActorId
from broker.commands.market import market_of, now
from broker.commands.options import NamedPath, json_option
from broker.commands.replays import replay
from broker.commands.speech import say_json
from broker.db import reading, transact
from broker.errors import NotFound
from broker.policy.documents import policy_document, policy_sha256
from broker.policy.reading import read_policy_file
from broker.policy.tables import PolicyVersionRow
from broker.policy.versions import (
    Adoption,
    adopt_policy,
    find_version,
    list_versions,
    policy_in_force,
    policy_of,
)


class Moment(click.ParamType[dt.datetime]):
    """An instant with its offset, such as 2026-12-01T00:00:00+00:00."""

    name = "instant"

    def convert(
        self, value: str, param: click.Parameter | None, ctx: click.Context | None
    ) -> dt.datetime:
        """Refuse what is no instant, or one that means another moment elsewhere."""
        try:
            moment = dt.datetime.fromisoformat(value)
        except ValueError:
            self.fail(f"{value!r} is no ISO 8601 instant.", param, ctx)
        if moment.tzinfo is None:
            self.fail(f"{value!r} has no offset; write one such as +00:00.", param, ctx)
        return moment


@click.group()
def policy() -> None:
    """Show, check and adopt the policy: what offers count for, and which rules bar a bid."""


policy.add_command(replay)


@policy.command("list")
@json_option
@click.pass_obj
def list_(environment: Mapping[str, str], *, as_json: bool) -> None:
    """List every version, the first one first."""
    with reading(market_of(environment)) as session:
        versions = [_version(row) for row in list_versions(session)]
    if as_json:
        say_json(versions)
        return
    for entry in versions:
        approved = f", approved by {entry['approver']}" if entry["approver"] else ""
        click.echo(
            f"{entry['version']}  in force from {entry['in_force_from']}  "
            f"by {entry['author']}{approved}: {entry['reason']}"
        )


@policy.command()
@click.argument("version", type=click.IntRange(min=1), required=False)
@json_option
@click.pass_obj
def show(environment: Mapping[str, str], version: int | None, *, as_json: bool) -> None:
    """Print the policy in force, or VERSION, as a file that can be edited and adopted."""
    with reading(market_of(environment)) as session:
        row = _find(session, version)
    document = policy_document(policy_of(row))
    say_json(_version(row) | {"document": document} if as_json else document)


@policy.command()
@click.argument("file", type=NamedPath())
@json_option
def check(file: Path, *, as_json: bool) -> None:
    """Read the policy in FILE as strictly as `adopt` does, and adopt nothing."""
    read = read_policy_file(file)
    if as_json:
        say_json({"document_sha256": policy_sha256(read), "document": policy_document(read)})
    else:
        click.echo(f"{pathname(file)} is a policy: {policy_sha256(read)}")


@policy.command()
@click.argument("file", type=NamedPath())
@click.option("--reason", required=True, help="Why; everybody can read it.")
@click.option("--proposed-by", help="Who wrote it, where you are the second person.")
@click.option("--in-force-from", type=Moment(), help="When it begins; at once by default.")
@json_option
@click.pass_obj
def adopt(
    environment: Mapping[str, str],
    file: Path,
    *,
    reason: str,
    proposed_by: str | None,
    in_force_from: dt.datetime | None,
    as_json: bool,
) -> None:
    """Adopt the policy in FILE as the next version."""
    author = ActorId(proposed_by) if proposed_by else None
    wish = Adoption(read_policy_file(file), reason, author, in_force_from)
    db, change = market_of(environment), now()
    number = transact(db, lambda session: adopt_policy(session, wish, change))
    with reading(db) as session:
        versions = list_versions(session)
        entry = _version(versions[-1] if number is None else versions[number - 1])
    if as_json:
        say_json(entry | {"was_there": number is None})
    elif number is None:
        click.echo(f"Policy {entry['version']} says the same already.")
    else:
        click.echo(f"Policy {number} is adopted, in force from {entry['in_force_from']}.")


def _find(session: Session, version: int | None) -> PolicyVersionRow:
    if version is not None:
        return find_version(session, version)
    in_force = policy_in_force(session, now().at)
    if in_force is None:
        raise NotFound(
            "No policy is in force, so every offer counts as it is.",
            hint="`broker policy adopt FILE` adopts one.",
        )
    return find_version(session, in_force.version)


def _version(row: PolicyVersionRow) -> Document:
    return {
        "version": row.version,
        "document_sha256": row.document_sha256,
        "author": row.author,
        "approver": row.approver,
        "reason": row.reason,
        "adopted_at": row.adopted_at.isoformat(),
        "in_force_from": row.in_force_from.isoformat(),
    }
