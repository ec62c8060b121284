"""The trace context that comes with a message: in its `_meta` (SEP-414), or else in its header."""

from __future__ import annotations

from safeconduct.core.trace import PARENT, STATE, Trace, claimed
from safeconduct.entrypoints.http import Request
from safeconduct.ports import JSON


def traced(request: Request, meta: JSON) -> Trace | None:
    """What the caller claims. `_meta` goes first: it is closer to who calls than what proxies set.

    A header that stands there twice says nothing; the lines of a `tracestate` are one list.
    """
    if (trace := claimed(meta.get(PARENT), meta.get(STATE))) is not None:
        return trace
    parents = request.every(PARENT.encode())
    if len(parents) != 1:
        return None
    states = b",".join(request.every(STATE.encode()))
    return claimed(parents[0].decode("latin-1"), states.decode("latin-1"))
