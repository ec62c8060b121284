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
    offset = segments.path(tmp_path, 0).stat().st_size
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
