"""Messages of MCP that go to a server past the gateway, decided as if they came through it.

The mapping is that of the COAZ binding for MCP, draft 1, with three members of `context` besides
`agent`: `task` is the claim `txn` of the task token, `arguments` are what the message carries, and
`server` says on which endpoint the name is a name. A question without them is refused: the gateway
decides about exact bytes, in a task.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Final

import msgspec

from safeconduct.core.calls import COMPLETE, LISTEN, SUBSCRIBE, Kind, kind_of
from safeconduct.core.canonical import NotCanonical, exact
from safeconduct.entrypoints import params
from safeconduct.entrypoints.authzen import answers
from safeconduct.entrypoints.authzen.answers import Duties
from safeconduct.entrypoints.authzen.requests import AccessRequests, Presented
from safeconduct.entrypoints.authzen.shape import Entity, Evaluation
from safeconduct.entrypoints.metadata import RESOURCE_PATH
from safeconduct.entrypoints.wire import Message, Rejected
from safeconduct.handover import Handed, Handover
from safeconduct.ports import JSON, Bearer, Enforcers, Refused, Unauthenticated

_IDENTITY: Final = "identity"
_TYPES: Final = frozenset({"mcp_server", "prompt", "resource", "task", "tool"})
_SERVER: Final = "mcp_server"
_ABOUT: Final = {
    "tools/call": frozenset({"tool"}),
    "resources/read": frozenset({"resource"}),
    SUBSCRIBE: frozenset({"resource"}),
    "resources/unsubscribe": frozenset({"resource"}),
    "prompts/get": frozenset({"prompt"}),
    COMPLETE: frozenset({"prompt", "resource"}),
}
"""By method the types of resource that it is about: the server, if it is not listed."""

_LISTS: Final = frozenset({"toolsListChanged", "promptsListChanged", "resourcesListChanged"})
"""What any task may hear of."""

_GIVEN: Final = frozenset({"tools/call", "prompts/get"})
"""The methods whose arguments a policy may set."""


def about_message(asked: Evaluation) -> bool:
    """Whether a question is about a message of MCP: the mapping has subjects and resources of types
    of its own.
    """
    return asked.subject.type == _IDENTITY and asked.resource.type in _TYPES


class _Context(msgspec.Struct, frozen=True, kw_only=True):
    agent: str
    task: str
    arguments: dict[str, Any] | None = None
    server: str | None = None
    supported_obligations: tuple[str, ...] | None = None
    approval: Presented | None = None


class _Unfit(Exception):
    """A question that makes no sense; the sentence says why."""


class _Asked(msgspec.Struct, frozen=True, kw_only=True):
    """A message that takes the page."""

    method: str
    upstream: str | None
    name: str
    params: JSON


class Messages:
    """Decides about messages of MCP."""

    def __init__(
        self,
        handover: Handover,
        enforcers: Enforcers,
        *,
        issuer: str,
        upstreams: Collection[str],
        obligations: bool,
        requests: AccessRequests | None,
    ) -> None:
        endpoint = issuer + RESOURCE_PATH
        self._servers: dict[str, str | None] = {issuer: None, endpoint: None}
        self._servers |= {f"{endpoint}/{one}": one for one in upstreams}
        self._handover = handover
        self._enforcers = enforcers
        self._obligations = obligations
        self._requests = requests

    async def evaluate(self, evaluation: Evaluation, client: str) -> JSON:
        """The decision on one message. Raises NotRecorded."""
        try:
            context = msgspec.convert(evaluation.context, _Context)
            bearer = self._enforcers.bearer(context.task, evaluation.subject.id, context.agent)
            asked = self._asked(evaluation, context)
        except msgspec.ValidationError:
            return answers.unfit("`context` must say `agent` and `task`.")
        except (Unauthenticated, _Unfit, Rejected) as error:
            return answers.unfit(str(error))
        if asked is None:
            lives = self._handover.lives(bearer)
            return answers.permitted({}) if lives else answers.unfit("The task is over.")
        return await self._decided(evaluation, client, context, bearer, asked)

    async def _decided(
        self,
        evaluation: Evaluation,
        client: str,
        context: _Context,
        bearer: Bearer,
        asked: _Asked,
    ) -> JSON:
        owed = Duties(told=self._obligations, supported=context.supported_obligations)
        given = _exact(context.arguments) if asked.method in _GIVEN else None

        def duties(handed: Handed) -> list[JSON]:
            changed = given is not None and handed.arguments != given
            return answers.duties(handed.obligations, handed.arguments if changed else None)

        def carries(handed: Handed) -> bool:
            return owed.carried(duties(handed))

        answer = await self._handover.decide(
            bearer, asked.method, asked.upstream, asked.name, asked.params, carries
        )
        if isinstance(answer, Refused):
            refusal = answers.refused(answer)
            if self._requests is not None:
                refusal |= self._requests.told(client, evaluation, answer, context.approval)
            return answers.denied(refusal)
        told: JSON = {
            "evaluation_id": answer.decision,
            "digest": answer.digest,
            "expires_at": answers.timestamp(answer.expires_ms),
        }
        if found := duties(answer):
            told["obligations"] = found
        return answers.permitted(told)

    def _asked(self, evaluation: Evaluation, context: _Context) -> _Asked | None:
        """The message; None where any task that lives may send it. Raises _Unfit, Rejected."""
        method, resource = evaluation.action.name, evaluation.resource
        kind = kind_of("from-client", method)
        if kind is None or kind.notification:
            raise _Unfit("No decision is made about this method.")
        if resource.type not in _ABOUT.get(method, {_SERVER}):
            raise _Unfit("This method is not about resources of this type.")
        if resource.type == _SERVER:
            self._server(resource.id)
            if method == LISTEN and not _lists_alone(context.arguments):
                raise _Unfit(
                    "`context.arguments` must be what is to be heard, without resources: ask about "
                    "each of those, as `resources/subscribe`."
                )
            return None
        upstream = None if context.server is None else self._server(context.server)
        if method == SUBSCRIBE:
            return _Asked(method=method, upstream=upstream, name=resource.id, params={})
        if not kind.page:
            return None
        name, told = _params(method, kind, resource, context.arguments)
        return _Asked(method=method, upstream=upstream, name=name, params=told)

    def _server(self, identifier: str) -> str | None:
        """The upstream of an endpoint of ours, None for the one of all. Raises _Unfit."""
        if identifier not in self._servers:
            raise _Unfit("This is no endpoint of this gateway.")
        return self._servers[identifier]


def _lists_alone(arguments: JSON | None) -> bool:
    """Whether nothing but changes of lists is to be heard."""
    if arguments is None:
        return False
    heard = {name: value for name, value in arguments.items() if name != "resourceSubscriptions"}
    return arguments.get("resourceSubscriptions", []) == [] and all(
        name in _LISTS and isinstance(value, bool) for name, value in heard.items()
    )


def _params(method: str, kind: Kind, resource: Entity, arguments: JSON | None) -> tuple[str, JSON]:
    """The name and the parameters that the message has. Raises _Unfit, Rejected."""
    if method == "resources/read":
        return params.called(_message(method, {"uri": resource.id}), kind)
    if arguments is None:
        # The decision is about exact bytes: what was left out is not nothing.
        raise _Unfit("`context.arguments` is missing.")
    if method == COMPLETE:
        prompt = resource.type == "prompt"
        ref = (
            {"type": "ref/prompt", "name": resource.id}
            if prompt
            else {"type": "ref/resource", "uri": resource.id}
        )
        return params.completed(_message(method, {**arguments, "ref": ref}))
    return params.called(_message(method, {"name": resource.id, "arguments": arguments}), kind)


def _message(method: str, given: JSON) -> Message:
    return Message(method=method, id=0, params=given, meta={})


def _exact(arguments: JSON | None) -> object:
    """What the arguments are as they are judged; what has no exact bytes is refused there."""
    try:
        return exact(arguments)[1]
    except NotCanonical:
        return None
