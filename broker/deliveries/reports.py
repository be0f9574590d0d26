"""What a team's lead reports about an award that has ended, in versions that are never edited.

A correction is the next version and says why it is one. Who may report stands in access.py; what
others say about a report stands in verdicts.py.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit
from uuid import uuid4

from sqlalchemy import select
from sqlmodel import Session, col

from broker.access import Action, Actor, require
from broker.audit import Change, record
from broker.deliveries.awards import EndedAward, find_ended_award
from broker.deliveries.tables import MOST_PERCENT, DeliveryRow
from broker.errors import InvalidInput, Refused
from broker.notices.causes import Reported, tell_delivery_reported
from broker.texts import findings_in_text

SCHEMES = ("http", "https")


class InvalidDelivery(InvalidInput):
    """A report of a delivery, or what is said about it, breaks rules of the market."""

    code = "invalid-delivery"
    what = "delivery"


@dataclass(frozen=True, slots=True)
class ReportDelivery:
    """A lead's wish to say what an award delivered, as it was entered: nothing is checked yet.

    `follows` is the version that the lead has seen, 0 where there was none; `correction` says why
    there is another one.
    """

    bid_id: str
    delivered_percent: int
    evidence: str
    link: str
    follows: int = 0
    correction: str = ""


def report_delivery(session: Session, actor: Actor, wish: ReportDelivery, at: dt.datetime) -> int:
    """Store what an award delivered, and return the version; the same report twice is one.

    Raises: NotFound; Refused if the award has not ended, or somebody else reported meanwhile;
    SignInNeeded, NotAllowed; InvalidDelivery with every finding.
    """
    award = find_ended_award(session, wish.bid_id, at)
    require(actor, Action.REPORT_DELIVERY, team_id=award.team_id)
    latest = latest_report(session, award.bid_id)
    if latest is not None and _says_the_same(latest, actor, wish):
        return latest.version
    _check_followed(latest, wish)
    findings = list(findings_in_report(wish))
    if findings:
        raise InvalidDelivery(award.bid_key, findings)
    row = _row(award.run_id, actor, wish, at)
    session.add(row)
    session.flush()
    record(
        session,
        Change(actor.id, at),
        "delivery.reported",
        f"delivery:{row.id}",
        bid=row.bid_id,
        version=row.version,
        delivered_percent=row.delivered_percent,
    )
    _tell(session, award, row)
    return row.version


def _tell(session: Session, award: EndedAward, row: DeliveryRow) -> None:
    reported = Reported(
        award.bid_id, award.bid_key, row.version, award.team_id, award.pool_ids, row.author
    )
    tell_delivery_reported(session, reported, row.reported_at)


def latest_report(session: Session, bid_id: str) -> DeliveryRow | None:
    """Return the newest version of the report on an award, if there is one."""
    versions = select(DeliveryRow).where(col(DeliveryRow.bid_id) == bid_id)
    return session.scalars(versions.order_by(col(DeliveryRow.version).desc()).limit(1)).first()


def findings_in_report(wish: ReportDelivery) -> Iterator[str]:
    """Say what is wrong with a report; each finding begins with the field that it is about."""
    if not 0 <= wish.delivered_percent <= MOST_PERCENT:
        yield f"delivered: write a whole number of percent from 0 to {MOST_PERCENT}."
    yield from findings_in_line("evidence", wish.evidence, "say in a line what shows it")
    yield from _findings_in_link(wish.link)
    if wish.follows:
        yield from findings_in_line("correction", wish.correction, "say why it is corrected")


def findings_in_line(what: str, text: str, to_do: str) -> Iterator[str]:
    """Say what is wrong with a text that must be there."""
    if not text.strip():
        yield f"{what}: is empty; {to_do}."
    yield from findings_in_text(what, text)


def _findings_in_link(link: str) -> Iterator[str]:
    yield from findings_in_text("link", link)
    if not _is_web_address(link):
        yield "link: is no web address; write one that begins with https:// or http://."


def _is_web_address(link: str) -> bool:
    """Say whether a link is a whole address on the web, without a name or password in it."""
    if any(sign.isspace() or not sign.isprintable() for sign in link):
        return False
    try:
        parts = urlsplit(link)
        host = parts.hostname
    except ValueError:
        return False
    return (
        link.startswith(tuple(f"{s}://" for s in SCHEMES))
        and bool(host)
        and "@" not in (parts.netloc)
    )


def _says_the_same(latest: DeliveryRow, actor: Actor, wish: ReportDelivery) -> bool:
    """Say whether a report is the one that was stored last, sent once more."""
    return (
        latest.author == actor.id
        and latest.version == wish.follows + 1
        and latest.delivered_percent == wish.delivered_percent
        and (latest.evidence, latest.link) == (wish.evidence.strip(), wish.link)
    )


def _check_followed(latest: DeliveryRow | None, wish: ReportDelivery) -> None:
    version = latest.version if latest else 0
    if version != wish.follows:
        raise Refused(
            f"Version {version} of this report came meanwhile; yours follows {wish.follows}.",
            hint="Read it, then correct it if it is wrong.",
            bid=wish.bid_id,
            version=version,
        )


def _row(run_id: str, actor: Actor, wish: ReportDelivery, at: dt.datetime) -> DeliveryRow:
    return DeliveryRow(
        id=str(uuid4()),
        run_id=run_id,
        bid_id=wish.bid_id,
        version=wish.follows + 1,
        delivered_percent=wish.delivered_percent,
        evidence=wish.evidence.strip(),
        link=wish.link,
        correction=wish.correction.strip() if wish.follows else "",
        author=actor.id,
        reported_at=at,
    )
