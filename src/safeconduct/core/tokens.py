"""Tokens: what an agent sees in the place of a value that only some tools may have. Pure.

A token is `<name:sealed>`, where `name` is the end of a finding's kind, as in `<email:…>`. What it
stands for is sealed in it under a key of the task, so nothing is kept, and in one task the same
value has one token. Sealing and opening are given.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Iterable, Iterator
from typing import Any, Final, TypeAlias, cast

from safeconduct.core.model import Finding
from safeconduct.core.redact import mark, redact

JSON = dict[str, Any]

_TOKEN: Final = re.compile(r"<([a-z0-9][a-z0-9._-]{0,62}):([A-Za-z0-9_-]{22,8192})>")
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,31}")
_BYTES: Final = (("blob",), ("data",))
"""Members that hold bytes in base64: a token in them would be no part of any document."""

Seal: TypeAlias = Callable[[str, str], str]
"""What stands for a text of a kind."""

Open: TypeAlias = Callable[[str, str], str | None]
"""What was sealed as a kind; None: nothing was, or not as that, or not in this task."""


def token(kind: str, sealed: str) -> str:
    """What the agent sees in the place of a value."""
    return f"<{kind.partition('.')[2]}:{sealed}>"


def replaced(
    result: JSON, findings: Iterable[Finding], sealable: Iterable[Finding], seal: Seal
) -> JSON:
    """A result without these findings, and with tokens for those that are sealable, where both do
    not overlap. They have no kind in common.
    """
    texts, documents = list[Finding](), list[Finding]()
    kinds = set[str]()
    for finding in sealable:
        kinds.add(finding.kind)
        (documents if _in_bytes(finding) else texts).append(finding)
    for finding in findings:
        (documents if _in_bytes(finding) else texts).append(finding)

    def instead(found: tuple[str, ...], text: str) -> str:
        whole = kinds.issuperset(found)
        return token(found[0], seal(found[0], text)) if whole else mark(found, text)

    return redact(redact(result, documents), texts, instead)


def _in_bytes(finding: Finding) -> bool:
    return finding.where[-1:] in _BYTES and finding.where[0] != "structuredContent"


def revealed(
    arguments: JSON, kinds: Iterable[str], opened: Open
) -> tuple[JSON, tuple[tuple[str, str], ...]]:
    """The arguments with what the tokens of these kinds and families in them stand for, and which
    these were.
    """
    named = tuple(kinds)
    found: dict[str, str] = {}

    def shown(match: re.Match[str]) -> str:
        for one in named:
            kind = one if "." in one else f"{one}.{match[1]}"
            if kind.partition(".")[2] == match[1]:
                text = opened(kind, match[2])
                if text is not None:
                    found[match[0]] = text
                    return text
        return match[0]

    given = cast("JSON", _mapped(arguments, lambda text: _TOKEN.sub(shown, text)))
    return (given, tuple(found.items())) if found else (arguments, ())


def concealed(value: JSON, revealed: Collection[tuple[str, str]]) -> JSON:
    """The value with tokens where it repeats what they stand for, in any case and also as JSON in a
    text writes it: what a call was given comes back as the agent knows it.
    """
    if not revealed:
        return value

    tokens = {form: known for known, real in revealed for form in _forms(real)}
    longest = sorted(tokens, key=len, reverse=True)
    # What is a token already stays one, whatever stands in it.
    reals = "|".join([f"({re.escape(real)})" for real in longest])
    any_of_them = re.compile(f"{_TOKEN.pattern}|(?i:{reals})")

    def known(found: re.Match[str]) -> str:
        at = found.lastindex or 0
        return found[0] if at <= _TOKEN.groups else tokens[longest[at - _TOKEN.groups - 1]]

    return cast("JSON", _mapped(value, lambda text: any_of_them.sub(known, text)))


def _forms(real: str) -> Iterator[str]:
    """As it is, and as JSON in a text writes it."""
    yield real
    yield json.dumps(real)[1:-1]
    yield json.dumps(real, ensure_ascii=False)[1:-1]


def _mapped(value: object, change: Callable[[str], str]) -> object:
    if isinstance(value, str):
        return change(value)
    if isinstance(value, list):
        return [_mapped(item, change) for item in cast("list[object]", value)]
    if isinstance(value, dict):
        members = cast("JSON", value).items()
        return {
            # What looks like a member's name is one, and schemas hang on it.
            name if _NAME.fullmatch(name) else change(name): _mapped(item, change)
            for name, item in members
        }
    return value
