"""What a round hands out, as CSV files: the sprint, its pools, capacity, commitments and teams.

One `read_` per file; each checks every rule of its file and hands back what later files refer to.
It knows no bids: files/demand.py does. Read folders.py for the whole.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from pathlib import Path

from allocation.files.findings import Finding, quoted
from allocation.files.rows import Keys, Row
from allocation.files.tables import Layout, Table, is_there, read_table
from allocation.problem import DayUnits, Pool, PoolKey, RoundKey, Team, TeamKey

LONGEST_SPRINT_DAYS = 366
POOL_KINDS = ("compute", "expert", "data")

ROUND = Layout("round.csv", ("round_key", "name", "starts_on", "days"), ("nonce",), needs_rows=True)
POOLS = Layout(
    "pools.csv",
    ("pool_key", "name", "kind", "unit", "owner"),
    ("reserve_price_credits", "description", "classification"),
    needs_rows=True,
)
UNITS = ("reserved_units", "spot_units")
CAPACITY = Layout("capacity.csv", ("pool_key", "day", *UNITS), needs_rows=True)
COMMITMENTS = Layout("commitments.csv", ("pool_key", "day", *UNITS))
TEAMS = Layout("teams.csv", ("team_key", "name", "credits"), needs_rows=True)


@dataclass(frozen=True, slots=True)
class PoolLabel:
    """What describes a pool and decides nothing."""

    name: str
    kind: str
    unit: str
    owner: str
    description: str = ""
    classification: str = ""


@dataclass(frozen=True, slots=True)
class Sprint:
    """The days that a round is about."""

    starts_on: dt.date
    days: int

    @property
    def ends_on(self) -> dt.date:
        """The last day."""
        return self.starts_on + dt.timedelta(days=self.days - 1)

    def has(self, day: dt.date) -> bool:
        """Say whether a day is one of the sprint's."""
        return 0 <= (day - self.starts_on).days < self.days

    def __str__(self) -> str:
        return f"the sprint ({self.starts_on} to {self.ends_on})"


@dataclass(frozen=True, slots=True)
class RoundHead:
    """The one row of `round.csv`. Shape: the sprint is None if its dates are not sound."""

    key: RoundKey
    name: str
    nonce: str
    sprint: Sprint | None


def read_head(folder: Path, findings: list[Finding]) -> RoundHead | None:
    """Read `round.csv`; None if it has no row."""
    rows = read_table(folder, ROUND, findings).rows
    for row in rows[1:]:
        row.refuse_whole("is a second round", "keep one row, a folder is one round")
    if not rows:
        return None
    row = rows[0]
    key, name, nonce = row.key("round_key", {}), row.text("name"), row.nonce("nonce")
    return RoundHead(RoundKey(key), name, nonce, _read_sprint(row))


def _read_sprint(row: Row) -> Sprint | None:
    starts_on = row.day("starts_on")
    days = row.whole("days", 1, LONGEST_SPRINT_DAYS)
    if row.is_sound("starts_on", "days") and (dt.date.max - starts_on).days < days - 1:
        wrong = f"{days} days from {starts_on} leave the calendar"
        row.refuse("days", wrong, f"end the sprint by {dt.date.max}")
    return Sprint(starts_on, days) if row.is_sound("starts_on", "days") else None


def read_pools(
    folder: Path, findings: list[Finding]
) -> tuple[tuple[Pool, ...], dict[PoolKey, PoolLabel], Keys]:
    """Read `pools.csv`: the pools, what describes them, and the keys that others may use."""
    table = read_table(folder, POOLS, findings)
    lines: dict[str, int] = {}
    keys = [PoolKey(row.key("pool_key", lines)) for row in table.rows]
    pools = tuple(map(_read_pool, keys, table.rows))
    labels = {key: _read_label(row) for key, row in zip(keys, table.rows, strict=True)}
    return pools, labels, table.keys("pool_key")


def _read_pool(key: PoolKey, row: Row) -> Pool:
    column = "reserve_price_credits"
    return Pool(key, row.whole(column) if row.has(column) else 0)


def _read_label(row: Row) -> PoolLabel:
    return PoolLabel(
        name=row.text("name"),
        kind=row.choice("kind", *POOL_KINDS),
        unit=row.text("unit"),
        owner=row.text("owner"),
        description=row.text("description"),
        classification=row.text("classification"),
    )


def read_teams(
    folder: Path, findings: list[Finding]
) -> tuple[tuple[Team, ...], dict[TeamKey, str], Keys]:
    """Read `teams.csv`: the teams, their names, and the keys that others may use."""
    table = read_table(folder, TEAMS, findings)
    lines: dict[str, int] = {}
    keys = [TeamKey(row.key("team_key", lines)) for row in table.rows]
    teams = tuple(
        Team(key, row.whole("credits")) for key, row in zip(keys, table.rows, strict=True)
    )
    names = {key: row.text("name") for key, row in zip(keys, table.rows, strict=True)}
    return teams, names, table.keys("team_key")


def read_capacity(
    folder: Path, pools: Keys, sprint: Sprint | None, findings: list[Finding]
) -> tuple[tuple[DayUnits, ...], tuple[DayUnits, ...]]:
    """Read `capacity.csv` and, if it is there, `commitments.csv`: gross units, and units held."""
    table = read_table(folder, CAPACITY, findings)
    gross = _read_day_units(table, pools, sprint)
    if not is_there(folder / COMMITMENTS.file):
        return tuple(units for _, units in gross), ()
    held = _read_day_units(read_table(folder, COMMITMENTS, findings), pools, sprint)
    if table.has("pool_key", *UNITS):
        _check_held(held, gross, table.lost)
    return tuple(units for _, units in gross), tuple(units for _, units in held)


def _read_day_units(table: Table, pools: Keys, sprint: Sprint | None) -> list[tuple[Row, DayUnits]]:
    lines: dict[tuple[str, dt.date], int] = {}
    read = []
    for row in table.rows:
        units = DayUnits(
            PoolKey(row.reference("pool_key", pools)),
            row.day("day"),
            row.whole("reserved_units"),
            row.whole("spot_units"),
        )
        _check_day(row, units, sprint, lines)
        read.append((row, units))
    return read


def _check_day(
    row: Row, units: DayUnits, sprint: Sprint | None, lines: dict[tuple[str, dt.date], int]
) -> None:
    """Check that a row's day is in the sprint, and that its pool and day are in no earlier row."""
    if not row.is_sound("day"):
        return
    if sprint and not sprint.has(units.day):
        row.refuse("day", f"{units.day} is outside {sprint}", "use a day of the sprint")
    first_line = lines.setdefault((units.pool_key, units.day), row.line)
    if first_line != row.line:
        wrong = f"{quoted(units.pool_key)} on {units.day} already stands in line {first_line}"
        row.refuse_whole(wrong, "write one row per pool and day")


def _check_held(
    held: list[tuple[Row, DayUnits]], gross: list[tuple[Row, DayUnits]], lost: set[str]
) -> None:
    """Check commitments against the capacity of their pool and day, where both are sound."""
    unsound = {units.pool_key for row, units in gross if not row.is_sound("day", *UNITS)} | lost
    units_of = {(units.pool_key, units.day): units for _, units in reversed(gross)}
    for row, units in held:
        if units.pool_key not in unsound and row.is_sound("pool_key", "day", *UNITS):
            nothing = DayUnits(units.pool_key, units.day, 0, 0)
            _check_held_row(row, units, units_of.get((units.pool_key, units.day), nothing))


def _check_held_row(row: Row, held: DayUnits, gross: DayUnits) -> None:
    all_units = gross.reserved_units + gross.spot_units
    held_units = held.reserved_units + held.spot_units
    place = f"{quoted(held.pool_key)} on {held.day}"
    if held.reserved_units > gross.reserved_units:
        wrong = (
            f"{held.reserved_units} are held of {gross.reserved_units} reserved units of {place}"
        )
        row.refuse("reserved_units", wrong, "hold fewer, or raise its row in capacity.csv")
    elif held_units > all_units:
        wrong = f"{held_units} are held of all {all_units} units of {place}"
        row.refuse("spot_units", wrong, "hold fewer, or raise its row in capacity.csv")
