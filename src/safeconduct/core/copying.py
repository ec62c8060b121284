"""What a result holds that must not be copied to where its label may not go, and where a call says
it again. Pure.

Labels say what a task may leak; fingerprints say what a text does repeat. They only ever add a
refusal: what bears no fingerprint is no safer for it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final, cast

import msgspec

from safeconduct.core.contents import read
from safeconduct.core.fingerprints import GUARANTEED, Fingerprints, normalise
from safeconduct.core.labels import Confidentiality
from safeconduct.core.model import ToolFacts
from safeconduct.core.paths import select
from safeconduct.core.structured import verified

PUBLIC: Final = Confidentiality.public
FROM: Final = Confidentiality.confidential
"""From which label on texts are fingerprinted."""


class Held(msgspec.Struct, frozen=True):
    """What is known of the texts that one memory has read.

    `results` is of how many results the fingerprints are there, and `highest` their highest label,
    also of those that found no room.
    """

    prints: Fingerprints = Fingerprints()
    results: int = 0
    highest: Confidentiality = PUBLIC


def confidential(
    tool: ToolFacts, result: Mapping[str, object], label: Confidentiality
) -> dict[Confidentiality, str]:
    """The texts of a result that are worth a fingerprint, by their label: those of each field,
    where the manifest tells them apart and the text says nothing else, and the rest. `label` is
    that of the result. Raises TooManyValues.
    """
    structured = verified(dict(result))
    fields = {} if structured is None else _fields(tool, structured)
    source = tool.source.confidentiality
    if max((source, *fields)) != label:
        fields = {}  # an object in it brought its label
    whole = source if fields else label
    texts = {whole: result if structured is None else structured, **fields}
    found = {level: "\n".join(_leaves(value)) for level, value in texts.items() if level >= FROM}
    return {level: text for level, text in found.items() if len(normalise(text)) >= GUARANTEED}


def _fields(tool: ToolFacts, structured: object) -> dict[Confidentiality, object]:
    """What fields hold that are more confidential than their source, by label."""
    found: dict[Confidentiality, list[object]] = {}
    for path, label in tool.fields.items():
        if label.confidentiality > tool.source.confidentiality:
            values = select(structured, path)
            if values:
                found.setdefault(label.confidentiality, []).extend(values)
    return dict(found)


def _leaves(value: object) -> Iterator[str]:
    """What stands in a value, but for the names that programs give to it."""
    if isinstance(value, dict):
        for item in cast("dict[str, object]", value).values():
            yield from _leaves(item)
    elif isinstance(value, list):
        for item in cast("list[object]", value):
            yield from _leaves(item)
    elif value is not None and not isinstance(value, bool):
        yield str(value)


def copied(
    texts: Iterable[str], held: Iterable[Held], key: bytes, *, lost: bool = False
) -> Confidentiality:
    """The highest label of what these texts repeat: each as it is, all of them put together, and
    what they hold encoded.

    Where fingerprints are `lost` or found no room, and where a text cannot be read as a whole, it
    is the highest that there may be.
    """
    known = list(held)
    top = (
        Confidentiality.restricted if lost else max((one.highest for one in known), default=PUBLIC)
    )
    unsure = lost or any(one.prints.full for one in known)
    parts = list(texts)
    found = PUBLIC
    for said in read((*parts, "\n".join(parts)) if len(parts) > 1 else parts, turned=True):
        if not said.whole:
            return top
        for one in said.texts:
            if unsure and len(normalise(one)) >= GUARANTEED:
                return top
            for index in known:
                for match in index.prints.match(one, key):
                    found = max(found, Confidentiality[match.source])
    return found
