"""What a message is about, what of it is judged and digested, and what is sent of it. Pure."""

from __future__ import annotations

from typing import Any, Final, cast

import msgspec

from safeconduct.core.asks import EVERYTHING
from safeconduct.core.calls import COMPLETE, kind_of
from safeconduct.core.manifest import Argument
from safeconduct.core.model import Call, ToolFacts

JSON = dict[str, Any]


REPLIES: Final = "inputResponses"
"""The name under which replies to an upstream's questions are judged, and sent."""


def with_replies(tool: ToolFacts, arguments: JSON, replies: JSON) -> tuple[ToolFacts, JSON]:
    """A tool and arguments with the replies as one more: content, judged like any other.

    Where the tool has an argument of that name itself, nobody could tell the two apart, and where
    its upstream may ask nothing, nothing is replied: it stays undeclared, which refuses.
    """
    manifest = tool.manifest
    if manifest is not None:
        declared = dict(manifest.arguments)
        asked = tool.asks.allowed(EVERYTHING) or not replies
        if declared.pop(REPLIES, None) is None and REPLIES not in arguments and asked:
            declared[REPLIES] = Argument(role="content")
        manifest = msgspec.structs.replace(manifest, arguments=declared)
    return msgspec.structs.replace(tool, manifest=manifest), {**arguments, REPLIES: replies}


def completing(tool: ToolFacts, name: str, params: JSON) -> tuple[ToolFacts, JSON]:
    """What a completion is about, and what is judged, digested and sent of it: all content.

    Each keystroke of whoever fills in a form reaches the upstream this way.
    """
    ref = params["ref"]
    arguments: JSON = {**params, "ref": {**ref, "name" if "name" in ref else "uri": name}}
    manifest = tool.manifest
    if manifest is not None:
        said = {argument: Argument(role="content") for argument in arguments}
        manifest = msgspec.structs.replace(manifest, arguments=said)
    return msgspec.structs.replace(tool, manifest=manifest), arguments


BY_URI: Final = frozenset({"resources/read", "resources/subscribe"})
"""The methods that name a resource."""


def arguments_of(method: str, name: str, params: JSON, tool: ToolFacts) -> JSON:
    """The part of a request's parameters that is judged, digested and sent.

    A resource has none, but where its URI is free beyond a listed prefix the URI is an argument:
    it may carry something out.
    """
    if method in BY_URI:
        free = tool.manifest is not None and "uri" in tool.manifest.arguments
        return {"uri": name} if free else {}
    return given(params)


def given(params: JSON) -> JSON:
    """The arguments among a request's parameters; none where they are no object."""
    arguments = params.get("arguments")
    return cast("JSON", arguments) if isinstance(arguments, dict) else {}


def subject_method(method: str, params: JSON) -> str:
    """The method whose row in the table says what a call is about."""
    if method != COMPLETE:
        return method
    ref = params["ref"]
    if "name" in ref:
        return "prompts/get"
    return "resources/templates/list" if "{" in ref["uri"] else "resources/read"


def target_of(method: str, upstream: str, name: str) -> str:
    """A target's id in policy, digest, records and pins."""
    kind = kind_of("from-client", method)
    subject = "tool" if kind is None else kind.subject
    return f"{upstream}.{name}" if subject == "tool" else f"{upstream}#{subject}:{name}"


def upstream_params(call: Call) -> JSON:
    """The parameters as they are sent: rebuilt from what was judged and digested."""
    arguments, replies = call.arguments, None
    if call.resumed:
        arguments = dict(arguments)
        replies = arguments.pop(REPLIES)
    if call.method == COMPLETE:
        return arguments
    params: JSON = (
        {"uri": call.name}
        if call.method == "resources/read"
        else {"name": call.name, "arguments": arguments}
    )
    if replies:
        params[REPLIES] = replies
    if call.state is not None:
        params["requestState"] = call.state
    return params
