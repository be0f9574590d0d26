"""What a mail looks like: plain text, one line and one link for each notice, by kind."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime

from broker.notices.causes import counted
from broker.notices.digests import Digest
from broker.notices.outboxes import MailNotSent
from broker.notices.tables import NoticeKind

HEADLINES: Mapping[NoticeKind, str] = {
    NoticeKind.DEADLINE_NEAR: "Closing soon",
    NoticeKind.RESULT_PUBLISHED: "Results",
    NoticeKind.TO_APPROVE: "For you to approve",
    NoticeKind.DELIVERY_TO_REPORT: "Deliveries to report",
    NoticeKind.DELIVERY_TO_CONFIRM: "Deliveries to confirm",
    NoticeKind.ROUND_OPENED: "Open for bids",
    NoticeKind.ROUND_CHANGED: "Changed rounds",
    NoticeKind.APPROVAL_DECIDED: "Answers to your requests",
    NoticeKind.ACCESS_CHANGED: "Access to data",
    NoticeKind.AWARD_CUT: "Awards that hold less",
    NoticeKind.AWARD_TO_ACCEPT: "Awards to accept",
    NoticeKind.HOURS_TO_CONFIRM: "Hours of yours to confirm",
    NoticeKind.HOURS_TO_NAME: "Hours of experts to name",
}
"""What stands over the notices of a kind, in the order in which a mail has them."""


@dataclass(frozen=True, slots=True)
class Sender:
    """From whom mails come, and where the market is that they lead to; empty if nobody said."""

    address: str
    public_url: str = ""

    def link(self, path: str) -> str:
        """Return where something stands: a whole address if it is known."""
        return f"{self.public_url}{path}"


def mail_of(digest: Digest, sender: Sender, at: dt.datetime) -> EmailMessage:
    """Return the mail of a digest; the same digest has the same message id.

    Raises: MailNotSent if the person's address is none.
    """
    message = EmailMessage()
    try:
        to = Address(display_name=digest.name, addr_spec=digest.address)
        message["From"] = Address("Capacity broker", addr_spec=sender.address)
        message["To"] = to
    except (ValueError, MessageError) as error:
        raise MailNotSent(f"The address {digest.address!r} is none: {error}.") from error
    message["Subject"] = f"Capacity broker: {counted(len(digest.lines), 'notice')}, {digest.day}"
    message["Date"] = format_datetime(at.astimezone(dt.UTC))
    message["Message-ID"] = f"<digest-{digest.id}@{sender.address.partition('@')[2]}>"
    message["Auto-Submitted"] = "auto-generated"
    message.set_content("\n".join(_lines(digest, sender)) + "\n")
    return message


def _lines(digest: Digest, sender: Sender) -> Iterator[str]:
    yield f"Hello {digest.name},"
    for kind, headline in HEADLINES.items():
        own = [line for line in digest.lines if line.kind == kind]
        if own:
            yield from ("", headline)
        for line in own:
            yield f"- {line.sentence}"
            yield f"  {sender.link(line.path)}"
    yield ""
    yield "You get at most one mail a day. Choose what you want to be told:"
    yield sender.link("/notices/settings")
