"""How a message leaves: to an allowed name at a public address, encrypted, and nowhere else.

A name is looked up once, every address behind it must be public, and the connection goes to an
address that was looked at: a name that answers otherwise the next time changes nothing. An answer
that leads elsewhere is not followed, and an answer that does not end is cut off.
"""

from __future__ import annotations

import http.client
import ipaddress
import socket
import ssl
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from broker.errors import BrokerError

HTTPS_PORT = 443
SUCCESS = range(200, 300)


class NotDelivered(BrokerError):  # noqa: N818  # the market's word; it is an error
    """A message did not arrive, or was not taken; `status` is what the other side answered."""

    code = "not-delivered"


def look_up(host: str, port: int) -> Sequence[str]:
    """Return the addresses of a name. Raises: OSError."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return tuple(dict.fromkeys(str(address[4][0]) for address in found))


def is_public(address: str) -> bool:
    """Say whether an address is one of the open internet, also where it is written inside another.

    Whatever is private, shared, local, reserved or for many is none.
    """
    parsed = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(parsed, ipaddress.IPv6Address):
        inner = parsed.ipv4_mapped or parsed.sixtofour or (parsed.teredo or (None, None))[1]
        if inner is not None:
            return False
        if parsed in _TRANSLATED:
            return False
    return parsed.is_global and not parsed.is_multicast


_TRANSLATED = ipaddress.IPv6Network("64:ff9b::/96")
"""Addresses that a translator turns into IPv4 ones, private ones among them."""


@dataclass(frozen=True, slots=True)
class Wire:
    """The way out: which names are allowed, and how they are looked up and reached."""

    hosts: frozenset[str]
    resolve: Callable[[str, int], Sequence[str]] = look_up
    is_allowed_address: Callable[[str], bool] = is_public
    context: ssl.SSLContext = field(default_factory=ssl.create_default_context)
    timeout_seconds: float = 10.0
    most_seconds: float = 30.0

    def allows(self, url: str) -> bool:
        """Say whether a message may go to an address: https, an allowed name, nothing besides."""
        try:
            parts = urlsplit(url)
            parts.port  # noqa: B018  # a port that is none is an error
        except ValueError:
            return False
        name = (parts.hostname or "").rstrip(".")
        is_plain = parts.scheme == "https" and not (parts.username or parts.fragment)
        return is_plain and any(_matches(name, host) for host in self.hosts)

    def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> int:
        """Send a message and return the status of the answer. Raises: NotDelivered."""
        if not self.allows(url):
            raise NotDelivered(f"{_shown(url)} is not among the allowed hosts.")
        parts = urlsplit(url)
        host, port = str(parts.hostname), parts.port or HTTPS_PORT
        connection = _Connection(host, port, self._address(host, port), self)
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        try:
            status = _ask(connection, target, body, headers, self.most_seconds)
        except (OSError, http.client.HTTPException) as error:
            raise NotDelivered(
                f"{host} did not take it: {error or type(error).__name__}."
            ) from error
        if status not in SUCCESS:
            raise NotDelivered(f"{host} answered {status}.", status=status)
        return status

    def _address(self, host: str, port: int) -> str:
        """Return the address to connect to. Raises: NotDelivered unless all of them are public."""
        try:
            addresses = self.resolve(host, port)
        except (OSError, UnicodeError) as error:
            raise NotDelivered(f"{host} has no address: {error}.") from error
        if not addresses or not all(map(self.is_allowed_address, addresses)):
            raise NotDelivered(f"{host} has an address that is not public.")
        return addresses[0]


class _Connection(http.client.HTTPSConnection):
    """A connection to an address that was looked at, with the certificate of the name."""

    def __init__(self, host: str, port: int, address: str, wire: Wire) -> None:
        super().__init__(host, port, timeout=wire.timeout_seconds, context=wire.context)
        self._address, self._wire = address, wire

    def connect(self) -> None:
        """Connect to the one address, and let nobody else answer for the name."""
        plain = socket.create_connection((self._address, self.port), self.timeout)
        self.sock = self._wire.context.wrap_socket(plain, server_hostname=self.host)


def _ask(
    connection: http.client.HTTPSConnection,
    target: str,
    body: bytes,
    headers: Mapping[str, str],
    most_seconds: float,
) -> int:
    """Post and read the status alone; whatever takes too long in all is cut off."""
    with closing(connection):
        timer = threading.Timer(most_seconds, _cut_off, (connection,))
        timer.start()
        try:
            connection.request("POST", target, body, dict(headers))
            return connection.getresponse().status
        finally:
            timer.cancel()


def _cut_off(connection: http.client.HTTPSConnection) -> None:
    with suppress(OSError, AttributeError):
        connection.sock.shutdown(socket.SHUT_RDWR)


def _matches(name: str, host: str) -> bool:
    return name == host or (host.startswith("*.") and name.endswith(host[1:]))


def _shown(url: str) -> str:
    return urlsplit(url).hostname or "The address"
