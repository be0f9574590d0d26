"""Daily rounds: what is free on the days to come of a running sprint goes to those who wait.

A daily round is a round like any other, announced, bid for and closed; the run machine then solves,
judges, publishes and settles it. Where the policy names a time of the day, teams bid in it for spot
capacity until then; what waits enters at its close, when its offer is said anew. Without such a
time it is announced and closed in one transaction. Standing awards are its commitments, so it hands
out free units only. There is at most one for each day of a sprint, and none where nobody bid and
nothing that is free would serve anybody who waits.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from sqlalchemy import select
from sqlmodel import Session, col

from allocation.folders import RoundFolder
from allocation.problem import (
    Alternative,
    Bid,
    BidKey,
    Contest,
    DayUnits,
    PoolKey,
    Problem,
    RoundKey,
    Team,
    Tier,
)
from broker.access import service
from broker.audit import Change
from broker.bids.placing import store_bids
from broker.directory import directory_of
from broker.holdings.standing import standing_units
from broker.importing import content_sha256
from broker.ledger.accounts import balances
from broker.ledger.tables import AccountKind
from broker.nonces import draw_nonce, nonce_sha256
from broker.policy.versions import policy_in_force
from broker.rounds import close_round, create_round, lock_round, renew_offer
from broker.rounds_by_hand import cancel_round
from broker.snapshots import frozen_problem
from broker.spot.acceptances import accept_by, ask_before
from broker.spot.first_places import first_places
from broker.spot.losses import fitting, lost_units, without
from broker.spot.offers import labels_of, team_names
from broker.spot.recoveries import is_undecided, short_now
from broker.spot.tables import DailyRoundRow, FirstPlaceRow, WaitlistWish, is_of_a_sprint
from broker.spot.waitlists import waiting_keys
from broker.states import RoundState, move_round
from broker.tables import BidRow, RoundRow, TeamRow

ONE_DAY = dt.timedelta(days=1)
TOO_LATE = "Its first day had begun before it was decided."
NOBODY = "Nobody bid, and nothing that is free would serve anybody who waits."

Free = Mapping[tuple[PoolKey, dt.date], tuple[int, int]]
"""Units that nobody holds, by pool and day: those to reserve, and all of them."""


def announce_daily_round(session: Session, sprint_key: str, change: Change) -> str | None:
    """Let teams bid in the next daily round of a sprint, until the policy's time; return its key.

    None if one takes bids or is being decided, the sprint has no day left for it, or the policy
    takes no late bids.

    Raises: NotFound.
    """
    closes_at = _next_close(session, change.at)
    if closes_at is None:
        return None
    sprint = lock_round(session, sprint_key)
    today, first = closes_at.date(), max(closes_at.date() + ONE_DAY, sprint.starts_on)
    if _pending(session, sprint) or not _is_due(session, sprint, first, today):
        return None
    problem = replace(_problem(session, sprint, first, today), bids=(), contest=None)
    return _announce(session, sprint, problem, today, change, closes_at).key


def takes_late_bids(session: Session, at: dt.datetime) -> bool:
    """Say whether the policy in force lets teams bid in daily rounds."""
    return _next_close(session, at) is not None


def open_daily_round(session: Session, sprint_key: str, change: Change) -> str | None:
    """Close a round of what is free after today in a sprint, ready to run; return its key.

    It is the one that takes bids, when its time has come, else a new one. None if today had one,
    the sprint has no day to come, or nothing free serves who waits and nobody bid. An earlier one
    that is still not decided when its first day has begun is cancelled.

    Raises: NotFound.
    """
    sprint, today = lock_round(session, sprint_key), change.at.astimezone(dt.UTC).date()
    _cancel_late(session, sprint, today, change)
    first = max(today + ONE_DAY, sprint.starts_on)
    pending = _pending(session, sprint)
    if pending is not None:
        return _close_pending(session, sprint, pending, change)
    if not _is_due(session, sprint, first, today):
        return None
    problem = _problem(session, sprint, first, today, accept_by(session, change.at))
    if not problem.bids:
        return None
    row = _announce(session, sprint, problem, today, change)
    _close(session, sprint, row, problem, change)
    return row.key


def _close_pending(
    session: Session, sprint: RoundRow, pending: RoundRow, change: Change
) -> str | None:
    """Close a round that takes bids, if its time has come; it is cancelled if there are none."""
    row = lock_round(session, pending.key)
    if row.closes_at is None or change.at < row.closes_at:
        return None
    if is_undecided(session, sprint) or short_now(session, sprint, row.starts_on):
        return None
    day = row.closes_at.astimezone(dt.UTC).date()
    problem = _problem(session, sprint, row.starts_on, day, accept_by(session, change.at))
    has_bids = session.scalars(
        select(col(BidRow.id)).where(col(BidRow.round_id) == row.id).limit(1)
    ).first()
    if not problem.bids and not has_bids:
        cancel_round(session, service(change.actor), row.key, NOBODY, change.at)
        return None
    renew_offer(session, row, problem)
    _close(session, sprint, row, problem, change)
    return row.key


def _announce(
    session: Session,
    sprint: RoundRow,
    problem: Problem,
    day: dt.date,
    change: Change,
    closes_at: dt.datetime | None = None,
) -> RoundRow:
    """Open a daily round of a sprint; it endows nobody and names what teams have available."""
    offer = _described(session, sprint, replace(problem, nonce=draw_nonce()), day)
    row = create_round(
        session, offer, change, closes_at=closes_at, imported_sha256=content_sha256(offer)
    )
    session.add(DailyRoundRow(round_id=row.id, sprint_round_id=sprint.id, day=day))
    session.flush()
    facts = {"nonce_sha256": nonce_sha256(row.nonce)}
    move_round(session, row, RoundState.OPEN, change, facts=facts, opens_at=change.at)
    return row


def _close(
    session: Session, sprint: RoundRow, row: RoundRow, problem: Problem, change: Change
) -> None:
    """Let the bids that wait enter a daily round, and close it."""
    titles = _titles(session, sprint, problem)
    ids = store_bids(session, directory_of(session, row), problem.bids, titles, change)
    for key in problem.contest.first if problem.contest else ():
        session.add(FirstPlaceRow(bid_id=ids[key], round_id=row.id))
    session.flush()
    until, asking = accept_by(session, change.at), waiting_keys(session, sprint, WaitlistWish.ASK)
    if until is not None:
        ask_before(session, (id_ for key, id_ in ids.items() if key in asking), until)
    close_round(session, row.key, change)


def _next_close(session: Session, at: dt.datetime) -> dt.datetime | None:
    """Return when the next daily round closes by the policy in force; None if it takes no bids."""
    in_force = policy_in_force(session, at)
    spot = in_force.policy.spot if in_force else None
    if spot is None or spot.daily_close_time is None:
        return None
    time = dt.time.fromisoformat(spot.daily_close_time)
    today = dt.datetime.combine(at.astimezone(dt.UTC).date(), time, dt.UTC)
    return today if at < today else today + ONE_DAY


def _pending(session: Session, sprint: RoundRow) -> RoundRow | None:
    """Return the daily round of a sprint that takes bids; None if there is none."""
    is_pending = (
        select(RoundRow)
        .join(DailyRoundRow, col(DailyRoundRow.round_id) == col(RoundRow.id))
        .where(
            col(DailyRoundRow.sprint_round_id) == sprint.id, col(RoundRow.state) == RoundState.OPEN
        )
    )
    return session.scalars(is_pending).first()


def _is_due(session: Session, sprint: RoundRow, first: dt.date, today: dt.date) -> bool:
    if sprint.state != RoundState.PUBLISHED:
        return False
    if first >= sprint.starts_on + dt.timedelta(days=sprint.days):
        return False
    is_sprint = select(col(RoundRow.id)).where(col(RoundRow.id) == sprint.id, is_of_a_sprint())
    if not session.scalars(is_sprint).first() or short_now(session, sprint, today):
        return False
    return not _had_one(session, sprint, today) and not is_undecided(session, sprint)


def _cancel_late(session: Session, sprint: RoundRow, today: dt.date, change: Change) -> None:
    late = (
        select(col(RoundRow.key))
        .join(DailyRoundRow, col(DailyRoundRow.round_id) == col(RoundRow.id))
        .where(
            col(DailyRoundRow.sprint_round_id) == sprint.id,
            col(RoundRow.state).in_((RoundState.OPEN, RoundState.CLOSED)),
            col(RoundRow.starts_on) <= today,
        )
    )
    for key in session.scalars(late).all():
        cancel_round(session, service(change.actor), key, TOO_LATE, change.at)


def _had_one(session: Session, sprint: RoundRow, today: dt.date) -> bool:
    """Say whether today had a daily round."""
    others = select(col(DailyRoundRow.round_id)).where(
        col(DailyRoundRow.sprint_round_id) == sprint.id, col(DailyRoundRow.day) == today
    )
    return session.scalars(others).first() is not None


def _problem(
    session: Session,
    sprint: RoundRow,
    first: dt.date,
    today: dt.date,
    until: dt.datetime | None = None,
) -> Problem:
    """Return what is left of a sprint from a day on, asked for by those whom it could serve.

    What teams accept until a moment begins on the day after; without one nobody is asked.
    """
    whole = frozen_problem(session, sprint)
    left = without(whole.capacity, lost_units(session, sprint))
    capacity = tuple(units for units in left if units.day >= first)
    standing = standing_units(session, sprint, first)
    held = tuple(fitting(_held(whole.commitments, standing, first), capacity))
    free, teams = _free(capacity, held), tuple(_teams(session, whole.teams))
    credits_ = {team.key: team.credits for team in teams}
    starts = _starts_of_waiting(session, sprint, first, until)
    late = (_from(bid, starts[bid.key]) for bid in whole.bids if bid.key in starts)
    prices = whole.reserve_prices
    broken = {one.bid.key: one.bid for one in first_places(session, sprint, first, prices)}
    asked = {**{bid.key: bid for bid in late}, **broken}
    bids = tuple(b for b in asked.values() if _could_win(b, free, credits_[b.team_key]))
    before_others = tuple(bid.key for bid in bids if bid.key in broken)
    return Problem(
        round_key=RoundKey(f"{sprint.key}-{today:%m%d}"),
        starts_on=first,
        days=(whole.ends_on - first).days + 1,
        pools=whole.pools,
        capacity=capacity,
        teams=teams,
        bids=bids,
        commitments=held,
        contest=Contest(before_others) if before_others else None,
    )


def _starts_of_waiting(
    session: Session, sprint: RoundRow, first: dt.date, until: dt.datetime | None
) -> dict[str, dt.date]:
    """Return the first day on which each bid that waits could begin, by key."""
    taking = waiting_keys(session, sprint, WaitlistWish.TAKE)
    asking = waiting_keys(session, sprint, WaitlistWish.ASK) if until else frozenset()
    accepted = max(first, until.astimezone(dt.UTC).date() + ONE_DAY) if until else first
    return dict.fromkeys(taking, first) | dict.fromkeys(asking, accepted)


def _held(
    before: Iterable[DayUnits],
    standing: Mapping[tuple[str, dt.date, str], int],
    first: dt.date,
) -> Iterator[DayUnits]:
    """Add up what earlier sprints, this sprint's round and its daily rounds still hold."""
    held: Counter[tuple[str, dt.date, str]] = Counter(standing)
    for units in before:
        if units.day >= first:
            held[units.pool_key, units.day, Tier.RESERVED] += units.reserved_units
            held[units.pool_key, units.day, Tier.SPOT] += units.spot_units
    for pool, day in sorted({(pool, day) for pool, day, _ in held}):
        reserved, spot = held[pool, day, Tier.RESERVED], held[pool, day, Tier.SPOT]
        yield DayUnits(PoolKey(pool), day, reserved, spot)


def _free(capacity: Iterable[DayUnits], held: Iterable[DayUnits]) -> Free:
    taken = {(one.pool_key, one.day): (one.reserved_units, one.spot_units) for one in held}
    free = {}
    for one in capacity:
        reserved, spot = taken.get((one.pool_key, one.day), (0, 0))
        every = one.reserved_units + one.spot_units - reserved - spot
        free[one.pool_key, one.day] = min(one.reserved_units - reserved, every), every
    return free


def _teams(session: Session, teams: Iterable[Team]) -> Iterator[Team]:
    """Let teams spend what they have available now."""
    available = balances(session, AccountKind.AVAILABLE)
    ids = dict(session.execute(select(col(TeamRow.key), col(TeamRow.id))).all())
    for team in teams:
        yield replace(team, credits=available.get(ids[team.key], 0))


def _from(bid: Bid, first: dt.date) -> Bid:
    """Return a bid with the alternatives that can still start on a day or after it."""
    ways = (
        replace(way, earliest_start=max(way.earliest_start, first))
        for way in bid.alternatives
        if way.latest_start >= first
    )
    return replace(bid, alternatives=tuple(ways))


def _could_win(bid: Bid, free: Free, credits_: int) -> bool:
    """Say whether the free units and the team's credits serve a bid if it is alone."""
    return any(
        way.offer_credits_per_lot * way.min_lots <= credits_
        and any(_fits(way, start, free) for start in _starts(way))
        for way in bid.alternatives
    )


def _starts(way: Alternative) -> Iterator[dt.date]:
    days = (way.latest_start - way.earliest_start).days
    return (way.earliest_start + dt.timedelta(days=n) for n in range(days + 1))


def _fits(way: Alternative, start: dt.date, free: Free) -> bool:
    used: Counter[tuple[PoolKey, dt.date]] = Counter()
    for item in way.items:
        for n in range(item.offset_days, item.offset_days + item.days):
            used[item.pool_key, start + dt.timedelta(days=n)] += item.units_per_lot * way.min_lots
    which = 0 if way.tier is Tier.RESERVED else 1
    return all(units <= free.get(place, (0, 0))[which] for place, units in used.items())


def _described(session: Session, sprint: RoundRow, problem: Problem, day: dt.date) -> RoundFolder:
    """Name everything as the sprint's round names it."""
    return RoundFolder(
        problem=problem,
        name=f"{sprint.name}, free on {day:%-d %B}",
        pools=labels_of(session, sprint),
        teams=team_names(session, problem.teams),
        titles=_titles(session, sprint, problem),
    )


def _titles(session: Session, sprint: RoundRow, problem: Problem) -> dict[BidKey, str]:
    daily = select(col(DailyRoundRow.round_id)).where(
        col(DailyRoundRow.sprint_round_id) == sprint.id
    )
    rows = select(col(BidRow.key), col(BidRow.title)).where(
        (col(BidRow.round_id) == sprint.id) | col(BidRow.round_id).in_(daily)
    )
    titles = dict(session.execute(rows).all())
    return {bid.key: titles[bid.key] for bid in problem.bids}
