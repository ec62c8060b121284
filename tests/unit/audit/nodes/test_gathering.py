"""The log of logs over real logs of nodes."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from safeconduct.audit import checkpoint, notes
from safeconduct.audit.checkpoint import Checkpoint
from safeconduct.audit.log import Log
from safeconduct.audit.nodes.gathering import Node, Round, gather
from safeconduct.audit.nodes.heads import CHECKPOINT, CONTRADICTION, Heads
from safeconduct.audit.nodes.sources import Directory, source
from safeconduct.audit.notes import Note
from safeconduct.audit.reading import read
from safeconduct.audit.signer import keys
from safeconduct.audit.signer.notary import MEMORY
from safeconduct.audit.verify import verify
from safeconduct.core.merkle import EMPTY_ROOT

NODES = ("acme.example/audit/node-1", "acme.example/audit/node-2")


async def grow(directory: Path, origin: str, count: int, what: str = "first") -> None:
    """Opens a node's log, appends, and closes it."""
    log = Log.open(directory, Heads(), origin=origin)
    for number in range(count):
        await log.append({"kind": "config", "what": f"{what} {number}"})
    log.close()


@pytest_asyncio.fixture
async def nodes(tmp_path: Path) -> tuple[Node, ...]:
    found: list[Node] = []
    for number, origin in enumerate(NODES):
        directory = tmp_path / f"node-{number}"
        await grow(directory, origin, 3)
        key = notes.parse_key((directory / "log.pub").read_text().strip())
        found.append(Node(origin, (key,), Directory(directory)))
    return tuple(found)


class Gathered:
    """A log of logs, and what it takes in."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.heads = Heads()
        self.log = Log.open(directory, self.heads, origin="acme.example/audit/nodes")

    async def round(self, nodes: tuple[Node, ...]) -> Round:
        return await gather(nodes, self.log, self.heads, lambda: 1_800_000_000_000)

    def kinds(self) -> list[tuple[str, str, int]]:
        return [(one["kind"], one["origin"], one["size"]) for one in read(self.directory)]


@pytest.fixture
def gathered(tmp_path: Path) -> Iterator[Gathered]:
    gathered = Gathered(tmp_path / "logs")
    yield gathered
    gathered.log.close()


async def test_checkpoints_are_taken_in_as_logs_grow(
    gathered: Gathered, nodes: tuple[Node, ...], tmp_path: Path
) -> None:
    first, second = NODES
    assert await gathered.round(nodes) == Round({first: 3, second: 3})
    assert await gathered.round(nodes) == Round({first: 3, second: 3})
    await grow(tmp_path / "node-0", first, 300)
    assert await gathered.round(nodes) == Round({first: 303, second: 3})
    assert gathered.kinds() == [
        (CHECKPOINT, first, 3),
        (CHECKPOINT, second, 3),
        (CHECKPOINT, first, 303),
    ]
    assert verify(gathered.directory).exit_code == 0


async def test_what_was_taken_in_is_known_after_a_restart(
    gathered: Gathered, nodes: tuple[Node, ...], tmp_path: Path
) -> None:
    await gathered.round(nodes)
    gathered.log.close()
    again = Gathered(gathered.directory)
    await grow(tmp_path / "node-0", NODES[0], 2)
    assert (await again.round(nodes)).taken == {NODES[0]: 5, NODES[1]: 3}
    again.log.close()


async def test_a_node_that_was_restored_from_a_backup_is_found(
    gathered: Gathered, nodes: tuple[Node, ...], tmp_path: Path
) -> None:
    shutil.copytree(tmp_path / "node-0", tmp_path / "backup")
    await grow(tmp_path / "node-0", NODES[0], 5)
    await gathered.round(nodes)
    shutil.rmtree(tmp_path / "node-0")
    (tmp_path / "backup").rename(tmp_path / "node-0")
    said = await gathered.round(nodes)
    assert said.contradicted == {NODES[0]: "it had 8 records, and signs for 3"}
    assert said.taken == {NODES[1]: 3}
    last = gathered.kinds()[-1]
    assert last == (CONTRADICTION, NODES[0], 8)


async def test_a_node_with_another_history_is_found(
    gathered: Gathered, nodes: tuple[Node, ...], tmp_path: Path
) -> None:
    await gathered.round(nodes)
    signer = keys.load(tmp_path / "node-0" / keys.NAME, NODES[0])
    for path in (tmp_path / "node-0").iterdir():
        if path.is_file() and path.name != keys.NAME:
            path.unlink()
    text = Checkpoint(NODES[0], 0, EMPTY_ROOT).text()
    (tmp_path / "node-0" / MEMORY).write_text(str(Note(text, (notes.sign(text, signer),))))
    await grow(tmp_path / "node-0", NODES[0], 9, "another")
    said = await gathered.round(nodes)
    assert said.contradicted == {NODES[0]: "its log does not begin with the 3 records it had"}


async def test_a_node_whose_files_lack_what_it_signed_is_found(
    gathered: Gathered, nodes: tuple[Node, ...], tmp_path: Path
) -> None:
    await gathered.round(nodes)
    await grow(tmp_path / "node-0", NODES[0], 2)
    segment = tmp_path / "node-0" / "segment-00000000.log"
    segment.write_bytes(segment.read_bytes()[:200])
    said = await gathered.round(nodes)
    assert list(said.contradicted) == [NODES[0]]
    assert said.contradicted[NODES[0]].startswith("its files do not hold what it signed: ")


async def test_a_node_that_is_gone_or_not_signed_for_is_named(
    gathered: Gathered, nodes: tuple[Node, ...], tmp_path: Path
) -> None:
    swapped = (Node(NODES[0], nodes[1].keys, nodes[0].source), nodes[1])
    (tmp_path / "node-1" / checkpoint.NAME).unlink()
    said = await gathered.round(swapped)
    assert said.taken == {}
    assert said.silent[NODES[0]] == "no known key signed this note"
    assert "No such file" in said.silent[NODES[1]]
    assert gathered.kinds() == []


def test_a_source_is_a_directory_or_published() -> None:
    assert isinstance(source("file:///var/log/audit"), Directory)
    for url in ("", "ftp://x/y", "http://elsewhere.example/log", "file://host/x"):
        with pytest.raises(ValueError, match="neither file:///directory nor an https URL"):
            source(url)


async def test_a_node_whose_checkpoint_is_huge_does_not_stop_the_others(
    gathered: Gathered, nodes: tuple[Node, ...], tmp_path: Path
) -> None:
    """It is signed well, and no record could hold it."""
    signer = keys.load(tmp_path / "node-0" / keys.NAME, NODES[0])
    text = f"{Checkpoint(NODES[0], 3, bytes(32)).text()}{'x' * 9000}\n"
    (tmp_path / "node-0" / "checkpoint").write_text(f"{text}\n{notes.sign(text, signer)}")
    said = await gathered.round(nodes)
    assert said.silent == {NODES[0]: "a checkpoint of more than 3072 bytes"}
    assert said.taken == {NODES[1]: 3}
