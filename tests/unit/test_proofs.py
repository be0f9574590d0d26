"""Roots and proofs of a Merkle tree are those of RFC 9162, and a forged proof proves nothing."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Sequence
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from broker.errors import InvalidCheckpoint
from broker.proofs.checkpoints import read_checkpoint, sign_checkpoint
from broker.proofs.leaves import LoggedEvent, leaf_content, leaf_of
from broker.proofs.trees import (
    EMPTY_ROOT,
    completed,
    consistency_path,
    inclusion_path,
    is_consistent,
    leaf_hash,
    root_at,
    root_by_inclusion,
    root_of,
    subtrees_of,
)
from tests.markets import NOON

KNOWN = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "60" * 16]
"""Leaves and roots that implementations of RFC 6962 and RFC 9162 are compared by."""
ROOTS = {
    1: "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    2: "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    3: "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
}
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
EVENT = LoggedEvent(1, NOON, "ada", "round.opened", "round:sprint-1", "{}", '{"round":{}}')

sizes = st.integers(1, 70)


def leaves_of(count: int) -> list[bytes]:
    return [leaf_hash(str(number).encode()) for number in range(count)]


def naive_root(leaves: Sequence[bytes]) -> bytes:
    """Return the root as the RFC writes it down, without any shortcut."""
    if len(leaves) < 2:
        return leaves[0] if leaves else hashlib.sha256().digest()
    middle = max(1 << power for power in range(len(leaves)) if 1 << power < len(leaves))
    left, right = naive_root(leaves[:middle]), naive_root(leaves[middle:])
    return hashlib.sha256(b"\x01" + left + right).digest()


@pytest.mark.parametrize("size", ROOTS)
def test_roots_are_those_that_other_implementations_publish(size: int) -> None:
    leaves = [leaf_hash(bytes.fromhex(text)) for text in KNOWN[:size]]
    assert root_of(leaves).hex() == ROOTS[size]


def test_an_empty_tree_has_the_hash_of_nothing() -> None:
    assert root_of([]) == EMPTY_ROOT == hashlib.sha256(b"").digest()


@given(sizes)
def test_a_root_is_the_one_of_the_definition(size: int) -> None:
    assert root_of(leaves_of(size)) == naive_root(leaves_of(size))


@given(sizes, st.data())
def test_every_leaf_proves_that_it_is_in_the_tree_and_nothing_else_does(
    size: int, data: st.DataObject
) -> None:
    place = data.draw(st.integers(0, size - 1))
    leaves = leaves_of(size)
    path = inclusion_path(subtrees_of(leaves), place, size)
    root = root_of(leaves)
    assert root_by_inclusion(leaves[place], place, size, path) == root
    assert root_by_inclusion(leaf_hash(b"forged"), place, size, path) != root
    assert root_by_inclusion(leaves[place], place, size, [*path, bytes(32)]) != root
    for other in set(range(size)) - {place}:
        assert root_by_inclusion(leaves[place], other, size, path) != root
    for cut in range(len(path)):
        assert root_by_inclusion(leaves[place], place, size, path[:cut]) != root


@given(sizes, st.data())
def test_a_tree_proves_that_it_only_grew(size: int, data: st.DataObject) -> None:
    old_size = data.draw(st.integers(1, size))
    leaves = leaves_of(size)
    path = consistency_path(subtrees_of(leaves), old_size, size)
    old_root, root = root_of(leaves[:old_size]), root_of(leaves)
    assert is_consistent(old_size, old_root, size, root, path)
    changed = data.draw(st.integers(0, old_size - 1))
    forged = root_of([*leaves[:changed], leaf_hash(b"forged"), *leaves[changed + 1 :]])
    assert not is_consistent(old_size, old_root, size, forged, path)
    assert not is_consistent(old_size, forged, size, root, path)
    assert not is_consistent(old_size, old_root, size, root, [*path, bytes(32)])


@given(sizes)
def test_what_a_log_keeps_beside_each_leaf_answers_for_every_size(size: int) -> None:
    kept: list[list[bytes]] = []
    for leaf in leaves_of(size):
        kept.append(completed(leaf, len(kept) + 1, lambda end, level: kept[end - 1][level]))
    for some in range(size + 1):
        stored = root_at(lambda begin, level: kept[begin + (1 << level) - 1][level], some)
        assert stored == naive_root(leaves_of(some))


@pytest.mark.parametrize(
    "other",
    [
        replace(EVENT, sequence=2),
        replace(EVENT, happened_at=NOON + dt.timedelta(microseconds=1)),
        replace(EVENT, actor="eve"),
        replace(EVENT, kind="round.closed"),
        replace(EVENT, subject="round:sprint-2"),
        replace(EVENT, facts="{ }"),
        replace(EVENT, changes='{"round":{ }}'),
        replace(EVENT, changes=None),
    ],
)
def test_no_part_of_an_event_changes_without_its_leaf(other: LoggedEvent) -> None:
    assert leaf_of(other) != leaf_of(EVENT)


def test_a_leaf_is_written_as_the_documentation_says() -> None:
    assert leaf_content(EVENT).decode() == (
        '{"actor":"ada","changes":"'
        + hashlib.sha256(b'{"round":{}}').hexdigest()
        + '","facts":"{}","happened_at":"2026-02-20T12:00:00.000000Z","kind":"round.opened",'
        '"sequence":1,"subject":"round:sprint-1"}'
    )


def test_a_checkpoint_reads_back_as_it_was_signed() -> None:
    signed = sign_checkpoint(KEY, 7, bytes(32), NOON)
    assert read_checkpoint(signed.line + "\n") == signed
    assert signed.is_signed()


@pytest.mark.parametrize(
    "change",
    [{"size": 8}, {"root": "11" * 32}, {"taken_at": NOON + dt.timedelta(1)}, {"key": "00" * 32}],
    ids=str,
)
def test_no_part_of_a_checkpoint_changes_under_its_signature(change: dict[str, object]) -> None:
    signed = sign_checkpoint(KEY, 7, bytes(32), NOON)
    assert not replace(signed, **change).is_signed()  # type: ignore[arg-type]


@pytest.mark.parametrize("text", ["", "7", "{}", "[]", '{"size":1}', "null", "x" * 5000])
def test_what_is_no_checkpoint_is_said_to_be_none(text: str) -> None:
    with pytest.raises(InvalidCheckpoint, match="no checkpoint"):
        read_checkpoint(text)
