"""From what the page answers to what the agent reads: the error table of the architecture."""

from __future__ import annotations

from typing import Final

from safeconduct.core.asks import declared
from safeconduct.core.calls import COMPLETE
from safeconduct.core.reasons import REASONS, Remedy
from safeconduct.entrypoints.http import Response
from safeconduct.entrypoints.wire import INVALID_PARAMS, MISSING_CAPABILITY, Id, error, result
from safeconduct.ports import JSON, Refused

REFUSAL: Final = "dev.safeconduct/refusal"
"""The key under which a tool result's `_meta` carries a refusal."""

POLL_MS: Final = 5_000
"""After what time it makes sense to look whether a person has answered, in milliseconds."""

_ADVICE: Final = {
    Remedy.narrow_arguments: "Change the arguments.",
    Remedy.use_other_tool: "Use another tool.",
    Remedy.ask_user: "Ask the user.",
    Remedy.wait_for_approval: "Wait for the approval.",
    Remedy.stop: "Stop here and tell the user.",
}

_UNKNOWN: Final = {
    "tools/call": "Unknown tool",
    "resources/read": "Unknown resource",
    "prompts/get": "Unknown prompt",
    COMPLETE: "Unknown prompt or resource",
}


def shaped(value: JSON, *, modern: bool, cacheable: bool) -> JSON:
    """A result with what its revision demands, whatever an upstream had put there.

    Cacheable ones are this task's own and stale at once: what a task may see can change with every
    call.
    """
    kept = {key: item for key, item in value.items() if key not in _SHAPE}
    if modern:
        kept["resultType"] = "complete"
        if cacheable:
            kept |= _UNCACHED
    return kept


_UNCACHED: Final = {"ttlMs": 0, "cacheScope": "private"}
_SHAPE: Final = frozenset({"resultType", *_UNCACHED})


def unknown(request_id: Id, method: str, name: str) -> Response:
    """What a name gets that does not exist, or that the task may not know of: there is one answer
    for both, so that it tells nothing. A resource's URI is told to who sent it (MCP 2026-07-28,
    resources, "Error Handling").
    """
    data = {"uri": name} if method == "resources/read" else None
    return error(request_id, INVALID_PARAMS, _UNKNOWN[method], data)


def refused(
    request_id: Id, method: str, name: str, answer: Refused, *, modern: bool, resource: str
) -> Response:
    """A refusal. `name` is what was asked for, on the wire; `resource` is the URL of the
    protected-resource metadata (RFC 9728).
    """
    if answer.code == "tool-unknown":
        return unknown(request_id, method, name)
    reason = REASONS[answer.code]
    told = refusal(answer)
    sentence = f"{reason.sentence} {_ADVICE[reason.remedy]}"
    if answer.may_have_happened:
        sentence = f"{sentence} The call may have taken effect."
    if answer.code == "scope-missing":
        challenge = scope_challenge(answer.scopes, resource)
        headers = ((b"www-authenticate", challenge),)
        return error(request_id, INVALID_PARAMS, sentence, told, status=403, headers=headers)
    if answer.code == "client-unable" and modern:
        told["requiredCapabilities"] = declared(answer.needs)
        return error(request_id, MISSING_CAPABILITY, sentence, told, status=400)
    if method != "tools/call":
        return error(request_id, INVALID_PARAMS, sentence, told)
    content = {
        "content": [{"type": "text", "text": sentence}],
        "isError": True,
        "_meta": {REFUSAL: told},
    }
    return result(request_id, shaped(content, modern=modern, cacheable=False))


def scope_challenge(scopes: tuple[str, ...], resource: str) -> bytes:
    """`WWW-Authenticate` for a scope that could have been had: all that are needed, at once."""
    return (
        f'DPoP algs="ES256 EdDSA", error="insufficient_scope", scope="{" ".join(scopes)}", '
        f'resource_metadata="{resource}"'
    ).encode()


def token_challenge(fault: str | None, resource: str) -> bytes:
    """`WWW-Authenticate` for no token (without a fault, RFC 6750 section 3.1) or a bad one."""
    said = "" if fault is None else f' error="{fault}",'
    return f'DPoP algs="ES256 EdDSA",{said} resource_metadata="{resource}"'.encode()


def refusal(answer: Refused) -> JSON:
    """A refusal as programs read it."""
    reason = REASONS[answer.code]
    told: JSON = {
        "reason": reason.code,
        "remedy": reason.remedy.value,
        "retry": reason.retry,
        "decision_id": answer.decision,
        "stage": reason.stage,
    }
    if answer.argument is not None:
        told["argument"] = answer.argument
    if answer.approval is not None:
        told["approval"] = answer.approval
        told["retry_after_ms"] = POLL_MS
    if answer.replied.said:
        told["said"] = answer.replied.said
    if answer.replied.arguments is not None:
        told["arguments"] = answer.replied.arguments
    if answer.may_have_happened:
        told["may_have_happened"] = True
    return told
