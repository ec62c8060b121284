"""The definitions of tools: out of a file, or from the gateway that runs."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from safeconduct.cli.operator import ask
from safeconduct.cli.output import Misused

if TYPE_CHECKING:
    from safeconduct.config.schema import Config
    from safeconduct.core.pins import Accepted
    from safeconduct.ports import JSON

FILE_HELP = "the result of tools/list, the response with it, or the bare list; - for standard input"


class Live(NamedTuple):
    """Definitions, and by tool which of them an operator accepted."""

    definitions: list[JSON]
    accepted: dict[str, Accepted]


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


def live(config: Config) -> dict[str, Live]:
    """What the upstreams of the running gateway offer, by upstream. Raises OperatorFault."""
    from safeconduct.core.pins import Accepted

    socket = Path(config.directory) / config.root.gateway.operator_socket
    found = {name: Live([], {}) for name in config.root.upstreams}
    for tool in ask(socket, "tools")["tools"]:
        one, definition = found[tool["upstream"]], tool["definition"]
        one.definitions.append(definition)
        if "accepted" in tool:
            one.accepted[str(definition["name"])] = msgspec.convert(tool["accepted"], Accepted)
    return found


def known(config: Config, upstream: str) -> str:
    """An upstream of the configuration. Raises Misused."""
    if upstream not in config.root.upstreams:
        there = ", ".join(config.root.upstreams)
        raise Misused(f"no upstream is called {upstream} (there are {there})")
    return upstream
