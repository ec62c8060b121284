"""The definitions of tools: out of a file, or from the gateway that runs."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from safeconduct.cli.operator import ask
from safeconduct.cli.output import Misused

if TYPE_CHECKING:
    from safeconduct.config.schema import Config
    from safeconduct.ports import JSON

FILE_HELP = "the result of tools/list, the response with it, or the bare list; - for standard input"


def in_file(name: str) -> list[JSON]:
    """The definitions in a file. Raises Misused."""
    from safeconduct.kit.strictjson import StrictJSONError, loads
    from safeconduct.tools.inference.definition import NotAListing, listed

    try:
        data = sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
        return listed(loads(data))
    except OSError as error:
        raise Misused(f"{name} cannot be read: {error.strerror}") from None
    except (StrictJSONError, NotAListing) as error:
        raise Misused(f"{name}: {error}") from None


def live(config: Config) -> dict[str, list[JSON]]:
    """What the upstreams of the running gateway offer, by upstream. Raises OperatorFault."""
    socket = Path(config.directory) / config.root.gateway.operator_socket
    found: dict[str, list[JSON]] = {name: [] for name in config.root.upstreams}
    for tool in ask(socket, "tools")["tools"]:
        found[tool["upstream"]].append(tool["definition"])
    return found


def known(config: Config, upstream: str) -> str:
    """An upstream of the configuration. Raises Misused."""
    if upstream not in config.root.upstreams:
        there = ", ".join(config.root.upstreams)
        raise Misused(f"no upstream is called {upstream} (there are {there})")
    return upstream
