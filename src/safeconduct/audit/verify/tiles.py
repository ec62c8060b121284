"""The hash tiles of a log against the tree that its records make.

They are no evidence, but proofs are made of them: a wrong one makes proofs that nobody accepts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from safeconduct.audit import tiles
from safeconduct.audit.damage import Damaged
from safeconduct.core import proofs
from safeconduct.core.merkle import Tree


def roots(directory: Path, size: int, sizes: Iterable[int]) -> Mapping[int, bytes]:
    """The roots of trees that the one of `size` leaves went through, of those whose hashes tiles
    have or segments give. Good as far as the tiles were checked.

    Raises:
        OSError: a file cannot be read.
    """
    hashes, found = tiles.Hashes(directory, size), dict[int, bytes]()
    for one in sizes:
        with suppress(Damaged):
            found[one] = proofs.root(one, hashes)
    return found


def check(directory: Path, size: int, nodes: Sequence[bytes]) -> None:
    """Holds all full tiles against a tree. What is not there is not missed.

    Args:
        directory: Where the log is.
        size: How many leaves the tree has.
        nodes: The roots of its perfect subtrees, the largest first.

    Raises:
        Damaged: a tile is not of this tree.
        OSError: a tile cannot be read.
    """
    if not (directory / tiles.path(0, 0)).parent.exists():
        return
    read = tiles.Hashes(directory, size).tile
    level, below = 0, list[bytes]()
    while size >= tiles.WIDTH:
        roots, tree = list[bytes](), Tree()
        for index in range(size // tiles.WIDTH):
            row = read(level, index)
            if level and row != below[index * tiles.WIDTH : (index + 1) * tiles.WIDTH]:
                raise Damaged("edited", f"{tiles.path(level, index)} is not of this tree")
            roots.append(tiles.fold(row))
            tree.append(roots[-1])
        if tree.nodes != tuple(nodes[: len(tree.nodes)]):
            raise Damaged("edited", f"a tile of level {level} is not of this tree")
        size, level, below = size // tiles.WIDTH, level + 1, roots
