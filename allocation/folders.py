"""A round as a folder of CSV files: read it whole or refuse it with every finding; write it.

The rules of each file stand beside its columns, in supply.py, demand.py and policy.py of files/;
the kinds of cells in rows.py. Nothing here knows a database, or what an outcome looks like on disk.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from allocation.errors import InvalidProblem
from allocation.files.demand import (
    ALTERNATIVES,
    BIDS,
    CONTEST,
    ITEMS,
    NO,
    YES,
    read_bids,
    read_contest,
)
from allocation.files.findings import WHOLE_FILE, WHOLE_ROW, Finding, InvalidFolder, pathname
from allocation.files.policy import read_floor_ratio, write_floor_ratio
from allocation.files.supply import (
    CAPACITY,
    COMMITMENTS,
    POOLS,
    ROUND,
    TEAMS,
    PoolLabel,
    read_capacity,
    read_head,
    read_pools,
    read_teams,
)
from allocation.files.tables import Layout, write_table
from allocation.problem import BidKey, Contest, DayUnits, PoolKey, Problem, TeamKey

__all__ = ["Finding", "InvalidFolder", "PoolLabel", "RoundFolder", "read_round", "write_round"]

_Rows = list[tuple[object, ...]]


@dataclass(frozen=True, slots=True)
class RoundFolder:
    """A round and all that describes it: the problem, and the names and titles people gave.

    Shape: one entry per pool, team and bid of the problem.
    """

    problem: Problem
    name: str
    pools: Mapping[PoolKey, PoolLabel]
    teams: Mapping[TeamKey, str]
    titles: Mapping[BidKey, str]


def read_round(folder: Path) -> RoundFolder:
    """Read a round, or say everything that is wrong with its folder.

    Raises: InvalidFolder, with every finding, sorted by file and line.
    Source: FORMATS, a round as a folder of CSV files.
    """
    findings: list[Finding] = []
    round_folder = _read_files(folder, findings) if _is_folder(folder, findings) else None
    if findings or round_folder is None:
        raise InvalidFolder(folder, findings)
    return round_folder


def _is_folder(folder: Path, findings: list[Finding]) -> bool:
    try:
        if folder.is_dir():
            return True
        wrong = "is not a folder"
    except OSError as error:
        wrong = f"cannot be read: {error.strerror}"
    hint = "name the folder that holds round.csv"
    findings.append(Finding(pathname(folder), WHOLE_FILE, WHOLE_ROW, wrong, hint))
    return False


def _read_files(folder: Path, findings: list[Finding]) -> RoundFolder | None:
    """Read every file, whatever is wrong with the others; a round only if nothing is."""
    head = read_head(folder, findings)
    sprint = head.sprint if head else None
    pools, labels, pool_keys = read_pools(folder, findings)
    teams, names, team_keys = read_teams(folder, findings)
    capacity, commitments = read_capacity(folder, pool_keys, sprint, findings)
    bids, titles = read_bids(folder, team_keys, pool_keys, sprint, findings)
    floor_ratio = read_floor_ratio(folder, findings)
    contest = None if findings else read_contest(folder, bids, findings)
    if findings or head is None or sprint is None:
        return None
    problem = Problem(
        round_key=head.key,
        starts_on=sprint.starts_on,
        days=sprint.days,
        pools=pools,
        capacity=capacity,
        teams=teams,
        bids=bids,
        commitments=commitments,
        nonce=head.nonce,
        floor_ratio=floor_ratio,
        contest=contest,
    )
    return RoundFolder(problem, head.name, labels, names, titles)


# --- writing -------------------------------------------------------------------------------


def write_round(folder: Path, round_folder: RoundFolder) -> None:
    """Write a round as a folder that reads back as the same round.

    Files of another round in the folder are replaced.

    Raises: InvalidProblem if the round has no pool or no team, or a floor ratio that is no decimal.
    """
    problem = round_folder.problem
    if not problem.pools or not problem.teams:
        raise InvalidProblem(f"Round {problem.round_key} needs a pool and a team to be a folder.")
    folder.mkdir(parents=True, exist_ok=True)
    write_floor_ratio(folder, problem.floor_ratio)
    (folder / CONTEST.file).unlink(missing_ok=True)
    for layout, rows in _tables(round_folder):
        write_table(folder, layout, rows)


def _tables(round_folder: RoundFolder) -> list[tuple[Layout, _Rows]]:
    problem = round_folder.problem
    head = (problem.round_key, round_folder.name, problem.starts_on, problem.days, problem.nonce)
    closed = DayUnits(problem.pools[0].key, problem.starts_on, 0, 0)
    return [
        (ROUND, [head]),
        (POOLS, _pool_rows(round_folder)),
        (CAPACITY, _day_unit_rows(problem.capacity or (closed,))),
        (COMMITMENTS, _day_unit_rows(problem.commitments)),
        (TEAMS, [(team.key, round_folder.teams[team.key], team.credits) for team in problem.teams]),
        (BIDS, _bid_rows(round_folder)),
        (ALTERNATIVES, _alternative_rows(problem)),
        (ITEMS, _item_rows(problem)),
        *([(CONTEST, _contest_rows(problem.contest))] if problem.contest else []),
    ]


def _contest_rows(contest: Contest) -> _Rows:
    return [
        (key, *(YES if key in keys else NO for keys in (contest.first, contest.holders)))
        for key in sorted({*contest.first, *contest.holders})
    ]


def _pool_rows(round_folder: RoundFolder) -> _Rows:
    labels = [(pool, round_folder.pools[pool.key]) for pool in round_folder.problem.pools]
    return [
        (
            pool.key,
            label.name,
            label.kind,
            label.unit,
            label.owner,
            pool.reserve_price_credits,
            label.description,
            label.classification,
        )
        for pool, label in labels
    ]


def _day_unit_rows(rows: tuple[DayUnits, ...]) -> _Rows:
    return [(row.pool_key, row.day, row.reserved_units, row.spot_units) for row in rows]


def _bid_rows(round_folder: RoundFolder) -> _Rows:
    return [
        (
            bid.key,
            bid.team_key,
            round_folder.titles[bid.key],
            bid.submitted_at.isoformat() if bid.submitted_at else "",
        )
        for bid in round_folder.problem.bids
    ]


def _alternative_rows(problem: Problem) -> _Rows:
    return [
        (
            bid.key,
            alternative.number,
            alternative.tier,
            alternative.offer_credits_per_lot,
            alternative.min_lots,
            alternative.max_lots,
            alternative.earliest_start,
            alternative.latest_start,
            alternative.value_score_per_lot,
        )
        for bid in problem.bids
        for alternative in bid.alternatives
    ]


def _item_rows(problem: Problem) -> _Rows:
    return [
        (
            bid.key,
            alternative.number,
            item.pool_key,
            item.offset_days,
            item.days,
            item.units_per_lot,
        )
        for bid in problem.bids
        for alternative in bid.alternatives
        for item in alternative.items
    ]
