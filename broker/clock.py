"""What time it is, as something that is handed in: the market never asks by itself."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

Clock = Callable[[], dt.datetime]
"""Tells the present as an aware instant."""


def system_clock() -> dt.datetime:
    """Tell the present by the machine's clock."""
    return dt.datetime.now(dt.UTC)
