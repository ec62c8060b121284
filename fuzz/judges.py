"""Second readers, which share no code with ours: other libraries, and a standard's own wording.

What one of them says is compared with what ours says of the same bytes.
"""

from __future__ import annotations

import json
import math
import re
from functools import cache
from types import UnionType
from typing import Any, NamedTuple, cast
from urllib.parse import urlsplit

import h11
from opentelemetry.trace import get_current_span
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from pydantic import BaseModel, TypeAdapter
from pydantic_core import Url

_BIG = 2**53


class Unfit(ValueError):
    """What a second reader does not accept."""


def same(one: object, other: object) -> bool:
    """Whether two decoded values are equal to the types of their scalars; 1 is not 1.0 or true."""
    if type(one) is not type(other):
        return False
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    return one == other


def depth(value: object) -> int:
    """How many arrays and objects stand in each other."""
    if isinstance(value, dict):
        return 1 + max(map(depth, value.values()), default=0)
    if isinstance(value, list):
        return 1 + max(map(depth, value), default=0)
    return 0


def i_json(data: bytes, max_depth: int) -> Any:
    """The value of bytes that are I-JSON (RFC 7493) without negative zeros, by the decoder of the
    standard library. Raises Unfit.
    """
    try:
        value = json.loads(
            data.decode("utf-8", "strict"),
            object_pairs_hook=_once,
            parse_int=_small,
            parse_float=_finite,
            parse_constant=_small,
        )
        json.dumps(value, ensure_ascii=False).encode()  # half a surrogate pair has no bytes
    except (ValueError, RecursionError):
        raise Unfit from None
    if depth(value) > max_depth:
        raise Unfit
    return value


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    names = [name for name, _ in pairs]
    if sorted(names) != sorted(set(names)):
        raise Unfit
    return dict(pairs)


def _small(digits: str) -> int:
    if digits == "-0" or abs(int(digits)) >= _BIG:
        raise Unfit
    return int(digits)


def _finite(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number) or (number == 0 and digits.startswith("-")):
        raise Unfit
    return number


def agreed(kind: type[BaseModel] | UnionType, value: object) -> None:
    """Raises unless a value is one of an official type, and holds nothing that the type does not
    know.
    """
    adapter = _adapter(kind)
    read = adapter.validate_python(value, strict=True)
    known = adapter.dump_python(read, by_alias=True, exclude_unset=True, mode="json")
    assert known == value, f"of {value} the protocol knows {known}"


@cache
def _adapter(kind: type[BaseModel] | UnionType) -> TypeAdapter[object]:
    return TypeAdapter[object](cast("type", kind))


class Origin(NamedTuple):
    """Where a URL leads."""

    scheme: str
    host: str
    port: int


_PORTS = {"http": 80, "https": 443}


def origins(url: str) -> set[Origin]:
    """Where a URL leads by RFC 3986 (urllib) and by WHATWG (the Rust crate `url`). Raises Unfit."""
    try:
        plain, browser = urlsplit(url), Url(url)
        told = {
            Origin(plain.scheme, plain.hostname or "", plain.port or _PORTS[plain.scheme]),
            Origin(browser.scheme, (browser.host or "").strip("[]"), browser.port or 0),
        }
    except (ValueError, KeyError) as error:
        raise Unfit(str(error)) from None
    if plain.username is not None or browser.username is not None:
        raise Unfit("somebody's name")
    return told


def events(data: bytes) -> list[bytes]:
    """The data of the `message` events of a stream, rule by rule as WHATWG HTML, section 9.2.6,
    words it. Latin-1 maps bytes to characters one to one.
    """
    text = data.decode("latin-1").removeprefix("\xef\xbb\xbf")
    lines = re.split("\r\n|\n|\r", text)
    lines.pop()  # a line that has not ended
    found: list[bytes] = []
    kind, buffer = "", ""
    for line in lines:
        if line == "":
            if buffer != "" and kind in {"", "message"}:
                # The last line feed is cut; what is left of nothing but it tells nothing.
                found += [buffer[:-1].encode("latin-1")] if buffer != "\n" else []
            kind, buffer = "", ""
            continue
        if line.startswith(":"):
            continue
        field, value = line, ""
        if ":" in line:
            at = line.index(":")
            field, value = line[:at], line[at + 1 :]
            value = value[1:] if value[:1] == " " else value
        if field == "event":
            kind = value
        elif field == "data":
            buffer += value + "\n"
    return found


class Heard(NamedTuple):
    """A message of HTTP: its start line without the version, its fields, its body."""

    start: tuple[bytes, ...]
    fields: list[tuple[bytes, bytes]]
    body: bytes


def requests(data: bytes) -> tuple[list[Heard], bool]:
    """The whole requests in a stream as h11 finds them, and whether it objects to what follows.

    Empty lines before a request and more than one space in its first line may be ignored (RFC 9112
    sections 2.2 and 3), which our parser does and h11 does not: they are taken away first.
    """
    found: list[Heard] = []
    rest = data
    while rest := rest.lstrip(b"\r\n"):
        line, end, behind = rest.partition(b"\r\n")
        rest = re.sub(b" +", b" ", line) + end + behind
        server = h11.Connection(h11.SERVER, max_incomplete_event_size=1 << 20)
        server.receive_data(rest)
        try:
            head = server.next_event()
            body = _body(server) if isinstance(head, h11.Request) else None
        except h11.RemoteProtocolError:
            return found, True
        if not isinstance(head, h11.Request) or body is None:
            break
        found.append(Heard((head.method, head.target), list(head.headers), body))
        if server.their_state is not h11.DONE:
            break
        rest = server.trailing_data[0]
    return found, False


def response(data: bytes, method: str = "POST") -> tuple[Heard, bytes]:
    """The first final response in a stream that ends, by h11, and what stands behind it. Raises
    Unfit.

    Empty lines before a response say nothing, and are taken away first.
    """
    rest = data
    while True:
        client = h11.Connection(h11.CLIENT, max_incomplete_event_size=1 << 20)
        client.send(h11.Request(method=method, target="/", headers=[("host", "x")]))
        client.send(h11.EndOfMessage())
        client.receive_data(rest.lstrip(b"\r\n"))
        client.receive_data(b"")
        try:
            head = client.next_event()
            body = _body(client) if isinstance(head, h11.Response) else None
        except h11.RemoteProtocolError as error:
            raise Unfit(str(error)) from None
        rest = client.trailing_data[0]
        if isinstance(head, h11.Response) and body is not None:
            return Heard((b"%d" % head.status_code,), list(head.headers), body), rest
        if not isinstance(head, h11.InformationalResponse):
            raise Unfit("it breaks off")


def _body(connection: h11.Connection) -> bytes | None:
    pieces: list[bytes] = []
    while True:
        event = connection.next_event()
        if isinstance(event, h11.Data):
            pieces.append(bytes(event.data))
        else:
            return b"".join(pieces) if isinstance(event, h11.EndOfMessage) else None


def trace_context(parent: str, state: str) -> tuple[str, str, bool, list[tuple[str, str]]]:
    """What OpenTelemetry reads in a trace context: both ids, whether it is sampled, its members."""
    carrier = {"traceparent": parent, "tracestate": state}
    context = TraceContextTextMapPropagator().extract(carrier)
    found = get_current_span(context).get_span_context()
    members = list(found.trace_state.items())
    return f"{found.trace_id:032x}", f"{found.span_id:016x}", found.trace_flags.sampled, members
