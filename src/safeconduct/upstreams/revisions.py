"""The two eras of MCP: the stateless revision 2026-07-28, and revisions with a handshake before it.

Negotiation tries the newer era first, with `server/discover`. Whatever is not positive evidence of
it leads to `initialize`. No client capability is ever declared.
"""

from __future__ import annotations

from typing import Final, cast

from safeconduct import __version__
from safeconduct.core.calls import HANDSHAKE, MODERN
from safeconduct.core.canonical import canonical
from safeconduct.ports import JSON, UpstreamError, UpstreamFault
from safeconduct.upstreams import messages

ACCEPTED: Final = frozenset({HANDSHAKE, "2025-06-18", "2025-03-26"})
"""The revisions that an upstream may choose in answer to `initialize`."""

WITHOUT_VERSION_HEADER: Final = "2025-03-26"
"""The accepted revision that is older than the header naming the revision."""

HEADER_MISMATCH: Final = -32020
UNSUPPORTED_VERSION: Final = -32022

_META: Final = "io.modelcontextprotocol/"
_CLIENT: Final = {"name": "safeconduct", "version": __version__}
_ENVELOPE: Final = {
    f"{_META}protocolVersion": MODERN,
    f"{_META}clientInfo": _CLIENT,
    f"{_META}clientCapabilities": {},
}
_WRITTEN: Final = canonical(_ENVELOPE)


def with_meta(params: JSON, *, modern: bool, progress_token: int | None = None) -> JSON:
    """The parameters with what the era needs in `_meta`; the given object stays as it is."""
    meta: JSON = dict(_ENVELOPE) if modern else {}
    if progress_token is not None:
        meta["progressToken"] = progress_token
    return {**params, "_meta": {**params.get("_meta", {}), **meta}} if meta else params


def request(
    request_id: int, method: str, params: JSON, *, modern: bool, progress_token: int | None = None
) -> bytes:
    """Encode a request with what the era needs in `_meta`.

    Raises:
        UpstreamFault: the parameters have no canonical form; nothing left.
    """
    if modern and progress_token is None and "_meta" not in params:
        return messages.request(request_id, method, params, _WRITTEN)
    complete = with_meta(params, modern=modern, progress_token=progress_token)
    return messages.request(request_id, method, complete)


def initialize_params() -> JSON:
    """What `initialize` carries: the newest revision with a handshake, and no capability."""
    return {"protocolVersion": HANDSHAKE, "capabilities": {}, "clientInfo": _CLIENT}


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


def agreed(initialized: JSON) -> str:
    """The revision that an answer to `initialize` chose.

    Raises:
        UpstreamFault: it is not spoken here.
    """
    revision = initialized.get("protocolVersion")
    if not isinstance(revision, str) or revision not in ACCEPTED:
        raise no_common_revision()
    return revision


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
