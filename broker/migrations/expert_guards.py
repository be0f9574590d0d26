"""What the database itself refuses about experts and their hours: on SQLite and on PostgreSQL.

Belongs to migration 0026 and stays as it is; a later change is a later migration. Columns and
CHECKs stand in broker/experts/tables.py.
"""

from __future__ import annotations

from broker.migrations.guards import ALWAYS, Guard, changed, raised, taken_down

ONLY_AWARDED = "hours are those of an award, asked for or to be named"
MOVES = "hours stay as they were asked for, and change only by an answer or by others"
STAYS = "hours that were asked for are never deleted"
HAS_HOURS = "nobody is asked for more hours than they have on a day"
FEW_TEAMS = "nobody works for more teams on a day than they take"
OTHER_TEAM = "nobody works for the own team"

_ASKED = changed(
    *("id", "run_id", "bid_id", "position", "team_id", "pool_id", "day", "expert_id", "hours"),
    *("hours_of_day", "most_teams", "written_at"),
)
_NOT_AWARDED = (
    "NEW.state NOT IN ('asked', 'to-be-named') OR NOT EXISTS (SELECT 1 FROM run "
    "JOIN award ON award.run_id = run.id "
    "JOIN bid ON bid.id = award.bid_id AND bid.team_id = NEW.team_id "
    "JOIN item ON item.bid_id = award.bid_id AND item.number = award.alternative "
    "AND item.position = NEW.position AND item.pool_id = NEW.pool_id "
    "WHERE run.id = NEW.run_id AND run.state IN ('checked', 'published') "
    "AND award.bid_id = NEW.bid_id)"
)
_SAME_DAY = (
    "FROM expert_hours WHERE expert_id = NEW.expert_id AND pool_id = NEW.pool_id "
    "AND day = NEW.day AND state IN ('asked', 'confirmed')"
)
_TOO_MANY_HOURS = (
    "NEW.expert_id IS NOT NULL AND NEW.hours + "  # our constants
    f"(SELECT coalesce(sum(hours), 0) {_SAME_DAY}) > NEW.hours_of_day"
)
_TOO_MANY_TEAMS = (
    "NEW.expert_id IS NOT NULL AND 1 + (SELECT count(DISTINCT team_id) "  # our constants
    f"{_SAME_DAY} AND team_id <> NEW.team_id) > NEW.most_teams"
)
_OWN_TEAM = (
    "NEW.expert_id IS NOT NULL AND EXISTS (SELECT 1 FROM expert "
    "JOIN role_grant ON role_grant.person_id = expert.person_id "
    "WHERE expert.id = NEW.expert_id AND role_grant.team_id = NEW.team_id "
    "AND role_grant.approved_at IS NOT NULL AND role_grant.ended_at IS NULL)"
)
_NO_MOVE = (
    "NOT ((OLD.state = 'asked' AND NEW.state IN ('confirmed', 'declined', 'replaced')) "
    "OR (OLD.state = 'confirmed' AND NEW.state IN ('declined', 'replaced')) "
    "OR (OLD.state = 'to-be-named' AND NEW.state = 'replaced'))"
)
_HOURS = "expert_hours"
_GUARDS = (
    Guard("hours_awarded", _HOURS, "INSERT", _NOT_AWARDED, ONLY_AWARDED),
    Guard("hours_of_the_day", _HOURS, "INSERT", _TOO_MANY_HOURS, HAS_HOURS),
    Guard("hours_few_teams", _HOURS, "INSERT", _TOO_MANY_TEAMS, FEW_TEAMS),
    Guard("hours_other_team", _HOURS, "INSERT", _OWN_TEAM, OTHER_TEAM),
    Guard("hours_move", _HOURS, "UPDATE", f"{_NO_MOVE} OR {_ASKED}", MOVES),
    Guard("hours_stay", _HOURS, "DELETE", ALWAYS, STAYS),
    Guard("expert_stays", "expert", "DELETE", ALWAYS, "an expert row is never deleted"),
)

RAISED = raised(_GUARDS)
TAKEN_DOWN = taken_down(_GUARDS)
