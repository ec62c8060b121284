"""Proofs over the tree of `merkle`: that a leaf is in it, and that it grew out of an earlier one.

RFC 6962 section 2.1 says which hashes a proof is made of, RFC 9162 section 2.1 how it is checked.
A maker needs no leaves but a function that gives the hashes of perfect subtrees, at most two for
each level of the tree and proof. A checker answers for whatever it is given, and never raises.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeAlias

from safeconduct.core.merkle import EMPTY_ROOT, HASH_BYTES, node_hash

Hashes: TypeAlias = Callable[[int, int], bytes]
"""Gives the hash of the perfect subtree `(level, index)`: of 2^level leaves, and the index-th of
that size. Level 0 is the leaves."""


def subtrees(start: int, end: int) -> Iterator[tuple[int, int]]:
    """The perfect subtrees that the leaves from `start` to `end` are made of, the largest first.

    `start` is a multiple of the smallest power of two that is not below `end - start`.
    """
    while start < end:
        level = (end - start).bit_length() - 1
        yield level, start >> level
        start += 1 << level


def root(size: int, hashes: Hashes) -> bytes:
    """The root of the tree of the first `size` leaves. Raises what `hashes` raises."""
    return _hash_of(0, size, hashes) if size else EMPTY_ROOT


def inclusion(index: int, size: int, hashes: Hashes) -> list[bytes]:
    """The proof that leaf `index` is in the tree of the first `size` leaves, from the leaf up.

    Raises:
        ValueError: that tree does not have such a leaf.
    """
    if not 0 <= index < size:
        raise ValueError(f"a tree of {size} leaves has no leaf {index}")
    proof: list[bytes] = []
    start, end = 0, size
    while end - start > 1:
        middle = _middle(start, end)
        if index < middle:
            proof.append(_hash_of(middle, end, hashes))
            end = middle
        else:
            proof.append(_hash_of(start, middle, hashes))
            start = middle
    proof.reverse()
    return proof


def consistency(old: int, size: int, hashes: Hashes) -> list[bytes]:
    """The proof that the tree of `size` leaves begins with that of its first `old`.

    Every tree begins with the empty one, which needs no proof.

    Raises:
        ValueError: there are not that many leaves.
    """
    if not 0 <= old <= size:
        raise ValueError(f"a tree of {size} leaves did not grow out of one of {old}")
    proof: list[bytes] = []
    start, end = 0, size
    while old and end != old:
        middle = _middle(start, end)
        if old <= middle:
            proof.append(_hash_of(middle, end, hashes))
            end = middle
        else:
            proof.append(_hash_of(start, middle, hashes))
            start = middle
    if start:  # otherwise what is left is the whole old tree, whose root the checker has
        proof.append(_hash_of(start, end, hashes))
    proof.reverse()
    return proof


def is_included(
    leaf: bytes, index: int, size: int, proof: Sequence[bytes], expected: bytes
) -> bool:
    """Whether a proof leads from leaf number `index`, by its `leaf_hash`, to the expected root."""
    if not 0 <= index < size or not _hashes(leaf, *proof):
        return False
    node, last, found = index, size - 1, leaf
    for sibling in proof:
        if not last:
            return False
        if node & 1 or node == last:
            found = node_hash(sibling, found)
            node, last = _up_to_right_child(node, last)
        else:
            found = node_hash(found, sibling)
        node, last = node >> 1, last >> 1
    return not last and found == expected


def is_consistent(
    old: int, old_root: bytes, size: int, expected: bytes, proof: Sequence[bytes]
) -> bool:
    """Whether a proof shows that the tree of `size` leaves begins with that of the first `old`."""
    if not 0 <= old <= size or not _hashes(old_root, expected, *proof):
        return False
    if old == size:
        return not proof and old_root == expected
    if not old:
        return not proof and old_root == EMPTY_ROOT
    # An old tree that is a perfect subtree is not named in its own proof.
    path = list(proof) if old & (old - 1) else [old_root, *proof]
    if not path:
        return False
    node, last = old - 1, size - 1
    while node & 1:
        node, last = node >> 1, last >> 1
    found_old = found = path[0]
    for sibling in path[1:]:
        if not last:
            return False
        if node & 1 or node == last:
            found_old = node_hash(sibling, found_old)
            found = node_hash(sibling, found)
            node, last = _up_to_right_child(node, last)
        else:
            found = node_hash(found, sibling)
        node, last = node >> 1, last >> 1
    return not last and found_old == old_root and found == expected


def _middle(start: int, end: int) -> int:
    """Where the left child of the tree over some leaves ends: it has a power of two, below all."""
    return start + (1 << (end - start - 1).bit_length() - 1)


def _hash_of(start: int, end: int, hashes: Hashes) -> bytes:
    last, *rest = [hashes(*subtree) for subtree in subtrees(start, end)][::-1]
    for left in rest:
        last = node_hash(left, last)
    return last


def _up_to_right_child(node: int, last: int) -> tuple[int, int]:
    """Skips the levels on which a node at the right edge has no sibling."""
    while node and not node & 1:
        node, last = node >> 1, last >> 1
    return node, last


def _hashes(*given: bytes) -> bool:
    return all(len(one) == HASH_BYTES for one in given)
