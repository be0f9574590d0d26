"""What the database itself refuses about losses, recovery rounds and awards that compete anew.

Belongs to migration 0030 and stays as it is; a later change is a later migration. Columns and
CHECKs stand in broker/holdings/tables.py and broker/spot/tables.py. An award whose capacity is lost
may be cut from the day of the cut itself; any other one only on days to come.
"""

from __future__ import annotations

from collections.abc import Iterator

from broker.migrations import holding_guards
from broker.migrations.guards import ALWAYS, Guard, raised, taken_down

STAYS = "losses and what rounds decided about them are never rewritten"
ONLY_BEFORE = "awards compete only in a round that is not decided yet"
TABLES = ("contested_award", "recovery_round", "first_place", "capacity_loss")
_AWARD = "FROM award WHERE run_id = NEW.run_id AND bid_id = NEW.bid_id"
_STATE = "(SELECT state FROM round WHERE id = NEW.round_id)"


def _guards() -> Iterator[Guard]:
    for table in TABLES:
        yield Guard(f"{table}_update", table, "UPDATE", ALWAYS, STAYS)
        yield Guard(f"{table}_delete", table, "DELETE", ALWAYS, STAYS)
    for table in ("contested_award", "first_place"):
        yield Guard(f"{table}_open", table, "INSERT", f"{_STATE} {{differs}} 'open'", ONLY_BEFORE)


def _cut_guard(cut_on: str, last_day: str) -> Guard:
    last = holding_guards.LAST.replace("{last_day}", last_day)
    past = (
        f"NEW.from_day < {cut_on} OR (NEW.from_day = {cut_on} AND NEW.cause <> 'capacity-lost') "
        f"OR NEW.from_day > ({last}) OR NEW.from_day < (SELECT start {_AWARD})"
    )
    return Guard("holding_cut_to_come", "holding_cut", "INSERT", past, holding_guards.TO_COME)


RAISED = raised(_guards())
TAKEN_DOWN = taken_down(_guards())
CUT_RAISED, CUT_TAKEN_DOWN = (
    {d: make([_cut_guard(*words)])[d] for d, words in holding_guards.DAYS.items()}
    for make in (raised, taken_down)
)
"""The guard that takes the place of the one of the same name from migration 0024."""
