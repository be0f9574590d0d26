"""A program elsewhere that webhooks tell: it listens on the loopback under a name of its own."""

from __future__ import annotations

import base64
import datetime as dt
import hmac
import http.server
import json
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from broker.webhooks.wires import Wire

HOST = "hooks.example.org"
HOSTS = frozenset({HOST, "*.example.net"})
TAKEN = 204
REDIRECTS = range(300, 400)


@dataclass
class Listener:
    """What a program was told, what it answers, and the only wire that leads to it."""

    wire: Wire
    url: str
    heard: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)

    @property
    def documents(self) -> list[dict[str, object]]:
        return [json.loads(body) for _, body in self.heard]

    def take(self, headers: dict[str, str], body: bytes) -> int:
        """Hear a message and say with which status it is answered."""
        self.heard.append((headers, body))
        return self.answers.pop(0) if self.answers else TAKEN


def is_signed(secret: str, headers: dict[str, str], body: bytes) -> bool:
    """Check a message as any program can that has the secret."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    said = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    wanted = base64.b64encode(hmac.digest(key, said, "sha256")).decode()
    return headers["webhook-signature"] == f"v1,{wanted}"


def write_certificate(file: Path) -> Path:
    """Write a certificate of the name with its key, signed by itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, HOST)])
    day, now = dt.timedelta(days=1), dt.datetime.now(dt.UTC)
    number = x509.random_serial_number()
    wanted = x509.CertificateBuilder(name, name, key.public_key(), number, now - day, now + day)
    names = x509.SubjectAlternativeName([x509.DNSName(HOST)])
    made = wanted.add_extension(names, critical=False).sign(key, hashes.SHA256())
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    file.write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
    return file


@contextmanager
def a_listener(certificate: Path) -> Iterator[Listener]:
    """Listen, and give a wire that trusts the certificate and takes the loopback for public."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    own = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    own.load_cert_chain(certificate)
    server.socket = own.wrap_socket(server.socket, server_side=True)
    wire = Wire(
        HOSTS,
        resolve=lambda host, _: ("127.0.0.1",) if host == HOST else (),
        is_allowed_address=lambda _: True,
        context=ssl.create_default_context(cafile=str(certificate)),
        timeout_seconds=5,
    )
    listener = Listener(wire, f"https://{HOST}:{server.server_address[1]}/market?from=us")
    server.listener = listener  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield listener
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


class _Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        length = int(self.headers["Content-Length"])
        listener: Listener = self.server.listener  # type: ignore[attr-defined]
        status = listener.take(dict(self.headers), self.rfile.read(length))
        self.send_response(status)
        if status in REDIRECTS:
            self.send_header("Location", "http://127.0.0.1/inside")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""
