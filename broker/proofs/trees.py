"""Merkle trees: roots, proofs of inclusion and of consistency, and how both are checked.

Pure, standard library only. Source: RFC 9162, section 2.1: a leaf is hashed behind the byte 0, a
node behind the byte 1, and a tree of n leaves splits at the largest power of two below n. Places
count from 0. The whole subtrees that a tree is made of come from a `Subtrees`, so that a log that
keeps them answers in O(log n).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence

LEAF, NODE, LINK = b"\x00", b"\x01", b"\x02"
EMPTY_ROOT = hashlib.sha256(b"").digest()
"""The root of a tree without leaves."""
FIRST_LINK = bytes(32)
"""What the first event of a log is chained to."""

Subtrees = Callable[[int, int], bytes]
"""Returns the root of the whole subtree of 2^level leaves that begins at a place."""


def leaf_hash(content: bytes) -> bytes:
    """Return the hash of a leaf's content."""
    return hashlib.sha256(LEAF + content).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return the hash of a node above two others."""
    return hashlib.sha256(NODE + left + right).digest()


def link_hash(before: bytes, leaf: bytes) -> bytes:
    """Return the head of a chain after a leaf, from the head before it."""
    return hashlib.sha256(LINK + before + leaf).digest()


def subtrees_of(leaves: Sequence[bytes]) -> Subtrees:
    """Return the subtrees of leaves that are at hand, by their hashes."""
    known: dict[tuple[int, int], bytes] = {}

    def find(begin: int, level: int) -> bytes:
        if level == 0:
            return leaves[begin]
        found = known.get((begin, level))
        if found is None:
            middle = begin + (1 << level - 1)
            found = node_hash(find(begin, level - 1), find(middle, level - 1))
            known[begin, level] = found
        return found

    return find


def completed(leaf: bytes, size: int, ended: Callable[[int, int], bytes]) -> list[bytes]:
    """Return the roots of all whole subtrees that end with a tree's last leaf, the leaf first.

    `ended` returns the root of the subtree of 2^level leaves that ends where a tree of a size ends.
    """
    roots = [leaf]
    while size % (1 << len(roots)) == 0:
        level = len(roots) - 1
        roots.append(node_hash(ended(size - (1 << level), level), roots[level]))
    return roots


def root_of(leaves: Sequence[bytes]) -> bytes:
    """Return the root of a tree by the hashes of its leaves."""
    return root_at(subtrees_of(leaves), len(leaves))


def root_at(subtrees: Subtrees, size: int) -> bytes:
    """Return the root of the tree of the first leaves."""
    return _range_hash(subtrees, 0, size) if size else EMPTY_ROOT


def inclusion_path(subtrees: Subtrees, place: int, size: int) -> list[bytes]:
    """Return the proof that the leaf at a place is in the tree of a size. Raises: IndexError."""
    if not 0 <= place < size:
        raise IndexError(f"There is no leaf {place} in a tree of {size}.")
    return list(_path(subtrees, place, 0, size))


def consistency_path(subtrees: Subtrees, old_size: int, size: int) -> list[bytes]:
    """Return the proof that a tree only grew. Raises: IndexError unless 1 ≤ old ≤ new size."""
    if not 1 <= old_size <= size:
        raise IndexError(f"A tree of {size} did not grow from one of {old_size}.")
    return list(_growth(subtrees, old_size, 0, size, is_known=True))


def root_by_inclusion(leaf: bytes, place: int, size: int, path: Iterable[bytes]) -> bytes | None:
    """Return the root that a proof of inclusion comes to, or None if it proves nothing.

    Source: RFC 9162, section 2.1.3.2.
    """
    if not 0 <= place < size:
        return None
    left, last, root = place, size - 1, leaf
    for sibling in path:
        if last == 0:
            return None
        if left & 1 or left == last:
            root = node_hash(sibling, root)
            while not left & 1 and left:
                left, last = left >> 1, last >> 1
        else:
            root = node_hash(root, sibling)
        left, last = left >> 1, last >> 1
    return root if last == 0 else None


def is_consistent(
    old_size: int, old_root: bytes, size: int, root: bytes, path: Sequence[bytes]
) -> bool:
    """Say whether a proof shows that the tree of the new root grew from that of the old one.

    Source: RFC 9162, section 2.1.4.2.
    """
    if not 1 <= old_size <= size:
        return False
    if old_size == size:
        return not path and old_root == root
    steps = list(path)
    if old_size & (old_size - 1) == 0:
        steps.insert(0, old_root)
    return bool(steps) and _climbed(old_size - 1, size - 1, steps) == (old_root, root)


def _climbed(left: int, last: int, steps: Sequence[bytes]) -> tuple[bytes, bytes] | None:
    """Return the old and the new root that a proof of consistency comes to; None if neither."""
    while left & 1:
        left, last = left >> 1, last >> 1
    old = new = steps[0]
    for sibling in steps[1:]:
        if last == 0:
            return None
        if left & 1 or left == last:
            old, new = node_hash(sibling, old), node_hash(sibling, new)
            while not left & 1 and left:
                left, last = left >> 1, last >> 1
        else:
            new = node_hash(new, sibling)
        left, last = left >> 1, last >> 1
    return (old, new) if last == 0 else None


def _split(size: int) -> int:
    """Return the largest power of two below a size."""
    return 1 << (size - 1).bit_length() - 1


def _range_hash(subtrees: Subtrees, begin: int, end: int) -> bytes:
    size = end - begin
    if size & (size - 1) == 0:
        return subtrees(begin, size.bit_length() - 1)
    middle = begin + _split(size)
    return node_hash(_range_hash(subtrees, begin, middle), _range_hash(subtrees, middle, end))


def _path(subtrees: Subtrees, place: int, begin: int, end: int) -> Iterator[bytes]:
    if end - begin == 1:
        return
    middle = begin + _split(end - begin)
    if place < middle:
        yield from _path(subtrees, place, begin, middle)
        yield _range_hash(subtrees, middle, end)
    else:
        yield from _path(subtrees, place, middle, end)
        yield _range_hash(subtrees, begin, middle)


def _growth(
    subtrees: Subtrees, old_end: int, begin: int, end: int, *, is_known: bool
) -> Iterator[bytes]:
    """Walk down to where the old tree ended; `is_known` where the old root stands for the range."""
    if old_end == end:
        if not is_known:
            yield _range_hash(subtrees, begin, end)
        return
    middle = begin + _split(end - begin)
    if old_end <= middle:
        yield from _growth(subtrees, old_end, begin, middle, is_known=is_known)
        yield _range_hash(subtrees, middle, end)
    else:
        yield from _growth(subtrees, old_end, middle, end, is_known=False)
        yield _range_hash(subtrees, begin, middle)
