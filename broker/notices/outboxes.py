"""Where mails go: a mail server, a folder of files, or the terminal. The setting says which.

Mail servers are spoken to in the open only on the same machine or where they offer nothing better
and get no password.
"""

from __future__ import annotations

import smtplib
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from email.message import EmailMessage
from pathlib import Path
from typing import Protocol
from urllib.parse import SplitResult, unquote, urlsplit

from broker.errors import BrokerError, InvalidSettings

TIMEOUT_SECONDS = 15.0
SCHEMES = ("smtp", "smtps", "file", "console")
PORTS = {"smtp": 25, "smtps": 465}
HINT = "Write smtp://USER:PASSWORD@HOST:PORT, smtps://HOST, file:///FOLDER or console:."


class MailNotSent(BrokerError):  # noqa: N818  # the market's word; it is an error
    """A mail could not be sent; it is tried again later."""

    code = "mail-not-sent"


class NoMailServer(MailNotSent):
    """The mail server cannot be reached at all, so that other mails need not be tried now."""

    code = "no-mail-server"


class Outbox(Protocol):
    """Something that takes mails."""

    def send(self, message: EmailMessage) -> None:
        """Take a mail for good. Raises: MailNotSent."""


@dataclass(frozen=True, slots=True)
class SmtpOutbox:
    """A mail server."""

    host: str
    port: int
    is_tls: bool
    user: str = ""
    password: str = field(default="", repr=False)

    def send(self, message: EmailMessage) -> None:
        """Hand a mail to the server. Raises: MailNotSent; NoMailServer."""
        try:
            server = self._connect()
        except (OSError, smtplib.SMTPException) as error:
            raise NoMailServer(f"The mail server {self.host} does not answer: {error}.") from error
        try:
            with server:
                self._sign_in(server)
                server.send_message(message)
        except (OSError, smtplib.SMTPException) as error:
            raise MailNotSent(f"The mail server {self.host} refused: {error}.") from error

    def _connect(self) -> smtplib.SMTP:
        if self.is_tls:
            context = ssl.create_default_context()
            return smtplib.SMTP_SSL(self.host, self.port, timeout=TIMEOUT_SECONDS, context=context)
        return smtplib.SMTP(self.host, self.port, timeout=TIMEOUT_SECONDS)

    def _sign_in(self, server: smtplib.SMTP) -> None:
        server.ehlo()
        if not self.is_tls and server.has_extn("starttls"):
            server.starttls(context=ssl.create_default_context())
            server.ehlo()
        elif not self.is_tls and self.user:
            raise MailNotSent(
                f"The mail server {self.host} offers no encryption, so it gets no password.",
                hint="Use smtps://, or a server without a password.",
            )
        if self.user:
            server.login(self.user, self.password)


@dataclass(frozen=True, slots=True)
class FolderOutbox:
    """A folder with one file a mail, for trying things out."""

    folder: Path

    def send(self, message: EmailMessage) -> None:
        """Write a mail into its file, whole or not at all. Raises: MailNotSent."""
        name = str(message["Message-ID"]).strip("<>").partition("@")[0]
        file = self.folder / f"{name}.eml"
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            new = file.with_suffix(".new")
            new.write_bytes(bytes(message))
            new.replace(file)
        except OSError as error:
            raise MailNotSent(f"{file} cannot be written: {error.strerror}.") from error


@dataclass(frozen=True, slots=True)
class TerminalOutbox:
    """Whoever reads the terminal."""

    say: Callable[[str], None]

    def send(self, message: EmailMessage) -> None:
        """Print a mail."""
        self.say(f"To: {message['To']}\nSubject: {message['Subject']}\n\n{message.get_content()}")


def outbox_of(url: str | None, say: Callable[[str], None]) -> Outbox | None:
    """Return where mails go by the setting; None if nobody said, so that none are sent.

    Raises: InvalidSettings if the setting means nothing.
    """
    if url is None:
        return None
    parts = urlsplit(url)
    if parts.scheme == "console":
        return TerminalOutbox(say)
    if parts.scheme == "file" and parts.path.strip("/"):
        return FolderOutbox(Path(unquote(parts.path)))
    if parts.scheme in PORTS:
        return _mail_server(parts)
    raise InvalidSettings("BROKER_SMTP_URL names no place for mails.", hint=HINT)


def _mail_server(parts: SplitResult) -> SmtpOutbox:
    try:
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    if not host:
        raise InvalidSettings("BROKER_SMTP_URL names no mail server.", hint=HINT)
    return SmtpOutbox(
        host,
        port or PORTS[parts.scheme],
        is_tls=parts.scheme == "smtps",
        user=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
    )
