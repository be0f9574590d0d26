"""Run bundles: what the market hands out holds by itself, and nothing that was changed does."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import pytest

from allocation.problem import Problem, RoundKey
from broker.db import Database, reading
from broker.errors import NotFound, Refused
from broker.exports import verify_bundle as verifier
from broker.exports.bundles import run_bundle, verifier_source
from broker.exports.rounds import EXPORTS, export_round
from broker.ledger.exports import COLUMNS
from tests.bundle_tampering import (
    SPOILS,
    Spoil,
    documents_of,
    files_of,
    forge_and_sign,
    mixed,
    signed_again,
)
from tests.commands import Broker
from tests.holdings import THE_DAY_BEFORE, a_scarce_sprint, day, release, tick_at, wait
from tests.ledgers import a_contested_problem, settle_one
from tests.logs import sign
from tests.markets import a_database, a_scarce_problem, bring, described, run_it
from tests.overrides import a_published_contest, an_exclusion, override

IS_TORTURE = "BROKER_TORTURE" in os.environ
TAMPERINGS = 500 if IS_TORTURE else 40
OTHERS = [name for name in verifier.REQUIRED if name.endswith(".json") and name != "build.json"]


@pytest.fixture(scope="module")
def bundle(migrated_file: Path, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Return the bundle of a round in which bids won, lost and paid."""
    db = a_database(Path(shutil.copy(migrated_file, tmp_path_factory.mktemp("bundle"))))
    settle_one(db)
    proof = bundle_of(db)
    db.dispose()
    return proof


@pytest.fixture(scope="module")
def overridden(migrated_file: Path, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Return the bundle of a result that people overrode."""
    db = a_database(Path(shutil.copy(migrated_file, tmp_path_factory.mktemp("overridden"))))
    a_published_contest(db)
    override(db)
    proof = bundle_of(db)
    db.dispose()
    return proof


def bundle_of(db: Database, key: str = "sprint-1", revision: int | None = None) -> bytes:
    sign(db)
    with reading(db) as session:
        return run_bundle(session, key, revision)


def as_second(problem: Problem) -> Problem:
    return replace(problem, round_key=RoundKey("sprint-2"))


def findings_in(bundle: bytes, key: str | None = None) -> list[str]:
    return verifier.violations_of(bundle, verifier_source(), key)


def key_of(bundle: bytes) -> str:
    key: str = documents_of(files_of(bundle))["audit.json"]["checkpoint"]["key"]
    return key


def is_refused(bundle: bytes, key: str) -> bool:
    try:
        return bool(findings_in(bundle, key))
    except verifier.NotABundle:
        return True


# --- what holds ------------------------------------------------------------------------------


def test_the_bundle_of_a_published_round_holds_on_either_database(
    either_market: Database,
) -> None:
    settle_one(either_market)
    bundle = bundle_of(either_market)
    assert findings_in(bundle, key_of(bundle)) == []
    assert bundle_of(either_market) == bundle


def test_a_bundle_stays_the_same_whatever_happens_afterwards(market: Database) -> None:
    bring(market, described(a_scarce_problem()))
    run_it(market)
    before = bundle_of(market)
    later = described(as_second(a_contested_problem()))
    bring(market, later)
    assert bundle_of(market) == before


def test_every_revision_of_an_overridden_round_has_a_bundle_that_holds(
    either_market: Database,
) -> None:
    a_published_contest(either_market)
    first = bundle_of(either_market)
    override(either_market)
    second = bundle_of(either_market)
    override(either_market, an_exclusion("b1"), hours=6)
    sign(either_market, hours=9)
    for revision, bundle in ((1, first), (2, second)):
        assert bundle_of(either_market, revision=revision) == bundle
    third = bundle_of(either_market)
    assert [findings_in(bundle) for bundle in (first, second, third)] == [[], [], []]
    said = documents_of(files_of(third))
    assert said["before.json"]["outcome"] == documents_of(files_of(second))["outcome.json"]
    with pytest.raises(NotFound, match="no published revision 4"):
        bundle_of(either_market, revision=4)


def test_the_bundle_of_a_daily_round_holds(market: Database) -> None:
    won, lost = a_scarce_sprint(market)
    wait(market, lost)
    release(market, won, 3, day(2))
    assert "published sprint-1-0301" in tick_at(market, THE_DAY_BEFORE)
    sign(market, hours=999)
    for key in ("sprint-1", "sprint-1-0301"):
        assert findings_in(bundle_of(market, key)) == []


def test_a_round_without_a_result_has_no_bundle(market: Database) -> None:
    bring(market, described(a_scarce_problem()))
    with pytest.raises(NotFound, match="no published result"):
        bundle_of(market)
    with pytest.raises(NotFound):
        bundle_of(market, "nowhere")


def test_a_result_that_nobody_signed_has_no_bundle_yet(market: Database) -> None:
    settle_one(market)
    with reading(market) as session, pytest.raises(Refused, match="No signed checkpoint covers"):
        run_bundle(session, "sprint-1")


def test_a_bundle_names_nobody(bundle: bytes) -> None:
    said = b"".join(content for name, content in files_of(bundle).items() if name.endswith("json"))
    for text in (b"Team red", b"Bid r1", b"Large GPUs", b"First sprint"):
        assert text not in said


# --- what does not ---------------------------------------------------------------------------


@pytest.mark.parametrize("spoil", SPOILS, ids=lambda spoil: spoil.__name__)
def test_every_kind_of_tampering_is_refused(spoil: Spoil, bundle: bytes) -> None:
    random, key = Random(spoil.__name__), key_of(bundle)  # noqa: S311  # the same every time
    for _ in range(-(-TAMPERINGS // len(SPOILS))):
        spoilt = spoil(random, bundle)
        assert spoilt != bundle
        assert is_refused(spoilt, key)


@pytest.mark.parametrize("spoil", SPOILS, ids=lambda spoil: spoil.__name__)
def test_every_kind_of_tampering_with_an_override_is_refused(
    spoil: Spoil, overridden: bytes
) -> None:
    random, key = Random(f"override {spoil.__name__}"), key_of(overridden)  # noqa: S311  # the same
    for _ in range(-(-TAMPERINGS // len(SPOILS))):
        spoilt = spoil(random, overridden)
        assert spoilt != overridden
        assert is_refused(spoilt, key)


OVERRIDDEN: list[tuple[str, Any]] = [
    ("kept", 0),
    ("changed", 2),
    ("before_value", 5),
    ("before_sha256", "0" * 64),
    ("before_awards", []),
    ("excluded", ["b1"]),
    ("excluded", ["r1", "r1"]),
    ("pinned", [["r1", 1, "2026-03-02", 1]]),
    ("payable", [["blue", 0], ["red", 0]]),
]


@pytest.mark.parametrize(("name", "value"), OVERRIDDEN)
def test_a_forger_who_signs_is_found_out_by_what_he_says_of_an_override(
    name: str, value: object, overridden: bytes
) -> None:
    files = files_of(overridden)
    documents = documents_of(files)
    documents["report.json"]["override"][name] = value
    found = findings_in(signed_again(files, documents))
    assert [line for line in found if line.startswith("override: ")]


def test_a_forger_who_signs_cannot_approve_his_own_override_or_change_its_price(
    overridden: bytes,
) -> None:
    files = files_of(overridden)
    documents = documents_of(files)
    events = {entry["event"]["kind"]: entry["event"] for entry in documents["audit.json"]["events"]}
    events["override.approved"]["actor"] = events["override.proposed"]["actor"]
    found = findings_in(signed_again(files, documents))
    assert found == ["events: who proposed the override approved it as well"]
    documents["before.json"]["report"]["value"] += 1
    assert any("price" in line for line in findings_in(signed_again(files, documents)))


def test_no_file_of_another_bundle_is_taken(market: Database, bundle: bytes) -> None:
    bring(market, described(as_second(a_scarce_problem())))
    run_it(market, "sprint-2")
    other = bundle_of(market, "sprint-2")
    for name in OTHERS:
        spoilt = mixed(bundle, other, name)
        assert spoilt == bundle or is_refused(spoilt, key_of(bundle)), name


def test_a_forger_with_a_key_of_his_own_is_found_out_by_what_he_says(bundle: bytes) -> None:
    """Whatever he signs: payments, prices and reasons are those that the round makes."""
    for seed in range(12):
        forged = forge_and_sign(Random(seed), bundle)  # noqa: S311  # the same every time
        assert findings_in(forged), seed


@pytest.mark.skipif(
    "BROKER_BUNDLES" not in os.environ, reason="BROKER_BUNDLES names no folder of bundles"
)
@pytest.mark.timeout(3600)
def test_five_hundred_tamperings_of_the_rounds_that_are_named_are_refused() -> None:
    folder = Path(os.environ["BROKER_BUNDLES"])
    bundles = [file.read_bytes() for file in sorted(folder.glob("*.zip"))]
    random, kinds = Random(7), Counter[str]()  # noqa: S311  # the same every time
    for bundle in bundles:
        assert findings_in(bundle, key_of(bundle)) == []
    while kinds.total() < 500:
        bundle, spoil = random.choice(bundles), random.choice(SPOILS)
        spoilt = spoil(random, bundle)
        if spoilt != bundle:
            kinds[spoil.__name__] += 1
            assert is_refused(spoilt, key_of(bundle)), spoil.__name__
    print(f"{kinds.total()} tamperings refused in {len(bundles)} bundles: {kinds}")  # noqa: T201  # the measurement


# --- the program, alone ----------------------------------------------------------------------


def run_alone(folder: Path, bundle: bytes, *more: str) -> subprocess.CompletedProcess[str]:
    """Run the program that a bundle carries, in a folder without the product."""
    file, program = folder / "bundle.zip", folder / "verify_bundle.py"
    file.write_bytes(bundle)
    program.write_bytes(verifier_source())
    command = [sys.executable, "-I", "-S", str(program), str(file), *more]
    return subprocess.run(
        command, cwd=folder, env={}, capture_output=True, text=True, check=False, timeout=60
    )


def test_the_program_alone_says_in_one_line_that_a_bundle_holds(
    bundle: bytes, tmp_path: Path
) -> None:
    said = run_alone(tmp_path, bundle, "--key", key_of(bundle))
    assert (said.returncode, said.stderr) == (0, "")
    assert said.stdout.startswith("holds: round sprint-1, value ")
    assert said.stdout.count("\n") == 1


def test_the_program_names_every_violation_on_a_line(bundle: bytes, tmp_path: Path) -> None:
    said = run_alone(tmp_path, bundle, "--key", "0" * 64)
    assert said.returncode == 1
    assert said.stdout == f"signature: the checkpoint names key {key_of(bundle)}, not {'0' * 64}\n"


@pytest.mark.parametrize(
    ("content", "more", "code"),
    [
        (b"PK", (), 7),
        (b"{}", (), 7),
        (b"PK", ("--key", "ab"), 2),
        (b"PK", ("--key",), 2),
        (b"PK", ("two", "three"), 2),
    ],
)
def test_what_is_no_bundle_and_what_is_no_command_have_codes_of_their_own(
    content: bytes, more: tuple[str, ...], code: int, tmp_path: Path
) -> None:
    said = run_alone(tmp_path, content, *more)
    assert (said.returncode, said.stdout) == (code, "")
    assert said.stderr


# --- the command -----------------------------------------------------------------------------


def test_every_export_is_written_in_every_format(market: Database) -> None:
    settle_one(market)
    sign(market)
    with reading(market) as session:
        for what, forms in EXPORTS.items():
            written = {form: export_round(session, "sprint-1", what, form) for form in forms}
            assert all(written.values()), what
            if "json" in written:
                rows = json.loads(written["json"])["rows"]
                assert len(rows) == len(written["csv"].splitlines()) - 1


def test_the_ledger_of_a_round_is_that_round_alone(market: Database) -> None:
    settle_one(market)
    bring(market, described(as_second(a_scarce_problem())))
    with reading(market) as session:
        lines = export_round(session, "sprint-1", "ledger", "csv").decode().splitlines()
    assert lines[0] == ",".join(COLUMNS)
    assert len(lines) > 1
    assert all(",sprint-1," in line for line in lines[1:])


def test_the_command_signs_and_writes_a_bundle_and_says_where(
    migrated: Broker, market: Database, tmp_path: Path
) -> None:
    broker = migrated
    settle_one(market)
    out = tmp_path / "proof.zip"
    said = broker("export", "sprint-1", "--what", "bundle", "--out", str(out))
    assert (said.code, said.out) == (0, f"Written to {out}.\n")
    assert findings_in(out.read_bytes()) == []
    said = broker("export", "sprint-1", "--what", "awards", "--format", "zip", "--out", str(out))
    assert said.code == 2
    assert said.err == "format: awards comes as csv, json, not as zip.\n"
    said = broker("export", "nowhere", "--what", "audit", "--format", "json", "--out", str(out))
    assert said.code == 2
