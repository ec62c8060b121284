"""A response that turns into a stream of events once there is progress to tell."""

from __future__ import annotations

from typing import Final

from safeconduct.core.asks import Capability
from safeconduct.entrypoints.http import Fields, Request, Response
from safeconduct.entrypoints.wire import Id, encode
from safeconduct.ports import JSON, AskRefused

_HEADERS: Final[Fields] = (
    (b"content-type", b"text/event-stream"),
    (b"cache-control", b"no-cache, no-transform"),
    (b"x-accel-buffering", b"no"),
)


class Stream:
    """The response to one request whose sender wants progress.

    The first message decides: progress opens a stream of server-sent events, an answer is sent as a
    plain response. A slow reader holds up the upstream's progress, and nothing is kept for it.
    """

    def __init__(self, request: Request, token: Id) -> None:
        self._request = request
        self._token = token
        self._open = False
        self._last: float | None = None

    able: frozenset[Capability] = frozenset()
    wants_progress = True
    log_level: str | None = None

    async def asked(self, method: str, params: JSON) -> JSON:
        """Nothing can be asked of this client. Raises AskRefused."""
        raise AskRefused(-32601, f"Method not found: {method}")

    async def notified(self, method: str, params: JSON) -> None:
        """Passes on progress under the client's own token; what does not grow is no progress."""
        told = _rebuilt(params, self._token)
        if told is None or (self._last is not None and told["progress"] <= self._last):
            return
        self._last = told["progress"]
        if not self._open:
            self._open = True
            self._request.start(_HEADERS)
        event = {"jsonrpc": "2.0", "method": "notifications/progress", "params": told}
        await self._event(encode(event))

    async def finish(self, response: Response) -> Response | None:
        """Sends the answer as the last event where the stream is open, and gives it back where it
        is still to be sent.
        """
        if not self._open:
            return response
        await self._event(response.body)
        self._request.finish()
        return None

    async def _event(self, message: bytes) -> None:
        # JSON as it is encoded here has no line ends.
        await self._request.send(b"event: message\ndata: %b\n\n" % message)


def _rebuilt(params: JSON, token: Id) -> JSON | None:
    """The progress itself and nothing else; None where there is none."""
    told: JSON = {"progressToken": token}
    for key in ("progress", "total"):
        value = params.get(key)
        if type(value) in {int, float}:
            told[key] = value
    if type(params.get("message")) is str:
        told["message"] = params["message"]
    return told if "progress" in told else None
