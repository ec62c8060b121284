from __future__ import annotations

from hashlib import sha256

import pytest

from safeconduct.core.merkle import EMPTY_ROOT, Tree, leaf_hash, node_hash

# The inputs and roots that implementations of RFC 6962 have tested each other with since
# Certificate Transparency's reference implementation.
LEAVES = [
    bytes.fromhex(text)
    for text in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]


def by_definition(leaves: list[bytes]) -> bytes:
    """MTH of RFC 6962 section 2.1, word for word."""
    if not leaves:
        return sha256(b"").digest()
    if len(leaves) == 1:
        return sha256(b"\x00" + leaves[0]).digest()
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    left, right = by_definition(leaves[:split]), by_definition(leaves[split:])
    return sha256(b"\x01" + left + right).digest()


@pytest.mark.parametrize("size", range(len(ROOTS)))
def test_the_root_is_that_of_the_known_trees(size: int) -> None:
    tree = Tree()
    tree.extend(LEAVES[:size])
    assert (tree.size, tree.root().hex()) == (size, ROOTS[size])


def test_every_tree_up_to_300_leaves_has_the_root_of_the_definition() -> None:
    leaves = [f"leaf {number}".encode() for number in range(300)]
    tree = Tree()
    for size, leaf in enumerate(leaves):
        assert tree.root() == by_definition(leaves[:size])
        tree.append(leaf_hash(leaf))


def test_the_empty_tree_has_the_hash_of_nothing() -> None:
    assert Tree().root() == EMPTY_ROOT
    assert Tree().nodes == ()


def test_leaves_and_nodes_are_hashed_apart() -> None:
    left, right = leaf_hash(b"a"), leaf_hash(b"b")
    assert leaf_hash(left + right) != node_hash(left, right)
    assert node_hash(left, right) != node_hash(right, left)


def test_a_tree_goes_on_from_its_size_and_nodes() -> None:
    tree = Tree()
    tree.extend(LEAVES[:5])
    resumed = Tree(tree.size, tree.nodes)
    resumed.extend(LEAVES[5:])
    assert resumed.root().hex() == ROOTS[8]


def test_a_copy_grows_alone() -> None:
    tree = Tree()
    tree.extend(LEAVES[:3])
    tree.copy().extend(LEAVES[3:])
    assert (tree.size, tree.root().hex()) == (3, ROOTS[3])


@pytest.mark.parametrize(
    ("size", "nodes"),
    [(1, []), (0, [bytes(32)]), (4, [bytes(32)] * 2), (-1, [bytes(32)]), (1, [bytes(31)])],
)
def test_nodes_that_are_not_of_a_tree_of_that_size_are_refused(
    size: int, nodes: list[bytes]
) -> None:
    with pytest.raises(ValueError, match=r"leaves|hash"):
        Tree(size, nodes)
