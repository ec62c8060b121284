"""YAML 1.2 with positions: plain values, and the line of every key and item.

A configuration must mean one thing to every reader, so whatever YAML offers beyond plain values is
refused: anchors, aliases, merge keys, tags, duplicate keys, keys that are no strings, several
documents, numbers that JSON cannot carry. Plain scalars follow the core schema (YAML 1.2.2 section
10.3.2), so `on` and `no` are strings and `0o17` is fifteen.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final, NoReturn, cast

import msgspec

MAX_BYTES: Final = 1_048_576
MAX_DEPTH: Final = 32
_MAX_INTEGER: Final = 2**53 - 1

Place = tuple[str | int, ...]
"""The way from the root to a value: keys of mappings and indices of sequences."""

_NULL = re.compile(r"~|null|Null|NULL|")
_BOOL = re.compile(r"true|True|TRUE|false|False|FALSE")
_INTEGER = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_NO_NUMBER = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_TAB_INDENT = re.compile(r"^ *\t[ \t]*\S", re.MULTILINE)


class YamlError(Exception):
    """The text is no YAML, or more than plain values.

    `line` counts from 1; `sentence` says what is wrong and `fix` what to write instead.
    """

    def __init__(self, file: str, line: int, sentence: str, fix: str) -> None:
        super().__init__(f"{file}:{line}: {sentence} (fix: {fix})")
        self.file = file
        self.line = line
        self.sentence = sentence
        self.fix = fix


class Document(msgspec.Struct, frozen=True):
    """A value of dicts, lists, strings, integers, floats, booleans and None.

    `positions` has (line, column), both from 1, of every key of a mapping and every item of a
    sequence; the root stands under `()`.
    """

    value: Any
    positions: dict[Place, tuple[int, int]]

    def line(self, place: Place) -> int:
        """The line of a place, or of what holds it when the place itself is not written down."""
        while place not in self.positions:
            place = place[:-1]
        return self.positions[place][0]


def load(text: str, source: str) -> Document:
    """Read one document. `source` is the name of the file in errors.

    Raises:
        YamlError: the text is not YAML, or uses what is refused here.
    """
    return _Reader(text, source).document()


class _Reader:
    def __init__(self, text: str, source: str) -> None:
        self._text = text
        self._source = source
        self._positions: dict[Place, tuple[int, int]] = {(): (1, 1)}
        self._events: Iterator[Any] = iter(())

    def document(self) -> Document:
        self._refuse_strange_text()
        self._events = self._parse()
        self._next()  # the start of the stream
        start = self._next()
        if _kind(start) == "StreamEndEvent":
            return Document(None, self._positions)
        if start.version not in (None, (1, 2)) or start.tags:
            self._refuse(start, "a directive changes how YAML is read", "remove the `%` line")
        value = self._value(self._next(), (), 1)
        self._next()  # the end of the document
        more = self._next()
        if _kind(more) != "StreamEndEvent":
            self._refuse(more, "a second document begins here", "keep one document in a file")
        return Document(value, self._positions)

    def _refuse_strange_text(self) -> None:
        try:
            size = len(self._text.encode())
        except UnicodeEncodeError as error:
            line = self._text.count("\n", 0, error.start) + 1
            self._fail(line, "half a character stands here", "save the file as UTF-8")
        if size > MAX_BYTES:
            self._fail(1, f"the file is larger than {MAX_BYTES} bytes", "split it")
        tab = _TAB_INDENT.search(self._text)
        if tab is not None:
            line = self._text.count("\n", 0, tab.end()) + 1
            self._fail(line, "a tab indents this line", "indent with spaces")

    def _parse(self) -> Iterator[Any]:
        from ruamel.yaml import YAML  # noqa: PLC0415 takes longer to load than all of the command
        from ruamel.yaml.error import MarkedYAMLError, YAMLError  # noqa: PLC0415

        line = 1
        try:
            for event in cast("Any", YAML(typ="safe", pure=True)).parse(self._text):
                line = event.start_mark.line + 1
                yield event
        except MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            self._fail_syntax(line if mark is None else mark.line + 1, str(error.problem))
        except YAMLError:
            self._fail_syntax(line, "a character that YAML does not allow")
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError):
            # INVARIANT: the parser answers some malformed text with errors of its own making;
            # whatever it is, the text is refused.
            self._fail_syntax(line, "text that the parser cannot read")

    def _next(self) -> Any:
        return next(self._events)

    def _value(self, event: Any, place: Place, depth: int) -> Any:
        if depth > MAX_DEPTH:
            self._refuse(event, f"more than {MAX_DEPTH} levels are nested", "nest less")
        if _kind(event) == "AliasEvent" or event.anchor is not None:
            self._refuse(event, "anchors and aliases are not allowed", "write the value out")
        if event.tag is not None:
            self._refuse(event, "tags are not allowed", "remove what begins with `!`")
        match _kind(event):
            case "MappingStartEvent":
                return self._mapping(place, depth)
            case "SequenceStartEvent":
                return self._sequence(place, depth)
            case _:
                return self._scalar(event)

    def _mapping(self, place: Place, depth: int) -> dict[str, Any]:
        found: dict[str, Any] = {}
        while _kind(event := self._next()) != "MappingEndEvent":
            key = self._value(event, place, depth + 1)
            if not isinstance(key, str):
                self._refuse(event, "a key is not a string", "put the key in quotes")
            if key == "<<" and event.style is None:
                self._refuse(event, "merge keys are not allowed", "write the values out")
            if key in found:
                first = self._positions[*place, key][0]
                self._refuse(
                    event,
                    f"the key `{key}` stands here twice (first in line {first})",
                    "keep one of them",
                )
            inner = (*place, key)
            self._note(inner, event)
            found[key] = self._value(self._next(), inner, depth + 1)
        return found

    def _sequence(self, place: Place, depth: int) -> list[Any]:
        found: list[Any] = []
        while _kind(event := self._next()) != "SequenceEndEvent":
            inner = (*place, len(found))
            self._note(inner, event)
            found.append(self._value(event, inner, depth + 1))
        return found

    def _scalar(self, event: Any) -> Any:
        text: str = event.value
        if event.style is not None:
            if not text.isascii() and any("\ud800" <= letter <= "\udfff" for letter in text):
                self._refuse(event, "half a character stands here", "write the character itself")
            return text
        if _NULL.fullmatch(text):
            return None
        if _BOOL.fullmatch(text):
            return text[0] in "tT"
        if _INTEGER.fullmatch(text):
            return self._integer(event, text)
        if _FLOAT.fullmatch(text):
            number = float(text)
            if number in (float("inf"), float("-inf")):
                self._refuse(event, "the number is too large", "use a smaller one, or quotes")
            return number
        if _NO_NUMBER.fullmatch(text):
            self._refuse(event, "infinity and not-a-number have no place here", "use a number")
        return text

    def _integer(self, event: Any, text: str) -> int:
        base = {"0o": 8, "0x": 16}.get(text[:2], 10)
        # Seventeen characters hold any integer allowed in any base, after leading zeros.
        digits = text[2:] if base != 10 else text.lstrip("+-")
        number = int(digits.lstrip("0")[:20] or "0", base)
        if number > _MAX_INTEGER:
            self._refuse(event, "the number is 2^53 or more", "use a smaller one, or quotes")
        return -number if text[0] == "-" else number

    def _note(self, place: Place, event: Any) -> None:
        self._positions[place] = (event.start_mark.line + 1, event.start_mark.column + 1)

    def _refuse(self, event: Any, sentence: str, fix: str) -> NoReturn:
        self._fail(event.start_mark.line + 1, sentence, fix)

    def _fail_syntax(self, line: int, problem: str) -> NoReturn:
        if "'\\t'" in problem:
            self._fail(line, "a tab stands where YAML wants a space", "use spaces")
        self._fail(line, f"not YAML: {problem}", "check indentation, quotes and colons around here")

    def _fail(self, line: int, sentence: str, fix: str) -> NoReturn:
        raise YamlError(self._source, line, sentence, fix) from None


def _kind(event: Any) -> str:
    return type(event).__name__
