"""An upstream that is a set of callables: for simulations, where nothing is contacted."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable, Mapping, Sequence
from contextvars import ContextVar
from typing import Any, Final, cast

import orjson

from safeconduct.core.manifest import Manifest, ToolManifest
from safeconduct.ports import (
    JSON,
    Begun,
    Credential,
    Heard,
    Listener,
    UpstreamFault,
    Wanted,
)

Run = Callable[..., Any]
"""What a tool does: called with the arguments by name, plain or async. An object it returns (a
mapping, a dataclass, a model with `model_dump`) is the structured result, and anything else but
text stands in one under `result`, as MCP servers have it; an exception is the tool's error."""

RUNNING: ContextVar[tuple[str, Run] | None] = ContextVar("RUNNING", default=None)
"""The name of the tool whose call is under way, and what it does."""

WRAPPED: Final = "result"
"""The member under which a result stands that is no object."""


class CallableUpstream:
    """An upstream whose tools are the manifest's and whose work is done by callables."""

    def __init__(self, where: str, manifest: Manifest, resolvers: Mapping[str, Run]) -> None:
        self.id = where
        self._manifest = manifest
        self._resolvers = resolvers

    async def request(
        self,
        method: str,
        params: JSON,
        *,
        owner: str,
        credential: Credential | None,
        timeout_s: float,
        listener: Listener | None = None,
    ) -> JSON:
        """Lists the manifest's tools, or runs the callable of the call under way."""
        del owner, credential, timeout_s, listener
        if method == "tools/list":
            tools = self._manifest.tools.items()
            return {"tools": [definition(name, said) for name, said in tools]}
        name = str(params["name"])
        running = RUNNING.get()
        run = self._resolvers.get(f"{self.id}.{name}")
        if run is None and running is not None and running[0] == name:
            run = running[1]
        if run is None:
            detail = f"no callable behind {self.id}.{name}"
            raise UpstreamFault("upstream-unreachable", detail, may_have_happened=False)
        return await _ran(run, params["arguments"])

    async def listen(
        self,
        wanted: Wanted,
        *,
        owner: str,
        credential: Credential | None,
        heard: Heard,
        begun: Begun = lambda _: None,
    ) -> None:
        """Callables notify nobody."""
        del wanted, owner, credential, heard, begun
        raise UpstreamFault("upstream-rejected", "no subscriptions", may_have_happened=False)

    async def close(self) -> None:
        """Nothing to close."""


async def _ran(run: Run, arguments: JSON) -> JSON:
    try:
        value = run(**arguments)
        if inspect.isawaitable(value):
            value = await value
        plain = _plain(value)
        if isinstance(plain, str):
            return {"content": [{"type": "text", "text": plain}]}
        structured = cast("JSON", plain) if isinstance(plain, dict) else {WRAPPED: plain}
        text = orjson.dumps(structured).decode()
    except UpstreamFault:
        raise
    except Exception as error:  # noqa: BLE001  a tool's own error is its result, whatever it is
        return {"content": [{"type": "text", "text": str(error)}], "isError": True}
    return {"content": [{"type": "text", "text": text}], "structuredContent": structured}


def _plain(value: object) -> object:
    """A value as JSON has it."""
    if value is None or isinstance(value, str | bool | int | float):
        return value
    if isinstance(value, Mapping):
        members = cast("Mapping[object, object]", value).items()
        return {str(name): _plain(item) for name, item in members}
    if isinstance(value, Sequence) and not isinstance(value, bytes | bytearray):
        return [_plain(item) for item in cast("Sequence[object]", value)]
    dump = getattr(value, "model_dump", None)
    if callable(dump):
        return dump(mode="json")
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return _plain(dataclasses.asdict(value))
    return str(value)


def value_of(result: JSON) -> object:
    """What a callable returned, as far as it passed the page."""
    if "structuredContent" in result:
        structured: JSON = result["structuredContent"]
        return structured[WRAPPED] if structured.keys() == {WRAPPED} else structured
    texts = [block["text"] for block in result["content"] if block["type"] == "text"]
    return "\n".join(texts)


def definition(name: str, said: ToolManifest) -> JSON:
    """The definition a manifest's tool would have."""
    properties: JSON = {argument: {} for argument in said.arguments}
    return {"name": name, "inputSchema": {"type": "object", "properties": properties}}
