"""Whoever rewrites a market's database is found, and from which event on it cannot be believed.

The campaign is small here; under BROKER_TORTURE it is two thousand attacks, each on the same market
whose checkpoints were kept elsewhere.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from random import Random

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from broker.db import transact
from broker.proofs.checkpoints import Checkpoint, public_hex
from broker.proofs.keeping import take_checkpoint
from broker.proofs.verifying import Evidence, Verified, collect, verify
from tests.cast import bring_people
from tests.log_tampering import ATTACKS, Attack, Intruder
from tests.markets import NOON, a_database
from tests.past import build_past

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
COUNT = 2_000 if os.environ.get("BROKER_TORTURE") else 60
SEED = 20_260_302


@dataclass(frozen=True)
class Scene:
    """A market that was attacked never yet, and the checkpoints that were kept elsewhere."""

    intruder: Intruder
    elsewhere: tuple[Checkpoint, ...]

    def look(self, attack_of: Random) -> tuple[Attack, Verified]:
        """Let something happen, check the market, and undo it."""
        while True:
            with self.intruder.undone() as session:
                attack = None
                with suppress(sqlite3.IntegrityError):  # what no attacker can do either
                    attack = attack_of.choice(ATTACKS)(self.intruder)
                if attack is not None:
                    evidence = Evidence(public_hex(KEY.public_key()), self.elsewhere)
                    return attack, collect(verify(session, evidence))


@pytest.fixture(scope="module")
def scene(migrated_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    file = Path(shutil.copy(migrated_file, tmp_path_factory.mktemp("log") / "broker.db"))
    db = a_database(file)
    kept: list[Checkpoint | None] = []

    def keep() -> None:
        kept.append(transact(db, lambda session: take_checkpoint(session, KEY, NOON)))

    build_past(db, bids=8)
    keep()
    bring_people(db)
    keep()
    db.dispose()
    intruder = Intruder(file, Random(SEED))  # noqa: S311  # repeatable
    yield Scene(intruder, tuple(one for one in kept if one is not None))
    intruder.connection.close()


def test_an_untouched_market_is_clean(scene: Scene) -> None:
    with scene.intruder.undone() as session:
        evidence = Evidence(public_hex(KEY.public_key()), scene.elsewhere)
        assert collect(verify(session, evidence)).findings == []


@pytest.mark.timeout(COUNT * 5)
def test_every_attack_below_a_kept_checkpoint_is_found_and_placed(scene: Scene) -> None:
    missed, misplaced = [], []
    for _ in range(COUNT):
        attack, verified = scene.look(scene.intruder.random)
        if not verified.findings:
            missed.append(attack.what)
        elif not is_placed(scene, attack, verified):
            found = [str(one) for one in verified.findings[:3]]
            misplaced.append((attack, verified.first_bad, found))
    assert missed == []
    assert misplaced == []


def is_placed(scene: Scene, attack: Attack, verified: Verified) -> bool:
    """Say whether the first bad event is the one that was attacked.

    Where the tree itself is another one, it is the first after the last checkpoint that still
    holds: between the two anything may have been hashed anew.
    """
    if not verified.is_rolled_back:
        expected = {attack.first_bad, attack.own} - {None}
        return attack.latest is None and (not expected or verified.first_bad in expected)
    changed = attack.latest or attack.first_bad or scene.intruder.size
    holds = max((one.size for one in scene.elsewhere if one.size < changed), default=0)
    return verified.first_bad is not None and holds < verified.first_bad <= changed
