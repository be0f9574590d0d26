"""The `broker` command in this process: what it said, and with which code it left."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass

from tests.folders import SMALL_FOLDER

SOUND = {name: text for name, text in SMALL_FOLDER.items() if name != "policy.json"}
"""A round whose policy has no floors."""


@dataclass(frozen=True)
class Said:
    """What a command answered."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> dict[str, object]:
        found: dict[str, object] = json.loads(self.out)
        return found


Broker = Callable[..., Said]
