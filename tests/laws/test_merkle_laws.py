from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from safeconduct.core.merkle import Tree, leaf_hash, node_hash

leaves = st.lists(st.binary(max_size=8), max_size=70)


def tree_of(entries: list[bytes]) -> Tree:
    tree = Tree()
    tree.extend(entries)
    return tree


@given(leaves)
def test_the_root_does_not_depend_on_how_the_leaves_came(entries: list[bytes]) -> None:
    one_by_one = Tree()
    for entry in entries:
        one_by_one.append(leaf_hash(entry))
    assert one_by_one.root() == tree_of(entries).root()
    assert one_by_one.nodes == tree_of(entries).nodes


@given(leaves, st.data())
def test_a_tree_taken_up_anywhere_ends_the_same(entries: list[bytes], data: st.DataObject) -> None:
    cut = data.draw(st.integers(0, len(entries)))
    before = tree_of(entries[:cut])
    resumed = Tree(before.size, before.nodes)
    resumed.extend(entries[cut:])
    assert resumed.root() == tree_of(entries).root()


@given(leaves.filter(bool), st.data())
def test_any_change_of_any_leaf_changes_the_root(entries: list[bytes], data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(entries) - 1))
    other = data.draw(st.binary(max_size=8).filter(lambda entry: entry != entries[at]))
    assert tree_of([*entries[:at], other, *entries[at + 1 :]]).root() != tree_of(entries).root()


@given(leaves, st.binary(max_size=8))
def test_no_tree_is_a_longer_one(entries: list[bytes], more: bytes) -> None:
    assert tree_of([*entries, more]).root() != tree_of(entries).root()


@given(st.integers(0, 6), st.data())
def test_two_perfect_trees_are_the_halves_of_the_next(height: int, data: st.DataObject) -> None:
    half = st.lists(st.binary(max_size=4), min_size=2**height, max_size=2**height)
    left, right = data.draw(half), data.draw(half)
    whole = node_hash(tree_of(left).root(), tree_of(right).root())
    assert tree_of(left + right).root() == whole
