"""Style sheets: which rules are about an element, and what they say.

A selector is known by its last part alone, so that it is taken for wider than it is. What it
demands of a state (`:hover`) or of paper does not count; what it demands of a place among others
(`:nth-child`) is taken to hold.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final

Style = dict[str, str]
"""Properties and what they are, in lower case."""

_COMMENT: Final = re.compile(r"/\*.*?(?:\*/|\Z)", re.DOTALL)
_ESCAPE: Final = re.compile(r"\\(?:([0-9a-fA-F]{1,6})\s?|([^\n]))")
_PAPER: Final = re.compile(
    r"@media\s+(?:only\s+)?print\b[^{},]*\{(?:[^{}]*\{[^{}]*\})*[^{}]*\}", re.IGNORECASE
)
_ONE: Final = re.compile(r"(?:[^,(\[]|\([^()]*\)|\[[^\[\]]*\]|[(\[])+")
_ANY: Final = re.compile(r":(?:is|where|matches|any|-webkit-any|-moz-any)\(([^()]*)\)")
_LINK: Final = re.compile(r"(?:[^\s>+~(\[]|\([^()]*\)|\[[^\[\]]*\]|[(\[])+")
_PSEUDO: Final = re.compile(r"::?[\w-]+(?:\([^()]*\))?")
_PLACE: Final = re.compile(
    r":(?:nth-[\w-]+\(.*|(?:first|last|only)-(?:child|of-type)|not\(.*|has\(.*|lang\(.*|dir\(.*"
    r"|root|scope|empty|any-link|link)\Z"
)
_COMPOUND: Final = re.compile(r"(\*|[a-zA-Z][\w-]*)?((?:[.#][\w-]+|\[[^\]]*\])*)\Z")
_PART: Final = re.compile(r"[.#][\w-]+|\[[^\]]*\]")
_ATTRIBUTE: Final = re.compile(r"\[\s*([\w-]+)\s*(?:=\s*[\"']?([\w-]+)[\"']?\s*\])?")
_OF_ALL: Final = "*"
_MAX_ANY: Final = 32


def declarations(text: str) -> Style:
    """The properties of a style, the last of each."""
    found: Style = {}
    for declaration in _plain(text).lower().split(";"):
        before, _, value = declaration.partition(":")
        if name := before.split()[-1:]:
            found[name[0]] = value.replace("!important", "").strip()
    return found


def _plain(text: str) -> str:
    return _ESCAPE.sub(_unescaped, _COMMENT.sub("", text))


def _unescaped(found: re.Match[str]) -> str:
    if found[1] is None:
        return found[2]
    code = int(found[1], 16)
    return chr(code) if 0 < code < 0x110000 else ""


class Sheet:
    """Rules. `custom` are the custom properties of all elements together, the last of each."""

    def __init__(self) -> None:
        self._rules: dict[str, list[tuple[frozenset[str], Style]]] = {}
        self._by_attribute = False
        self.custom: Style = {}

    def add(self, text: str) -> None:
        """The rules of a style sheet."""
        for piece in _PAPER.sub("", _plain(text)).split("}"):
            # Of what is nested, the innermost; what comes before it is its condition.
            before, _, said = piece.rpartition("{")
            selectors = before.rpartition("{")[2].rpartition(";")[2]
            body = declarations(said)
            self.custom |= {name: value for name, value in body.items() if name[:2] == "--"}
            if body:
                for selector in _ONE.findall(selectors):
                    for one in _expanded(selector.strip()):
                        self._put(one, body)

    def of(self, name: str, attributes: Mapping[str, str]) -> Style:
        """What the rules say of an element."""
        own = {f".{one}" for one in attributes.get("class", "").split()}
        own.add(f"#{attributes.get('id', '')}")
        if self._by_attribute:
            for key, value in attributes.items():
                own |= {f"[{key}", f"[{key}={value}"}
        found: Style = {}
        for key in (_OF_ALL, name, *sorted(own)):
            for demanded, body in self._rules.get(key, ()):
                if demanded <= own | {name, _OF_ALL}:
                    found.update(body)
        return found

    def _put(self, selector: str, body: Style) -> None:
        *before, last = _LINK.findall(selector) or [""]
        if any(_PLACE.match(one) is None for one in _PSEUDO.findall(last)):
            return
        compound = _COMPOUND.match(_PSEUDO.sub("", last))
        if compound is None:
            return
        parts = [_known(one) for one in _PART.findall(compound[2])]
        name = (compound[1] or "").lower()
        if not parts and (not name or (before and name == _OF_ALL)):
            # Of everything in something, or of whatever is first: no last part tells that.
            return
        self._by_attribute |= "[" in last
        demanded = frozenset(parts) | {one for one in (name,) if one}
        self._rules.setdefault(parts[0] if parts else name, []).append((demanded, body))


def _known(part: str) -> str:
    """What an element has to have; of an attribute its name, and its value where it is all."""
    found = _ATTRIBUTE.match(part)
    if found is None:
        return part
    name = f"[{found[1].lower()}"
    return f"{name}={found[2]}" if found[2] else name


def _expanded(selector: str) -> Iterator[str]:
    """A selector once for each of those that it names as any of some."""
    found = _ANY.search(selector)
    if found is None:
        yield selector
        return
    for one in found[1].split(",")[:_MAX_ANY]:
        rest = f"{selector[: found.start()]}{one.strip()}{_ANY.sub('', selector[found.end() :])}"
        yield rest
