"""The verifier that travels in bundles: alone with the standard library, and right about keys."""

from __future__ import annotations

import ast
import json
import sys
from pathlib import Path
from random import Random

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from allocation.outcome import Outcome, Pricing
from allocation.problem import Problem
from allocation.wire import canonical_json, outcome_document, round_document
from broker.exports import verify_bundle as verifier
from broker.exports.archives import pack
from broker.proofs.trees import inclusion_path, leaf_hash, root_of, subtrees_of
from tests.builders import a_problem
from tests.defects import (
    IN_A_PROVEN_ROUND,
    IN_AN_UNPROVEN_ROUND,
    PRICES,
    Spoil,
    a_market,
    proven,
    unproven,
)
from tests.outcomes import a_judged_outcome

SOURCE = Path(verifier.__file__)
VECTORS = (
    (
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        (
            "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9"
            "b46bd25bf5f0595bbe24655141438e7a100b"
        ),
    ),
    (
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        (
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f1"
            "1d8c387b2eaeb4302aeeb00d291612bb0c00"
        ),
    ),
)
"""RFC 8032, section 7.1: public key, message, signature."""


def test_it_imports_nothing_but_the_standard_library() -> None:
    tree = ast.parse(SOURCE.read_text(encoding="utf-8"))
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]
    names = {
        (node.module if isinstance(node, ast.ImportFrom) else node.names[0].name) or "."
        for node in imports
    }
    assert {name.partition(".")[0] for name in names} <= sys.stdlib_module_names | {"__future__"}
    assert len(names) == len(imports)


@pytest.mark.parametrize(("key", "message", "signature"), VECTORS)
def test_it_accepts_the_signatures_of_the_standard(key: str, message: str, signature: str) -> None:
    parts = bytes.fromhex(message), bytes.fromhex(signature), bytes.fromhex(key)
    assert verifier.is_signed(*parts)
    assert not verifier.is_signed(b"x" + parts[0], *parts[1:])


def test_it_says_of_every_signature_what_a_library_says() -> None:
    random = Random(8032)  # noqa: S311  # the same story every time
    for _ in range(12):
        key = Ed25519PrivateKey.from_private_bytes(random.randbytes(32))
        public, message = key.public_key().public_bytes_raw(), random.randbytes(40)
        signature = key.sign(message)
        assert verifier.is_signed(message, signature, public)
        place = random.randrange(64)
        bent = bytearray(signature)
        bent[place] ^= 1 << random.randrange(8)
        assert not verifier.is_signed(message, bytes(bent), public)
        assert not verifier.is_signed(message, signature, random.randbytes(32))


def test_a_signature_has_one_form_only() -> None:
    key = Ed25519PrivateKey.from_private_bytes(bytes(32))
    public, signature = key.public_key().public_bytes_raw(), key.sign(b"one")
    grown = int.from_bytes(signature[32:], "little") + verifier.ORDER
    assert not verifier.is_signed(b"one", signature[:32] + grown.to_bytes(32, "little"), public)
    assert not verifier.is_signed(b"one", signature[:63], public)


# --- what is decided -------------------------------------------------------------------------

OF_THE_SOLVER = frozenset({"solver", "seconds"})
"""What only the product's own judge looks at: how a report speaks of times and versions."""


def bundle_of(problem: Problem, outcome: Outcome) -> verifier.Bundle:
    """Return a bundle of a problem and an outcome, as far as neither policy nor log are asked."""
    asked = json.loads(canonical_json(round_document(problem)))
    decided = json.loads(canonical_json(outcome_document(outcome)))
    certificate, report = decided.pop("certificate"), decided.pop("report")
    return verifier.Bundle(
        manifest={"round_key": problem.round_key},
        problem=asked,
        snapshot=asked,
        policy={},
        outcome=decided,
        certificate=certificate,
        report=report,
        build={"solver": report["solver"]},
        audit={},
        is_amended=False,
    )


def findings_in(problem: Problem, outcome: Outcome) -> list[str]:
    bundle = bundle_of(problem, outcome)
    parts = (verifier.check_numbers, verifier.check_hashes, verifier.judged)
    return [line for part in parts for line in verifier.tried("a part", part, bundle)]


@pytest.mark.parametrize("pricing", list(Pricing))
@pytest.mark.parametrize("is_proven", [True, False])
def test_a_good_outcome_holds(pricing: Pricing, *, is_proven: bool) -> None:
    good = a_judged_outcome(a_market(), pricing=pricing, certificate=PRICES, is_proven=is_proven)
    assert findings_in(a_market(), good) == []


@pytest.mark.parametrize(
    ("code", "spoil"), [d[1:] for d in IN_A_PROVEN_ROUND], ids=[d[0] for d in IN_A_PROVEN_ROUND]
)
def test_it_sees_what_the_judge_sees_in_a_proven_round(code: str, spoil: Spoil) -> None:
    found = findings_in(a_market(), spoil(proven()))
    assert bool(found) == (code not in OF_THE_SOLVER), found


@pytest.mark.parametrize(
    "spoil", [d[2] for d in IN_AN_UNPROVEN_ROUND], ids=[d[0] for d in IN_AN_UNPROVEN_ROUND]
)
def test_it_sees_what_the_judge_sees_in_an_unproven_round(spoil: Spoil) -> None:
    assert findings_in(a_market(), spoil(unproven()))


def test_a_round_without_bids_holds() -> None:
    assert findings_in(a_problem(), a_judged_outcome(a_problem())) == []


# --- proofs and archives ---------------------------------------------------------------------


def test_an_archive_is_packed_in_the_same_bytes_by_two_programs() -> None:
    files = {"b.json": b"{}", "a.py": b"print()\n" * 500, "c.json": b""}
    packed = pack(files, kind="test")
    assert verifier.archive_of(verifier.unpack(packed)) == packed
    assert pack(dict(reversed(files.items())), kind="test") == packed


@pytest.mark.parametrize("size", [1, 2, 3, 7, 8, 13])
def test_it_climbs_every_proof_of_inclusion_to_the_root(size: int) -> None:
    leaves = [leaf_hash(bytes([n])) for n in range(size)]
    for place, leaf in enumerate(leaves):
        path = inclusion_path(subtrees_of(leaves), place, size)
        assert verifier.climbed(leaf, place, size, path) == root_of(leaves)
        assert verifier.climbed(leaf, size, size, path) is None
        assert verifier.climbed(leaf, place, size, [*path, leaf]) != root_of(leaves)


def test_what_is_no_archive_is_no_bundle() -> None:
    for data in (b"", b"PK", b"{}", pack({})[4:]):
        with pytest.raises(verifier.NotABundle):
            verifier.violations_of(data, b"")
