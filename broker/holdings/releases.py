"""A team's lead gives back what an award still holds: all of it or some lots, from a day on.

What comes back follows from the curve of the policy that the award's round froze. Who may release
stands in access.py; the credits move in the ledger, once for every cut.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sqlmodel import Session

from broker.access import Action, Actor, require
from broker.audit import Change
from broker.errors import InvalidInput, Refused
from broker.holdings.awards import HeldAward, cuts_of, find_award, lock_award, lots_left
from broker.holdings.cutting import Cut, cut_award
from broker.holdings.shares import refund_percent
from broker.holdings.tables import CutCause, HoldingCutRow
from broker.policy.versions import policy_of_round
from broker.rounds import lock_round
from broker.spot.acceptances import check_answered


class InvalidRelease(InvalidInput):
    """A wish to release a part of an award that it does not hold, or no longer."""

    code = "invalid-release"
    what = "release"


@dataclass(frozen=True, slots=True)
class ReleaseAward:
    """A lead's wish to give back lots of an award from a day on: nothing is checked yet.

    `follows` is how many cuts of the award the lead has seen: the same wish again is the same cut.
    """

    bid_id: str
    lots: int
    from_day: dt.date
    follows: int = 0


@dataclass(frozen=True, slots=True)
class Released:
    """What was given back, as the award's cut number so many, and what came back for it."""

    number: int
    lots: int
    from_day: dt.date
    refund_credits: int


def release_award(session: Session, actor: Actor, wish: ReleaseAward, at: dt.datetime) -> Released:
    """Give back lots of an award from a day on, and refund them; the same wish twice is one cut.

    Days are those of UTC; the first that can be released is tomorrow.

    Raises: NotFound if the bid has no published award; SignInNeeded, NotAllowed; Refused if the
    award was cut meanwhile; InvalidRelease with every finding.
    """
    lock_round(session, find_award(session, wish.bid_id).round.key)
    award = lock_award(session, wish.bid_id)
    require(actor, Action.RELEASE_AWARD, team_id=award.bid.team_id)
    check_answered(session, wish.bid_id)
    cuts = cuts_of(session, award.row)
    if cuts and _is_same(cuts[-1], actor, wish):
        return _released(cuts[-1])
    _check_followed(cuts, wish)
    findings = list(_findings(award, cuts, wish, _today(at)))
    if findings:
        raise InvalidRelease(award.bid.key, findings)
    percent = _percent(session, award, wish, at)
    cut = Cut(CutCause.RELEASED, wish.lots, wish.from_day, percent)
    return _released(cut_award(session, award, cuts, cut, Change(actor.id, at)))


def _findings(
    award: HeldAward, cuts: Sequence[HoldingCutRow], wish: ReleaseAward, today: dt.date
) -> Iterator[str]:
    """Say what is wrong with a wish; each finding begins with the field that it is about."""
    left = lots_left(award.row, cuts)
    if not left:
        yield "lots: the award holds nothing more that could be released."
    elif not 1 <= wish.lots <= left:
        yield f"lots: write a whole number from 1 to {left}, which is what the award still holds."
    first = max(today + dt.timedelta(days=1), award.paid.first_day)
    if first > award.paid.last_day:
        yield "from_day: the award has no day to come; what was used stays paid."
    elif not first <= wish.from_day <= award.paid.last_day:
        yield f"from_day: choose a day from {first} to {award.paid.last_day}."


def _percent(session: Session, award: HeldAward, wish: ReleaseAward, at: dt.datetime) -> int:
    policy = policy_of_round(session, award.round)
    ahead = (wish.from_day - _today(at)).days
    return refund_percent(policy.policy if policy else None, ahead)


def _check_followed(cuts: Sequence[HoldingCutRow], wish: ReleaseAward) -> None:
    if len(cuts) != wish.follows:
        raise Refused(
            "A part of this award was given up meanwhile.",
            hint="Look at what it still holds, then release what you want to.",
            bid=wish.bid_id,
            cuts=len(cuts),
        )


def _is_same(cut: HoldingCutRow, actor: Actor, wish: ReleaseAward) -> bool:
    """Say whether a wish is the one that was done last, sent once more."""
    done = (cut.cut_by, cut.number, cut.lots, cut.from_day)
    return done == (actor.id, wish.follows + 1, wish.lots, wish.from_day)


def _released(cut: HoldingCutRow) -> Released:
    return Released(cut.number, cut.lots, cut.from_day, cut.refund_credits)


def _today(at: dt.datetime) -> dt.date:
    return at.astimezone(dt.UTC).date()
