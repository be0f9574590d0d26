"""Whole rounds to try things on: those of `$BROKER_ROUNDS` where there are any, else invented ones.

The default is `../shared/data` beside the checkout. A round is a folder below it, at any depth,
that has a `round.csv`.
"""

from __future__ import annotations

import os
from pathlib import Path
from random import Random

from allocation.folders import PoolLabel, RoundFolder, write_round
from allocation.problem import Alternative, Bid, Tier
from tests.builders import a_bid, a_problem, a_team, an_alternative, an_item

DAYS = 14
_BESIDE_THE_CHECKOUT = Path(__file__).resolve().parents[2] / "shared" / "data"


def round_folders(scratch: Path) -> list[Path]:
    """Return the folders of all rounds; invented ones are written below `scratch`."""
    root = Path(os.environ.get("BROKER_ROUNDS", _BESIDE_THE_CHECKOUT))
    return sorted(file.parent for file in root.rglob("round.csv")) or _write_invented(scratch)


def invented_round(seed: int, bid_count: int) -> RoundFolder:
    """Return a round of three pools, two weeks and five teams; every third bid is a bundle."""
    random = Random(seed)  # noqa: S311  # invented demand, not a secret
    teams = [a_team(f"team-{n}", 2_000 * bid_count) for n in range(5)]
    bids = [_bid(random, f"b{n}", f"team-{n % 5}", is_bundle=n % 3 == 0) for n in range(bid_count)]
    problem = a_problem(*bids, teams=teams, days=DAYS)
    return RoundFolder(
        problem=problem,
        name=f"Invented round {seed}",
        pools={pool.key: PoolLabel(pool.key, "compute", "unit", "") for pool in problem.pools},
        teams={team.key: f"Team {team.key}" for team in problem.teams},
        titles={bid.key: f"Bid {bid.key}" for bid in problem.bids},
    )


def _write_invented(scratch: Path) -> list[Path]:
    folders = [scratch / f"invented-{bid_count}" for bid_count in (30, 100, 300)]
    for seed, folder in enumerate(folders):
        write_round(folder, invented_round(seed, int(folder.name.removeprefix("invented-"))))
    return folders


def _bid(random: Random, key: str, team: str, *, is_bundle: bool) -> Bid:
    alternatives = [_alternative(random, n, is_bundle=is_bundle) for n in (1, 2)]
    return a_bid(key, *alternatives[: random.randint(1, 2)], team=team)


def _alternative(random: Random, number: int, *, is_bundle: bool) -> Alternative:
    pools = random.sample(["expert", "gpu", "seat"], k=2 if is_bundle else 1)
    days, earliest = random.randint(1, 5), random.randint(0, 6)
    units = random.randint(1, 4)
    return an_alternative(
        *(an_item(pool, units=units, days=days) for pool in pools),
        number=number,
        tier=random.choice([Tier.RESERVED, Tier.SPOT]),
        offer=random.randint(5, 15) * units * days * len(pools),
        lots=(1, random.randint(1, 3)),
        starts=(earliest, earliest + random.randint(0, 3)),
    )
