from __future__ import annotations

import pytest

from safeconduct.core import proofs
from safeconduct.core.merkle import EMPTY_ROOT, Tree, leaf_hash, node_hash
from tests.unit.core.test_merkle import LEAVES, ROOTS


def hashes_of(leaves: list[bytes]) -> proofs.Hashes:
    """Perfect subtrees of some leaves, from the leaves up."""

    def hash_of(level: int, index: int) -> bytes:
        if not level:
            return leaf_hash(leaves[index])
        return node_hash(hash_of(level - 1, 2 * index), hash_of(level - 1, 2 * index + 1))

    return hash_of


def root_of(leaves: list[bytes]) -> bytes:
    tree = Tree()
    tree.extend(leaves)
    return tree.root()


KNOWN = hashes_of(LEAVES)

# Nodes of the tree over these leaves, as the tests of Certificate Transparency's reference
# implementation have them.
A = "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"
B = "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7"
E = "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b"
AB = "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"
CD = "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e"
EF = "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a"
GH = "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0"
ABCD = "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7"
EFGH = "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4"


def hexes(proof: list[bytes]) -> list[str]:
    return [one.hex() for one in proof]


@pytest.mark.parametrize("size", range(len(ROOTS)))
def test_roots_come_from_subtrees_too(size: int) -> None:
    assert proofs.root(size, KNOWN).hex() == ROOTS[size]


@pytest.mark.parametrize(
    ("index", "size", "known"),
    [
        (0, 1, []),
        (0, 8, [B, CD, EFGH]),
        (5, 8, [E, GH, ABCD]),
        (2, 3, [AB]),
        (1, 5, [A, CD, E]),
    ],
)
def test_known_inclusions(index: int, size: int, known: list[str]) -> None:
    proof = proofs.inclusion(index, size, KNOWN)
    assert hexes(proof) == known
    root = bytes.fromhex(ROOTS[size])
    assert proofs.is_included(leaf_hash(LEAVES[index]), index, size, proof, root)


@pytest.mark.parametrize(
    ("old", "size", "known"),
    [
        (1, 1, []),
        (1, 8, [B, CD, EFGH]),
        (6, 8, [EF, GH, ABCD]),
        (2, 5, [CD, E]),
        (0, 8, []),
    ],
)
def test_known_consistencies(old: int, size: int, known: list[str]) -> None:
    proof = proofs.consistency(old, size, KNOWN)
    assert hexes(proof) == known
    roots = [bytes.fromhex(ROOTS[at]) for at in (old, size)]
    assert proofs.is_consistent(old, roots[0], size, roots[1], proof)


def test_the_tree_of_seven_leaves_that_the_rfc_draws() -> None:
    """RFC 9162 section 2.1.5."""
    a, b, c, d, e, f, j = (leaf_hash(leaf) for leaf in LEAVES[:7])
    g, h, i = node_hash(a, b), node_hash(c, d), node_hash(e, f)
    k, l = node_hash(g, h), node_hash(i, j)  # noqa: E741 - the RFC's names
    assert proofs.inclusion(0, 7, KNOWN) == [b, h, l]
    assert proofs.inclusion(3, 7, KNOWN) == [c, g, l]
    assert proofs.inclusion(4, 7, KNOWN) == [f, j, k]
    assert proofs.inclusion(6, 7, KNOWN) == [i, k]
    assert proofs.consistency(3, 7, KNOWN) == [c, d, g, l]
    assert proofs.consistency(4, 7, KNOWN) == [l]
    assert proofs.consistency(6, 7, KNOWN) == [i, j, k]


def test_every_proof_in_trees_of_up_to_70_leaves_is_accepted_for_its_place_alone() -> None:
    leaves = [f"leaf {number}".encode() for number in range(70)]
    hashes = hashes_of(leaves)
    roots = [root_of(leaves[:size]) for size in range(71)]
    for size in range(71):
        for index in range(size):
            proof = proofs.inclusion(index, size, hashes)
            leaf = leaf_hash(leaves[index])
            assert proofs.is_included(leaf, index, size, proof, roots[size])
            assert not proofs.is_included(leaf, index + 1, size, proof, roots[size])
            assert not proofs.is_included(leaf, index, size, proof, roots[size - 1])
        for old in range(size + 1):
            proof = proofs.consistency(old, size, hashes)
            assert proofs.is_consistent(old, roots[old], size, roots[size], proof)
            if 0 < old < size:
                assert not proofs.is_consistent(old, roots[old - 1], size, roots[size], proof)
                assert not proofs.is_consistent(old, roots[old], size, roots[old], proof)


def test_the_largest_trees_take_a_proof_of_64_levels() -> None:
    size = (1 << 63) - 1

    def hash_of(level: int, index: int) -> bytes:
        return leaf_hash(f"{level} {index}".encode())

    root = proofs.root(size, hash_of)
    proof = proofs.inclusion(size - 1, size, hash_of)
    assert len(proof) == 62
    assert proofs.is_included(hash_of(0, size - 1), size - 1, size, proof, root)
    grown = proofs.consistency(size - 1, size, hash_of)
    old_root = proofs.root(size - 1, hash_of)
    assert proofs.is_consistent(size - 1, old_root, size, root, grown)


@pytest.mark.parametrize(("index", "size"), [(0, 0), (8, 8), (-1, 8), (0, -1)])
def test_what_is_not_in_a_tree_has_no_proof(index: int, size: int) -> None:
    with pytest.raises(ValueError, match="has no leaf"):
        proofs.inclusion(index, size, KNOWN)
    assert not proofs.is_included(leaf_hash(b""), index, size, [], bytes.fromhex(ROOTS[1]))


@pytest.mark.parametrize(("old", "size"), [(9, 8), (-1, 8), (0, -1)])
def test_a_tree_does_not_shrink(old: int, size: int) -> None:
    with pytest.raises(ValueError, match="did not grow"):
        proofs.consistency(old, size, KNOWN)
    assert not proofs.is_consistent(old, EMPTY_ROOT, size, EMPTY_ROOT, [])


def test_proofs_are_of_exactly_the_right_length() -> None:
    leaf, root = leaf_hash(LEAVES[4]), bytes.fromhex(ROOTS[8])
    proof = proofs.inclusion(4, 8, KNOWN)
    for wrong in ([], proof[:-1], proof[1:], [*proof, proof[-1]], [proof[0][:-1], *proof[1:]]):
        assert not proofs.is_included(leaf, 4, 8, wrong, root)
    assert not proofs.is_included(leaf[:-1], 4, 8, proof, root)
    old_root = bytes.fromhex(ROOTS[6])
    grown = proofs.consistency(6, 8, KNOWN)
    for wrong in ([], grown[:-1], grown[1:], [*grown, grown[-1]], [grown[0] + b"\0", *grown[1:]]):
        assert not proofs.is_consistent(6, old_root, 8, root, wrong)
    assert not proofs.is_consistent(6, old_root[:-1], 8, root, grown)


def test_equal_and_empty_trees_take_no_proof() -> None:
    root = bytes.fromhex(ROOTS[8])
    assert proofs.is_consistent(8, root, 8, root, [])
    assert not proofs.is_consistent(8, root, 8, root, [root])
    assert not proofs.is_consistent(8, root, 8, EMPTY_ROOT, [])
    assert proofs.is_consistent(0, EMPTY_ROOT, 8, root, [])
    assert not proofs.is_consistent(0, root, 8, root, [])
    assert not proofs.is_consistent(0, EMPTY_ROOT, 8, root, [root])
