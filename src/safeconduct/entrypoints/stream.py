"""A response that turns into a stream of events once there is more to tell than the answer."""

from __future__ import annotations

from typing import Final

from safeconduct.core.admit import LEVELS
from safeconduct.core.asks import Capability
from safeconduct.entrypoints.http import Fields, Request, Response
from safeconduct.entrypoints.wire import Id, encode
from safeconduct.ports import JSON, AskRefused

_HEADERS: Final[Fields] = (
    (b"content-type", b"text/event-stream"),
    (b"cache-control", b"no-cache, no-transform"),
    (b"x-accel-buffering", b"no"),
)

PROGRESS: Final = "notifications/progress"


class Stream:
    """The response to one request whose sender wants to hear more than the answer.

    The first message decides: progress or a log line opens a stream of server-sent events, an
    answer is sent as a plain response. A slow reader holds up the upstream's notifications, and
    nothing is kept for it.
    """

    def __init__(self, request: Request, *, token: Id | None, log_level: str | None) -> None:
        self.able: frozenset[Capability] = frozenset()
        self.wants_progress = token is not None
        self.log_level = log_level
        self._request = request
        self._token = token
        self._open = False
        self._last: float | None = None

    async def asked(self, method: str, params: JSON) -> JSON:
        """Nothing can be asked of this client. Raises AskRefused."""
        raise AskRefused(-32601, f"Method not found: {method}")

    async def notified(self, method: str, params: JSON) -> None:
        """Passes on progress under the client's own token, and log lines that are serious enough;
        what does not grow is no progress.
        """
        told = self._progress(params) if method == PROGRESS else self._log_line(params)
        if told is None:
            return
        if not self._open:
            self._open = True
            self._request.start(_HEADERS)
        await self._event(encode({"jsonrpc": "2.0", "method": method, "params": told}))

    def _progress(self, params: JSON) -> JSON | None:
        told = None if self._token is None else _rebuilt(params, self._token)
        if told is None or (self._last is not None and told["progress"] <= self._last):
            return None
        self._last = told["progress"]
        return told

    def _log_line(self, params: JSON) -> JSON | None:
        wanted = self.log_level
        serious = wanted is not None and LEVELS.index(params["level"]) >= LEVELS.index(wanted)
        return params if serious else None

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
