"""A wire to PostgreSQL that is cut at a COMMIT: before the server hears it, or before it is heard.

A thread passes bytes on between a client on the loopback and the server's socket. Nothing is cut
until somebody asks for it, and then once.
"""

from __future__ import annotations

import select
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from sqlalchemy import URL

from allocation.options import Options
from allocation.outcome import Outcome
from allocation.problem import Problem
from broker.runs import ReportProgress, Solve

COMMIT = b"COMMIT"
BLOCK = 65536


class Cut(StrEnum):
    """Where the wire is cut: on the way to the server, or on the way back."""

    BEFORE = "before-the-server-heard"
    AFTER = "after-the-server-committed"


@dataclass
class Cutter:
    """A wire, and what is to happen to it."""

    url: URL
    wanted: list[Cut] = field(default_factory=list)
    commits_to_pass: int = 0

    def cutting(self, solve: Solve, cut: Cut, after_commits: int = 1) -> Solve:
        """Return a solver behind which the wire is cut at one of the commits that follow.

        The first commit after a solver stores its checked outcome, the second publishes it.
        """

        def solves(problem: Problem, options: Options, report: ReportProgress) -> Outcome:
            outcome = solve(problem, options, report)
            self.commits_to_pass = after_commits
            self.wanted.append(cut)
            return outcome

        return solves

    def take(self) -> Cut | None:
        """Say at a commit whether the wire is to be cut."""
        if not self.wanted:
            return None
        if self.commits_to_pass:
            self.commits_to_pass -= 1
            return None
        return self.wanted.pop()


@contextmanager
def a_cutter(server: URL) -> Iterator[Cutter]:
    """Return a wire to a server that listens on a socket in a folder."""
    folder = str(server.query["host"])
    place = next(iter(Path(folder).glob(".s.PGSQL.*[0-9]")))
    listener = socket.create_server(("127.0.0.1", 0))
    cutter = Cutter(server.set(host="127.0.0.1", port=listener.getsockname()[1], query={}))
    thread = threading.Thread(target=_accept, args=(listener, place, cutter), daemon=True)
    thread.start()
    try:
        yield cutter
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(5)


def _accept(listener: socket.socket, place: Path, cutter: Cutter) -> None:
    with suppress(OSError):  # the listener is closed at the end
        while True:
            client, _ = listener.accept()
            server = socket.socket(socket.AF_UNIX)
            server.connect(str(place))
            pair = (client, server, cutter)
            threading.Thread(target=_pass_on, args=pair, daemon=True).start()


def _pass_on(client: socket.socket, server: socket.socket, cutter: Cutter) -> None:
    with client, server, suppress(OSError):
        is_deaf = False
        while True:
            for end in select.select([client, server], [], [])[0]:
                block = end.recv(BLOCK)
                if not block:
                    return
                cut = cutter.take() if end is client and COMMIT in block else None
                if cut is Cut.BEFORE or (is_deaf and end is server):
                    return
                is_deaf = is_deaf or cut is Cut.AFTER
                (server if end is client else client).sendall(block)
