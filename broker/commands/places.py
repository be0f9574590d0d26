"""Places that people name for a command to use: can they be used, asked before long work begins.

What cannot be used is said with the name that people gave, never with one of our own.
"""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from allocation.files.findings import pathname
from broker.errors import BrokerError, Refused, StorageFailed, UnusablePlace

DISK_FAILURES = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO})
"""The disk's troubles; every other error is about the path."""
LISTEN_HERE = "Give a --host and a --port of this machine."


@contextmanager
def writing_to(place: Path) -> Iterator[None]:
    """Say why nothing was written to a place.

    Raises: StorageFailed if the disk is full or broken; UnusablePlace for every other OSError.
    """
    try:
        yield
    except OSError as error:
        sentence = f"Nothing was written to {pathname(place)}: {error.strerror or error}."
        if error.errno in DISK_FAILURES:
            hint = "Make room on the disk, or name a place on another one."
            raise StorageFailed(sentence, hint=hint) from error
        hint = "Name a place that can be made, in a folder that you may write to."
        raise UnusablePlace(sentence, hint=hint) from error


def replace_file(place: Path, content: bytes) -> None:
    """Put a whole file in the place of the one before, or leave that as it was.

    Raises: StorageFailed; UnusablePlace.
    """
    with writing_to(place):
        target = Path(os.path.realpath(place))
        if target.exists() and not target.is_file():
            target.write_bytes(content)
            return
        new = target.with_name(f".{target.name}.new")
        try:
            new.write_bytes(content)
            new.replace(target)
        finally:
            new.unlink(missing_ok=True)


def try_place(place: Path) -> None:
    """Make sure that something can be made under a path, and leave nothing behind.

    Raises: StorageFailed; UnusablePlace.
    """
    with writing_to(place):
        target = Path(os.path.realpath(place))
        if target.is_mount():
            hint = "Name a folder inside it."
            raise UnusablePlace(f"{pathname(place)} is where a disk is mounted.", hint=hint)
        home = next(folder for folder in target.parents if folder.exists())
        with TemporaryDirectory(dir=home, prefix=".broker-") as workshop:
            Path(workshop, target.relative_to(home)).mkdir(parents=True)


def try_address(host: str, port: int) -> None:
    """Make sure that a server can listen on an address, as it would itself.

    Raises: UnusablePlace if this machine has no such address; Refused if somebody listens there.
    """
    if not host:
        raise UnusablePlace("An empty text names no host.", hint=LISTEN_HERE)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        with socket.socket(family) as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((host, port))
            listener.listen()
    except (OSError, UnicodeError) as error:
        raise _not_listening(host, port, error) from error


def _not_listening(host: str, port: int, error: OSError | UnicodeError) -> BrokerError:
    if isinstance(error, OSError) and error.errno == errno.EADDRINUSE:
        sentence = f"Somebody listens on port {port} of {host} already."
        return Refused(sentence, hint="Stop that server, or give another --port.")
    why = error.strerror if isinstance(error, OSError) else "that is no name of a host"
    sentence = f"Nobody can listen on port {port} of {host} here: {why}."
    return UnusablePlace(sentence, hint=LISTEN_HERE)
