"""Who may what: roles count where they hold, and what is secret looks as if it did not exist."""

from __future__ import annotations

import pytest

from broker.access import (
    ANONYMOUS,
    Action,
    Actor,
    Role,
    TeamRole,
    is_known,
    may,
    nothing_here,
    require,
    service,
)
from broker.audit import ActorId
from broker.errors import NotAllowed, NotFound, SignInNeeded

RED, BLUE, GPU = "red-id", "blue-id", "gpu-id"


def somebody(
    *roles: Role, teams: dict[str, TeamRole] | None = None, pools: frozenset[str] = frozenset()
) -> Actor:
    return Actor(ActorId("p1"), "p1", "Somebody", frozenset(roles), teams or {}, pools)


LEAD = somebody(teams={RED: TeamRole.TEAM_LEAD})
MEMBER = somebody(teams={RED: TeamRole.MEMBER})
OWNER = somebody(pools=frozenset({GPU}))
ADMIN = somebody(Role.PLATFORM_ADMIN)
AUDITOR = somebody(Role.FINANCE_AUDITOR)
PROGRAM = service(ActorId("cli@host"))
EVERYBODY = (ANONYMOUS, LEAD, MEMBER, OWNER, ADMIN, AUDITOR, PROGRAM)
CHANGES = [action for action in Action if not action.value.startswith("read-")]


def test_a_lead_spends_the_credits_of_the_own_team_and_of_no_other() -> None:
    assert may(LEAD, Action.PLACE_BID, team_id=RED)
    assert not may(LEAD, Action.PLACE_BID, team_id=BLUE)
    assert not may(LEAD, Action.PLACE_BID)


def test_a_member_reads_and_never_spends() -> None:
    assert may(MEMBER, Action.READ_TEAM_BIDS, team_id=RED)
    assert may(MEMBER, Action.READ_TEAM_CREDITS, team_id=RED)
    assert not may(MEMBER, Action.PLACE_BID, team_id=RED)
    with pytest.raises(NotAllowed, match="may place bid"):
        require(MEMBER, Action.PLACE_BID, team_id=RED)


@pytest.mark.parametrize("actor", [OWNER, ADMIN, AUDITOR, PROGRAM, LEAD, MEMBER])
def test_nobody_outside_a_team_reads_its_bids_whatever_their_role(actor: Actor) -> None:
    for action in (Action.READ_TEAM_BIDS, Action.PLACE_BID):
        assert not may(actor, action, team_id=BLUE)
        with pytest.raises(NotFound) as refused:
            require(actor, action, team_id=BLUE)
        assert str(refused.value) == str(nothing_here())


def test_whoever_is_unknown_signs_in_first_whether_it_exists_or_not() -> None:
    for action in Action:
        if action is not Action.READ_RESULTS:
            with pytest.raises(SignInNeeded):
                require(ANONYMOUS, action, team_id=RED, pool_id=GPU)
    assert not is_known(ANONYMOUS)
    assert is_known(PROGRAM)
    assert is_known(MEMBER)


@pytest.mark.parametrize("action", CHANGES)
def test_an_auditor_changes_nothing_of_others(action: Action) -> None:
    own = {Action.USE_ACCOUNT, Action.KEEP_NOTICES}
    own |= {Action.VERIFY, Action.CLOSE_PERIOD, Action.SET_EXCHANGE_RATE}
    assert may(AUDITOR, action, team_id=RED, pool_id=GPU) == (action in own)


def test_an_owner_changes_only_the_own_pool() -> None:
    assert may(OWNER, Action.CHANGE_CAPACITY, pool_id=GPU)
    assert not may(OWNER, Action.CHANGE_CAPACITY, pool_id="other")
    assert not may(OWNER, Action.CHANGE_CAPACITY)


def test_nobody_confirms_what_the_own_team_delivered() -> None:
    both = somebody(teams={RED: TeamRole.TEAM_LEAD}, pools=frozenset({GPU}))
    admin_in_team = somebody(Role.PLATFORM_ADMIN, teams={RED: TeamRole.MEMBER})
    assert may(both, Action.CONFIRM_DELIVERY, team_id=BLUE, pool_id=GPU)
    assert not may(both, Action.CONFIRM_DELIVERY, team_id=RED, pool_id=GPU)
    assert not may(admin_in_team, Action.CONFIRM_DELIVERY, team_id=RED, pool_id=GPU)


def test_no_person_sets_the_password_of_another_not_even_an_admin() -> None:
    assert [actor for actor in EVERYBODY if may(actor, Action.SET_PASSWORD)] == [PROGRAM]


def test_results_are_everybodys() -> None:
    assert all(may(actor, Action.READ_RESULTS) for actor in EVERYBODY)


@pytest.mark.parametrize("action", Action)
def test_every_action_has_a_rule_and_somebody_who_may(action: Action) -> None:
    assert any(
        may(actor, action, team_id=RED, pool_id=GPU, person_id=actor.person_id)
        for actor in EVERYBODY
    )


@pytest.mark.parametrize("action", [Action.ANSWER_HOURS, Action.REVOKE_ACCESS])
def test_whom_a_matter_names_may_act_and_nobody_else_for_it(action: Action) -> None:
    named = next(actor for actor in EVERYBODY if actor.person_id and not actor.roles)
    assert may(named, action, person_id=named.person_id)
    assert not may(named, action, person_id="somebody-else")
    assert not may(ANONYMOUS, action, person_id=None)
