"""A provider of sign-in on this machine, a program of its own that a test starts and ends."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import quote

import requests

WAIT_SECONDS = 20


@dataclass(frozen=True)
class CompanySignIn:
    """The address of a provider, and what a test does there in people's stead."""

    issuer: str

    def describe(self, subject: str, **claims: object) -> None:
        """Say what the provider vouches for about somebody from now on."""
        address = f"{self.issuer}/users/{quote(subject)}"
        requests.put(address, json=claims, timeout=5).raise_for_status()

    def agree(self, address: str, subject: str, action: str = "authorize") -> str:
        """Let somebody sign in there, and return where their browser is sent then."""
        data = {"sub": subject, "action": action}
        answer = requests.post(address, data=data, allow_redirects=False, timeout=5)
        return answer.headers["Location"]


@contextmanager
def a_provider(environment: Mapping[str, str] = os.environ) -> Iterator[CompanySignIn]:
    """Start a provider on a free port, and end it afterwards."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "oidc_provider_mock", "--port", str(port)]
    quiet = {**environment, "PYTHONWARNINGS": "ignore"}
    with subprocess.Popen(
        command, env=quiet, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        try:
            provider = CompanySignIn(f"http://127.0.0.1:{port}")
            _wait_for(provider)
            yield provider
        finally:
            process.terminate()


def _wait_for(provider: CompanySignIn) -> None:
    until = time.monotonic() + WAIT_SECONDS
    while True:
        try:
            requests.get(provider.issuer, timeout=1)
        except requests.ConnectionError:
            if time.monotonic() > until:
                raise
            time.sleep(0.1)
        else:
            return
