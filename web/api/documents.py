"""Single things for programs: where each is, and what reads it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

Document = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class DocumentOf:
    """A single thing: where it is, and what reads it. Raises as the services that it asks."""

    path: str
    name: str
    tag: str
    read: Callable[..., Document]
