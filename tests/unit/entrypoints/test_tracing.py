"""Where a message's trace context is looked for."""

from __future__ import annotations

from typing import cast

import pytest

from safeconduct.core.trace import Trace
from safeconduct.entrypoints.http import Request, Wire
from safeconduct.entrypoints.tracing import traced
from safeconduct.ports import JSON

NOBODY = cast("Wire", None)
IN_META = f"00-{'a' * 32}-{'b' * 16}-01"
IN_HEADER = f"00-{'c' * 32}-{'d' * 16}-01"


def request(*fields: tuple[bytes, bytes]) -> Request:
    return Request("POST", "/mcp", list(fields), NOBODY)


def header(value: str) -> tuple[bytes, bytes]:
    return b"traceparent", value.encode()


def test_the_message_goes_before_the_header() -> None:
    found = traced(request(header(IN_HEADER), (b"tracestate", b"h=1")), {"traceparent": IN_META})
    assert found == Trace(id="a" * 32, parent="b" * 16, sampled=True)


@pytest.mark.parametrize("meta", [{}, {"traceparent": "junk"}, {"traceparent": 1}])
def test_the_header_serves_where_the_message_says_nothing(meta: JSON) -> None:
    found = traced(
        request(header(IN_HEADER), (b"tracestate", b"a=1"), (b"tracestate", b"b=2")), meta
    )
    assert found == Trace(id="c" * 32, parent="d" * 16, sampled=True, state="a=1,b=2")


def test_a_header_that_stands_there_twice_says_nothing() -> None:
    assert traced(request(header(IN_HEADER), header(IN_HEADER)), {}) is None
    assert traced(request(), {}) is None
    assert traced(request((b"traceparent", b"\xff")), {}) is None
