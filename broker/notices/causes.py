"""What people are told, and when: one function for every cause, called inside its transaction.

Nothing here reads a bid of a round that is not decided, and no sentence depends on one: a notice
and the mail that carries it may be read by anybody in the same place, before a close as after it.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sqlalchemy import ColumnElement, func, select
from sqlmodel import Session, col

from broker.access import Role, TeamRole
from broker.bids.tables import TeamBidRow
from broker.holdings.tables import CutCause, HoldingCutRow
from broker.notices.tables import NoticeKind
from broker.notices.writing import (
    Notice,
    Recipient,
    holders,
    persons,
    settle,
    settle_all,
    tell,
)
from broker.people.standing import POOL_OWNER, in_force
from broker.people.tables import PersonRow, RoleGrantRow
from broker.spot.tables import DailyRoundRow, is_of_a_sprint
from broker.states import BidState, RoundState
from broker.tables import AwardRow, BidRow, DeclineRow, RoundRow, RoundTeamRow, RunRow, TeamRow

NEAR = dt.timedelta(hours=48)
"""How long before a round closes people are reminded: so that a mail of the morning is in time."""


@dataclass(frozen=True, slots=True)
class Reported:
    """A delivery that was reported: of which award of which team, in which pools, by whom."""

    bid_id: str
    bid_key: str
    version: int
    team_id: str
    pool_ids: frozenset[str]
    author: str


@dataclass(frozen=True, slots=True)
class ApprovalAsked:
    """A request for an approval at one of its steps: of which team, for which pool, until when."""

    request_id: str
    position: int
    team: str
    pool: str
    due_at: dt.datetime | None


@dataclass(frozen=True, slots=True)
class Granted:
    """How much access to a pool's data a publication granted, and who looks after them."""

    round_key: str
    revision: int
    pool_key: str
    grants: int
    steward_id: str


@dataclass(frozen=True, slots=True)
class AskedHours:
    """Hours of one person that awards on a pool ask for."""

    pool_id: str
    pool: str
    person_id: str
    hours: int


# --- rounds ------------------------------------------------------------------------------------


def tell_opened(session: Session, row: RoundRow, at: dt.datetime) -> None:
    """Tell the teams of a round that they can bid."""
    until = f" until {written(row.closes_at)}" if row.closes_at else ""
    sentence = f"{row.name} is open for bids{until}."
    notice = Notice(NoticeKind.ROUND_OPENED, row.key, sentence, _round(row))
    tell(session, _bidders(session, row), notice, at)


def tell_near_deadlines(session: Session, at: dt.datetime) -> None:
    """Remind the teams of rounds that close soon, once for every closing time."""
    open_now = select(RoundRow).where(
        col(RoundRow.state) == RoundState.OPEN,
        col(RoundRow.closes_at) > at,
        col(RoundRow.closes_at) <= at + NEAR,
        is_of_a_sprint(),
    )
    for row in session.scalars(open_now.order_by(col(RoundRow.key))).all():
        subject = f"{row.key}/{row.closes_at:%Y-%m-%dT%H:%M:%S}"
        sentence = f"{row.name} closes for bids on {written(row.closes_at)}."
        notice = Notice(NoticeKind.DEADLINE_NEAR, subject, sentence, _round(row))
        tell(session, _bidders(session, row), notice, at)


def settle_bidding(session: Session, row: RoundRow, at: dt.datetime) -> None:
    """Ask nobody any more to bid in a round that takes no bids."""
    settle(session, NoticeKind.ROUND_OPENED, row.key, at)
    settle_all(session, NoticeKind.DEADLINE_NEAR, f"{row.key}/", at)


def tell_deadline_proposed(
    session: Session, row: RoundRow, change_id: str, author: str, at: dt.datetime
) -> None:
    """Tell the platform admins that a second person has to decide about a closing time."""
    sentence = f"Another closing time is proposed for {row.name}: approve it or refuse it."
    notice = Notice(NoticeKind.TO_APPROVE, f"deadline/{change_id}", sentence, _round(row))
    tell(session, _admins(session, besides={author}), notice, at)


def settle_deadline(session: Session, change_id: str, at: dt.datetime) -> None:
    """Ask nobody any more to decide about a closing time."""
    settle(session, NoticeKind.TO_APPROVE, f"deadline/{change_id}", at)


def tell_deadline_changed(session: Session, row: RoundRow, change_id: str, at: dt.datetime) -> None:
    """Tell the teams of a round that it closes at another time."""
    sentence = f"{row.name} now closes for bids on {written(row.closes_at)}."
    notice = Notice(NoticeKind.ROUND_CHANGED, f"deadline/{change_id}", sentence, _round(row))
    tell(session, _bidders(session, row), notice, at)


def tell_cancelled(session: Session, row: RoundRow, at: dt.datetime) -> None:
    """Tell the teams of a round that nothing will be allocated; of a daily one, those that bid."""
    sentence = f"{row.name} is cancelled: nothing is allocated, and holds are given back."
    notice = Notice(NoticeKind.ROUND_CHANGED, f"cancelled/{row.key}", sentence, _round(row))
    is_daily = session.get(DailyRoundRow, row.id) is not None
    told = _with_bids(session, row) if is_daily else _bidders(session, row)
    tell(session, told, notice, at)


def tell_published(session: Session, row: RoundRow, run: RunRow, at: dt.datetime) -> None:
    """Tell every team with bids in a round what became of them."""
    won, lost = _won(session, run), _lost(session, run)
    people = _people_of(session, {*won, *lost})
    for team_id, name in _names(session, {*won, *lost}):
        awards, credits_ = won.get(team_id, (0, 0))
        bids = awards + lost.get(team_id, 0)
        paid = f", for {credits_} credits" if awards else ""
        sentence = f"{row.name} is published: {awards} of {counted(bids, 'bid')} of {name} won"
        notice = Notice(
            NoticeKind.RESULT_PUBLISHED,
            f"{row.key}/{run.revision}/{team_id}",
            f"{sentence}{paid}.",
            _round(row),
        )
        tell(session, people[team_id], notice, at)


def tell_override_solved(
    session: Session, row: RoundRow, override_id: str, author: str, at: dt.datetime
) -> None:
    """Tell the platform admins that a second person has to decide about an override."""
    sentence = (
        f"An override of {row.name} is proposed and its price is known: approve or refuse it."
    )
    path = f"/overrides/{override_id}"
    notice = Notice(NoticeKind.TO_APPROVE, f"override/{override_id}", sentence, path)
    tell(session, _admins(session, besides={author}), notice, at)


def settle_override(session: Session, override_id: str, at: dt.datetime) -> None:
    """Ask nobody any more to decide about an override."""
    settle(session, NoticeKind.TO_APPROVE, f"override/{override_id}", at)


def tell_overridden(
    session: Session, row: RoundRow, before: RunRow, run: RunRow, at: dt.datetime
) -> None:
    """Tell every team whose bids an override decided otherwise, or that pays something else."""
    changed = [*_decided_otherwise(session, before, run)]
    people = _people_of(session, changed)
    for team_id, name in _names(session, changed):
        notice = Notice(
            NoticeKind.RESULT_PUBLISHED,
            f"{row.key}/{run.revision}/{team_id}",
            f"An override changed what {name} was awarded in {row.name}: see revision "
            f"{run.revision} and why.",
            f"/runs/{run.id}",
        )
        tell(session, people[team_id], notice, at)


# --- deliveries --------------------------------------------------------------------------------


def tell_deliveries_due(session: Session, row: RoundRow, at: dt.datetime) -> None:
    """Tell the leads of teams whose awards ended with the sprint to report what came of them."""
    run = _speaking_run(session, row)
    won = _won(session, run) if run else {}
    leads = _people_of(session, won, col(RoleGrantRow.role) == TeamRole.TEAM_LEAD)
    for team_id, name in _names(session, won):
        awards = counted(won[team_id][0], "award")
        sentence = f"{awards} of {name} in {row.name} ended: report what was delivered."
        notice = Notice(
            NoticeKind.DELIVERY_TO_REPORT, f"{row.key}/{team_id}", sentence, "/deliveries"
        )
        tell(session, leads[team_id], notice, at)


def tell_delivery_reported(session: Session, reported: Reported, at: dt.datetime) -> None:
    """Tell the owners of an award's pools, or else the admins, that a report waits for them."""
    own_team = select(col(RoleGrantRow.person_id)).where(
        in_force(), col(RoleGrantRow.team_id) == reported.team_id
    )
    besides = {*session.scalars(own_team), reported.author}
    own_pool = col(RoleGrantRow.pool_id).in_(reported.pool_ids)
    owners = holders(session, col(RoleGrantRow.role) == POOL_OWNER, own_pool, besides=besides)
    notice = Notice(
        NoticeKind.DELIVERY_TO_CONFIRM,
        f"{reported.bid_id}/{reported.version}",
        f"What came of award {reported.bid_key} is reported: confirm it or dispute it.",
        f"/deliveries/{reported.bid_id}",
    )
    tell(session, owners or _admins(session, besides=besides), notice, at)


def settle_delivery(session: Session, bid_id: str, version: int, at: dt.datetime) -> None:
    """Ask nobody any more to confirm or dispute a report."""
    settle(session, NoticeKind.DELIVERY_TO_CONFIRM, f"{bid_id}/{version}", at)


# --- awards ------------------------------------------------------------------------------------


_CUT = {
    CutCause.RELEASED: "released",
    CutCause.PREEMPTED: "preempted",
    CutCause.CAPACITY_LOST: "lost with their capacity",
    CutCause.NOT_ACCEPTED: "not accepted, and go back",
}
"""What became of lots that an award holds no more."""


def tell_award_cut(
    session: Session, bid: BidRow, cut: HoldingCutRow, because: str, at: dt.datetime
) -> None:
    """Tell a team that an award of it holds less from a day on, why, and what came back."""
    back = counted(cut.refund_credits, "credit")
    became = _CUT[CutCause(cut.cause)]
    sentence = (
        f"{counted(cut.lots, 'lot')} of award {bid.key} {_was(cut.lots)} {became} from "
        f"{cut.from_day} on; {back} came back.{because and f' {because}'}"
    )
    people = _people_of(session, [bid.team_id])[bid.team_id]
    subject = f"{cut.run_id}/{cut.bid_id}/{cut.number}"
    tell(session, people, Notice(NoticeKind.AWARD_CUT, subject, sentence, _receipt(bid)), at)


def tell_to_accept(session: Session, bid: BidRow, until: dt.datetime, at: dt.datetime) -> None:
    """Tell a team that a bid of it won what became free, and until when it may accept that."""
    sentence = (
        f"Bid {bid.key} won what became free: accept it by {written(until)}, or it goes back."
    )
    people = _people_of(session, [bid.team_id])[bid.team_id]
    notice = Notice(NoticeKind.AWARD_TO_ACCEPT, f"accept/{bid.id}", sentence, _receipt(bid))
    tell(session, people, notice, at)


def settle_acceptance(session: Session, bid: BidRow, at: dt.datetime) -> None:
    """Ask nobody any more to accept an award."""
    settle(session, NoticeKind.AWARD_TO_ACCEPT, f"accept/{bid.id}", at)


# --- approvals ---------------------------------------------------------------------------------


def tell_approval_asked(
    session: Session, asked: ApprovalAsked, people: Iterable[Recipient], at: dt.datetime
) -> None:
    """Tell those who may answer a request for an approval that it waits for them."""
    until = f" by {written(asked.due_at)}" if asked.due_at else ""
    sentence = f"{asked.team} asks for an approval to use {asked.pool}: answer it{until}."
    subject = f"approval/{asked.request_id}/{asked.position}"
    notice = Notice(NoticeKind.TO_APPROVE, subject, sentence, f"/approvals/{asked.request_id}")
    tell(session, people, notice, at)


def settle_approval(session: Session, request_id: str, at: dt.datetime) -> None:
    """Ask nobody any more to answer a request for an approval."""
    settle_all(session, NoticeKind.TO_APPROVE, f"approval/{request_id}/", at)


def tell_approval_decided(
    session: Session, request_id: str, asker: str, sentence: str, at: dt.datetime
) -> None:
    """Tell whoever asked for an approval how it was answered."""
    notice = Notice(NoticeKind.APPROVAL_DECIDED, request_id, sentence, f"/approvals/{request_id}")
    tell(session, holders(session, col(RoleGrantRow.person_id) == asker), notice, at)


# --- access to data ----------------------------------------------------------------------------


def tell_access_granted(session: Session, granted: Granted, at: dt.datetime) -> None:
    """Tell whoever looks after data that teams may use them now."""
    notice = Notice(
        NoticeKind.ACCESS_CHANGED,
        f"{granted.round_key}/{granted.revision}/{granted.pool_key}",
        f"{counted(granted.grants, 'access grant')} for {granted.pool_key} came with the result "
        f"of {granted.round_key}.",
        f"/access-grants?pool_key={granted.pool_key}",
    )
    tell(session, persons(session, {granted.steward_id}), notice, at)


def tell_access_revoked(
    session: Session, grant_id: str, team_id: str, pool: str, at: dt.datetime
) -> None:
    """Tell a team that it may not use data any more."""
    notice = Notice(
        NoticeKind.ACCESS_CHANGED,
        f"revoked/{grant_id}",
        f"The access of your team to {pool} was taken back; its page says why.",
        f"/access-grants/{grant_id}",
    )
    tell(session, holders(session, col(RoleGrantRow.team_id) == team_id), notice, at)


# --- hours of experts --------------------------------------------------------------------------


def tell_hours_asked(session: Session, asked: AskedHours, at: dt.datetime) -> None:
    """Ask an expert to confirm or decline hours."""
    notice = Notice(
        NoticeKind.HOURS_TO_CONFIRM,
        f"{asked.pool_id}/{at.isoformat()}",
        f"{counted(asked.hours, 'hour')} of yours in {asked.pool} are asked for: confirm or "
        "decline them.",
        "/hours",
    )
    tell(session, persons(session, {asked.person_id}), notice, at)


def tell_hours_freed(session: Session, asked: AskedHours, at: dt.datetime) -> None:
    """Tell an expert that hours are not asked of them any more."""
    notice = Notice(
        NoticeKind.HOURS_TO_CONFIRM,
        f"{asked.pool_id}/freed/{at.isoformat()}",
        f"{counted(asked.hours, 'hour')} of yours in {asked.pool} are asked for no more.",
        "/hours",
    )
    tell(session, persons(session, {asked.person_id}), notice, at)


def settle_hours_asked(session: Session, person_id: str, pool_id: str, at: dt.datetime) -> None:
    """Ask an expert no more who has answered all that a pool asked."""
    settle_all(session, NoticeKind.HOURS_TO_CONFIRM, f"{pool_id}/", at, person_id=person_id)


def tell_hours_to_name(
    session: Session, pool_id: str, pool_key: str, hours: int, at: dt.datetime
) -> None:
    """Tell the owners of a pool that hours which were awarded have nobody."""
    sentence = f"{counted(hours, 'hour')} of {pool_key} have nobody yet: name somebody."
    _tell_owners(session, pool_id, pool_key, f"open/{at.isoformat()}", sentence, at)


def tell_hours_declined(
    session: Session, pool_id: str, pool_key: str, hours: int, at: dt.datetime
) -> None:
    """Tell the owners of a pool that somebody declined hours."""
    sentence = (
        f"{counted(hours, 'hour')} of {pool_key} were declined; others are asked, if any can."
    )
    _tell_owners(session, pool_id, pool_key, f"declined/{at.isoformat()}", sentence, at)


def _tell_owners(
    session: Session, pool_id: str, pool_key: str, what: str, sentence: str, at: dt.datetime
) -> None:
    own = (col(RoleGrantRow.role) == POOL_OWNER, col(RoleGrantRow.pool_id) == pool_id)
    people = holders(session, *own) or _admins(session, besides=())
    path = f"/admin/pools/{pool_key}/hours"
    notice = Notice(NoticeKind.HOURS_TO_NAME, f"{pool_id}/{what}", sentence, path)
    tell(session, people, notice, at)


# --- people ------------------------------------------------------------------------------------


def tell_grant_proposed(
    session: Session, grant_id: str, besides: Iterable[str], at: dt.datetime
) -> None:
    """Tell the platform admins that a role waits for a second person."""
    sentence = "A role is proposed for somebody: approve it or take it back."
    notice = Notice(NoticeKind.TO_APPROVE, f"grant/{grant_id}", sentence, "/admin/people")
    tell(session, _admins(session, besides=besides), notice, at)


def settle_grant(session: Session, grant_id: str, at: dt.datetime) -> None:
    """Ask nobody any more to approve a role."""
    settle(session, NoticeKind.TO_APPROVE, f"grant/{grant_id}", at)


# --- who and how many --------------------------------------------------------------------------


def written(at: dt.datetime | None) -> str:
    """Write an instant to the minute, in UTC."""
    if at is None:
        return "a time that is not known yet"
    moment = at.astimezone(dt.UTC)
    return f"{moment.day} {moment:%B %Y} at {moment:%H:%M} UTC"


def counted(count: int, noun: str) -> str:
    """Write how many there are of something."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _was(count: int) -> str:
    return "was" if count == 1 else "were"


def _receipt(bid: BidRow) -> str:
    return f"/receipts/{bid.id}"


def _round(row: RoundRow) -> str:
    return f"/rounds/{row.key}"


def _admins(session: Session, besides: Iterable[str]) -> tuple[Recipient, ...]:
    is_admin = col(RoleGrantRow.role) == Role.PLATFORM_ADMIN
    return holders(session, is_admin, besides=besides)


def _bidders(session: Session, row: RoundRow) -> tuple[Recipient, ...]:
    teams = select(col(RoundTeamRow.team_id)).where(col(RoundTeamRow.round_id) == row.id)
    return holders(session, col(RoleGrantRow.team_id).in_(teams))


def _with_bids(session: Session, row: RoundRow) -> tuple[Recipient, ...]:
    teams = select(col(TeamBidRow.team_id)).where(
        col(TeamBidRow.round_id) == row.id, col(TeamBidRow.state) == BidState.SUBMITTED
    )
    return holders(session, col(RoleGrantRow.team_id).in_(teams))


def _people_of(
    session: Session, team_ids: Iterable[str], *which: ColumnElement[bool]
) -> Mapping[str, list[Recipient]]:
    """Return the people of some teams, by the team's id."""
    rows = session.execute(
        select(col(RoleGrantRow.team_id), col(PersonRow.id), col(PersonRow.email))
        .join(PersonRow, col(PersonRow.id) == col(RoleGrantRow.person_id))
        .where(
            in_force(),
            col(PersonRow.disabled_at).is_(None),
            col(RoleGrantRow.team_id).in_(list(team_ids)),
            *which,
        )
        .distinct()
    )
    found: dict[str, list[Recipient]] = defaultdict(list)
    for team_id, person_id, email in rows:
        found[str(team_id)].append(Recipient(person_id, bool(email)))
    return found


def _names(session: Session, team_ids: Iterable[str]) -> list[tuple[str, str]]:
    teams = select(col(TeamRow.id), col(TeamRow.name)).where(col(TeamRow.id).in_(list(team_ids)))
    rows = session.execute(teams.order_by(col(TeamRow.key)))
    return [(team_id, name) for team_id, name in rows]


def _won(session: Session, run: RunRow) -> Mapping[str, tuple[int, int]]:
    """Return how many bids every team won in a run and what it pays, by the team's id."""
    rows = session.execute(
        select(col(BidRow.team_id), func.count(), func.sum(col(AwardRow.payment_credits)))
        .join(AwardRow, col(AwardRow.bid_id) == col(BidRow.id))
        .where(col(AwardRow.run_id) == run.id)
        .group_by(col(BidRow.team_id))
    )
    return {team_id: (awards, int(credits_)) for team_id, awards, credits_ in rows}


def _lost(session: Session, run: RunRow) -> Mapping[str, int]:
    """Return how many bids of every team a run declined, by the team's id."""
    rows = session.execute(
        select(col(BidRow.team_id), func.count().label("declines"))
        .join(DeclineRow, col(DeclineRow.bid_id) == col(BidRow.id))
        .where(col(DeclineRow.run_id) == run.id)
        .group_by(col(BidRow.team_id))
    )
    return {row.team_id: row.declines for row in rows}


def _decided_otherwise(session: Session, before: RunRow, run: RunRow) -> frozenset[str]:
    """Return the teams with an award that only one of two runs has, just as it is."""
    awards = [_awards_of(session, one) for one in (before, run)]
    return frozenset(team_id for team_id, *_ in awards[0] ^ awards[1])


def _awards_of(session: Session, run: RunRow) -> set[tuple[str, str, int, dt.date, int, int]]:
    rows = session.execute(
        select(
            col(BidRow.team_id),
            col(AwardRow.bid_id),
            col(AwardRow.alternative),
            col(AwardRow.start),
            col(AwardRow.lots),
            col(AwardRow.payment_credits),
        )
        .join(BidRow, col(BidRow.id) == col(AwardRow.bid_id))
        .where(col(AwardRow.run_id) == run.id)
    )
    return {tuple(row) for row in rows}


def _speaking_run(session: Session, row: RoundRow) -> RunRow | None:
    published = select(RunRow).where(
        col(RunRow.round_id) == row.id, col(RunRow.state) == RoundState.PUBLISHED.value
    )
    return session.scalars(published.order_by(col(RunRow.revision).desc()).limit(1)).first()
