"""What went wrong on the way to the gateway, as a sentence that says what to do next."""

from __future__ import annotations

from typing import Final, cast

from safeconduct.kit import strictjson
from safeconduct.ports import JSON, UpstreamFault
from safeconduct.shim.passage import unreachable
from safeconduct.upstreams.wire import BUSY, REJECTED, UNREACHABLE, Exchange

_UNKNOWN: Final = (
    "Whether the call took effect is not known: look before it is repeated "
    "(`safeconduct audit show`)."
)
_MAX_DETAIL: Final = 300

_NEXT: Final = {
    401: "The task has ended or was revoked, its key is not known, or this clock is wrong. "
    "Restart this server in your client to start a new task.",
    403: "Look at what the agent is assigned and registered for.",
    404: "There is no such endpoint, or the gateway has forgotten this client: correct "
    "--upstream, or restart this server in your client.",
    406: "Update the gateway and this shim to the same version.",
    413: "Send less, or raise gateway.max_body_bytes.",
    415: "Update the gateway and this shim to the same version.",
    421: "Something else answers there, or gateway.issuer is not the name that it is reached by.",
    429: "Try again later.",
    503: "Try again later.",
}


class Failed(Exception):
    """A message that got no answer. `status` is of HTTP, where it came so far."""

    def __init__(
        self, sentence: str, *, status: int | None = None, may_have_happened: bool = False
    ) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.status = status
        self.may_have_happened = may_have_happened

    @property
    def data(self) -> JSON:
        """The same for programs: a member `data` of a JSON-RPC error."""
        told: JSON = {"may_have_happened": self.may_have_happened}
        return told if self.status is None else told | {"http_status": self.status}


def broken(fault: UpstreamFault, issuer: str) -> Failed:
    """The connection, or what came over it."""
    if fault.reason == UNREACHABLE and not fault.may_have_happened:
        return Failed(unreachable(issuer, fault.detail))
    if fault.reason == UNREACHABLE:
        sentence = f"The connection to the gateway was lost. {_UNKNOWN}"
        return Failed(sentence, may_have_happened=True)
    if fault.reason == BUSY:
        return Failed("Too many calls are under way. Wait for some of them; nothing was sent.")
    if fault.reason == REJECTED:
        return Failed("The message names a revision that fits in no header; nothing was sent.")
    sentence = f"What answers at {issuer} is no gateway ({fault.detail}). {_UNKNOWN}"
    return Failed(sentence, may_have_happened=fault.may_have_happened)


def refused(exchange: Exchange, body: bytes, issuer: str) -> Failed:
    """A response that is not the answer to a request."""
    status = exchange.status
    if status < 300:
        return unclear(f"HTTP {status} without an answer")
    detail = _detail(body)
    said = f"HTTP {status}" + (f": {detail}" if detail else "")
    if status >= 500 and status not in _NEXT:
        sentence = f"The gateway at {issuer} failed ({said}). Look at its log. {_UNKNOWN}"
        return Failed(sentence, status=status, may_have_happened=True)
    sentence = f"The gateway at {issuer} refused ({said})."
    return Failed(f"{sentence} {_NEXT.get(status, '')}".strip(), status=status)


def unclear(why: str) -> Failed:
    """An answer without a meaning."""
    return Failed(
        f"The gateway's answer makes no sense ({why}). {_UNKNOWN}", may_have_happened=True
    )


def no_answer() -> Failed:
    """A stream that ended too soon."""
    sentence = f"The gateway ended its answer half-way. {_UNKNOWN}"
    return Failed(sentence, may_have_happened=True)


def _detail(body: bytes) -> str:
    """What a problem (RFC 9457) says of itself, as one line."""
    try:
        value: object = strictjson.loads(body)
    except strictjson.StrictJSONError:
        return ""
    said = cast("JSON", value).get("detail") if isinstance(value, dict) else None
    text = said if isinstance(said, str) else ""
    return "".join(letter for letter in text if letter.isprintable())[:_MAX_DETAIL]
