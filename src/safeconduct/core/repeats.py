"""What is cut out of a value in one place is cut out wherever the value says it again. Pure.

What a member's name tells in structured content, nothing tells in the text that repeats it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple, cast

from safeconduct.core.model import KEY, Finding
from safeconduct.core.paths import TooManyValues
from safeconduct.core.redact import Where, written

MAX_COMPARED: Final = 1_000_000
"""How often a text is compared with what is cut, at most, 64 characters at a time."""

_PLAIN: Final = re.compile(r"[ !#-\[\]-~]*")
"""What JSON writes as it is."""
_WORD: Final = re.compile(r"[^\W_]+")
_ESCAPE: Final = re.compile(r"u[0-9a-fA-F]{4}|[bfnrt]")
"""What follows the backslash where JSON writes something else than the character."""


class _Said(NamedTuple):
    """A text that is cut, one form of it, and how far into that its first word begins."""

    kind: str
    form: str
    before: int


def everywhere(value: Mapping[str, Any], cut: Sequence[Finding]) -> list[Finding]:
    """These findings of a JSON value, and one for each place where what was found stands again as
    whole words: in texts, names and integers, as it is or as JSON writes it.

    Raises TooManyValues: more than may be compared.
    """
    if not cut:
        return []
    texts = dict(_texts(value, ()))
    said: dict[str, dict[str, _Said]] = {}
    for finding in cut:
        for form in _forms(texts.get(finding.where, "")[max(finding.start, 0) : finding.end]):
            if first := _WORD.search(form):
                one = _Said(finding.kind, form, first.start())
                said.setdefault(first[0], {}).setdefault(form, one)
    found = dict.fromkeys(cut)
    left = MAX_COMPARED
    for where, text in texts.items():
        for one, start in _candidates(text, said):
            end = start + len(one.form)
            left -= 1 + len(one.form) // 64
            if left < 0:
                raise TooManyValues
            if text.startswith(one.form, start) and not (
                text[end - 1].isalnum() and text[end : end + 1].isalnum()
            ):
                found[Finding(one.kind, where, start, end)] = None
    return list(found)


def _texts(value: object, path: Where) -> Iterator[tuple[Where, str]]:
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, list):
        for index, item in enumerate(cast("list[object]", value)):
            yield from _texts(item, (*path, index))
    elif isinstance(value, dict):
        for key, item in cast("dict[str, object]", value).items():
            yield (*path, key, KEY), key
            yield from _texts(item, (*path, key))
    elif (number := written(value)) is not None:
        yield path, number


def _forms(text: str) -> Iterator[str]:
    """As it stands, as JSON writes it, and as it is where JSON wrote it."""
    yield text
    if _PLAIN.fullmatch(text):
        return
    yield json.dumps(text)[1:-1]
    yield json.dumps(text, ensure_ascii=False)[1:-1]
    if "\\" in text:
        try:
            yield json.loads(f'"{text}"')
        except ValueError:
            return


def _candidates(text: str, said: Mapping[str, Mapping[str, _Said]]) -> Iterator[tuple[_Said, int]]:
    """Where something of it may begin: its first word stands there."""
    if "\\" not in text and said.keys().isdisjoint(_WORD.findall(text)):
        return
    for word in _WORD.finditer(text):
        start = word.start()
        starts = {start}
        if text[start - 1 : start] == "\\" and (escape := _ESCAPE.match(word[0])):
            starts.add(start + escape.end())
        for begin in starts:
            for one in said.get(text[begin : word.end()], {}).values():
                if begin >= one.before:
                    yield one, begin - one.before
