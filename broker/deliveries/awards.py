"""Awards that have ended: the only ones that a delivery can be reported on."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from sqlmodel import Session

from broker.errors import Refused
from broker.holdings.awards import lock_award


@dataclass(frozen=True, slots=True)
class EndedAward:
    """An award whose last day is past: of which team, in which pools."""

    run_id: str
    bid_id: str
    bid_key: str
    round_key: str
    team_id: str
    pool_ids: frozenset[str]


def find_ended_award(session: Session, bid_id: str, at: dt.datetime) -> EndedAward:
    """Return what a bid won, once it is over, for a writer: others wait until it is done.

    Days are those of UTC.

    Raises: NotFound if the bid has no published award: sealed, declined and unknown bids look the
    same; Refused while the award's last day is not past.
    """
    found = lock_award(session, bid_id)
    bid, last_day = found.bid, found.paid.last_day
    if at.astimezone(dt.UTC).date() <= last_day:
        raise Refused(
            f"The award of bid {bid.key} runs until {last_day}, that day included.",
            hint="Report what came of it when that day is past.",
            bid=bid_id,
        )
    pool_ids = frozenset(item.pool_id for item in found.items)
    run_id, round_key = found.row.run_id, found.round.key
    return EndedAward(run_id, bid_id, bid.key, round_key, bid.team_id, pool_ids)
