"""Decisions and outcomes, read by their form, which takes half as long as to decode each.

A form is a regular expression, made from records that `records.decode` took. It matches only what
`decode` takes as well: members in their order, each once, nothing between them, texts of ASCII that
need no escape, integers of at most 15 digits, and of each member only values in a shape that
`decode` has taken of it. What no form matches is for `decode`, which says what is wrong, if
anything is.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Final, NamedTuple, cast

import orjson

from safeconduct.audit.records import MAX_RECORD_BYTES

MAX_FORMS: Final = 8
MAX_MADE: Final = 64
"""How often a form is made anew. Records that need more are not alike."""

_TOLD_BY: Final = 10  # bytes that tell decisions from outcomes: they begin with different members
_KINDS: Final = frozenset({"decision", "outcome"})
_LONGEST: Final = 1 << 15  # characters of an expression: a longer one takes long to compile

_PLAIN: Final = r"[ !#-\[\]-~]*+"
_TEXT: Final = f'"{_PLAIN}"'
_TEXTS: Final = rf"\[(?:{_TEXT}(?:,{_TEXT})*+)?+\]"
_INTEGER: Final = "(?:0|-?[1-9][0-9]{0,14}+)"
_NUMBER: Final = "(0|[1-9][0-9]{0,14}+)"
_NAME: Final = f'"({_PLAIN})"'
_PAYLOAD: Final = (
    rf'\{{"at":\[{_NUMBER},{_NUMBER}\],"bytes":{_NUMBER},"commit":{_TEXT},'
    rf'"kid":{_NAME},"sha256":{_NAME}\}}'
)

# What a member is matched by, and when it has to be there: groups 1, 6 and 12 are of an agent, of
# `pair_n`, and of a task.
_ALWAYS: Final = ",{}"
_AT_TIMES: Final = "(?:,{})?+"
_WITH_AGENT: Final = "(?(1),{}|)"
_READ: Final[Mapping[str, tuple[str, str]]] = {
    "agent": (_NAME, _AT_TIMES),
    "at_ms": (_NUMBER, _ALWAYS),
    "decision": (_NAME, _ALWAYS),
    "kind": ('"((?(1)decision|outcome))"', _ALWAYS),
    "n": (_NUMBER, _ALWAYS),
    "pair_n": (_NUMBER, _AT_TIMES),
    "payload": (_PAYLOAD, _AT_TIMES),
    "task": (_NAME, _AT_TIMES),
    "task_n": (_NUMBER, "(?(6)(?(12),{}|(?!))|)"),
    "tenant": (_NAME, _WITH_AGENT),
    "user": (_NAME, _WITH_AGENT),
    "verdict": (_NAME, _WITH_AGENT),
}
_NEEDED: Final = frozenset(name for name, (_, when) in _READ.items() if when == _ALWAYS)


class Formed(NamedTuple):
    """What is read of a decision, which names an agent, or of an outcome, which does not: each
    empty where a record has none of it, and counters only together and with a task. In the order
    of the members; those of `payload` are from `file` to `sha256`.
    """

    agent: str
    at_ms: str
    decision: str
    kind: str
    n: str
    pair_n: str
    file: str
    offset: str
    size: str
    kid: str
    sha256: str
    task: str
    task_n: str
    tenant: str
    user: str
    verdict: str


class Forms:
    """The forms of one log."""

    def __init__(self) -> None:
        self._forms: dict[bytes, _Form] = {}
        self._matches: dict[bytes, Callable[[str], re.Match[str] | None]] = {}

    def read(self, data: bytes) -> Formed | None:
        """The record in an entry's bytes; None if no form matches them."""
        try:
            found = self._matches[data[:_TOLD_BY]](data.decode("ascii"))
        except (KeyError, UnicodeDecodeError):
            return None
        if found is None or len(data) > MAX_RECORD_BYTES:
            return None
        return cast("Formed", found.groups(""))  # it is one, but for what making one takes

    def learn(self, data: bytes, record: Mapping[str, object]) -> None:
        """Takes in the record in an entry's bytes, as `decode` gave it."""
        if record.get("kind") not in _KINDS or not record.keys() >= _NEEDED:
            return
        told = data[:_TOLD_BY]
        if told not in self._forms and len(self._forms) < MAX_FORMS:
            self._forms[told] = _Form(next(iter(record)))
        form = self._forms.get(told)
        if form and form.learn(record) and len(pattern := form.pattern()) <= _LONGEST:
            self._matches[told] = re.compile(pattern).fullmatch


class _Form:
    """Of records that begin with the same member."""

    def __init__(self, first: str) -> None:
        self._first = first
        self._shapes = {name: {shape: None} for name, (shape, _) in _READ.items()}
        self._made = 0

    def learn(self, record: Mapping[str, object]) -> bool:
        """Whether a record makes another form of it."""
        shapes = {name: _shape(value) for name, value in record.items() if name not in _READ}
        new = {name: one for name, one in shapes.items() if one not in self._shapes.get(name, ())}
        if not new or self._made == MAX_MADE:
            return False
        self._made += 1
        for name, shape in new.items():
            self._shapes.setdefault(name, {})[shape] = None
        return True

    def pattern(self) -> str:
        """What matches the records of this form."""
        return rf"\{{{''.join(self._member(name) for name in sorted(self._shapes))}\}}"

    def _member(self, name: str) -> str:
        member = f"{_key(name)}:(?:{'|'.join(self._shapes[name])})"
        if name <= self._first:
            return member if name == self._first else f"(?:(?!){member})?+"
        return (_READ[name][1] if name in _READ else _AT_TIMES).format(member)


def _key(name: str) -> str:
    return re.escape(orjson.dumps(name).decode())


def _shape(value: object) -> str:
    """What matches values of this shape, as `records.encode` writes them."""
    if isinstance(value, str):
        return _TEXT
    if isinstance(value, dict):
        members = cast("dict[str, object]", value).items()
        return rf"\{{{','.join(f'{_key(name)}:{_shape(one)}' for name, one in members)}\}}"
    if isinstance(value, list):
        shapes = [_shape(one) for one in cast("list[object]", value)]
        return _TEXTS if {*shapes} <= {_TEXT} else rf"\[{','.join(shapes)}\]"
    if isinstance(value, int) and not isinstance(value, bool):
        return _INTEGER
    return orjson.dumps(value).decode()
