"""What inference makes of servers that others wrote: no tool that changes something is a read."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from safeconduct.config import examine_files
from safeconduct.tools.inference import propose
from safeconduct.tools.inference.written import text
from tests.e2e import servers
from tests.e2e.parts import AGES, Age
from tests.e2e.servers import Behind

CHANGING: Mapping[str, frozenset[str]] = {
    "files": frozenset({"write_file", "edit_file", "create_directory", "move_file"}),
    "memory": frozenset(
        {
            "create_entities",
            "create_relations",
            "add_observations",
            "delete_entities",
            "delete_observations",
            "delete_relations",
        }
    ),
    "git": frozenset(
        {"git_commit", "git_add", "git_reset", "git_create_branch", "git_checkout", "git_init"}
    ),
    "time": frozenset(),
    "fetch": frozenset(),
}
"""By server, the tools that change something, as their authors say."""

READ: Mapping[str, frozenset[str]] = {
    "files": frozenset({"read_file", "list_directory", "search_files", "get_file_info"}),
    "memory": frozenset({"read_graph", "search_nodes"}),
    "git": frozenset({"git_status", "git_diff", "git_log", "git_show"}),
    "time": frozenset({"get_current_time", "convert_time"}),
    "fetch": frozenset({"fetch"}),
}
"""By server, tools that only read, and that would be of no use as anything else."""


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    place = tmp_path / "repository"
    subprocess.run(["git", "init", "--quiet", str(place)], check=True)
    return place


def fetch(age: Age, _root: Path) -> Behind:
    return servers.fetch(age, "http://127.0.0.1/page")


@pytest.mark.parametrize("age", AGES)
@pytest.mark.parametrize(
    "make", [servers.filesystem, servers.memory, servers.git, servers.clock, fetch]
)
async def test_tools_of_others(
    make: Callable[[Age, Path], Behind], age: Age, repository: Path, tmp_path: Path
) -> None:
    server = make(age, repository)
    server.part.required()
    name = server.name.partition("-")[0]
    manifest = propose(server.name, (await server.live()).values())
    reads = {
        tool for tool, said in manifest.manifest.tools.items() if not said.effect.changes_state
    }
    assert reads & CHANGING[name] == set()
    assert reads >= READ[name]
    file = tmp_path / "manifest.yaml"
    file.write_text(text(manifest), encoding="utf-8")
    assert not examine_files([file]).refused
