"""A host as a program of its own: it runs the round at an address, and leaves as commands do."""

from __future__ import annotations

import datetime as dt
import sys

from broker.clock import system_clock, time_of
from broker.db import connect, reading
from broker.errors import BrokerError
from tests.crashes import REFUSED, as_usual


def main(address: str) -> int:
    """Run the round, and say by the code whether the market refused."""
    db = connect(address)
    try:
        as_usual(db)
    except BrokerError as error:
        sys.stderr.write(f"{error}\n")
        return REFUSED
    return 0


def tell_the_time(address: str, seconds: float) -> None:
    """Print what time it is by a machine whose clock is fast, and by the market on it."""
    ahead = dt.timedelta(seconds=seconds)
    real = dt.datetime

    class Fast(real):  # type: ignore[misc,valid-type]
        @classmethod
        def now(cls, tz: dt.tzinfo | None = None) -> dt.datetime:
            return real.now(tz) + ahead

    db = connect(address)
    dt.datetime = Fast  # type: ignore[misc]
    with reading(db) as session:
        told = time_of(session, system_clock)
    sys.stdout.write(f"{system_clock().timestamp()} {told.timestamp()}\n")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
