"""A response that turns into a stream of events once there is progress to tell."""

from __future__ import annotations

from typing import Final

from safeconduct.entrypoints.http import Fields, Response, Send, reply
from safeconduct.entrypoints.wire import Id, encode
from safeconduct.ports import JSON

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

    def __init__(self, send: Send, token: Id) -> None:
        self._send = send
        self._token = token
        self._open = False
        self._last: float | None = None

    async def progress(self, params: JSON) -> None:
        """Passes on progress under the client's own token; what does not grow is no progress."""
        told = _rebuilt(params, self._token)
        if told is None or (self._last is not None and told["progress"] <= self._last):
            return
        self._last = told["progress"]
        if not self._open:
            self._open = True
            await self._send(
                {"type": "http.response.start", "status": 200, "headers": list(_HEADERS)}
            )
        event = {"jsonrpc": "2.0", "method": "notifications/progress", "params": told}
        await self._event(encode(event), more=True)

    async def finish(self, response: Response) -> None:
        """Sends the answer, as the last event where the stream is open."""
        if self._open:
            await self._event(response.body, more=False)
        else:
            await reply(self._send, response)

    async def _event(self, message: bytes, *, more: bool) -> None:
        # JSON as it is encoded here has no line ends.
        body = b"event: message\ndata: %b\n\n" % message
        await self._send({"type": "http.response.body", "body": body, "more_body": more})


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
