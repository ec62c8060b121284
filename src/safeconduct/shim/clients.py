"""Where local clients keep the servers that they start, and how an entry is put there.

A file is the client's own: what else stands in it stays as it is, and a copy of it is kept.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, cast

import msgspec

from safeconduct.kit import strictjson
from safeconduct.ports import JSON

_START: Final = ("-P", "-m", "safeconduct", "wrap")
"""What an entry of ours gives to the interpreter. Clients start it in the directory of a project,
and `-P` keeps Python from taking modules from there.
"""


class Client(msgspec.Struct, frozen=True, kw_only=True):
    """A local client: its name for people, the file (below the project unless absolute), the member
    of it that holds servers, and what to do once the entry is there.
    """

    title: str
    file: Path
    member: str
    typed: bool
    then: str


class Untouched(Exception):
    """A client's file was left as it is; the sentence says why and what to do."""


def clients() -> Mapping[str, Client]:
    """The clients that are known, by the name that the command line has for them."""
    return {
        "claude": Client(
            title="Claude Desktop",
            file=_desktop() / "claude_desktop_config.json",
            member="mcpServers",
            typed=False,
            then="quit Claude Desktop and start it again",
        ),
        "claude-code": Client(
            title="Claude Code",
            file=Path(".mcp.json"),
            member="mcpServers",
            typed=True,
            then="start `claude` in this directory and agree to the server",
        ),
        "vscode": Client(
            title="VS Code",
            file=Path(".vscode") / "mcp.json",
            member="servers",
            typed=True,
            then="open this directory in VS Code, and start the server above its entry",
        ),
        "cursor": Client(
            title="Cursor",
            file=Path(".cursor") / "mcp.json",
            member="mcpServers",
            typed=True,
            then="open this directory in Cursor, and switch the server on in its settings",
        ),
        "inspector": Client(
            title="MCP Inspector",
            file=Path("inspector.json"),
            member="mcpServers",
            typed=True,
            then="npx @modelcontextprotocol/inspector --config {file} --server {name}",
        ),
    }


def entry(client: Client, arguments: Sequence[str]) -> JSON:
    """What starts `safeconduct wrap` with these arguments. The path of the interpreter is whole, as
    applications with a desktop have no shell's search path.
    """
    starts: JSON = {"command": sys.executable, "args": [*_START, *arguments]}
    return {"type": "stdio", **starts} if client.typed else starts


def starts_us(server: object) -> bool:
    """Whether an entry of any client's file leads to a gateway, as those of `entry` do."""
    said = cast("JSON", server).get("args") if isinstance(server, dict) else None
    arguments = cast("list[object]", said) if isinstance(said, list) else []
    return tuple(arguments[: len(_START)]) == _START and "--unsafe-local" not in arguments


def put(client: Client, file: Path, name: str, server: JSON) -> Path | None:
    """Writes an entry into a client's file. Returns the copy of what was there before, if any.

    Raises:
        Untouched: the file is not what it should be, or has another server of that name.
        OSError: it cannot be read or written.
    """
    place = file.resolve()  # a link stays a link
    before = place.read_bytes() if place.exists() else b""
    document = _document(before, file)
    servers = document.setdefault(client.member, {})
    if not isinstance(servers, dict):
        raise Untouched(f"{file}: `{client.member}` is no object (fix: paste the entry by hand)")
    named = cast("JSON", servers)
    if name in named and not starts_us(named[name]):
        raise Untouched(
            f"{file} has a server `{name}` already (fix: name another with --name, or remove it: "
            "it is a way past the gateway)"
        )
    named[name] = server
    place.parent.mkdir(parents=True, exist_ok=True)
    kept = _keep(place) if before else None
    _replace(place, json.dumps(document, indent=2, ensure_ascii=False) + "\n")
    return kept


def _document(text: bytes, file: Path) -> JSON:
    if not text.strip():
        return {}
    try:
        value: object = strictjson.loads(text)
    except strictjson.StrictJSONError as fault:
        raise Untouched(
            f"{file} is not plain JSON ({fault}), so nothing was written: comments would be lost "
            "(fix: paste the entry by hand)"
        ) from None
    if not isinstance(value, dict):
        raise Untouched(f"{file} holds no object (fix: paste the entry by hand)")
    return cast("JSON", value)


def _keep(place: Path) -> Path:
    number = 0
    while (kept := place.with_name(f"{place.name}.before-{number}")).exists():
        number += 1
    shutil.copy2(place, kept)
    return kept


def _replace(place: Path, text: str) -> None:
    aside = place.with_name(f".{place.name}.{secrets.token_hex(4)}")
    try:
        with os.fdopen(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as stream:
            stream.write(text)
        if place.exists():
            shutil.copymode(place, aside)
        aside.replace(place)
    finally:
        aside.unlink(missing_ok=True)


def _desktop() -> Path:
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "Claude"
    if sys.platform == "win32":
        return Path(os.environ.get("APPDATA", "")) / "Claude"
    return Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "Claude"
