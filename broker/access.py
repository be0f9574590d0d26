"""Who may what: the one module that decides.

Services ask here before they read or change anything; the screens ask here what to offer. Who an
actor is comes from people/actors.py, which reads it anew for every request. This module knows no
database and no web.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from broker.audit import ActorId
from broker.errors import NotAllowed, NotFound, SignInNeeded


class Role(StrEnum):
    """What a person or a program is for the whole installation."""

    PLATFORM_ADMIN = "platform-admin"
    FINANCE_AUDITOR = "finance-auditor"
    SERVICE = "service"


class TeamRole(StrEnum):
    """What a person is in one team."""

    MEMBER = "member"
    TEAM_LEAD = "team-lead"


class Scope(StrEnum):
    """What a token is for; it does nothing else, whatever its owner may."""

    READ_MARKET = "market:read"
    READ_BIDS = "bids:read"
    WRITE_BIDS = "bids:write"
    BRING_BIDS = "bids:bring"
    READ_CREDITS = "credits:read"
    READ_AUDIT = "audit:read"
    WRITE_ROUNDS = "rounds:write"
    RUN_ROUNDS = "rounds:run"
    WRITE_POOLS = "pools:write"
    WRITE_POLICY = "policy:write"
    READ_APPROVALS = "approvals:read"
    WRITE_APPROVALS = "approvals:write"
    WRITE_DELIVERIES = "deliveries:write"
    READ_PEOPLE = "people:read"
    WRITE_TEAMS = "teams:write"
    WRITE_NOTICES = "notices:write"
    WRITE_HOURS = "hours:write"
    WRITE_OVERRIDES = "overrides:write"


class Action(StrEnum):
    """What somebody may want to do."""

    READ_RESULTS = "read-results"
    USE_ACCOUNT = "use-account"
    READ_NOTICES = "read-notices"
    KEEP_NOTICES = "keep-notices"
    READ_TEAM_BIDS = "read-team-bids"
    PLACE_BID = "place-bid"
    BRING_BIDS = "bring-bids"
    READ_TEAM_CREDITS = "read-team-credits"
    OPEN_ROUND = "open-round"
    CLOSE_ROUND = "close-round"
    CANCEL_ROUND = "cancel-round"
    CHANGE_SPRINT_RULE = "change-sprint-rule"
    RUN_ROUND = "run-round"
    PROPOSE_OVERRIDE = "propose-override"
    APPROVE_OVERRIDE = "approve-override"
    CHANGE_DEADLINE = "change-deadline"
    APPROVE_DEADLINE = "approve-deadline"
    READ_CALENDARS = "read-calendars"
    DEFINE_POOL = "define-pool"
    CHANGE_CAPACITY = "change-capacity"
    READ_ACCESS_GRANTS = "read-access-grants"
    REVOKE_ACCESS = "revoke-access"
    RELEASE_AWARD = "release-award"
    READ_OWN_HOURS = "read-own-hours"
    ANSWER_HOURS = "answer-hours"
    ANSWER_FOR_EXPERTS = "answer-for-experts"
    NAME_EXPERTS = "name-experts"
    REPORT_DELIVERY = "report-delivery"
    CONFIRM_DELIVERY = "confirm-delivery"
    READ_APPROVAL = "read-approval"
    REQUEST_APPROVAL = "request-approval"
    DECIDE_APPROVAL = "decide-approval"
    CHANGE_DECISION_RIGHTS = "change-decision-rights"
    PROPOSE_POLICY = "propose-policy"
    ACTIVATE_POLICY = "activate-policy"
    REPLAY_POLICY = "replay-policy"
    ASK_WHAT_WOULD_HAVE_WON = "ask-what-would-have-won"
    SEND_NOTICES = "send-notices"
    READ_PEOPLE = "read-people"
    MANAGE_PEOPLE = "manage-people"
    SET_PASSWORD = "set-password"  # noqa: S105  # the name of an action
    GRANT_ROLE = "grant-role"
    READ_AUDIT = "read-audit"
    READ_TEAMS = "read-teams"
    MANAGE_TEAMS = "manage-teams"
    ISSUE_SERVICE_TOKEN = "issue-service-token"  # noqa: S105  # the name of an action
    MANAGE_WEBHOOKS = "manage-webhooks"
    REVOKE_TOKEN = "revoke-token"  # noqa: S105  # the name of an action
    READ_FINANCE = "read-finance"
    VERIFY = "verify"
    CLOSE_PERIOD = "close-period"
    SET_EXCHANGE_RATE = "set-exchange-rate"
    PROPOSE_CORRECTION = "propose-correction"
    APPROVE_CORRECTION = "approve-correction"


@dataclass(frozen=True, slots=True)
class Actor:
    """Somebody who asks: a person with a session, a program, or nobody known.

    `id` is opaque and goes into audit events; `name` is only ever shown. `teams` tells the role
    in every team by the team's id, `pools` the ids of the pools that the person owns. `scopes` are
    those of the token that asks; None where somebody asks without one.
    """

    id: ActorId
    person_id: str | None
    name: str
    roles: frozenset[Role] = frozenset()
    teams: Mapping[str, TeamRole] = field(default_factory=dict)
    pools: frozenset[str] = frozenset()
    scopes: frozenset[Scope] | None = None


ANONYMOUS = Actor(ActorId("anonymous"), None, "")
"""Whoever looks without having signed in."""


def service(actor_id: ActorId) -> Actor:
    """Return the program that acts at a command line or on a schedule."""
    return Actor(actor_id, None, actor_id, frozenset({Role.SERVICE}))


@dataclass(frozen=True, slots=True)
class _Rule:
    """Who may do one thing: any of these is enough, unless the own team's matter excludes them."""

    roles: frozenset[Role] = frozenset()
    teams: frozenset[TeamRole] = frozenset()
    is_for_pool_owner: bool = False
    is_for_everybody: bool = False
    is_for_every_person: bool = False
    is_for_every_lead: bool = False
    is_for_every_pool_owner: bool = False
    is_for_named_person: bool = False
    is_barred_to_own_team: bool = False


_ADMIN = frozenset({Role.PLATFORM_ADMIN})
_ADMIN_OR_SERVICE = frozenset({Role.PLATFORM_ADMIN, Role.SERVICE})
_READERS = frozenset({Role.PLATFORM_ADMIN, Role.FINANCE_AUDITOR, Role.SERVICE})
_AUDITOR_OR_SERVICE = frozenset({Role.FINANCE_AUDITOR, Role.SERVICE})
_TEAM = frozenset(TeamRole)
_LEAD = frozenset({TeamRole.TEAM_LEAD})

_RULES: Mapping[Action, _Rule] = {
    Action.READ_RESULTS: _Rule(is_for_everybody=True),
    Action.USE_ACCOUNT: _Rule(is_for_every_person=True),
    Action.READ_NOTICES: _Rule(is_for_every_person=True),
    Action.KEEP_NOTICES: _Rule(is_for_every_person=True),
    Action.READ_TEAM_BIDS: _Rule(teams=_TEAM),
    Action.PLACE_BID: _Rule(teams=_LEAD),
    Action.BRING_BIDS: _Rule(roles=frozenset({Role.SERVICE})),
    Action.READ_TEAM_CREDITS: _Rule(roles=_READERS, teams=_TEAM),
    Action.OPEN_ROUND: _Rule(roles=_ADMIN_OR_SERVICE),
    Action.CLOSE_ROUND: _Rule(roles=_ADMIN_OR_SERVICE),
    Action.CANCEL_ROUND: _Rule(roles=_ADMIN_OR_SERVICE),
    Action.CHANGE_SPRINT_RULE: _Rule(roles=_ADMIN),
    Action.RUN_ROUND: _Rule(roles=_ADMIN_OR_SERVICE),
    Action.PROPOSE_OVERRIDE: _Rule(roles=_ADMIN),
    Action.APPROVE_OVERRIDE: _Rule(roles=_ADMIN, is_barred_to_own_team=True),
    Action.CHANGE_DEADLINE: _Rule(roles=_ADMIN),
    Action.APPROVE_DEADLINE: _Rule(roles=_ADMIN),
    Action.READ_CALENDARS: _Rule(roles=_ADMIN_OR_SERVICE, is_for_every_pool_owner=True),
    Action.DEFINE_POOL: _Rule(roles=_ADMIN),
    Action.CHANGE_CAPACITY: _Rule(roles=_ADMIN_OR_SERVICE, is_for_pool_owner=True),
    Action.READ_ACCESS_GRANTS: _Rule(roles=_ADMIN_OR_SERVICE, is_for_every_person=True),
    Action.REVOKE_ACCESS: _Rule(roles=_ADMIN, is_for_pool_owner=True, is_for_named_person=True),
    Action.RELEASE_AWARD: _Rule(teams=_LEAD),
    Action.READ_OWN_HOURS: _Rule(is_for_every_person=True),
    Action.ANSWER_HOURS: _Rule(is_for_named_person=True),
    Action.ANSWER_FOR_EXPERTS: _Rule(roles=_ADMIN, is_for_pool_owner=True),
    Action.NAME_EXPERTS: _Rule(roles=_ADMIN, is_for_pool_owner=True),
    Action.REPORT_DELIVERY: _Rule(teams=_LEAD),
    Action.CONFIRM_DELIVERY: _Rule(
        roles=_ADMIN, is_for_pool_owner=True, is_for_every_lead=True, is_barred_to_own_team=True
    ),
    Action.READ_APPROVAL: _Rule(roles=_READERS, teams=_TEAM, is_for_pool_owner=True),
    Action.REQUEST_APPROVAL: _Rule(teams=_LEAD),
    Action.DECIDE_APPROVAL: _Rule(roles=_ADMIN, is_for_pool_owner=True, is_barred_to_own_team=True),
    Action.CHANGE_DECISION_RIGHTS: _Rule(roles=_ADMIN),
    Action.PROPOSE_POLICY: _Rule(roles=_ADMIN),
    Action.ACTIVATE_POLICY: _Rule(roles=_ADMIN),
    Action.REPLAY_POLICY: _Rule(roles=_ADMIN_OR_SERVICE),
    Action.ASK_WHAT_WOULD_HAVE_WON: _Rule(roles=_ADMIN, teams=_TEAM),
    Action.SEND_NOTICES: _Rule(roles=_ADMIN_OR_SERVICE),
    Action.READ_PEOPLE: _Rule(roles=_READERS),
    Action.MANAGE_PEOPLE: _Rule(roles=_ADMIN_OR_SERVICE),
    Action.SET_PASSWORD: _Rule(roles=frozenset({Role.SERVICE})),
    Action.GRANT_ROLE: _Rule(roles=_ADMIN_OR_SERVICE),
    Action.READ_AUDIT: _Rule(roles=_READERS),
    Action.READ_TEAMS: _Rule(roles=frozenset({Role.SERVICE}), is_for_every_person=True),
    Action.MANAGE_TEAMS: _Rule(roles=_ADMIN_OR_SERVICE),
    Action.ISSUE_SERVICE_TOKEN: _Rule(roles=frozenset({Role.SERVICE})),
    Action.MANAGE_WEBHOOKS: _Rule(roles=_ADMIN_OR_SERVICE),
    Action.REVOKE_TOKEN: _Rule(roles=_ADMIN_OR_SERVICE),
    Action.READ_FINANCE: _Rule(roles=_READERS),
    Action.VERIFY: _Rule(roles=_READERS),
    Action.CLOSE_PERIOD: _Rule(roles=_AUDITOR_OR_SERVICE),
    Action.SET_EXCHANGE_RATE: _Rule(roles=_AUDITOR_OR_SERVICE),
    Action.PROPOSE_CORRECTION: _Rule(roles=_ADMIN),
    Action.APPROVE_CORRECTION: _Rule(roles=_ADMIN),
}
_IN_SCOPE: Mapping[Scope, frozenset[Action]] = {
    Scope.READ_MARKET: frozenset(
        {
            Action.READ_RESULTS,
            Action.READ_CALENDARS,
            Action.READ_TEAMS,
            Action.READ_NOTICES,
            Action.READ_ACCESS_GRANTS,
            Action.READ_OWN_HOURS,
        }
    ),
    Scope.READ_BIDS: frozenset({Action.READ_TEAM_BIDS, Action.ASK_WHAT_WOULD_HAVE_WON}),
    Scope.WRITE_BIDS: frozenset({Action.READ_TEAM_BIDS, Action.PLACE_BID, Action.RELEASE_AWARD}),
    Scope.BRING_BIDS: frozenset({Action.BRING_BIDS}),
    Scope.READ_CREDITS: frozenset({Action.READ_TEAM_CREDITS}),
    Scope.READ_AUDIT: frozenset({Action.READ_AUDIT}),
    Scope.WRITE_ROUNDS: frozenset(
        {
            Action.OPEN_ROUND,
            Action.CLOSE_ROUND,
            Action.CANCEL_ROUND,
            Action.CHANGE_DEADLINE,
            Action.APPROVE_DEADLINE,
            Action.CHANGE_SPRINT_RULE,
        }
    ),
    Scope.RUN_ROUNDS: frozenset({Action.RUN_ROUND}),
    Scope.WRITE_POOLS: frozenset(
        {
            Action.READ_CALENDARS,
            Action.DEFINE_POOL,
            Action.CHANGE_CAPACITY,
            Action.READ_ACCESS_GRANTS,
            Action.REVOKE_ACCESS,
        }
    ),
    Scope.WRITE_POLICY: frozenset(
        {Action.PROPOSE_POLICY, Action.ACTIVATE_POLICY, Action.REPLAY_POLICY}
    ),
    Scope.READ_APPROVALS: frozenset({Action.READ_APPROVAL}),
    Scope.WRITE_APPROVALS: frozenset(
        {
            Action.READ_APPROVAL,
            Action.REQUEST_APPROVAL,
            Action.DECIDE_APPROVAL,
            Action.CHANGE_DECISION_RIGHTS,
        }
    ),
    Scope.WRITE_DELIVERIES: frozenset({Action.REPORT_DELIVERY, Action.CONFIRM_DELIVERY}),
    Scope.READ_PEOPLE: frozenset({Action.READ_PEOPLE, Action.READ_TEAMS}),
    Scope.WRITE_TEAMS: frozenset({Action.READ_TEAMS, Action.MANAGE_TEAMS}),
    Scope.WRITE_NOTICES: frozenset({Action.READ_NOTICES, Action.KEEP_NOTICES}),
    Scope.WRITE_HOURS: frozenset(
        {
            Action.READ_OWN_HOURS,
            Action.ANSWER_HOURS,
            Action.ANSWER_FOR_EXPERTS,
            Action.NAME_EXPERTS,
        }
    ),
    Scope.WRITE_OVERRIDES: frozenset({Action.PROPOSE_OVERRIDE, Action.APPROVE_OVERRIDE}),
}
"""What each scope lets a token do; what none names, as roles and passwords, no token does."""
SERVICE_SCOPES = frozenset({Scope.BRING_BIDS})
"""What only programs have a use for; people never get it."""
_HIDDEN: Mapping[Action, Action] = {
    Action.READ_TEAM_BIDS: Action.READ_TEAM_BIDS,
    Action.PLACE_BID: Action.READ_TEAM_BIDS,
    Action.READ_TEAM_CREDITS: Action.READ_TEAM_CREDITS,
    Action.READ_APPROVAL: Action.READ_APPROVAL,
    Action.DECIDE_APPROVAL: Action.READ_APPROVAL,
}
"""What strangers may not even know of, each with the action that makes somebody no stranger."""


def is_known(actor: Actor) -> bool:
    """Say whether it is known who asks."""
    return actor.person_id is not None or Role.SERVICE in actor.roles


def may(
    actor: Actor,
    action: Action,
    *,
    team_id: str | None = None,
    pool_id: str | None = None,
    person_id: str | None = None,
) -> bool:
    """Say whether somebody may do something, to a team's or a pool's matters where it has one.

    A role in a team counts only for the team that is named, and ownership only for the pool that
    is named. `person_id` is whom the matter itself names, such as the steward of the data.
    """
    if not _is_in_scope(actor, action):
        return False
    rule = _RULES[action]
    if rule.is_for_everybody:
        return True
    if rule.is_barred_to_own_team and team_id in actor.teams:
        return False
    return (
        (rule.is_for_every_person and actor.person_id is not None)
        or (rule.is_for_every_lead and TeamRole.TEAM_LEAD in actor.teams.values())
        or (rule.is_for_every_pool_owner and bool(actor.pools))
        or bool(rule.roles & actor.roles)
        or (team_id is not None and actor.teams.get(team_id) in rule.teams)
        or (rule.is_for_pool_owner and pool_id is not None and pool_id in actor.pools)
        or (rule.is_for_named_person and person_id is not None and person_id == actor.person_id)
    )


def _is_in_scope(actor: Actor, action: Action) -> bool:
    return actor.scopes is None or any(action in _IN_SCOPE[scope] for scope in actor.scopes)


def require_scope(actor: Actor, action: Action) -> None:
    """Let somebody pass who is known, and whose token, if any, is for an action.

    For lists that hold of everything only what the asker may read.

    Raises: SignInNeeded, NotAllowed.
    """
    if not is_known(actor):
        raise SignInNeeded("Sign in first.", hint="Only people whom the market knows may do this.")
    if not _is_in_scope(actor, action):
        raise _out_of_scope(action)


def _out_of_scope(action: Action) -> NotAllowed:
    hint = "Use a token that has the scope for it."
    return NotAllowed(f"The scopes of this token do not let it {_in_words(action)}.", hint=hint)


def require(
    actor: Actor,
    action: Action,
    *,
    team_id: str | None = None,
    pool_id: str | None = None,
    person_id: str | None = None,
) -> None:
    """Let somebody pass who may do something.

    Raises: SignInNeeded if nobody knows who asks; NotFound if the asker may not even know of it,
    in the words that one hears about what does not exist; NotAllowed otherwise.
    """
    if may(actor, action, team_id=team_id, pool_id=pool_id, person_id=person_id):
        return
    if not is_known(actor):
        raise SignInNeeded("Sign in first.", hint="Only people whom the market knows may do this.")
    if not _is_in_scope(actor, action):
        owner = replace(actor, scopes=None)
        require(owner, action, team_id=team_id, pool_id=pool_id, person_id=person_id)
        raise _out_of_scope(action)
    if action in _HIDDEN and not may(
        actor, _HIDDEN[action], team_id=team_id, pool_id=pool_id, person_id=person_id
    ):
        raise nothing_here()
    hint = "Ask a platform admin for a role that may."
    raise NotAllowed(f"None of your roles may {_in_words(action)} here.", hint=hint)


def _in_words(action: Action) -> str:
    return action.value.replace("-", " ")


def nothing_here() -> NotFound:
    """Return the one answer about what does not exist and about what the asker may not know of."""
    return NotFound("There is nothing here that you may see.", hint="Is the address complete?")
