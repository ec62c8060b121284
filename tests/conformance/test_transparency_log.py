"""A log that Tessera wrote (its testdata), through our notes, tiles and proofs."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations_with_replacement
from pathlib import Path

import pytest

from conformance.policy import vectors
from safeconduct.audit import checkpoint, notes, tiles
from safeconduct.audit.checkpoint import Checkpoint
from safeconduct.core import proofs
from safeconduct.core.merkle import Tree, leaf_hash

ARCHIVE = "tessera-log.tar.xz"
KEY = notes.parse_key(
    "example.com/log/testdata+33d7b496+AeHTu4Q3hEIMHNqc6fASMsq3rKNx280NI+oO5xCFkkSx"
)
SIZE = 15

pytestmark = pytest.mark.skipif(
    not (vectors.directory() / ARCHIVE).exists(), reason="the test vectors are not there"
)


@pytest.fixture(scope="module")
def log() -> Iterator[Path]:
    with vectors.unpacked(vectors.directory() / ARCHIVE) as place:
        yield place / "testdata" / "log"


def signed(path: Path) -> Checkpoint:
    note = notes.parse(path.read_bytes())
    assert notes.verify(note, [KEY]) == ((KEY, None),)
    assert str(note).encode() == path.read_bytes()
    return checkpoint.parse(note.text)


def entries(log: Path, size: int) -> list[bytes]:
    found: list[bytes] = []
    bundle = (log / tiles.path(tiles.ENTRIES, 0, size)).read_bytes()
    while bundle:
        length = int.from_bytes(bundle[:2])
        found.append(bundle[2 : 2 + length])
        bundle = bundle[2 + length :]
    return found


def hashes(log: Path) -> proofs.Hashes:
    data = (log / tiles.path(0, 0, SIZE)).read_bytes()
    row = [data[start : start + 32] for start in range(0, len(data), 32)]
    return lambda level, index: tiles.fold(row[index << level : (index + 1) << level])


@pytest.mark.parametrize("size", range(SIZE + 1))
def test_its_checkpoints_are_signed_and_are_the_roots_of_its_entries(log: Path, size: int) -> None:
    tree = Tree()
    tree.extend(entries(log, size) if size else [])
    assert signed(log / f"checkpoint.{size}") == Checkpoint(KEY.name, size, tree.root())


@pytest.mark.parametrize("size", range(1, SIZE + 1))
def test_its_tiles_hold_the_hashes_of_its_entries(log: Path, size: int) -> None:
    leaves = [leaf_hash(entry) for entry in entries(log, size)]
    assert (log / tiles.path(0, 0, size)).read_bytes() == b"".join(leaves)


def test_every_proof_made_of_its_tiles_holds(log: Path) -> None:
    roots = [signed(log / f"checkpoint.{size}").root for size in range(SIZE + 1)]
    leaves = [leaf_hash(entry) for entry in entries(log, SIZE)]
    for old, size in combinations_with_replacement(range(SIZE + 1), 2):
        proof = proofs.consistency(old, size, hashes(log))
        assert proofs.is_consistent(old, roots[old], size, roots[size], proof)
    for size in range(1, SIZE + 1):
        for index in range(size):
            proof = proofs.inclusion(index, size, hashes(log))
            assert proofs.is_included(leaves[index], index, size, proof, roots[size])


def test_a_checkpoint_of_another_size_is_not_signed(log: Path) -> None:
    text = (log / "checkpoint").read_text().replace("\n15\n", "\n14\n")
    with pytest.raises(notes.BadNote, match="is not good"):
        notes.verify(notes.parse(text.encode()), [KEY])
