"""The servers that are put behind a gateway, and what somebody who reviewed their tools wrote."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec

from safeconduct.core.asks import Capability
from safeconduct.core.calls import HANDSHAKE, MODERN
from safeconduct.core.canonical import digest
from safeconduct.ports import JSON
from safeconduct.upstreams.factory import open_upstream
from tests.e2e.parts import AGES, Age, Part, npm_server, python_server
from tests.support.listeners import Hears

SCOPES: Final = ("parts:read", "parts:write")
ASKABLE: Final[frozenset[Capability]] = frozenset(
    {"elicitation.form", "elicitation.url", "sampling", "roots"}
)
NOTE: Final = "note.txt"
"""The one file in the workshop that agents may write."""


class Behind(msgspec.Struct, frozen=True):
    """One upstream: a command or a URL, and the review of what it offers."""

    name: str
    part: Part
    tools: Mapping[str, JSON]
    command: tuple[str, ...] = ()
    env: Mapping[str, str] = msgspec.field(default_factory=dict[str, str])
    url: str | None = None
    asks: JSON = msgspec.field(default_factory=dict[str, Any])
    """What it may ask of clients."""
    spotlight: str = "none"
    """How its texts are marked as data."""

    def configured(self) -> JSON:
        """The block of `safeconduct.yaml`."""
        common: JSON = {
            "role": "execution",
            "credential": {"kind": "none"},
            "manifests": f"manifests/{self.name}.yaml",
            "asks": self.asks,
            "spotlight": self.spotlight,
        }
        if self.url is not None:
            return common | {"mcp": self.url}
        where: JSON = {"command": self.command, "env": self.env, "unsafe_no_sandbox": True}
        return common | where

    async def live(self) -> dict[str, JSON]:
        """The definitions of its tools, by name, from the server itself. Some show tools that ask
        only to who can be asked.
        """
        listener = Hears(able=ASKABLE if self.asks else frozenset())
        command = None if self.url is not None else self.command
        upstream = open_upstream(self.name, url=self.url, command=command, env=self.env)
        try:
            result = await upstream.request(
                "tools/list",
                {},
                owner="review||",
                credential=None,
                timeout_s=30,
                listener=listener,
            )
        finally:
            await upstream.close()
        return {definition["name"]: definition for definition in result["tools"]}

    async def manifest(self) -> JSON:
        """What was reviewed, with the pins of the definitions as they are now."""
        live = await self.live()
        tools = {name: said | {"pin": digest(live[name])} for name, said in self.tools.items()}
        return {"upstream": self.name, "tools": tools}


REVISIONS: Final[Mapping[str, Mapping[Age, str]]] = {
    "npm": {"new": HANDSHAKE, "old": "2025-06-18"},
    "PyPI": {"new": MODERN, "old": "2025-06-18"},
}
"""What the gateway agrees on with a server, by registry and age."""


def _tool(effect: str, arguments: Mapping[str, str], **more: object) -> JSON:
    trust = "trusted" if more.pop("trusted", True) else "untrusted"
    sink: JSON = {"clearance": "confidential"}
    if "allowed" in more:
        sink["allow"] = {"destinations": {"values": more.pop("allowed")}}
    return {
        "effect": effect,
        "scopes": [SCOPES[effect != "read"]],
        "arguments": {name: {"role": role} for name, role in arguments.items()},
        "returns": {"source": {"integrity": trust, "confidentiality": "internal"}},
        "sink": sink,
    }


def filesystem(age: Age, root: Path) -> Behind:
    part = npm_server("filesystem", age)
    return Behind(
        f"files-{age}",
        part,
        {
            "write_file": _tool(
                "write",
                {"path": "destination", "content": "content"},
                allowed=[str(root / NOTE)],
            ),
            "read_text_file": _tool("read", {"path": "path"}),
            "list_directory": _tool("read", {"path": "path"}),
        },
        command=(*part.command, str(root)),
    )


def memory(age: str, root: Path) -> Behind:
    part = npm_server("memory", age)
    return Behind(
        f"memory-{age}",
        part,
        {
            "create_entities": _tool("write", {"entities": "content"}),
            "search_nodes": _tool("read", {"query": "query"}),
        },
        command=part.command,
        env={"MEMORY_FILE_PATH": str(root / "memory.json")},
    )


NAMES: Final[Mapping[Age, Mapping[str, str]]] = {
    "new": {
        "sum": "get-sum",
        "structured": "get-structured-content",
        "long": "trigger-long-running-operation",
    },
    "old": {"sum": "add", "structured": "structuredContent", "long": "longRunningOperation"},
}
"""What server-everything calls its tools: all of them were renamed."""


def everything(age: Age, url: str | None = None) -> Behind:
    part = npm_server("everything", age)
    names = NAMES[age]
    return Behind(
        f"everything-{age}" if url is None else f"everything-http-{age}",
        part,
        {
            "echo": _tool("read", {"message": "content"}),
            names["sum"]: _tool("read", {"a": "content", "b": "content"}),
            names["structured"]: _tool("read", {"location": "query"}),
            names["long"]: _tool("read", {"duration": "content", "steps": "content"}),
        },
        command=() if url is not None else part.command,
        url=url,
    )


PAGE: Final = "https://login.example/errand"


def asking(age: Age, url: str | None = None) -> Behind:
    """server-everything, with its tools that ask the client for something."""
    tools = {
        "new": {
            "trigger-sampling-request": _tool(
                "read", {"prompt": "content", "maxTokens": "content"}
            ),
            "trigger-elicitation-request": _tool("read", {}),
            "trigger-url-elicitation": _tool("read", {"url": "content"}),
            "get-roots-list": _tool("read", {}),
        },
        "old": {
            "sampleLLM": _tool("read", {"prompt": "content", "maxTokens": "content"}),
            "startElicitation": _tool("read", {}),
        },
    }
    asks = {"form": True, "url_origins": ["https://login.example"], "sampling": True, "roots": True}
    server = everything(age, url)
    name = server.name.replace("everything", "asking")
    return msgspec.structs.replace(server, name=name, tools=tools[age], asks=asks)


def git(age: Age, root: Path) -> Behind:
    part = python_server("git", age)
    return Behind(
        f"git-{age}",
        part,
        {
            "git_add": _tool("write", {"repo_path": "path", "files": "content"}),
            "git_commit": _tool("write", {"repo_path": "path", "message": "content"}),
            "git_log": _tool("read", {"repo_path": "path", "max_count": "content"}),
        },
        command=(*part.command, "--repository", str(root)),
    )


def clock(age: Age, _root: Path) -> Behind:
    part = python_server("time", age)
    arguments = {"source_timezone": "query", "time": "query", "target_timezone": "query"}
    return Behind(
        f"time-{age}",
        part,
        {"convert_time": _tool("read", arguments)},
        command=(*part.command, "--local-timezone", "UTC"),
    )


def fetch(age: Age, page: str) -> Behind:
    """It may fetch one page. Today's has to be told that pages of this machine are all right."""
    part = python_server("fetch", age)
    options = ("--allow-private-ips",) if age == "new" else ()
    return Behind(
        f"fetch-{age}",
        part,
        {"fetch": _tool("read", {"url": "destination"}, trusted=False, allowed=[page])},
        command=(*part.command, *options),
    )


def all_on_stdio(root: Path, page: str) -> list[Behind]:
    """Each server in both ages, with a directory of its own below `root`."""
    found: list[Behind] = []
    for age in AGES:
        for make in (filesystem, memory, git, clock):
            place = root / f"{make.__name__}-{age}"
            place.mkdir()
            found.append(make(age, place))
        found += [everything(age), fetch(age, page)]
    return found


def updated(upstreams: Sequence[Behind], manifests: dict[str, JSON]) -> Behind:
    """An upstream that was reviewed as it was in summer 2025, and is now today's version."""
    by_name = {upstream.name: upstream for upstream in upstreams}
    name = "files-updated"
    manifests[name] = manifests["files-old"] | {"upstream": name}
    return msgspec.structs.replace(by_name["files-new"], name=name)
