"""Which build of the product this is: its version, and the hash of the engine that allocates.

A run writes it down when it begins, so that its bundle can name it for ever.
"""

from __future__ import annotations

import hashlib
from functools import cache
from importlib.metadata import version
from pathlib import Path

import allocation
from allocation.wire import Document

PRODUCT = "capacity-broker"


@cache
def build_document() -> Document:
    """Return the product, its version and the SHA-256 of every source file of the engine."""
    return {"product": PRODUCT, "version": version(PRODUCT), "engine_sha256": _engine_sha256()}


def _engine_sha256() -> str:
    """Hash the engine's files, each after its name, in the order of their names."""
    home = Path(allocation.__file__).parent
    digest = hashlib.sha256()
    for file in sorted(home.rglob("*.py")):
        digest.update(f"{file.relative_to(home).as_posix()}\n".encode())
        digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()
