"""How much memory this process has held."""

from __future__ import annotations

import resource


def peak_megabytes() -> int:
    """Return the most memory that this process has held so far, in MB of 10⁶ bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 // 10**6
