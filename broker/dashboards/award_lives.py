"""What became of one award since it was published: what it holds, what it gave up, what may go.

Everybody sees it; who may release sees what would come back for every day to begin from.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from sqlmodel import Session

from broker.access import Action, Actor, may
from broker.holdings.awards import HeldAward, cuts_of, find_award, lots_left
from broker.holdings.shares import refund_percent
from broker.holdings.tables import HoldingCutRow
from broker.policy.documents import Policy
from broker.policy.versions import policy_of_round


@dataclass(frozen=True, slots=True)
class CutFacts:
    """Lots that an award gave up from a day on, why, and what came back. Units: credits."""

    number: int
    cause: str
    lots: int
    left_lots: int
    from_day: dt.date
    refund_percent: int
    refund_credits: int
    cut_at: dt.datetime


@dataclass(frozen=True, slots=True)
class Offered:
    """What comes back if all that is held is released from a day on. Units: percent, credits."""

    from_day: dt.date
    refund_percent: int
    refund_credits: int


@dataclass(frozen=True, slots=True)
class AwardLife:
    """What an award was given and gave up, in order, and what its lead may still release.

    Shape: `ways` holds one row for each day from which on it can be released, none for whoever may
    not release.
    """

    first_day: dt.date
    last_day: dt.date
    lots: int
    left_lots: int
    cuts: tuple[CutFacts, ...]
    ways: tuple[Offered, ...]

    @property
    def refund_credits(self) -> int:
        """All that came back for this award."""
        return sum(cut.refund_credits for cut in self.cuts)


def award_life(session: Session, actor: Actor, bid_id: str, at: dt.datetime) -> AwardLife:
    """Return what became of an award. Raises: NotFound if the bid has no published award."""
    award = find_award(session, bid_id)
    cuts = cuts_of(session, award.row)
    may_release = may(actor, Action.RELEASE_AWARD, team_id=award.bid.team_id)
    today = at.astimezone(dt.UTC).date()
    return AwardLife(
        award.paid.first_day,
        award.paid.last_day,
        award.row.lots,
        lots_left(award.row, cuts),
        tuple(_cut(award, cuts[: n + 1]) for n in range(len(cuts))),
        _ways(session, award, cuts, today) if may_release else (),
    )


def _cut(award: HeldAward, cuts: Sequence[HoldingCutRow]) -> CutFacts:
    cut = cuts[-1]
    return CutFacts(
        cut.number,
        cut.cause,
        cut.lots,
        lots_left(award.row, cuts),
        cut.from_day,
        cut.refund_percent,
        cut.refund_credits,
        cut.cut_at,
    )


def _ways(
    session: Session, award: HeldAward, cuts: Sequence[HoldingCutRow], today: dt.date
) -> tuple[Offered, ...]:
    left, paid = lots_left(award.row, cuts), award.paid
    first = max(today + dt.timedelta(days=1), paid.first_day)
    if not left or first > paid.last_day:
        return ()
    in_force = policy_of_round(session, award.round)
    policy = in_force.policy if in_force else None
    days = (first + dt.timedelta(days=n) for n in range((paid.last_day - first).days + 1))
    return tuple(_way(award, policy, left, day, today) for day in days)


def _way(
    award: HeldAward, policy: Policy | None, lots: int, day: dt.date, today: dt.date
) -> Offered:
    percent = refund_percent(policy, (day - today).days)
    return Offered(day, percent, award.paid.refund_credits(lots, day, percent))
