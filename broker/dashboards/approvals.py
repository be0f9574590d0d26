"""Screen 12, approvals: what waits for whom, since when and until when, and who may answer.

A team sees its own requests, a pool owner those for the pool, admins and auditors all of them. How
long pools take to answer is for everybody to see: it names no team.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, exists, func, literal, or_, select
from sqlmodel import Session, col

from broker.access import Action, Actor, Role, TeamRole, may, nothing_here, require, require_scope
from broker.approvals.matrices import Matrix, Purpose, Step
from broker.approvals.standings import STEP_WORDS
from broker.approvals.steps import board_of, may_answer, people_who_may_answer
from broker.approvals.tables import (
    ApprovalRequestRow,
    ApprovalStepRow,
    DecisionMatrixRow,
    RequestState,
)
from broker.approvals.versions import MatrixInForce, list_matrices, matrix_in_force, matrix_of
from broker.dashboards.listings import Column, Kind, Listing, Question, Table, list_rows
from broker.dashboards.listings import Subject as Names
from broker.dashboards.overrides import WaitingOverride, waiting_overrides
from broker.dashboards.sources import POOL, TEAM
from broker.people.tables import PersonRow
from broker.policy.versions import policy_in_force
from broker.tables import PoolRow, TeamRow

_TABLES = ApprovalRequestRow.metadata.tables
REQUEST = _TABLES[str(ApprovalRequestRow.__tablename__)]
STEP = _TABLES[str(ApprovalStepRow.__tablename__)]
PERSON = _TABLES[str(PersonRow.__tablename__)]
READERS = frozenset({Role.PLATFORM_ADMIN, Role.FINANCE_AUDITOR, Role.SERVICE})
LOOKED_BACK = dt.timedelta(days=365)
"""How far back answers count in how long pools take."""
MOST_WAITING = 100
"""How many requests the queue shows; the table below has all of them."""
MINUTE = 60
COLUMNS = (
    Column("request", "Request", Kind.KEY, shown=False),
    Column("team", "Team", filtered=True, names=Names.APPROVAL, reference="request"),
    Column("team_key", "Team key", Kind.KEY, shown=False),
    Column("pool", "Pool", filtered=True, names=Names.POOL, reference="pool_key"),
    Column("pool_key", "Pool key", Kind.KEY, shown=False),
    Column("purpose", "Purpose", filtered=True),
    Column("purpose_key", "Kind of purpose", Kind.KEY, shown=False),
    Column("classification", "Classification", shown=False),
    Column("most_credits", "At most", Kind.COUNT, "credits"),
    Column("valid_from", "From", Kind.DAY),
    Column("valid_until", "Until", Kind.DAY),
    Column("state", "State", Kind.CHOICE, choices=tuple(RequestState), filtered=True),
    Column("step", "Waits for", shown=False),
    Column("asked_at", "Asked", Kind.INSTANT),
    Column("step_at", "With them since", Kind.INSTANT, shown=False),
    Column("due_at", "Goes on at", Kind.INSTANT, shown=False),
    Column("decided_at", "Decided", Kind.INSTANT),
    Column("reason", "What was said", shown=False),
)


@dataclass(frozen=True, slots=True)
class Waiting:
    """A request in the queue, with its clock: for whom it waits, since when and until when."""

    id: str
    team: str
    pool: str
    purpose: str
    who: str
    asked_at: dt.datetime
    since: dt.datetime
    due_at: dt.datetime | None
    is_own: bool
    may_answer: bool


@dataclass(frozen=True, slots=True)
class AnswerTime:
    """How long requests for a pool took from ask to answer, in the last year.

    Answers of a rule do not count; `longest_minutes` is of those that were answered.
    """

    pool: str
    answers: int
    median_minutes: int
    longest_minutes: int


@dataclass(frozen=True, slots=True)
class PoolChoice:
    """A pool that can be asked for; `needs_approval` if the policy in force bars bids without."""

    key: str
    name: str
    classification: str
    needs_approval: bool


@dataclass(frozen=True, slots=True)
class ApprovalsScreen:
    """The queue, overrides that wait, the reader's requests, how long answers take, what to ask.

    Shape: `teams` are those that the reader leads, by id.
    """

    queue: tuple[Waiting, ...]
    overrides: tuple[WaitingOverride, ...]
    requests: Listing
    times: tuple[AnswerTime, ...]
    teams: Mapping[str, str]
    pools: tuple[PoolChoice, ...]
    purposes: tuple[Purpose, ...]


@dataclass(frozen=True, slots=True)
class StepLine:
    """A step that a request came to: who, since when, and when it goes or went on."""

    who: str
    begun_at: dt.datetime
    due_at: dt.datetime | None


@dataclass(frozen=True, slots=True)
class ApprovalScreen:
    """One request with its clock and its history; `answerers` are the names of who may answer."""

    request: ApprovalRequestRow
    team: str
    pool: str
    pool_key: str
    purpose_words: str
    asked_by: str
    decided_by: str
    steps: tuple[StepLine, ...]
    answerers: tuple[str, ...]
    may_answer: bool
    may_withdraw: bool


@dataclass(frozen=True, slots=True)
class MatrixVersion:
    """A version of the decision rights that was proposed, and by whom it was decided."""

    version: int
    state: str
    reason: str
    author: str
    proposed_at: dt.datetime
    decided_by: str
    decided_at: dt.datetime | None
    document: str
    is_own: bool


@dataclass(frozen=True, slots=True)
class RightsScreen:
    """The decision rights in force, and every version that was proposed."""

    in_force: MatrixInForce
    versions: tuple[MatrixVersion, ...]
    may_change: bool


def approvals_screen(
    session: Session, actor: Actor, question: Question, now: dt.datetime
) -> ApprovalsScreen:
    """Return what waits, what was decided and what can be asked. Raises: SignInNeeded."""
    listing = list_rows(session, approval_table(actor), question)
    led = [id_ for id_, role in actor.teams.items() if role is TeamRole.TEAM_LEAD]
    names = select(TEAM.c.id, TEAM.c.name).where(TEAM.c.id.in_(led)).order_by(TEAM.c.name)
    return ApprovalsScreen(
        queue=_queue(session, actor),
        overrides=waiting_overrides(session, actor),
        requests=listing,
        times=answer_times(session, now),
        teams=dict(session.execute(names).all()) if led else {},
        pools=_pools(session, now) if led else (),
        purposes=matrix_in_force(session).matrix.purposes if led else (),
    )


def approval_table(actor: Actor) -> Table:
    """Return the table of the requests that somebody may read. Raises: SignInNeeded."""
    require_scope(actor, Action.READ_APPROVAL)
    rows = _requests().where(_readable(actor))
    return Table("approvals", "Requests for approvals", COLUMNS, rows, ("-asked_at", "request"))


def approval_screen(session: Session, actor: Actor, request_id: str) -> ApprovalScreen:
    """Return one request. Raises: SignInNeeded; NotFound for whoever may not read it."""
    require_scope(actor, Action.READ_APPROVAL)
    row = session.get(ApprovalRequestRow, request_id)
    if row is None:
        raise nothing_here()
    require(actor, Action.READ_APPROVAL, team_id=row.team_id, pool_id=row.pool_id)
    matrix = matrix_of(session, row.matrix_version)
    pool, team = session.get_one(PoolRow, row.pool_id), session.get_one(TeamRow, row.team_id)
    steps, names = _steps(session, row.id), _names(session, (row.asked_by, row.decided_by))
    step = Step(steps[-1].step) if steps else None
    purpose = matrix.purpose(row.purpose_key)
    is_waiting = row.state == RequestState.WAITING
    return ApprovalScreen(
        request=row,
        team=team.name,
        pool=pool.name,
        pool_key=pool.key,
        purpose_words=purpose.name if purpose else row.purpose_key,
        asked_by=names.get(row.asked_by, ""),
        decided_by=names.get(row.decided_by or "", ""),
        steps=tuple(_line(one) for one in steps),
        answerers=people_who_may_answer(session, row, step) if step and is_waiting else (),
        may_answer=may_answer(actor, row, step, board_of(session, matrix)),
        may_withdraw=is_waiting and may(actor, Action.REQUEST_APPROVAL, team_id=row.team_id),
    )


def rights_screen(session: Session, actor: Actor) -> RightsScreen:
    """Return the decision rights with their versions. Raises: SignInNeeded."""
    require(actor, Action.USE_ACCOUNT)
    rows = list_matrices(session)
    names = _names(session, [id_ for row in rows for id_ in (row.author, row.decided_by)])
    return RightsScreen(
        in_force=matrix_in_force(session),
        versions=tuple(_version(row, names, actor) for row in rows),
        may_change=may(actor, Action.CHANGE_DECISION_RIGHTS),
    )


def answer_times(session: Session, now: dt.datetime) -> tuple[AnswerTime, ...]:
    """Return how long the answers of the last year took, by the name of the pool."""
    answered = (
        select(POOL.c.name, REQUEST.c.asked_at, REQUEST.c.decided_at)
        .select_from(REQUEST)
        .join(POOL, POOL.c.id == REQUEST.c.pool_id)
        .where(
            REQUEST.c.state.in_((RequestState.APPROVED, RequestState.REJECTED)),
            REQUEST.c.decided_by.is_not(None),
            REQUEST.c.decided_at > now - LOOKED_BACK,
        )
    )
    found: dict[str, list[int]] = defaultdict(list)
    for pool, asked_at, decided_at in session.execute(answered):
        found[pool].append(int((decided_at - asked_at).total_seconds()) // MINUTE)
    return tuple(
        AnswerTime(pool, len(minutes), int(median(minutes)), max(minutes))
        for pool, minutes in sorted(found.items())
    )


def _readable(actor: Actor) -> ColumnElement[bool]:
    """Say which requests somebody may read: the rule of access.py, for many at once."""
    if READERS & actor.roles:
        return literal(value=True)
    return or_(
        REQUEST.c.team_id.in_(sorted(actor.teams)), REQUEST.c.pool_id.in_(sorted(actor.pools))
    )


def _requests() -> Select[Any]:
    return (
        select(
            REQUEST.c.id.label("request"),
            TEAM.c.name.label("team"),
            TEAM.c.key.label("team_key"),
            POOL.c.name.label("pool"),
            POOL.c.key.label("pool_key"),
            REQUEST.c.purpose,
            REQUEST.c.purpose_key,
            REQUEST.c.classification,
            REQUEST.c.most_credits,
            REQUEST.c.valid_from,
            REQUEST.c.valid_until,
            REQUEST.c.state,
            STEP.c.step,
            REQUEST.c.asked_at,
            STEP.c.begun_at.label("step_at"),
            STEP.c.due_at,
            REQUEST.c.decided_at,
            REQUEST.c.reason,
        )
        .select_from(REQUEST)
        .join(TEAM, TEAM.c.id == REQUEST.c.team_id)
        .join(POOL, POOL.c.id == REQUEST.c.pool_id)
        .outerjoin(STEP, and_(STEP.c.request_id == REQUEST.c.id, _is_newest()))
    )


def _is_newest() -> ColumnElement[bool]:
    later = STEP.alias("later")
    return ~exists().where(
        later.c.request_id == STEP.c.request_id, later.c.position > STEP.c.position
    )


def _queue(session: Session, actor: Actor) -> tuple[Waiting, ...]:
    """Return what waits, what goes on first at the top."""
    waiting = (
        select(ApprovalRequestRow, ApprovalStepRow, TEAM.c.name, POOL.c.name)
        .select_from(REQUEST)
        .join(STEP, and_(STEP.c.request_id == REQUEST.c.id, _is_newest()))
        .join(TEAM, TEAM.c.id == REQUEST.c.team_id)
        .join(POOL, POOL.c.id == REQUEST.c.pool_id)
        .where(REQUEST.c.state == RequestState.WAITING, _readable(actor))
        .order_by(func.coalesce(STEP.c.due_at, STEP.c.begun_at), REQUEST.c.id)
        .limit(MOST_WAITING)
    )
    rows = session.execute(waiting).all()
    boards = _boards(session, {row.matrix_version for row, *_ in rows})
    return tuple(
        Waiting(
            id=row.id,
            team=team,
            pool=pool,
            purpose=row.purpose,
            who=STEP_WORDS[Step(step.step)],
            asked_at=row.asked_at,
            since=step.begun_at,
            due_at=step.due_at,
            is_own=row.team_id in actor.teams,
            may_answer=may_answer(actor, row, Step(step.step), boards[row.matrix_version]),
        )
        for row, step, team, pool in rows
    )


def _boards(session: Session, versions: Iterable[int]) -> Mapping[int, frozenset[str] | None]:
    """Return the review board of some versions, with two queries however many they are."""
    found: dict[int, frozenset[str] | None] = dict.fromkeys(versions)
    known = select(DecisionMatrixRow).where(col(DecisionMatrixRow.version).in_(list(found)))
    named = {
        row.version: Matrix.model_validate_json(row.document).board
        for row in session.scalars(known)
    }
    keys = {key for board in named.values() for key in board}
    people = select(PERSON.c.key, PERSON.c.id).where(PERSON.c.key.in_(sorted(keys)))
    ids = dict(session.execute(people).all()) if keys else {}
    for version, board in named.items():
        if board:
            found[version] = frozenset(ids[key] for key in board if key in ids)
    return found


def _pools(session: Session, now: dt.datetime) -> tuple[PoolChoice, ...]:
    in_force = policy_in_force(session, now)
    rules = in_force.policy.approvals if in_force else ()
    guarded = {rule.classification for rule in rules}
    rows = session.execute(
        select(POOL.c.key, POOL.c.name, POOL.c.classification).order_by(POOL.c.name, POOL.c.key)
    )
    return tuple(PoolChoice(key, name, class_, class_ in guarded) for key, name, class_ in rows)


def _steps(session: Session, request_id: str) -> Sequence[ApprovalStepRow]:
    steps = select(ApprovalStepRow).where(col(ApprovalStepRow.request_id) == request_id)
    return session.scalars(steps.order_by(col(ApprovalStepRow.position))).all()


def _line(step: ApprovalStepRow) -> StepLine:
    return StepLine(STEP_WORDS[Step(step.step)], step.begun_at, step.due_at)


def _names(session: Session, ids: Iterable[str | None]) -> Mapping[str, str]:
    known = [id_ for id_ in ids if id_]
    people = select(PERSON.c.id, PERSON.c.name).where(PERSON.c.id.in_(known))
    return dict(session.execute(people).all()) if known else {}


def _version(row: DecisionMatrixRow, names: Mapping[str, str], actor: Actor) -> MatrixVersion:
    return MatrixVersion(
        version=row.version,
        state=row.state,
        reason=row.reason,
        author=names.get(row.author, ""),
        proposed_at=row.proposed_at,
        decided_by=names.get(row.decided_by or "", ""),
        decided_at=row.decided_at,
        document=row.document,
        is_own=row.author == actor.id,
    )
