from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safeconduct.audit import checkpoint, notes, proving, segments, tiles
from safeconduct.audit.checkpoint import Checkpoint
from safeconduct.audit.damage import Damaged
from safeconduct.audit.tiles import Hashes
from safeconduct.audit.walk import Walk
from safeconduct.core import proofs
from safeconduct.core.merkle import Tree, leaf_hash
from tests.support.logs import numbers, written

HASH = "A" * 43 + "="
NOTE = f"example.com/log\n3\n{HASH}\n\n\u2014 example.com/log AAAAAAA=\n"


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("audit")
    written(directory, *numbers(300))
    return directory


def entries(log: Path) -> list[bytes]:
    return [entry for group in Walk(log) for entry in group.entries]


def test_every_record_can_be_proven(log: Path) -> None:
    for index, entry in enumerate(entries(log)):
        proof = proving.inclusion(log, index)
        assert proof.holds(entry)
        assert not proof.holds(entry + b" ")
        assert proving.parse(str(proof).encode()) == proof


@pytest.mark.parametrize("near", [1, 200, 5000])
def test_leaves_that_no_tile_has_are_found_without_reading_what_is_before(
    near: int, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tiles, "_NEAR_BYTES", near)
    tree, leaves = Tree(), entries(log)
    for size, entry in enumerate(leaves, 1):
        tree.extend([entry])
        if size >= tiles.WIDTH:
            assert proofs.root(size, Hashes(log, size)) == tree.root()
    assert Hashes(log, 300).tile(0, 1) == [leaf_hash(entry) for entry in leaves[tiles.WIDTH :]]


def test_a_proof_is_written_as_the_specification_says(log: Path) -> None:
    """C2SP tlog-proof."""
    lines = str(proving.inclusion(log, 7)).split("\n")
    note = (log / checkpoint.NAME).read_text()
    assert lines[:2] == ["c2sp.org/tlog-proof@v1", "index 7"]
    assert {len(line) for line in lines[2 : lines.index("")]} == {44}
    assert "\n".join(lines[lines.index("") + 1 :]) == note


def test_what_was_witnessed_is_proven_under_that(log: Path) -> None:
    note = notes.parse((log / checkpoint.NAME).read_bytes())
    line = notes.Line("witness.example/w1", b"1234", b"signature")
    witnessed = note._replace(lines=(*note.lines, line))
    (log / "witnessed").write_text(str(witnessed))
    try:
        assert proving.inclusion(log, 7).note == witnessed
    finally:
        (log / "witnessed").unlink()


def test_what_is_not_covered_is_not_proven(log: Path) -> None:
    for index in (300, -1):
        with pytest.raises(LookupError, match=f"no checkpoint covers a record {index} yet"):
            proving.inclusion(log, index)
    for old in (301, -1):
        with pytest.raises(LookupError, match=f"no checkpoint covers {old} records yet"):
            proving.consistency(log, old)


@pytest.mark.parametrize("old", [0, 1, 255, 256, 299, 300])
def test_that_nothing_before_was_changed_is_proven(log: Path, old: int) -> None:
    tree, proof = proving.consistency(log, old)
    old_root = proofs.root(old, Hashes(log, 300))
    assert tree.size == 300
    assert proofs.is_consistent(old, old_root, 300, tree.root, proof)


def test_a_log_that_is_not_what_was_signed_is_not_proven(tmp_path: Path) -> None:
    log, other = tmp_path / "log", tmp_path / "other"
    written(log, *numbers(5))
    written(other, *numbers(5, first=7))
    segments.path(log, 0).write_bytes(segments.path(other, 0).read_bytes())
    with pytest.raises(Damaged, match="does not stand under the checkpoint"):
        proving.inclusion(log, 2)
    with pytest.raises(Damaged, match="does not go on from 3 records"):
        proving.consistency(log, 3)
    claimed = checkpoint.load(other)
    assert claimed is not None
    checkpoint.store(log, Checkpoint(claimed.origin, 9, claimed.root), "\u2014 a AAAAAAA=\n")
    with pytest.raises(Damaged, match="does not hold"):
        proving.inclusion(log, 7)
    (log / checkpoint.NAME).write_text("no note")
    with pytest.raises(Damaged, match="checkpoint: a note without signatures"):
        proving.inclusion(log, 2)


def test_extra_data_of_others_is_passed_over() -> None:
    text = f"c2sp.org/tlog-proof@v1\nextra YQ==\nindex 2\n{HASH}\n\n{NOTE}"
    proof = proving.parse(text.encode())
    assert (proof.index, proof.path, proof.tree.size) == (2, [bytes(32)], 3)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n\n",
        f"c2sp.org/tlog-proof@v2\nindex 2\n\n{NOTE}",
        f"c2sp.org/tlog-proof@v1\n\n{NOTE}",
        f"c2sp.org/tlog-proof@v1\nextra YQ==\n\n{NOTE}",
        f"c2sp.org/tlog-proof@v1\nindex 02\n\n{NOTE}",
        f"c2sp.org/tlog-proof@v1\nindex -2\n\n{NOTE}",
        f"c2sp.org/tlog-proof@v1\nindex 2\n\u00e9\n\n{NOTE}",
        f"c2sp.org/tlog-proof@v1\nindex 2\nA\n\n{NOTE}",
        f"c2sp.org/tlog-proof@v1\nindex 2\n{HASH}\n",
        f"c2sp.org/tlog-proof@v1\nindex 2\n{HASH}\n\nno note",
        "x" * (proving.MAX_BYTES + 1),
    ],
)
def test_what_is_no_proof_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"proof|note|ASCII"):
        proving.parse(text.encode())


@given(st.binary(max_size=200))
def test_garbage_is_no_proof(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        proving.parse(data)
    with pytest.raises(ValueError, match=r"."):
        proving.parse(b"c2sp.org/tlog-proof@v1\nindex 2\n" + data)
