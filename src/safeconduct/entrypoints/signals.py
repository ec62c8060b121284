"""Where transmitters push shared signals to (RFC 8935), a path for each of them."""

from __future__ import annotations

import hmac
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

import msgspec
import orjson

from safeconduct.entrypoints.http import JSON_TYPE, Problem, Request, Response, Route, require_type
from safeconduct.ports import CredentialUnavailable, LedgerFault, SignalRefused, SignalUnjudged

PATH: Final = "/signals/"
MAX_BYTES: Final = 64 * 1024

_log = logging.getLogger(__name__)


class Pushes(msgspec.Struct, frozen=True):
    """What one transmitter's pushes need: who takes them, and the `Authorization` they carry, which
    is read anew each time, None if none is asked for. It raises CredentialUnavailable.
    """

    take: Callable[[str], Awaitable[None]]
    authorization: Callable[[], str | None]


def routes(transmitters: Mapping[str, Pushes]) -> dict[str, dict[str, Route]]:
    """The routes of these transmitters, by the last segment of their path."""

    async def push(request: Request) -> Response:
        to = transmitters.get(request.tail)
        if to is None:
            raise Problem(404, "There is nothing here.")
        require_type(request, b"application/secevent+jwt")
        if not _authorized(request, to):
            return _refusal("authentication_failed", "The transmitter is not authenticated.")
        try:
            await to.take(request.body.decode("ascii"))
        except SignalRefused as fault:
            _log.warning("refused a signal pushed to %s: %s", request.path, fault.sentence)
            return _refusal(fault.code, fault.sentence)
        except UnicodeDecodeError:
            return _refusal("invalid_request", "Not a security event token.")
        except SignalUnjudged as fault:
            _log.error("a signal pushed to %s cannot be judged: %s", request.path, fault)
            raise Problem(503, "Nothing can be judged now; send it again.") from None
        except LedgerFault:
            raise Problem(503, "Nothing can be recorded now; send it again.") from None
        return Response(202)

    return {PATH: {"POST": Route(push, MAX_BYTES)}}


def _authorized(request: Request, to: Pushes) -> bool:
    try:
        wanted = to.authorization()
    except CredentialUnavailable:
        _log.error("what pushes to %s must carry cannot be read", request.path)
        return False
    given = request.headers.get(b"authorization", b"")
    return wanted is None or hmac.compare_digest(given, wanted.encode())


def _refusal(code: str, sentence: str) -> Response:
    return Response(400, orjson.dumps({"err": code, "description": sentence}), (JSON_TYPE,))
