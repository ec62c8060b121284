"""The definitions of servers that others wrote say nothing to the agent that they should not."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from safeconduct.inspectors.instructions.inspector import InstructionInspector
from safeconduct.tools.scanning import scanned
from tests.e2e import servers
from tests.e2e.parts import AGES, Age
from tests.e2e.servers import Behind

INSPECTOR = InstructionInspector.of_definitions()


def fetch(age: Age, _root: Path) -> Behind:
    return servers.fetch(age, "http://127.0.0.1/page")


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    place = tmp_path / "repository"
    subprocess.run(["git", "init", "--quiet", str(place)], check=True)
    return place


@pytest.mark.parametrize("age", AGES)
@pytest.mark.parametrize(
    "make", [servers.filesystem, servers.memory, servers.git, servers.clock, fetch]
)
async def test_nothing_is_found_in_the_tools_of_others(
    make: Callable[[Age, Path], Behind], age: Age, repository: Path
) -> None:
    server = make(age, repository)
    server.part.required()
    live = await server.live()
    assert live
    assert {name: scanned(said, INSPECTOR) for name, said in live.items()} == dict.fromkeys(
        live, ()
    )
