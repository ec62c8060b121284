from __future__ import annotations

from pathlib import Path

import pytest

from safeconduct.audit import tiles
from safeconduct.audit.signer.tiler import Tiler
from safeconduct.core.merkle import Tree, leaf_hash

LEAVES = [leaf_hash(number.to_bytes(4)) for number in range(66_500)]


def tree_of(size: int) -> Tree:
    tree = Tree()
    for leaf in LEAVES[:size]:
        tree.append(leaf)
    return tree


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("log")
    tiler = Tiler(made)
    for start in range(0, len(LEAVES), 999):
        tiler.add(LEAVES[start : start + 999])
        tiler.flush()
    assert tiler.stands_under(tree_of(len(LEAVES)))
    return made


def test_tiles_lie_where_the_specification_says() -> None:
    """C2SP tlog-tiles has the first two as examples."""
    assert tiles.path(0, 1234067) == "tile/0/x001/x234/067"
    assert tiles.path(1, 0, 17) == "tile/1/000.p/17"
    assert tiles.path(tiles.ENTRIES, 273, 112) == "tile/entries/273.p/112"
    assert tiles.path(2, 1000) == "tile/2/x001/000"


def test_only_full_tiles_are_written(directory: Path) -> None:
    found = {str(path.relative_to(directory)) for path in directory.rglob("*") if path.is_file()}
    assert found == {*(tiles.path(0, index) for index in range(259)), "tile/1/000"}


def test_a_tile_of_the_next_level_holds_the_roots_of_tiles(directory: Path) -> None:
    (root,) = tree_of(65_536).nodes
    assert tiles.fold(tiles.read(directory, 1, 0) or []) == root
    assert (tiles.read(directory, 1, 0) or [])[5] == tiles.fold(LEAVES[5 * 256 : 6 * 256])


@pytest.mark.parametrize("size", [0, 256, 65_280, 65_536, 66_048, 66_304])
def test_it_goes_on_after_any_full_tile(directory: Path, size: int) -> None:
    tiler = Tiler(directory)
    assert tiler.take_up(size)
    assert tiler.stands_under(tree_of(size))
    tiler.add(LEAVES[size:])
    assert tiler.stands_under(tree_of(len(LEAVES)))
    assert not tiler.stands_under(tree_of(len(LEAVES) - 1))


def test_it_does_not_go_on_without_the_tiles_it_takes(directory: Path, tmp_path: Path) -> None:
    assert not Tiler(tmp_path).take_up(256)
    lost = tmp_path / tiles.path(0, 257)
    for index in (256, 257):
        copy = tmp_path / tiles.path(0, index)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes((directory / tiles.path(0, index)).read_bytes())
    lost.write_bytes(b"cut")
    assert not Tiler(tmp_path).take_up(66_048)


def test_a_tile_that_was_changed_does_not_stand_under_the_tree(
    directory: Path, tmp_path: Path
) -> None:
    for index in range(2):
        copy = tmp_path / tiles.path(0, index)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes((directory / tiles.path(0, index)).read_bytes())
    tiler = Tiler(tmp_path)
    assert tiler.take_up(512)
    assert tiler.stands_under(tree_of(512))
    (tmp_path / tiles.path(0, 1)).write_bytes(bytes(tiles.TILE_BYTES))
    tiler = Tiler(tmp_path)
    assert tiler.take_up(512)
    assert not tiler.stands_under(tree_of(512))


def test_a_link_in_the_way_is_not_followed(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("precious")
    draft = tmp_path / "tile" / "0" / ".000"
    draft.parent.mkdir(parents=True)
    draft.symlink_to(victim)
    tiler = Tiler(tmp_path)
    tiler.add(LEAVES[:256])
    with pytest.raises(OSError, match="symbolic links"):
        tiler.flush()
    assert victim.read_text() == "precious"
    draft.unlink()
    tiler.flush()
    assert tiles.read(tmp_path, 0, 0) == LEAVES[:256]
