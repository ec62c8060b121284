from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

import pytest

from safeconduct.audit import checkpoint, notes, segments, tail, tiles
from safeconduct.audit.damage import Damaged
from safeconduct.audit.publishing import publish
from safeconduct.audit.signer.notary import PUBLIC
from safeconduct.audit.walk import Walk
from safeconduct.core import proofs
from safeconduct.core.merkle import leaf_hash
from tests.support.logs import Memory, forget, numbers, opened, written


class Reader:
    """Reads what was published as a client does: by addresses, and believing nothing."""

    def __init__(self, out: Path) -> None:
        self.out = out
        note = notes.parse((out / "checkpoint").read_bytes())
        self.tree = checkpoint.parse(note.text)
        self.note = note

    def tile(self, level: int | str, index: int, size: int) -> bytes:
        width = min(256, size - index * 256)
        return (self.out / tiles.path(level, index, width)).read_bytes()

    def hash_of(self, level: int, index: int) -> bytes:
        height = level % 8
        count = self.tree.size >> (level - height)
        tile, at = divmod(index << height, 256)
        data = self.tile(level // 8, tile, count)
        row = [data[start : start + 32] for start in range(0, len(data), 32)]
        return tiles.fold(row[at : at + (1 << height)])

    def entries(self) -> list[bytes]:
        found: list[bytes] = []
        for index in range((self.tree.size + 255) // 256):
            bundle = self.tile(tiles.ENTRIES, index, self.tree.size)
            while bundle:
                length = int.from_bytes(bundle[:2])
                found.append(bundle[2 : 2 + length])
                bundle = bundle[2 + length :]
        return found

    def check(self, log: Path) -> None:
        """Whether all of it is there and stands under the checkpoint."""
        found = self.entries()
        assert found == entries(log)
        assert proofs.root(self.tree.size, self.hash_of) == self.tree.root
        for index, entry in enumerate(found):
            proof = proofs.inclusion(index, self.tree.size, self.hash_of)
            leaf = leaf_hash(entry)
            assert proofs.is_included(leaf, index, self.tree.size, proof, self.tree.root)


def entries(log: Path) -> list[bytes]:
    return [data for group in Walk(log) for data in group.entries]


def grow(log: Path, projection: Memory, size: int) -> Memory:
    """The log with more records, three a group."""
    made = opened(log, projection)

    async def append() -> None:
        while made.size < size:
            await made.append(*({"value": made.size} for _ in range(min(3, size - made.size))))

    asyncio.run(append())
    made.close()
    return projection


def files(out: Path) -> set[str]:
    return {str(path.relative_to(out)) for path in out.rglob("*") if path.is_file()}


def test_what_is_published_is_the_log_as_it_grows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tail, "SEGMENT_BYTES", 5_000)
    log, out, projection = tmp_path / "log", tmp_path / "out", Memory()
    for size in (0, 1, 255, 256, 257, 512, 700, 700):
        grow(log, projection, size)
        assert publish(log, out).size == size
        Reader(out).check(log)
    assert files(out) == {
        "checkpoint",
        *(f"tile/{level}/{index:03}" for level in (0, "entries") for index in (0, 1)),
        "tile/0/002.p/188",
        "tile/1/000.p/2",
        "tile/1/000.p/1",
        "tile/entries/002.p/188",
    }
    assert {(out / name).stat().st_mode & 0o777 for name in files(out)} == {0o600}
    assert out.stat().st_mode & 0o777 == 0o700


def test_without_what_was_published_before_it_is_published_anew(tmp_path: Path) -> None:
    log, out = tmp_path / "log", tmp_path / "out"
    grow(log, Memory(), 600)
    publish(log, out)
    (out / "tile/0/001").unlink()
    publish(log, out)
    Reader(out).check(log)


def test_tiles_beside_the_log_are_not_believed(tmp_path: Path) -> None:
    log, out = tmp_path / "log", tmp_path / "out"
    grow(log, Memory(), 300)
    (log / "tile/0/000").write_bytes(bytes(tiles.TILE_BYTES))
    publish(log, out)
    Reader(out).check(log)


def test_a_published_tile_that_was_changed_is_found(tmp_path: Path) -> None:
    log, out = tmp_path / "log", tmp_path / "out"
    projection = grow(log, Memory(), 600)
    publish(log, out)
    (out / "tile/0/000").write_bytes(bytes(tiles.TILE_BYTES))
    grow(log, projection, 700)
    with pytest.raises(Damaged, match="holds tiles of another log") as caught:
        publish(log, out)
    assert caught.value.code == "forked"
    assert Reader(out).tree.size == 600


def test_another_log_does_not_take_its_place(tmp_path: Path) -> None:
    log, out = tmp_path / "log", tmp_path / "out"
    grow(log, Memory(), 300)
    publish(log, out)
    other = tmp_path / "other"
    written(other, *numbers(310))
    with pytest.raises(Damaged, match="whose first 300 records were signed"):
        publish(other, out)
    shutil.rmtree(log)
    grow(log, Memory(), 299)
    with pytest.raises(Damaged, match="300 records were published, there are 299"):
        publish(log, out)
    note = (out / "checkpoint").read_text()
    (out / "checkpoint").write_text("another" + note)
    with pytest.raises(Damaged, match="holds the log 'anothercrm"):
        publish(log, out)
    (out / "checkpoint").write_text("nothing")
    with pytest.raises(Damaged, match="holds no checkpoint"):
        publish(log, out)


def test_records_that_are_not_under_the_checkpoint_are_not_published(tmp_path: Path) -> None:
    log, other, out = tmp_path / "log", tmp_path / "other", tmp_path / "out"
    written(log, *numbers(5))
    written(other, *numbers(5, first=7))
    segments.path(log, 0).write_bytes(segments.path(other, 0).read_bytes())
    with pytest.raises(Damaged, match="not the one whose first 5 records were signed"):
        publish(log, out)
    assert not (out / "checkpoint").exists()


def test_a_log_without_a_checkpoint_is_not_published(tmp_path: Path) -> None:
    written(tmp_path / "log", *numbers(2))
    forget(tmp_path / "log")
    with pytest.raises(FileNotFoundError):
        publish(tmp_path / "log", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_the_key_of_the_log_checks_what_is_published(tmp_path: Path) -> None:
    log, out = tmp_path / "log", tmp_path / "out"
    written(log, *numbers(2))
    publish(log, out)
    key = notes.parse_key((log / PUBLIC).read_text().strip())
    assert [one.key for one in notes.verify(Reader(out).note, [key])] == [key]


def test_a_log_is_pruned_after_it_was_published(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tail, "SEGMENT_BYTES", 5_000)
    log, out, projection = tmp_path / "log", tmp_path / "out", Memory()
    grow(log, projection, 300)
    publish(log, out)
    grow(log, projection, 600)
    whole = entries(log)
    segments.path(log, 0).unlink()
    (log / segments.PRUNED).write_text("1")
    publish(log, out)
    assert Reader(out).entries() == whole
    with pytest.raises(Damaged, match=r"records before \d+ were pruned") as caught:
        publish(log, tmp_path / "late")
    assert caught.value.code == "truncated"
    assert files(tmp_path / "late") == set()
