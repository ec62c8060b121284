"""Canonical bytes (RFC 8785) and digests of calls.

What was digested is what is sent: the canonical form of the arguments is the only form that leaves
the gateway, so an approval for a digest is an approval for exact bytes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any, Final, cast

import orjson
import rfc8785

MAX_SAFE_INTEGER: Final = 2**53 - 1
"""The largest integer every JSON reader agrees on (RFC 7493, I-JSON)."""

MAX_DEPTH: Final = 128
"""How many arrays and objects may stand in each other. It is counted, so that the answer does not
depend on how much of its stack the interpreter has used already."""

_LEAST_EXPONENT: Final = 1e21
"""The least number that RFC 8785 writes with an exponent."""

_SCALARS: Final = frozenset({str, int, bool, type(None), float})

_REFUSALS: Final = (
    orjson.JSONEncodeError,
    rfc8785.CanonicalizationError,
    UnicodeError,  # a lone surrogate in a key, on its way to UTF-16
    RecursionError,  # a caller deep down in the interpreter's stack
)


class NotCanonical(ValueError):
    """A value that has no canonical form: lone surrogate, NaN, infinity, integer beyond 2^53-1,
    nesting beyond `MAX_DEPTH`, or a type that JSON does not have.
    """


def canonical(value: object) -> bytes:
    """The RFC 8785 form of a JSON value.

    Raises:
        NotCanonical: the value has no canonical form.
    """
    return _written(value)[0]


def exact(value: object) -> tuple[bytes, Any]:
    """The canonical form, and the value that its readers find in it: 1.0 is 1 there.

    Raises:
        NotCanonical: the value has no canonical form, or one that readers disagree about: RFC 8785
            writes a float from 2^53 to 10^21 as an integer.
    """
    written, plain = _written(value)
    if not plain and _ambiguous(value):
        raise NotCanonical("a number that is written as an integer beyond 2^53-1")
    return written, orjson.loads(written)


def _written(value: object) -> tuple[bytes, bool]:
    """The canonical form, and whether the value is plain, so that it holds no float."""
    try:
        if _plain(value):
            # With ASCII keys and no floats orjson's sorted form is RFC 8785 byte for byte; a law
            # compares it with the reference implementation used for all other values.
            return orjson.dumps(value, option=orjson.OPT_SORT_KEYS), True
        return rfc8785.dumps(cast("Any", value)), False
    except _REFUSALS as error:
        raise NotCanonical(str(error)) from None


def sha256(data: bytes) -> str:
    """`sha256:` and the lower-case hexadecimal SHA-256 of the bytes."""
    return "sha256:" + hashlib.sha256(data).hexdigest()


def digest(value: object) -> str:
    """The digest of a JSON value's canonical form.

    Raises:
        NotCanonical: the value has no canonical form.
    """
    return sha256(canonical(value))


def _plain(value: Any, room: int = MAX_DEPTH) -> bool:  # noqa: ANN401  narrowed by exact type
    """Whether a value holds only ASCII keys, strings, booleans, null and safe integers.

    `room` is how many arrays and objects may still stand in each other.

    Raises:
        NotCanonical: an integer beyond 2^53-1, nested too deep, or a type that JSON does not have.
    """
    # Any has no type to know; a cast would cost a call for every value.
    kind: type[object] = type(value)  # pyright: ignore[reportUnknownVariableType]
    if kind is int and not -MAX_SAFE_INTEGER <= value <= MAX_SAFE_INTEGER:
        raise NotCanonical("an integer beyond 2^53-1")
    if kind in _SCALARS:
        return kind is not float
    if room == 0:
        raise NotCanonical(f"nested deeper than {MAX_DEPTH}")
    plain = True
    items: Iterable[Any] = value
    if kind is dict:
        for key in value:
            if type(key) is not str:
                raise NotCanonical("an object key that is not a string")
            plain = key.isascii() and plain
        items = value.values()
    elif kind is not list and kind is not tuple:
        raise NotCanonical(f"a value of type {kind.__name__}")
    for item in items:
        # Most values are texts: a call for each would cost more than all the rest.
        if type(item) is not str:
            plain = _plain(item, room - 1) and plain
    return plain


def _ambiguous(value: object) -> bool:
    """Whether a value that has a canonical form holds a float that is written as a long integer."""
    if isinstance(value, float):
        return MAX_SAFE_INTEGER < abs(value) < _LEAST_EXPONENT
    if isinstance(value, dict):
        return any(map(_ambiguous, cast("dict[str, object]", value).values()))
    if isinstance(value, list | tuple):
        return any(map(_ambiguous, cast("list[object]", value)))
    return False
