from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from safeconduct.audit import checkpoint, segments, tail
from safeconduct.audit.checkpoint import Checkpoint
from safeconduct.audit.faults import Damaged
from safeconduct.audit.walk import Reached, Walk
from safeconduct.core.merkle import EMPTY_ROOT, Tree
from tests.support.logs import ORIGIN, numbers, written


@pytest.fixture
def several(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A log of 12 records in at least three segments."""
    monkeypatch.setattr(tail, "SEGMENT_BYTES", 400)
    written(tmp_path, *numbers(12))
    assert len(segments.listing(tmp_path)) >= 3
    return tmp_path


def walked(directory: Path, start: int = 0) -> Walk:
    walk = Walk(directory, checkpoint.load(directory), start=start)
    for _ in walk:
        pass
    return walk


def rewrite(path: Path, old: bytes, new: bytes) -> None:
    data = path.read_bytes()
    assert data.count(old) == 1
    path.write_bytes(data.replace(old, new))


def test_a_walk_ends_with_the_tree_and_the_place_to_go_on(several: Path) -> None:
    walk = walked(several)
    walk.check_claim()
    last = segments.listing(several)[-1]
    assert (walk.tree.size, walk.origin, walk.tail) == (12, ORIGIN, 0)
    assert (walk.segment, walk.end) == (int(last.stem[-8:]), last.stat().st_size)


def test_a_walk_may_begin_at_any_segment(several: Path) -> None:
    whole = walked(several)
    for start in range(len(segments.listing(several))):
        walk = walked(several, start)
        assert (walk.tree.size, walk.tree.root()) == (12, whole.tree.root())


def test_a_walk_goes_on_from_whatever_was_reached(several: Path) -> None:
    whole = Walk(several, checkpoint.load(several))
    steps = [(group, Reached(ORIGIN, whole.tree, whole.segment, group.end)) for group in whole]
    for at, (_, reached) in enumerate(steps):
        walk = Walk(several, checkpoint.load(several), reached=reached)
        assert list(walk) == [group for group, _ in steps[at + 1 :]]
        walk.check_claim()
        assert (walk.tree.root(), walk.segment, walk.end, walk.tail) == (
            whole.tree.root(), whole.segment, whole.end, 0,
        )  # fmt: skip


def test_what_does_not_continue_what_was_reached_is_damage(several: Path) -> None:
    walk = Walk(several)
    first = next(iter(walk))
    wrong = Reached(ORIGIN, Tree(), walk.segment, first.end)
    with pytest.raises(Damaged, match="do not give their trailer's root"):
        list(Walk(several, checkpoint.load(several), reached=wrong))


def test_an_empty_directory_has_an_empty_tree(tmp_path: Path) -> None:
    walk = Walk(tmp_path, Checkpoint(ORIGIN, 0, EMPTY_ROOT))
    assert list(walk) == []
    walk.check_claim()
    assert (walk.segment, walk.end, walk.tree.size) == (-1, 0, 0)


def test_what_follows_the_last_whole_group_is_counted(several: Path) -> None:
    with segments.listing(several)[-1].open("ab") as file:
        file.write(b"\x00" * 76 + b"x")
    assert walked(several).tail == 77


@pytest.mark.parametrize("number", [0, -1])
def test_zeros_at_the_end_of_a_segment_are_no_part_of_the_log(several: Path, number: int) -> None:
    before = walked(several)
    with segments.listing(several)[number].open("ab") as file:
        file.write(bytes(3 << 20))
    after = walked(several)
    assert (after.tree.root(), after.end, after.tail) == (before.tree.root(), before.end, 0)


def test_zeros_between_groups_are_damage(several: Path) -> None:
    path = segments.listing(several)[-1]
    data = path.read_bytes()
    path.write_bytes(data[:20] + bytes(100) + data[20:])
    with pytest.raises(Damaged):
        walked(several)


@pytest.mark.parametrize("left", [0, 10])
def test_a_last_segment_without_a_header_is_not_begun(several: Path, left: int) -> None:
    number = len(segments.listing(several))
    segments.path(several, number).write_bytes(b"{" * left)
    walk = walked(several)
    assert (walk.tree.size, walk.segment, walk.end, walk.tail) == (12, number, 0, left)


@pytest.mark.parametrize("keep", [0, 100, -1])
def test_only_the_last_segment_may_have_a_torn_end(several: Path, keep: int) -> None:
    path = segments.listing(several)[1]
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(Damaged, match="has no end"):
        walked(several)


def test_swapped_segments_do_not_continue_each_other(several: Path) -> None:
    first, second = segments.listing(several)[1:3]
    one, other = first.read_bytes(), second.read_bytes()
    first.write_bytes(other)
    second.write_bytes(one)
    with pytest.raises(Damaged, match="does not continue"):
        walked(several)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"origin": "other/log"}, "another log"),
        ({"size": 0}, "a tree of 0 leaves"),
        ({"size": 1, "nodes": ("00" * 32,)}, "does not continue"),
        ({"nodes": ("zz",)}, "header of segment"),
        ({"segment": 7}, "does not continue"),
    ],
)
def test_a_header_with_another_story_is_an_edit(
    several: Path, change: dict[str, Any], sentence: str
) -> None:
    import msgspec

    path = segments.listing(several)[1]
    fd = os.open(path, os.O_RDONLY)
    opening = segments.read_header(fd)
    os.close(fd)
    assert opening is not None
    said = msgspec.structs.replace(opening[0], **change)
    forged = segments.frame(segments.HEADER, msgspec.json.encode(said, order="sorted"))
    path.write_bytes(forged + path.read_bytes()[opening[1] :])
    with pytest.raises(Damaged, match=sentence) as caught:
        walked(several)
    assert caught.value.code == "edited"


def test_a_changed_entry_with_a_new_checksum_does_not_give_the_root(tmp_path: Path) -> None:
    written(tmp_path, *numbers(3))
    path = segments.path(tmp_path, 0)
    rewrite(
        path,
        segments.frame(segments.ENTRY, b'{"kind":"config","n":1,"value":1}'),
        segments.frame(segments.ENTRY, b'{"kind":"config","n":1,"value":7}'),
    )
    with pytest.raises(Damaged, match="records 1 to 1 do not give") as caught:
        walked(tmp_path)
    assert (caught.value.code, caught.value.seq) == ("edited", 1)


def test_a_changed_byte_before_a_whole_trailer_is_an_edit(tmp_path: Path) -> None:
    written(tmp_path, *numbers(3))
    rewrite(segments.path(tmp_path, 0), b'"n":2,"value":2', b'"n":2,"value":3')
    with pytest.raises(Damaged, match="record 2 or one soon after") as caught:
        walked(tmp_path)
    assert (caught.value.code, caught.value.seq) == ("edited", 2)


def test_a_group_that_was_taken_out_is_missed_by_the_next(tmp_path: Path) -> None:
    written(tmp_path, *numbers(3))
    fd = os.open(segments.path(tmp_path, 0), os.O_RDONLY)
    opening = segments.read_header(fd)
    assert opening is not None
    first, second, _ = segments.groups(fd, opening[1])
    os.close(fd)
    data = segments.path(tmp_path, 0).read_bytes()
    segments.path(tmp_path, 0).write_bytes(data[: first.end] + data[second.end :])
    with pytest.raises(Damaged, match="records 1 to 1"):
        walked(tmp_path)


def test_a_log_may_grow_while_it_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between two looks at the file a writer finishes its group: that is no edit."""
    written(tmp_path, *numbers(5))
    path = segments.path(tmp_path, 0)
    whole = path.read_bytes()
    half = path.stat().st_size - 50
    path.write_bytes(whole[:half] + b"\x00" * 20)
    looked = segments.has_trailer

    def finish_then_look(fd: int, offset: int) -> bool:
        path.write_bytes(whole)
        return looked(fd, offset)

    monkeypatch.setattr(segments, "has_trailer", finish_then_look)
    walk = walked(tmp_path)
    walk.check_claim()
    assert (walk.tree.size, walk.tail) == (5, 0)


def test_a_reader_that_is_slower_than_the_writer_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written(tmp_path, *numbers(3))
    path = segments.path(tmp_path, 0)
    tree = walked(tmp_path).tree
    groups = segments.groups

    def growing(fd: int, offset: int) -> Iterator[segments.Group]:
        for group in groups(fd, offset):
            tree.extend([b"more"])
            with path.open("ab") as file:
                file.write(segments.group([b"more"], tree.size, tree.root()))
            yield group

    monkeypatch.setattr(segments, "groups", growing)
    assert walked(tmp_path).tree.size == 3


class TestClaim:
    """What the checkpoint says, against the log."""

    def claim(self, directory: Path, claimed: Checkpoint | None) -> None:
        walk = Walk(directory, claimed)
        for _ in walk:
            pass
        walk.check_claim()

    def test_any_tree_the_log_went_through_may_be_claimed(self, tmp_path: Path) -> None:
        written(tmp_path, *numbers(4))
        for group in Walk(tmp_path):
            self.claim(tmp_path, Checkpoint(ORIGIN, group.size, group.root))
        self.claim(tmp_path, Checkpoint(ORIGIN, 0, EMPTY_ROOT))

    @pytest.mark.parametrize(
        ("claimed", "code"),
        [
            (None, "truncated"),
            (Checkpoint(ORIGIN, 5, bytes(32)), "truncated"),
            (Checkpoint(ORIGIN, 4, bytes(32)), "forked"),
            (Checkpoint(ORIGIN, 2, bytes(32)), "forked"),
            (Checkpoint(ORIGIN, 0, bytes(32)), "forked"),
            (Checkpoint("other/log", 0, EMPTY_ROOT), "edited"),
        ],
    )
    def test_no_other(self, tmp_path: Path, claimed: Checkpoint | None, code: str) -> None:
        written(tmp_path, *numbers(4))
        with pytest.raises(Damaged) as caught:
            self.claim(tmp_path, claimed)
        assert caught.value.code == code

    def test_a_size_inside_a_group_is_no_tree_of_the_log(self, tmp_path: Path) -> None:
        written(tmp_path, [record for group in numbers(4) for record in group])
        tree = Tree()
        for group in Walk(tmp_path):
            tree.extend(group.entries[:2])
        with pytest.raises(Damaged) as caught:
            self.claim(tmp_path, Checkpoint(ORIGIN, 2, tree.root()))
        assert caught.value.code == "forked"
