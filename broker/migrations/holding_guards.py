"""What the database itself refuses about cuts of awards: on SQLite and on PostgreSQL.

Belongs to migration 0024 and stays as it is; a later change is a later migration. Columns and
CHECKs stand in broker/holdings/tables.py.
"""

from __future__ import annotations

from collections.abc import Iterator

from broker.migrations.guards import ALWAYS, Guard, raised, taken_down

NEXT = "cuts of an award follow each other"
PUBLISHED = "only an award of a published run is cut"
HELD = "an award never gives up more than it holds"
TO_COME = "only days to come of an award are cut"
STAYS = "a holding_cut row is never changed or deleted"
_CUTS = "FROM holding_cut WHERE run_id = NEW.run_id AND bid_id = NEW.bid_id"
_AWARD = "FROM award WHERE run_id = NEW.run_id AND bid_id = NEW.bid_id"
LAST = (
    "SELECT {last_day} FROM award JOIN item ON item.bid_id = award.bid_id "
    "AND item.number = award.alternative "
    "WHERE award.run_id = NEW.run_id AND award.bid_id = NEW.bid_id"
)
DAYS = {
    "sqlite": (
        "substr(NEW.cut_at, 1, 10)",
        "max(date(award.start, (item.offset_days + item.days - 1) || ' days'))",
    ),
    "postgresql": (
        "CAST(NEW.cut_at AT TIME ZONE 'UTC' AS date)",
        "max(award.start + item.offset_days + item.days - 1)",
    ),
}
"""Each dialect's words for the day of a cut, and for the last day of an award."""


def _guards(cut_on: str, last_day: str) -> Iterator[Guard]:
    number = f"NEW.number {{differs}} (SELECT coalesce(max(number), 0) + 1 {_CUTS})"
    yield Guard("holding_cut_next", "holding_cut", "INSERT", number, NEXT)
    state = "(SELECT state FROM run WHERE id = NEW.run_id) {differs} 'published'"
    yield Guard("holding_cut_published", "holding_cut", "INSERT", state, PUBLISHED)
    held = f"(SELECT coalesce(sum(lots), 0) + NEW.lots {_CUTS}) > (SELECT lots {_AWARD})"
    yield Guard("holding_cut_held", "holding_cut", "INSERT", held, HELD)
    last = LAST.replace("{last_day}", last_day)
    past = (
        f"NEW.from_day <= {cut_on} OR NEW.from_day > ({last}) "
        f"OR NEW.from_day < (SELECT start {_AWARD})"
    )
    yield Guard("holding_cut_to_come", "holding_cut", "INSERT", past, TO_COME)
    yield Guard("holding_cut_update", "holding_cut", "UPDATE", ALWAYS, STAYS)
    yield Guard("holding_cut_delete", "holding_cut", "DELETE", ALWAYS, STAYS)


RAISED = {dialect: raised(_guards(*words))[dialect] for dialect, words in DAYS.items()}
TAKEN_DOWN = {dialect: taken_down(_guards(*words))[dialect] for dialect, words in DAYS.items()}
