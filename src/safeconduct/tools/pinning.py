"""Writing pins into a manifest's file, with everything else in it left as it is."""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping
from typing import Any, Final, cast

from safeconduct.kit import yaml
from safeconduct.kit.yaml import Document, YamlError

_DIGEST: Final = re.compile(r"""(pin["']?\s*:\s*)["']?sha256:[0-9a-f]{64}["']?""")


class NotPinned(Exception):
    """The file cannot be changed without changing more; the pins have to be written by hand."""


def pinned(text: str, pins: Mapping[str, str]) -> str:
    """The text of a manifest with the pins of tools, by name. Comments and layout stay.

    What was written is read again: it has to say what the manifest said, and the pins.

    Raises:
        NotPinned: it would not, or a tool is not in the manifest.
    """
    wanted = _value(text)
    for tool, pin in pins.items():
        if tool not in wanted.get("tools", {}):
            raise NotPinned
        text = _with(text, tool, pin)
        wanted["tools"][tool]["pin"] = pin
    if _value(text) != wanted:
        raise NotPinned
    return text


def _value(text: str) -> dict[str, Any]:
    return copy.deepcopy(cast("dict[str, Any]", _read(text).value))


def _read(text: str) -> Document:
    try:
        document = yaml.load(text, "manifest")
    except YamlError:
        raise NotPinned from None
    if not isinstance(document.value, dict):
        raise NotPinned
    return document


def _with(text: str, tool: str, pin: str) -> str:
    positions = _read(text).positions
    lines = text.splitlines(keepends=True)
    there = positions.get(("tools", tool, "pin"))
    if there is not None:
        line, column = there[0] - 1, there[1] - 1
        rest, count = _DIGEST.subn(rf"\g<1>{pin}", lines[line][column:], count=1)
        if not count:
            raise NotPinned
        lines[line] = lines[line][:column] + rest
        return "".join(lines)
    inner = [at for place, at in positions.items() if place[:2] == ("tools", tool) and place[2:]]
    if not inner:
        raise NotPinned
    line, column = min(inner)[0] - 1, min(inner)[1] - 1
    before = lines[line][:column]
    # In a block the first key stands alone at its depth; in braces others follow it.
    own_line = f"{before}pin: {pin}\n" if not before.strip() else f"{before}pin: {pin}, "
    after = lines[line] if not before.strip() else lines[line][column:]
    lines[line] = own_line + after
    return "".join(lines)
