from __future__ import annotations

import stat
from pathlib import Path

import pytest

from safeconduct.audit import segments, tail
from safeconduct.audit.faults import LogFault
from safeconduct.audit.tail import Tail
from safeconduct.audit.walk import Walk
from safeconduct.core.merkle import Tree


def add(end: Tail, tree: Tree, *entries: bytes) -> Tree:
    grown = tree.copy()
    grown.extend(entries)
    end.append(segments.group(entries, grown.size, grown.root()), tree)
    return grown


def entries_in(directory: Path) -> list[bytes]:
    return [entry for group in Walk(directory) for entry in group.entries]


def test_the_first_group_begins_the_first_segment(tmp_path: Path) -> None:
    end = Tail(tmp_path, "o", 0, 0)
    assert not list(tmp_path.iterdir())
    add(end, Tree(), b"a", b"b")
    end.close()
    (path,) = tmp_path.iterdir()
    assert path.name == "segment-00000000.log"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert entries_in(tmp_path) == [b"a", b"b"]


def test_a_full_segment_is_followed_by_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tail, "SEGMENT_BYTES", 400)
    end, tree = Tail(tmp_path, "o", 0, 0), Tree()
    for number in range(20):
        tree = add(end, tree, b"entry %d" % number)
    end.close()
    walk = Walk(tmp_path)
    assert [entry for group in walk for entry in group.entries] == [
        b"entry %d" % number for number in range(20)
    ]
    assert walk.segment == len(list(tmp_path.iterdir())) - 1 > 1
    assert walk.tree.root() == tree.root()


def test_a_tail_goes_on_where_it_is_told_and_drops_what_follows(tmp_path: Path) -> None:
    end = Tail(tmp_path, "o", 0, 0)
    tree = add(end, Tree(), b"kept")
    end.close()
    offset = segments.path(tmp_path, 0).stat().st_size
    end = Tail(tmp_path, "o", 0, offset)
    add(end, tree, b"dropped")
    end.close()
    end = Tail(tmp_path, "o", 0, offset)
    add(end, tree, b"new")
    end.close()
    assert entries_in(tmp_path) == [b"kept", b"new"]


def test_what_a_killed_process_left_unflushed_is_flushed_before_it_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    end = Tail(tmp_path, "o", 0, 0)
    add(end, Tree(), b"a")
    end.close()
    flushed: list[int] = []
    monkeypatch.setattr(tail, "flush", flushed.append)
    Tail(tmp_path, "o", 0, segments.path(tmp_path, 0).stat().st_size).close()
    assert len(flushed) == 1


def test_a_segment_that_was_never_begun_is_begun_anew(tmp_path: Path) -> None:
    segments.path(tmp_path, 0).write_bytes(b"half a header")
    end = Tail(tmp_path, "o", 0, 0)
    add(end, Tree(), b"a")
    end.close()
    assert entries_in(tmp_path) == [b"a"]


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.touch()
    segments.path(tmp_path, 0).symlink_to(victim)
    end = Tail(tmp_path, "o", 0, 0)  # removes the link
    segments.path(tmp_path, 0).symlink_to(victim)
    with pytest.raises(LogFault) as caught:
        add(end, Tree(), b"a")
    assert caught.value.code == "io"
    assert victim.read_bytes() == b""


def test_there_is_room_before_the_next_group_comes(tmp_path: Path) -> None:
    end = Tail(tmp_path, "o", 0, 0)
    tree = add(end, Tree(), b"a")
    path = segments.path(tmp_path, 0)
    room = path.stat().st_size
    assert room == 256 << 10
    tree = add(end, tree, b"b")
    assert path.stat().st_size == room
    tree = add(end, tree, *[b"x" * 65_000] * 5)
    assert path.stat().st_size == 2 * room
    assert path.read_bytes()[-room // 2 :] == bytes(room // 2)
    # A reader, or whoever opens the log after a crash, finds the groups and no torn end.
    walk = Walk(tmp_path)
    assert [group.size for group in walk] == [1, 2, 7]
    assert walk.tail == 0
    end.close()
    assert path.stat().st_size == walk.end


def test_a_segment_that_was_left_with_its_zeros_is_followed_by_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tail, "SEGMENT_BYTES", 1)
    end = Tail(tmp_path, "o", 0, 0)
    tree = add(end, Tree(), b"a")
    with monkeypatch.context() as patch:
        patch.setattr("safeconduct.audit.tail.os.ftruncate", _fail)
        tree = add(end, tree, b"b")
    assert segments.path(tmp_path, 0).stat().st_size == 256 << 10
    walk = Walk(tmp_path)
    assert [group.entries for group in walk] == [[b"a"], [b"b"]]
    assert walk.tree.root() == tree.root()
    end.close()


def test_what_somebody_else_wrote_behind_the_groups_is_left_as_evidence(tmp_path: Path) -> None:
    end = Tail(tmp_path, "o", 0, 0)
    add(end, Tree(), b"a")
    path = segments.path(tmp_path, 0)
    with path.open("ab") as file:
        file.write(b"not from here")
    end.close()
    assert path.read_bytes().endswith(b"not from here")


def _fail(_: int, length: int) -> None:
    if length:
        raise OSError(5, "gone")
