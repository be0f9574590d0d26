"""A mail server on this machine that keeps what it is given, or refuses it."""

from __future__ import annotations

import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import cast

OK, GO_ON, BYE, LATER = b"250 OK\r\n", b"354 Go on\r\n", b"221 Bye\r\n", b"451 Later\r\n"


@dataclass
class Postbox:
    """What arrived at a mail server; `is_refusing` lets it turn every mail away."""

    port: int = 0
    is_refusing: bool = False
    mails: list[EmailMessage] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def url(self) -> str:
        return f"smtp://127.0.0.1:{self.port}"

    def keep(self, data: bytes) -> None:
        message = message_from_bytes(data, policy=policy.default)
        with self.lock:
            self.mails.append(cast(EmailMessage, message))

    def to(self, address: str) -> list[EmailMessage]:
        """Return the mails to an address, in their order."""
        return [mail for mail in self.mails if address in str(mail["To"])]


class _Handler(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        postbox: Postbox = cast(_Server, self.server).postbox
        self.wfile.write(b"220 here\r\n")
        while line := self.rfile.readline():
            word = line[:4].strip().upper()
            if word == b"QUIT":
                self.wfile.write(BYE)
                return
            if word == b"DATA" and not postbox.is_refusing:
                self.wfile.write(GO_ON)
                postbox.keep(self._data())
            self.wfile.write(LATER if word == b"DATA" and postbox.is_refusing else OK)

    def _data(self) -> bytes:
        lines = []
        while (line := self.rfile.readline()) not in {b".\r\n", b""}:
            lines.append(line.removeprefix(b".") if line.startswith(b"..") else line)
        return b"".join(lines)


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    postbox: Postbox


@contextmanager
def a_mail_server() -> Iterator[Postbox]:
    """Run a mail server while a test lasts."""
    with _Server(("127.0.0.1", 0), _Handler) as server:
        server.postbox = Postbox(port=server.server_address[1])
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server.postbox
        server.shutdown()
        thread.join()
