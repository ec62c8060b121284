"""What the content arguments of a call say: everything but where the call goes to. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import cast

from safeconduct.core.decoding import MAX_CHARACTERS, Decoded, decoded
from safeconduct.core.manifest import ADDRESS_ROLES
from safeconduct.core.model import Call, ToolFacts


def contents(call: Call, tool: ToolFacts) -> dict[str, str]:
    """The texts of each argument, one below the other: of an object with its keys, and with the
    name of an argument that nobody declared, as the agent chose it. Where a call goes to is judged
    by itself.
    """
    declared = {} if tool.manifest is None else tool.manifest.arguments
    found: dict[str, str] = {}
    for name, value in call.arguments.items():
        if name not in declared:
            found[name] = "\n".join((name, *_texts(value)))
        elif declared[name].role not in ADDRESS_ROLES:
            found[name] = value if isinstance(value, str) else "\n".join(_texts(value))
    return {name: text for name, text in found.items() if text}


def read(texts: Iterable[str], *, turned: bool) -> Iterator[Decoded]:
    """What each of these texts says (`decoded`), as far as all of them together stay within the
    bound of one: the last is not whole where they do not.
    """
    room = MAX_CHARACTERS
    for text in texts:
        said = decoded(text, turned=turned)
        room -= sum(map(len, said.texts))
        if room < 0:
            yield Decoded(said.texts, whole=False)
            return
        yield said


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for item in cast("list[object]", value):
            yield from _texts(item)
    elif isinstance(value, dict):
        for name, item in cast("dict[str, object]", value).items():
            yield name
            yield from _texts(item)
