"""What a structured result holds that an agent may not see: other tenants' rows, hidden fields.

Both can be told in the structured result alone. A result with text that says more than it, or with
none at all, cannot be checked, so it is withheld. Pure.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, cast

import orjson

from safeconduct.core.model import ToolFacts
from safeconduct.core.paths import replaced, select

JSON = dict[str, Any]

HIDDEN: Final = "[redacted: {category}]"


class Concealed(ValueError):
    """Nobody can tell where in this result the fields are that agents may not see."""


def verified(result: JSON) -> object:
    """The structured result where all text repeats it, as the protocol suggests; None otherwise."""
    structured = result.get("structuredContent")
    if structured is None or not _only_repeats(result["content"], structured):
        return None
    return structured


def own_rows(result: JSON, at: str, field: str, tenant: str) -> bool:
    """Whether every row of the result says that it is this tenant's: what says nothing is not.

    Raises:
        TooManyValues: more than may be judged.
    """
    structured = verified(result)
    return structured is not None and own(structured, at, field, tenant)


def own(structured: object, at: str, field: str, tenant: str) -> bool:
    """The same of what is structured already. Raises TooManyValues."""
    found = select(structured, at)
    if len(found) != 1:
        return False
    rows = cast("list[object]", found[0]) if isinstance(found[0], list) else found
    return all(select(row, field) == [tenant] for row in rows)


def hidden(tool: ToolFacts, result: JSON, categories: Iterable[str]) -> tuple[JSON, int]:
    """The result without the fields of these categories, and how many values were replaced.

    Raises:
        Concealed: they may be anywhere.
        TooManyValues: more than may be judged.
    """
    wanted = frozenset(categories)
    manifest = tool.manifest
    if manifest is None or tool.pin != "reviewed" or wanted & tool.source.categories:
        raise Concealed
    paths = {
        path: min(wanted & frozenset(field.categories))
        for path, field in manifest.returns.fields.items()
        if wanted & frozenset(field.categories)
    }
    if not paths:
        return result, 0
    structured = verified(result)
    if structured is None:
        raise Concealed
    count = 0
    for path, category in paths.items():
        count += len(select(structured, path))
        structured = replaced(structured, path, HIDDEN.format(category=category))
    if not isinstance(structured, dict):
        raise Concealed
    text = orjson.dumps(structured).decode()
    blocks = [{**block, "text": text} for block in result["content"]]
    return {**result, "content": blocks, "structuredContent": structured}, count


def _only_repeats(blocks: Sequence[Mapping[str, Any]], structured: object) -> bool:
    try:
        return all(
            block["type"] == "text" and _DECODER.decode(block["text"]) == structured
            for block in blocks
        )
    except (ValueError, RecursionError):
        return False


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """Of two equal keys a reader sees one: the text would say more than it seems to."""
    value = dict(pairs)
    if len(value) != len(pairs):
        raise ValueError
    return value


_DECODER: Final = json.JSONDecoder(object_pairs_hook=_unique)
