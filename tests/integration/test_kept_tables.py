"""PostgreSQL empties no table at once whose rows are kept one by one."""

from __future__ import annotations

import pytest
from sqlalchemy import URL, text
from sqlalchemy.exc import IntegrityError

from broker.migrations import (
    acceptance_guards,
    access_guards,
    approval_guards,
    calendar_guards,
    deadline_guards,
    expert_guards,
    figure_guards,
    holding_guards,
    recovery_guards,
    replay_guards,
    result_guards,
    spot_guards,
    sprint_guards,
    token_guards,
)
from tests.postgresql import a_market

SAID_OF = {
    "deadline_change": deadline_guards.STAYS,
    "cancellation": deadline_guards.STAYS,
    "pool_version": calendar_guards.STAYS,
    "capacity_amendment": calendar_guards.STAYS,
    "capacity": calendar_guards.DECIDED,
    "policy_proposal": replay_guards.STAYS,
    "policy_replay": replay_guards.STAYS,
    "approval_request": approval_guards.STAYS,
    "approval_step": approval_guards.STAYS,
    "decision_matrix": approval_guards.STAYS,
    "round_approval": approval_guards.STAYS,
    "holding_cut": holding_guards.STAYS,
    "waitlist_step": spot_guards.STAYS,
    "daily_round": spot_guards.STAYS,
    "acceptance": acceptance_guards.STAYS,
    **dict.fromkeys(recovery_guards.TABLES, recovery_guards.STAYS),
    "sprint_rule": sprint_guards.STAYS,
    "announced_sprint": sprint_guards.STAYS,
    "api_token": token_guards.STAYS,
    **{table: result_guards.never(table) for table in result_guards.APPEND_ONLY},
    "run": result_guards.RUN_STAYS,
    "bid": result_guards.ONLY_OPEN,
    "access_grant": access_guards.STAYS,
    "expert_hours": expert_guards.STAYS,
    **dict.fromkeys(figure_guards.TABLES, figure_guards.STAYS),
}


def test_no_kept_table_is_emptied_at_once(server: URL) -> None:
    refused = "|".join(set(SAID_OF.values()))
    with a_market(server) as db:
        for table in SAID_OF:
            statement = text(f"TRUNCATE {table} CASCADE")
            with pytest.raises(IntegrityError, match=refused), db.writer.begin() as connection:
                connection.execute(statement)
