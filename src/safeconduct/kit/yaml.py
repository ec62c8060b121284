"""YAML 1.2 with positions: plain values, and the line of every key and item.

A configuration must mean one thing to every reader, so whatever YAML offers beyond plain values is
refused: anchors, aliases, merge keys, tags, duplicate keys, keys that are no strings, several
documents, numbers that JSON cannot carry. Plain scalars follow the core schema (YAML 1.2.2 section
10.3.2), so `on` and `no` are strings and `0o17` is fifteen.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from typing import Any, Final, NoReturn, TypeAlias, cast

import msgspec

Value: TypeAlias = "dict[str, Value] | list[Value] | str | int | float | bool | None"

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
    """A value, None for an empty file.

    `positions` has (line, column), both from 1, of every key of a mapping and every item of a
    sequence; the root stands under `()`.
    """

    value: Value
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


class _Event(msgspec.Struct, frozen=True):
    """What the parser saw; `kind` is the name of its event without the word Event."""

    kind: str
    line: int
    column: int
    text: str = ""
    plain: bool = False
    marked: bool = False
    tagged: bool = False


class _Reader:
    def __init__(self, text: str, source: str) -> None:
        self._text = text
        self._source = source
        self._positions: dict[Place, tuple[int, int]] = {(): (1, 1)}
        self._events: Iterator[_Event] = iter(())

    def document(self) -> Document:
        self._refuse_strange_text()
        self._events = self._parse()
        next(self._events)  # the start of the stream
        start = next(self._events)
        if start.kind == "StreamEnd":
            return Document(None, self._positions)
        if start.tagged:
            self._refuse(start, "a directive changes how YAML is read", "remove the `%` line")
        value = self._value(next(self._events), (), 1)
        next(self._events)  # the end of the document
        more = next(self._events)
        if more.kind != "StreamEnd":
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

    def _parse(self) -> Iterator[_Event]:
        from ruamel.yaml import YAML  # noqa: PLC0415 slow to load, and not every verb reads YAML
        from ruamel.yaml.error import MarkedYAMLError, YAMLError  # noqa: PLC0415 loaded where it is needed

        line = 1
        try:
            for raw in cast("Any", YAML(typ="safe", pure=True)).parse(self._text):
                event = _event(raw)
                line = event.line
                yield event
        except MarkedYAMLError as error:
            known = cast("Any", error)
            mark = known.problem_mark or known.context_mark
            self._fail_syntax(line if mark is None else mark.line + 1, str(known.problem))
        except YAMLError:
            self._fail_syntax(line, "a character that YAML does not allow")
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError):
            # INVARIANT: the parser answers some malformed text with errors of its own making;
            # whatever it is, the text is refused.
            self._fail_syntax(line, "text that the parser cannot read")

    def _value(self, event: _Event, place: Place, depth: int) -> Value:
        if depth > MAX_DEPTH:
            self._refuse(event, f"more than {MAX_DEPTH} levels are nested", "nest less")
        if event.marked:
            self._refuse(event, "anchors and aliases are not allowed", "write the value out")
        if event.tagged:
            self._refuse(event, "tags are not allowed", "remove what begins with `!`")
        match event.kind:
            case "MappingStart":
                return self._mapping(place, depth)
            case "SequenceStart":
                return self._sequence(place, depth)
            case _:
                return self._scalar(event)

    def _mapping(self, place: Place, depth: int) -> dict[str, Value]:
        found: dict[str, Value] = {}
        while (event := next(self._events)).kind != "MappingEnd":
            key = self._value(event, place, depth + 1)
            if not isinstance(key, str):
                self._refuse(event, "a key is not a string", "put the key in quotes")
            if key == "<<" and event.plain:
                self._refuse(event, "merge keys are not allowed", "write the values out")
            inner = (*place, key)
            if key in found:
                first = self._positions[inner][0]
                sentence = f"the key `{key}` stands here twice (first in line {first})"
                self._refuse(event, sentence, "keep one of them")
            self._positions[inner] = (event.line, event.column)
            found[key] = self._value(next(self._events), inner, depth + 1)
        return found

    def _sequence(self, place: Place, depth: int) -> list[Value]:
        found: list[Value] = []
        while (event := next(self._events)).kind != "SequenceEnd":
            inner = (*place, len(found))
            self._positions[inner] = (event.line, event.column)
            found.append(self._value(event, inner, depth + 1))
        return found

    def _scalar(self, event: _Event) -> str | int | float | bool | None:
        text = event.text
        if not event.plain:
            if any("\ud800" <= letter <= "\udfff" for letter in text):
                self._refuse(event, "half a character stands here", "write the character itself")
            return text
        if _NULL.fullmatch(text):
            return None
        if _BOOL.fullmatch(text):
            return text[0] in "tT"
        if _INTEGER.fullmatch(text):
            return self._integer(event)
        if _FLOAT.fullmatch(text):
            number = float(text)
            if math.isinf(number):
                self._refuse(event, "the number is too large", "use a smaller one, or quotes")
            return number
        if _NO_NUMBER.fullmatch(text):
            self._refuse(event, "infinity and not-a-number have no place here", "use a number")
        return text

    def _integer(self, event: _Event) -> int:
        base = {"0o": 8, "0x": 16}.get(event.text[:2], 10)
        digits = event.text.lstrip("+-") if base == 10 else event.text[2:]
        # Twenty digits are enough to see that a number is too large, in any base.
        number = int(digits.lstrip("0")[:20] or "0", base)
        if number > _MAX_INTEGER:
            self._refuse(event, "the number is 2^53 or more", "use a smaller one, or quotes")
        return -number if event.text[0] == "-" else number

    def _refuse(self, event: _Event, sentence: str, fix: str) -> NoReturn:
        self._fail(event.line, sentence, fix)

    def _fail_syntax(self, line: int, problem: str) -> NoReturn:
        if "'\\t'" in problem:
            self._fail(line, "a tab stands where YAML wants a space", "use spaces")
        self._fail(line, f"not YAML: {problem}", "check indentation, quotes and colons around here")

    def _fail(self, line: int, sentence: str, fix: str) -> NoReturn:
        raise YamlError(self._source, line, sentence, fix) from None


def _event(raw: Any) -> _Event:  # noqa: ANN401 the parser's events are not typed
    kind = type(raw).__name__.removesuffix("Event")
    mark = raw.start_mark
    if kind == "DocumentStart":
        changed = raw.version not in {None, (1, 2)} or bool(raw.tags)
        return _Event(kind, mark.line + 1, mark.column + 1, tagged=changed)
    return _Event(
        kind,
        mark.line + 1,
        mark.column + 1,
        text=getattr(raw, "value", ""),
        plain=getattr(raw, "style", None) is None,
        marked=getattr(raw, "anchor", None) is not None,
        tagged=getattr(raw, "tag", None) is not None,
    )
