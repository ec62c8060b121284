"""The two eras of MCP: the stateless revision 2026-07-28, and revisions with a handshake before it.

Negotiation tries the newer era first, with `server/discover`. Whatever is not positive evidence of
it leads to `initialize`. Declared is what the listener of a request can be asked by this upstream,
and nothing where nobody listens.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final, cast

from safeconduct import __version__
from safeconduct.core.asks import Capability, declared
from safeconduct.core.calls import HANDSHAKE, MODERN
from safeconduct.core.canonical import canonical
from safeconduct.core.trace import FIELDS
from safeconduct.ports import JSON, Listener, UpstreamError, UpstreamFault
from safeconduct.upstreams import messages

ACCEPTED: Final = frozenset({HANDSHAKE, "2025-06-18", "2025-03-26"})
"""The revisions that an upstream may choose in answer to `initialize`."""

OVER_STDIO: Final = ACCEPTED | {"2024-11-05"}
"""Those that a child process may choose. 2024-11-05 says nothing there that 2025-03-26 does not;
over HTTP it has another transport, which is not spoken here.
"""

WITHOUT_VERSION_HEADER: Final = "2025-03-26"
"""The accepted revision that is older than the header naming the revision."""

NOBODY: Final[frozenset[Capability]] = frozenset()
"""What can be asked where nobody listens."""

HEADER_MISMATCH: Final = -32020
UNSUPPORTED_VERSION: Final = -32022

_META: Final = "io.modelcontextprotocol/"
_CLIENT: Final = {"name": "safeconduct", "version": __version__}


def able(listener: Listener | None) -> frozenset[Capability]:
    """What an upstream may ask while a request runs."""
    return NOBODY if listener is None else listener.able


def with_meta(
    params: JSON, listener: Listener | None = None, token: int = 0, *, modern: bool
) -> JSON:
    """The parameters with what the era needs in `_meta`; the given object stays as it is.

    `token` is what progress is reported under, if the listener wants any.
    """
    log_level = None if listener is None else listener.log_level
    meta = _envelope(able(listener), log_level) if modern else {}
    if listener is not None and listener.wants_progress:
        meta["progressToken"] = token
    return {**params, "_meta": {**params.get("_meta", {}), **meta}} if meta else params


def request(
    request_id: int,
    method: str,
    params: JSON,
    listener: Listener | None = None,
    *,
    modern: bool,
) -> bytes:
    """Encode a request with what the era needs in `_meta`.

    Raises:
        UpstreamFault: the parameters have no canonical form; nothing left.
    """
    if listener is None or not listener.wants_progress:
        given = dict(params)
        meta: JSON = given.pop("_meta", {})
        if meta.keys() <= FIELDS:
            told = b"" if not modern else _envelope_of(listener)
            return messages.request(request_id, method, given, _joined(told, meta))
    complete = with_meta(params, listener, request_id, modern=modern)
    return messages.request(request_id, method, complete)


def initialize_params(able: frozenset[Capability]) -> JSON:
    """What `initialize` carries: the newest revision with a handshake, and who can be asked."""
    return {
        "protocolVersion": HANDSHAKE,
        "capabilities": declared(able),
        "clientInfo": _CLIENT,
    }


def _envelope(able: frozenset[Capability], log_level: str | None) -> JSON:
    meta: JSON = {
        f"{_META}protocolVersion": MODERN,
        f"{_META}clientInfo": _CLIENT,
        f"{_META}clientCapabilities": declared(able),
    }
    if log_level is not None:
        meta[f"{_META}logLevel"] = log_level
    return meta


# There are as many as there are sets of capabilities, times levels.
@lru_cache(maxsize=256)
def _written(able: frozenset[Capability], log_level: str | None) -> bytes:
    return canonical(_envelope(able, log_level))


_UNHEARD: Final = _written(NOBODY, None)


def _envelope_of(listener: Listener | None) -> bytes:
    return _UNHEARD if listener is None else _written(listener.able, listener.log_level)


def _joined(told: bytes, trace: JSON) -> bytes:
    """One object of two: the names of a trace context come after all others, so it is canonical."""
    if not trace:
        return told
    own = canonical(trace)
    return own if not told else told[:-1] + b"," + own[1:]


def offers_modern(discovered: JSON) -> bool:
    """Whether a result of `server/discover` names the stateless revision."""
    return MODERN in _strings(discovered.get("supportedVersions"))


def answers_modern(error: UpstreamError) -> bool:
    """Whether an error answer is itself evidence that the stateless revision is spoken."""
    return error.code == UNSUPPORTED_VERSION and MODERN in _supported(error)


def check_common(error: UpstreamError) -> None:
    """Let an error answer to `server/discover` pass if `initialize` may still succeed.

    Raises:
        UpstreamFault: the upstream named its revisions, and none of them is spoken here.
    """
    supported = _supported(error)
    if error.code == UNSUPPORTED_VERSION and supported and not ACCEPTED & supported:
        raise no_common_revision()


def agreed(initialized: JSON, accepted: frozenset[str] = ACCEPTED) -> str:
    """The revision that an answer to `initialize` chose.

    Raises:
        UpstreamFault: it is not spoken here.
    """
    revision = initialized.get("protocolVersion")
    if not isinstance(revision, str) or revision not in accepted:
        raise no_common_revision()
    return revision


def offered(initialized: JSON) -> JSON:
    """The capabilities that an upstream declares in its answer to `initialize`."""
    found = initialized.get("capabilities")
    return cast("JSON", found) if isinstance(found, dict) else {}


def no_common_revision() -> UpstreamFault:
    """The fault of an upstream that shares no revision with us."""
    detail = "no protocol revision in common"
    return UpstreamFault("upstream-rejected", detail, may_have_happened=False)


def result_of(result: JSON | None, error: UpstreamError | None) -> JSON:
    """The result, or its error raised.

    Raises:
        UpstreamError: the upstream's own answer.
        UpstreamFault: it refused our envelope before it looked at the request.
    """
    if error is not None:
        if error.code in {HEADER_MISMATCH, UNSUPPORTED_VERSION}:
            detail = f"the envelope was refused with error {error.code}"
            raise UpstreamFault("upstream-rejected", detail, may_have_happened=False)
        raise error
    return result if result is not None else {}


def _supported(error: UpstreamError) -> frozenset[str]:
    data = error.data
    return _strings(cast("JSON", data).get("supported")) if isinstance(data, dict) else frozenset()


def _strings(value: object) -> frozenset[str]:
    items = cast("list[object]", value) if isinstance(value, list) else []
    return frozenset(item for item in items if isinstance(item, str))
