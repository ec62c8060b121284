"""Does a file have the shape of its struct? Every mismatch is found, not only the first.

`msgspec.convert` stops at the first mismatch. So whatever it refuses is taken apart, and its parts
are asked one by one; what is left is the smallest part that does not fit, with its exact place.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Sequence
from enum import Enum
from types import NoneType, UnionType
from typing import Annotated, Any, Final, Literal, TypeVar, get_args, get_origin

import msgspec

from safeconduct.config.names import Name, SpiffeId
from safeconduct.config.problem import Report, YamlFile
from safeconduct.kit.yaml import Place, Value

T = TypeVar("T", bound=msgspec.Struct)

_MISSING: Final = {
    ("Delegation", "audience"): "add `audience: NAME`, the only API that tool tokens may go to",
    ("Users", "audience"): "add `audience: NAME`, what the `aud` claim of users' tokens must be",
    ("Zone", "egress"): "add `egress: [NAME, ...]`, every destination these agents may reach",
}

_UNIONS: Final = (UnionType, get_origin(Name | None))
"""What `X | Y` is for classes, and for what is annotated."""

_WORDS: Final[dict[object, str]] = {
    Name: "lower case letters, digits and single words joined by `-`, at most 64 characters",
    SpiffeId: "a SPIFFE ID, such as spiffe://crm.example/agents/sales-copilot",
    str: "text",
    int: "a whole number",
    bool: "true or false",
}


def convert(file: YamlFile, kind: type[T], report: Report) -> T | None:
    """The file's value as a struct; None, and a problem for each mismatch, when it does not fit.

    Unknown keys are problems too, but do not keep the rest from being looked at.
    """
    shape = _Shape(file, report)
    value = shape.fit(file.document.value, kind, ())
    return msgspec.convert(value, kind) if shape.fits else None


def dotted(place: Place) -> str:
    """How problems name a place: `zones[0].egress`; the root is `the file`."""
    text = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in place)
    return f"`{text.removeprefix('.')}`" if place else "the file"


def did_you_mean(word: str, known: Iterable[str], otherwise: str) -> str:
    """A fix that names the closest known word, if one is close."""
    close = difflib.get_close_matches(word, list(known), n=1)
    return f"did you mean `{close[0]}`?" if close else otherwise


class _Shape:
    def __init__(self, file: YamlFile, report: Report) -> None:
        self._file = file
        self._report = report
        self.fits = True

    def fit(self, value: Value, hint: Any, place: Place) -> Value:  # noqa: ANN401 any annotation
        """Report what does not fit; answers the value without its unknown keys."""
        hint = _meant(value, hint)
        origin = get_origin(hint)
        if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
            return self._struct(value, hint, place)
        if origin is dict:
            return self._dict(value, get_args(hint), place)
        if origin is tuple:
            return self._tuple(value, get_args(hint)[0], place)
        self._leaf(value, hint, place)
        return value

    def _struct(self, value: Value, kind: type[msgspec.Struct], place: Place) -> Value:
        if not isinstance(value, dict):
            return self._wrong(value, place, "expected keys with values", "write `key: value`")
        fields = {field.encode_name: field for field in msgspec.structs.fields(kind)}
        for key in [key for key in value if key not in fields]:
            fix = did_you_mean(key, fields, f"remove it; known here: {', '.join(sorted(fields))}")
            self._report.error(
                self._file, (*place, key), f"{dotted((*place, key))} is an unknown key", fix
            )
        for name, field in fields.items():
            if field.required and value.get(name) is None:
                self.fits = False
                choices = _choices(field.type)
                one_of = f", one of: {', '.join(choices)}" if choices else ""
                fix = _MISSING.get((kind.__name__, name), f"add `{name}: ...`{one_of}")
                self._report.error(
                    self._file, (*place, name), f"{dotted(place)} has no `{name}`", fix
                )
        return {
            key: self.fit(item, fields[key].type, (*place, key))
            for key, item in value.items()
            if key in fields and not (item is None and fields[key].required)
        }

    def _dict(self, value: Value, hints: Sequence[Any], place: Place) -> Value:
        if not isinstance(value, dict):
            return self._wrong(value, place, "expected names with values", "write `name: value`")
        for key in value:
            self._leaf(key, hints[0], (*place, key))
        return {key: self.fit(item, hints[1], (*place, key)) for key, item in value.items()}

    def _tuple(self, value: Value, hint: Any, place: Place) -> Value:  # noqa: ANN401 as above
        if not isinstance(value, list):
            return self._wrong(
                value, place, "expected a list", "write `[a, b]`, or items after `-`"
            )
        return [self.fit(item, hint, (*place, index)) for index, item in enumerate(value)]

    def _leaf(self, value: Value, hint: Any, place: Place) -> None:  # noqa: ANN401 as above
        try:
            msgspec.convert(value, hint)
        except msgspec.ValidationError as error:
            said = re.sub(r" - at `.*`$|^Object ", "", str(error))
            self._wrong(value, place, said[0].lower() + said[1:], _fix(value, hint))

    def _wrong(self, value: Value, place: Place, said: str, fix: str) -> Value:
        self.fits = False
        sentence = f"{dotted(place)} is empty" if value is None else f"{dotted(place)}: {said}"
        self._report.error(self._file, place, sentence, fix)
        return value


def _fix(value: Value, hint: Any) -> str:  # noqa: ANN401 any annotation
    choices = _choices(hint)
    if choices:
        return did_you_mean(str(value), choices, f"use one of: {', '.join(choices)}")
    if hint == Name and isinstance(value, str) and "__" in value:
        return "use `-` instead: `__` separates upstream and tool on the wire"
    for known, words in _WORDS.items():
        if hint == known:
            return f"write {words}"
    if get_origin(hint) is Annotated:
        inner, *metas = get_args(hint)
        bounds = next((meta for meta in metas if isinstance(meta, msgspec.Meta)), msgspec.Meta())
        if bounds.description is not None:
            return f"write {bounds.description}"
        if inner is int and bounds.ge is not None and bounds.le is not None:
            return f"write a whole number from {bounds.ge} to {bounds.le}"
    return "write text, in quotes if it looks like something else"


def _meant(value: Value, hint: Any) -> Any:  # noqa: ANN401 any annotation
    """Of a union what the value is meant to be, where that is plain, so that its parts are asked.

    There is none for what is no value: `X | None`.
    """
    if get_origin(hint) not in _UNIONS:
        return hint
    inner = [one for one in get_args(hint) if one is not NoneType]
    if isinstance(value, dict):
        inner = [
            one for one in inner if isinstance(one, type) and issubclass(one, msgspec.Struct)
        ] or inner
    return inner[0] if len(inner) == 1 and value is not None else hint


def _choices(hint: Any) -> tuple[str, ...]:  # noqa: ANN401 any annotation
    if get_origin(hint) is Literal:
        return tuple(str(choice) for choice in get_args(hint))
    if isinstance(hint, type) and issubclass(hint, Enum):
        return tuple(str(member.value) for member in hint)
    return tuple(choice for inner in get_args(hint) for choice in _choices(inner))
