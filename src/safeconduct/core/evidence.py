"""What records say of objects, documents and models, for who asks later what happened. Pure.

Nothing here decides anything.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, cast

import orjson

from safeconduct.core.canonical import sha256
from safeconduct.core.model import Call, ToolFacts
from safeconduct.core.subjects import REPLIES

JSON = dict[str, Any]

SAMPLING: Final = "sampling/createMessage"

MAX_OBJECTS: Final = 16
"""How many objects one record names."""

MAX_DOCUMENTS: Final = 8
"""How many documents one record names; of further ones only their number."""

NEEDLE: Final = 200
"""By how many of its first characters a text is found again."""

_LEAST: Final = 24
"""How long a text has to be, in characters, so that finding it again means anything."""

_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:/#-]{0,63}")
_URI: Final = re.compile(r"[!#-\[\]-~]{1,256}")
_TEXTS: Final = ("content", "contents", "messages", "resource")
_OPENING: Final = "<data source="
_CLOSING: Final = "\n</data key="


def objects(call: Call, tool: ToolFacts) -> dict[str, list[str]]:
    """By argument, the objects that a call is about, as the manifest says which arguments name one:
    an id that looks like one in clear, anything else by its digest.
    """
    declared = {} if tool.manifest is None else tool.manifest.arguments
    named = [
        (name, item)
        for name, argument in declared.items()
        if argument.role == "object-id" and name in call.arguments
        for item in _items(call.arguments[name])
    ]
    found: dict[str, list[str]] = {}
    for name, item in named[:MAX_OBJECTS]:
        found.setdefault(name, []).append(_object(item))
    return found


def documents(result: Mapping[str, Any]) -> JSON:
    """What a record says of the resources in a result: of each its URI, and the digest of its
    content where that is in the result; at last how many `more` there are, if so.
    """
    found = list(_documents(result))
    if len(found) > MAX_DOCUMENTS:
        found[MAX_DOCUMENTS:] = [{"more": len(found) - MAX_DOCUMENTS}]
    return {"documents": found} if found else {}


def sampled(call: Call) -> tuple[str | None, JSON]:
    """The model that a reply of the client claims to come from, and the prompt and the completion
    that the call carries, as far as it does.
    """
    replies: object = call.arguments.get(REPLIES) if call.resumed or call.asked else None
    if not isinstance(replies, dict):
        return None, {}
    completions: dict[str, JSON] = {
        name: cast("JSON", reply)
        for name, reply in cast("dict[str, object]", replies).items()
        if isinstance(reply, dict) and "model" in reply
    }
    if not completions:
        return None, {}
    parts: JSON = {"completion": completions}
    if call.asked is not None:
        parts["prompt"] = call.asked
    model: object = next(iter(completions.values()))["model"]
    return model if isinstance(model, str) else None, parts


def prompted(result: Mapping[str, Any]) -> JSON:
    """The prompt and the completion that a result carries, as far as it does."""
    parts: JSON = {}
    if "messages" in result:
        parts["prompt"] = result["messages"]
    if "completion" in result:
        parts["completion"] = result["completion"]
    requests: dict[str, JSON] = result.get("inputRequests", {})
    asked = [one.get("params") for one in requests.values() if one.get("method") == SAMPLING]
    if asked:
        parts["prompt"] = asked
    return parts


def needles(result: Mapping[str, Any]) -> Iterator[str]:
    """What the texts of a result are found again by, without the marks around them."""
    for text in texts(result):
        needle = _unmarked(text).strip()[:NEEDLE]
        if len(needle) >= _LEAST:
            yield needle


def texts(value: object) -> Iterator[str]:
    """The texts of the blocks in a result or a prompt, in their order."""
    for block in _blocks(value):
        if isinstance(block.get("text"), str):
            yield block["text"]


def _blocks(value: object) -> Iterator[JSON]:
    """The objects in a result or a prompt that may be blocks, each before what is in it."""
    if isinstance(value, list):
        for item in cast("list[object]", value):
            yield from _blocks(item)
    elif isinstance(value, dict):
        members = cast("JSON", value)
        yield members
        for name in _TEXTS:
            if name in members:
                yield from _blocks(members[name])


def _items(value: object) -> list[object]:
    return cast("list[object]", value) if isinstance(value, list) else [value]


def _object(value: object) -> str:
    text = str(value) if type(value) is int else value
    if isinstance(text, str) and _ID.fullmatch(text):
        return text
    return sha256(orjson.dumps(value, option=orjson.OPT_SORT_KEYS))


def _documents(value: object) -> Iterator[JSON]:
    for block in _blocks(value):
        if isinstance(block.get("uri"), str):
            yield _document(block)


def _document(resource: JSON) -> JSON:
    uri: str = resource["uri"]
    said: JSON = {"uri": uri if _URI.fullmatch(uri) else sha256(uri.encode())}
    for name in ("text", "blob"):
        if isinstance(resource.get(name), str):
            said["digest"] = sha256(_unmarked(resource[name]).encode())
    return said


def _unmarked(text: str) -> str:
    """The text without the marks that `spotlight` puts around it."""
    end = text.rfind(_CLOSING) if text.startswith(_OPENING) else -1
    return text if end < 0 else text[text.index("\n") + 1 : end]


def found_in(prompt: object, known: Iterable[tuple[str, str]]) -> list[str]:
    """The decisions whose texts stand in a prompt, each once; `known` are needles and decisions."""
    whole = "\n".join(texts(prompt))
    return sorted({decision for needle, decision in known if needle in whole})
