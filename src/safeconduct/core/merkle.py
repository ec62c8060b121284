"""The Merkle tree of RFC 6962 section 2.1, grown leaf by leaf.

A tree is kept as its *nodes*: the roots of the perfect subtrees that its size is made of, the
largest first (six leaves are a subtree of four and one of two). That is all an append needs, so a
log of any size costs at most 64 hashes of memory. Nothing here reads or writes anything.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from hashlib import sha256
from typing import Final

HASH_BYTES: Final = 32
EMPTY_ROOT: Final = sha256(b"").digest()
"""The root of the tree without leaves."""


def leaf_hash(data: bytes) -> bytes:
    """The hash of a leaf: SHA-256 of 0x00 and the leaf's exact bytes."""
    return sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash of an inner node: SHA-256 of 0x01 and both children's hashes."""
    return sha256(b"\x01" + left + right).digest()


class Tree:
    """A growing tree of `size` leaves. The leaves themselves are not kept."""

    __slots__ = ("_nodes", "size")

    def __init__(self, size: int = 0, nodes: Sequence[bytes] = ()) -> None:
        """A tree taken up again from what `size` and `nodes` said.

        Raises:
            ValueError: these are not the nodes of a tree of that size.
        """
        if size < 0 or len(nodes) != size.bit_count():
            raise ValueError(f"a tree of {size} leaves does not have {len(nodes)} nodes")
        if any(len(node) != HASH_BYTES for node in nodes):
            raise ValueError("a node is a SHA-256 hash")
        self.size = size
        self._nodes = list(nodes)

    @property
    def nodes(self) -> tuple[bytes, ...]:
        """The roots of the perfect subtrees, the largest first."""
        return tuple(self._nodes)

    def append(self, leaf: bytes) -> None:
        """Adds one leaf, given by its `leaf_hash`."""
        self._add((leaf,))

    def extend(self, entries: Iterable[bytes]) -> None:
        """Adds leaves, given by their exact bytes."""
        self._add([sha256(b"\x00" + entry).digest() for entry in entries])

    def _add(self, leaves: Iterable[bytes]) -> None:
        nodes, pairs = self._nodes, self.size
        for leaf in leaves:
            # Each trailing 1 bit of the size is a perfect subtree that the new leaf completes to
            # twice its size, like the carry of an addition.
            node, carry = leaf, pairs
            while carry & 1:
                node = sha256(b"\x01" + nodes.pop() + node).digest()
                carry >>= 1
            nodes.append(node)
            pairs += 1
        self.size = pairs

    def root(self) -> bytes:
        """The Merkle tree hash."""
        if not self._nodes:
            return EMPTY_ROOT
        *rest, root = self._nodes
        for node in reversed(rest):
            root = node_hash(node, root)
        return root

    def copy(self) -> Tree:
        """The same tree, to be grown independently."""
        return Tree(self.size, self._nodes)
