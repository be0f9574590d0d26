"""What the database itself refuses about the figures of published runs: on both databases.

Belongs to migration 0029 and stays as it is; a later change is a later migration. Columns and
CHECKs stand in broker/figures/tables.py.
"""

from __future__ import annotations

from broker.migrations.guards import ALWAYS, Guard, raised, taken_down

STAYS = "figures of a published run are never rewritten"
PUBLISHED = "only a published run is summed up"
TABLES = ("round_figure", "pool_figure", "team_figure")
_NOT_PUBLISHED = "(SELECT state FROM run WHERE id = NEW.run_id) {differs} 'published'"
GUARDS = (
    Guard("round_figure_insert", "round_figure", "INSERT", _NOT_PUBLISHED, PUBLISHED),
    *(
        Guard(f"{table}_{moment.lower()}", table, moment, ALWAYS, STAYS)
        for table in TABLES
        for moment in ("UPDATE", "DELETE")
    ),
)
RAISED = raised(GUARDS)
TAKEN_DOWN = taken_down(GUARDS)
