"""JSON that has one meaning for every reader (RFC 8259 narrowed to I-JSON, RFC 7493).

Two parsers that read the same bytes differently are a way around every check between them. What
parsers are known to disagree about is refused here: duplicate keys, lone surrogates, integers from
2^53 on, numbers that overflow, negative zero, NaN and infinities, a byte order mark, bytes that are
not UTF-8, and nesting beyond a bound. Messages say what was wrong and never repeat content.
"""

import json
import math
import re
from typing import Any, Final, NoReturn

import orjson

MAX_BYTES: Final = 4 * 1024 * 1024
MAX_DEPTH: Final = 64

_LIMIT: Final = 2**53
_LIMIT_DIGITS: Final = len(str(_LIMIT))

_BOM: Final = b"\xef\xbb\xbf"
# The closing quote is optional, so that an unterminated string is consumed once, in linear time.
_STRING: Final = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?', re.DOTALL)
_SPACE: Final = b" \t\n\r"
_BRACKETS: Final = bytes.maketrans(b"[]{}", b"()()")
_NO_BRACKET: Final = bytes(set(range(256)) - set(b"[]{}"))


class StrictJSONError(ValueError):
    """The bytes are not JSON, or not JSON that every reader understands alike."""


def loads(
    data: bytes,
    *,
    max_depth: int = MAX_DEPTH,
    max_bytes: int = MAX_BYTES,
    max_values: float = math.inf,
) -> Any:  # noqa: ANN401  any JSON value
    """Decode one JSON document.

    `max_depth` counts nested arrays and objects, `max_bytes` the whole document, and `max_values`
    the values in it, of which an empty array or object counts as two.

    Raises:
        StrictJSONError: for anything the module's description refuses.
    """
    if len(data) > max_bytes:
        raise StrictJSONError(f"longer than {max_bytes} bytes")
    if data.startswith(_BOM):
        raise StrictJSONError("begins with a byte order mark")
    opened = data.count(b"[") + data.count(b"{")
    if opened > max_depth:
        _check_depth(data, max_depth)
    if opened + data.count(b",") >= max_values:
        _check_values(data, max_values)
    if b"-0.0" not in data and (read := _plainly(data)) is not None:
        return read
    try:
        value = _DECODER.decode(data.decode())
    except UnicodeDecodeError as error:
        raise StrictJSONError(f"not UTF-8 at byte {error.start}") from None
    except json.JSONDecodeError as error:
        raise StrictJSONError(f"not JSON at character {error.pos}") from None
    except RecursionError:  # a caller chose a max_depth that the interpreter cannot follow
        raise StrictJSONError("nested too deep") from None
    if b"\\ud" in data or b"\\uD" in data:
        _check_surrogates(value)
    return value


def _plainly(data: bytes) -> Any:  # noqa: ANN401  any JSON value
    """The value, if writing it gives the bytes that were read but for white space; else None.

    Then no duplicate key was dropped, no number rounded, and nothing spelled in a second way; half
    a surrogate pair and integers from 2^53 on cannot be written. Most documents are like that, and
    this costs a fraction of a decoder that looks at every key and number in Python.
    """
    try:
        value = orjson.loads(data)
        written = orjson.dumps(value, option=orjson.OPT_STRICT_INTEGER)
    except (orjson.JSONDecodeError, orjson.JSONEncodeError):
        return None
    same = written == data or written.translate(None, _SPACE) == data.translate(None, _SPACE)
    return value if same else None


def _check_depth(data: bytes, max_depth: int) -> None:
    """Refuse nesting beyond `max_depth` before the decoder recurses into it.

    With strings and everything but brackets taken out, removing all adjacent pairs takes away
    exactly one level, so what is left after `max_depth` rounds was too deep or never closed.
    """
    brackets = _STRING.sub(b"", data).translate(_BRACKETS, _NO_BRACKET)
    for _ in range(max_depth):
        shorter = brackets.replace(b"()", b"")
        if len(shorter) == len(brackets):
            break
        brackets = shorter
    if brackets:
        raise StrictJSONError(f"brackets nested deeper than {max_depth}, or not closed")


def _check_values(data: bytes, max_values: float) -> None:
    """Refuse more than `max_values` values before the decoder makes any of them.

    A value stands at the beginning, behind each comma, and behind what opens an array or an object.
    """
    bare = _STRING.sub(b"", data)
    if bare.count(b",") + bare.count(b"[") + bare.count(b"{") >= max_values:
        raise StrictJSONError(f"more than {max_values} values")


def _check_surrogates(value: object) -> None:
    try:
        orjson.dumps(value)  # everything else that it refuses has been refused before
    except orjson.JSONEncodeError:
        raise StrictJSONError("an escape for half a surrogate pair") from None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise StrictJSONError("an object with a duplicate key")
    return members


def _integer(digits: str) -> int:
    if len(digits) < _LIMIT_DIGITS:
        if digits == "-0":
            raise StrictJSONError("a negative zero")
        return int(digits)
    if len(digits) > _LIMIT_DIGITS + 1 or not -_LIMIT < (number := int(digits)) < _LIMIT:
        raise StrictJSONError("an integer beyond 2^53-1")
    return number


def _float(digits: str) -> float:
    number = float(digits)
    if math.isinf(number):
        raise StrictJSONError("a number that overflows")
    if number == 0 and digits[0] == "-":
        raise StrictJSONError("a negative zero")
    return number


def _constant(_name: str) -> NoReturn:
    raise StrictJSONError("a number that JSON does not have")


_DECODER: Final = json.JSONDecoder(
    object_pairs_hook=_object, parse_int=_integer, parse_float=_float, parse_constant=_constant
)
