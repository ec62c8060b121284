"""The inspectors that a configuration brings, as `safeconduct serve` builds them."""

from __future__ import annotations

import asyncio
import json
import shutil
import tempfile
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import orjson

from bench.agentdojo.operators import HERE
from bench.inspectors.measuring import Inspect, Part, Seen
from safeconduct.config import load
from safeconduct.core.manifest import Effect
from safeconduct.core.model import Finding
from safeconduct.inspectors.room import examiners, inspectors
from safeconduct.ports import Closing, Examiner, Inspector, Matter

RAISED: Final = "raised"
"""The kind that stands for what was raised: the call is refused, or the result withheld."""

MATTER: Final = Matter(
    direction="result",
    target="bench/read",
    effect=Effect.read,
    tenant="bench.example",
    user="u",
    agent="a",
    task="t",
)


class Room:
    """Those that look at everything, and those that take a while, in one event loop."""

    def __init__(
        self, quick: Sequence[Inspector], slow: Sequence[Examiner], runner: asyncio.Runner
    ) -> None:
        self.quick: list[Part] = [(type(one).__name__, one.inspect) for one in quick]
        self.slow: list[Part] = [(_name(one), _examining(runner, one)) for one in slow]

    def look(self, value: object) -> list[Seen]:
        """What the quick ones find."""
        return _seen(self.quick, value)

    def look_long(self, value: object) -> list[Seen]:
        """What all of them find."""
        return _seen([*self.quick, *self.slow], value)


def _name(one: Examiner) -> str:
    """That of the inspector which is only put out of the others' way, where it is one."""
    return type(getattr(one, "_inspector", one)).__name__


def _seen(parts: Sequence[Part], value: object) -> list[Seen]:
    data = orjson.dumps(value)
    return [(name, found) for name, inspect in parts for found in _safe(inspect, value, data)]


def _safe(inspect: Inspect, value: object, data: bytes) -> Sequence[Finding]:
    try:
        return inspect(value, data)
    except Exception as error:  # noqa: BLE001  what it raises refuses the call, or withholds the result
        return [Finding(f"{RAISED}.{type(error).__name__}", (), 0, 0)]


def _examining(runner: asyncio.Runner, one: Examiner) -> Inspect:
    return lambda value, _: runner.run(one.examine(value, MATTER))


@contextmanager
def shipped(block: Mapping[str, Any], files: Mapping[str, bytes] = {}) -> Generator[Room]:
    """What this `inspectors:` block brings, with these files beside the configuration."""
    with tempfile.TemporaryDirectory() as folder, asyncio.Runner() as runner:
        place = Path(folder) / "configuration"
        shutil.copytree(HERE / "banking", place)
        for name, data in files.items():
            (place / name).write_bytes(data)
        main = place / "safeconduct.yaml"
        main.write_text(f"{main.read_text()}\ninspectors: {json.dumps(block)}\n", "utf-8")
        config = load(place)
        said = config.root.inspectors
        quick = inspectors(said, place)
        slow = examiners(said, place, quick)
        yield Room(quick, slow, runner)
        for one in slow:
            if isinstance(one, Closing):
                runner.run(one.close())
