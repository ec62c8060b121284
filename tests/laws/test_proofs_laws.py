from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from safeconduct.core import proofs
from safeconduct.core.merkle import leaf_hash, node_hash
from tests.unit.core.test_merkle import by_definition
from tests.unit.core.test_proofs import hashes_of

leaves = st.lists(st.binary(max_size=4), min_size=1, max_size=70)
hashes = st.binary(min_size=32, max_size=32)
sizes = st.integers(-3, 12) | st.integers(-(2**70), 2**70)


def split_of(entries: list[bytes]) -> int:
    split = 1
    while split * 2 < len(entries):
        split *= 2
    return split


def path(index: int, entries: list[bytes]) -> list[bytes]:
    """PATH of RFC 6962 section 2.1.1, word for word."""
    if len(entries) == 1:
        return []
    k = split_of(entries)
    if index < k:
        return [*path(index, entries[:k]), by_definition(entries[k:])]
    return [*path(index - k, entries[k:]), by_definition(entries[:k])]


def subproof(old: int, entries: list[bytes], *, whole: bool) -> list[bytes]:
    """SUBPROOF of RFC 6962 section 2.1.2, word for word."""
    if old == len(entries):
        return [] if whole else [by_definition(entries)]
    k = split_of(entries)
    if old <= k:
        return [*subproof(old, entries[:k], whole=whole), by_definition(entries[k:])]
    return [*subproof(old - k, entries[k:], whole=False), by_definition(entries[:k])]


@given(leaves, st.data())
def test_inclusions_are_those_of_the_definition(entries: list[bytes], data: st.DataObject) -> None:
    index = data.draw(st.integers(0, len(entries) - 1))
    proof = proofs.inclusion(index, len(entries), hashes_of(entries))
    assert proof == path(index, entries)
    root = by_definition(entries)
    assert proofs.is_included(leaf_hash(entries[index]), index, len(entries), proof, root)


@given(leaves, st.data())
def test_consistencies_are_those_of_the_definition(
    entries: list[bytes], data: st.DataObject
) -> None:
    old = data.draw(st.integers(1, len(entries)))
    proof = proofs.consistency(old, len(entries), hashes_of(entries))
    assert proof == subproof(old, entries, whole=True)
    roots = by_definition(entries[:old]), by_definition(entries)
    assert proofs.is_consistent(old, roots[0], len(entries), roots[1], proof)


@given(leaves, st.data())
def test_a_proof_changed_anywhere_proves_nothing(entries: list[bytes], data: st.DataObject) -> None:
    size = len(entries)
    index = data.draw(st.integers(0, size - 1))
    root, leaf = by_definition(entries), leaf_hash(entries[index])
    proof = [leaf, *proofs.inclusion(index, size, hashes_of(entries)), root]
    at = data.draw(st.integers(0, len(proof) - 1))
    proof[at] = data.draw(hashes.filter(lambda one: one != proof[at]))
    assert not proofs.is_included(proof[0], index, size, proof[1:-1], proof[-1])


@given(leaves, st.data())
def test_no_tree_grew_out_of_another(entries: list[bytes], data: st.DataObject) -> None:
    """What a proof shows of the old tree holds for all its leaves."""
    size = len(entries)
    old = data.draw(st.integers(1, size))
    at = data.draw(st.integers(0, old - 1))
    other = [*entries[:at], entries[at] + b"!", *entries[at + 1 :]]
    proof = proofs.consistency(old, size, hashes_of(entries))
    lied = by_definition(other[:old])
    assert not proofs.is_consistent(old, lied, size, by_definition(entries), proof)
    assert not proofs.is_consistent(old, by_definition(entries[:old]), size, lied, proof)


@given(st.integers(0, 300))
def test_subtrees_cover_the_leaves_once(size: int) -> None:
    covered = [
        leaf
        for level, index in proofs.subtrees(0, size)
        for leaf in range(index << level, (index + 1) << level)
    ]
    assert covered == list(range(size))


@given(hashes, sizes, sizes, st.lists(hashes, max_size=80), hashes)
def test_whatever_is_asked_there_is_an_answer(
    leaf: bytes, index: int, size: int, proof: list[bytes], root: bytes
) -> None:
    included = proofs.is_included(leaf, index, size, proof, root)
    grown = proofs.is_consistent(index, leaf, size, root, proof)
    # By chance a hash has no preimage: only where nothing is hashed may anything be true.
    assert not included or (size == 1 and leaf == root)
    assert not grown or (index == size and leaf == root)


@given(st.binary(max_size=40), st.lists(st.binary(max_size=40), max_size=3))
def test_a_hash_of_another_length_is_none(leaf: bytes, proof: list[bytes]) -> None:
    if {len(one) for one in (leaf, *proof)} != {32}:
        assert not proofs.is_included(leaf, 0, 2 ** len(proof), proof, node_hash(leaf, leaf))
