"""What a subscription is for, as it is said to an upstream, and what comes of it.

Notifications are rebuilt from their known members, and those that nobody wants are dropped: an
upstream can say that something changed, and nothing else.
"""

from __future__ import annotations

from typing import Final, cast

from safeconduct.core.calls import LIST_CHANGED, UPDATED
from safeconduct.ports import JSON, UpstreamError, UpstreamFault, Wanted
from safeconduct.upstreams.messages import Answer, Notice
from safeconduct.upstreams.wire import REJECTED, UNREACHABLE

_LISTS: Final = {method: kind for kind, method in LIST_CHANGED.items()}
_TAG: Final = "io.modelcontextprotocol/subscriptionId"


def listen_params(wanted: Wanted) -> JSON:
    """The parameters of `subscriptions/listen` (revision 2026-07-28)."""
    notifications: JSON = {
        f"{kind}ListChanged": True for kind in LIST_CHANGED if getattr(wanted, kind)
    }
    if wanted.uris:
        notifications["resourceSubscriptions"] = sorted(wanted.uris)
    return {"notifications": notifications}


def news(notice: Notice, wanted: Wanted) -> JSON | None:
    """The parameters of a notice that is wanted, or None."""
    kind = _LISTS.get(notice.method)
    if kind is not None:
        return {} if getattr(wanted, kind) else None
    uri = notice.params.get("uri")
    if notice.method == UPDATED and isinstance(uri, str) and uri in wanted.uris:
        return {"uri": uri}
    return None


def belongs(notice: Notice, request_id: int) -> bool:
    """Whether a notice says that it belongs to the subscription which a request has begun."""
    meta = notice.params.get("_meta")
    tag: object = cast("JSON", meta).get(_TAG) if isinstance(meta, dict) else None
    return type(tag) is int and tag == request_id


def ended(answer: Answer | None) -> UpstreamFault:
    """The fault of a subscription that was refused, or that the upstream has ended."""
    if answer is not None and answer.error is not None:
        return _refused(answer.error)
    return UpstreamFault(UNREACHABLE, "the subscription ended", may_have_happened=False)


def acknowledged(notice: Notice, wanted: Wanted) -> frozenset[str]:
    """The resources, of those that are wanted, of which an acknowledgement says to tell."""
    said = notice.params.get("notifications")
    uris: object = cast("JSON", said).get("resourceSubscriptions") if isinstance(said, dict) else ()
    told = cast("list[object]", uris) if isinstance(uris, list) else []
    return wanted.uris & {uri for uri in told if isinstance(uri, str)}


def check_begun(wanted: Wanted, agreed: frozenset[str]) -> None:
    """Raises UpstreamFault: all resources that are wanted were refused."""
    if wanted.uris and not agreed:
        detail = "every resource was refused"
        raise UpstreamFault(REJECTED, detail, may_have_happened=False)


def _refused(error: UpstreamError) -> UpstreamFault:
    detail = f"the subscription was refused with error {error.code}"
    return UpstreamFault(REJECTED, detail, may_have_happened=False)
