"""Any decision point that speaks the OpenID AuthZEN Authorization API 1.0.

The policy input becomes a question in the shape of the COAZ profile for MCP: the user is the
subject, the method the action, the tool the resource; agent, task and time are the context. A
refusal with `context.access_request` (Access Request and Approval Profile, draft) asks a person;
once that person agreed the question is asked again with the approval, and a refusal stays one.
Obligations (draft profile) that are not understood refuse.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Annotated, Any, Final

import msgspec
import orjson

from safeconduct.core.policy import PolicyAnswer
from safeconduct.policy.bundles.header import Remote
from safeconduct.policy.contract import Asked, Contract, Denied, Permitted, Sets
from safeconduct.policy.remote.asking import Asking, Authorization, Unanswered

PATH: Final = "/access/v1/evaluation"
PERMIT, DENY, ASK = "pdp.permit", "pdp.deny", "pdp.access-request"
"""The rule ids that stand in records: a decision point names none of its own."""

TTL_S: Final = 300
"""How long a person's yes to an access request lasts."""

_METHODS: Final = {"#resource:": "resources/read", "#prompt:": "prompts/get"}


class _Obligation(msgspec.Struct, frozen=True):
    type: str
    id: Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
    acr_value: str | None = None
    amr_values: tuple[str, ...] = ()


class _AccessRequest(msgspec.Struct, frozen=True):
    template: Annotated[str, msgspec.Meta(min_length=1, max_length=64)] = "access-request"


class _Context(msgspec.Struct, frozen=True):
    obligations: tuple[_Obligation, ...] = ()
    access_request: _AccessRequest | None = None


class _Answer(msgspec.Struct, frozen=True):
    decision: bool
    context: _Context = _Context()


class AuthZenEngine:
    """A decision point that knows how to answer, asked for each call.

    `obligations` of the type `custom` count as the bundle's own by their id, and `step-up` is met
    by how the user signed in; any other refuses.
    """

    def __init__(
        self,
        contract: Contract,
        remote: Remote,
        *,
        unsafe: tuple[str, ...] = (),
        authorization: Authorization | None = None,
    ) -> None:
        """Raises PolicyRefused."""
        self.digest, self.unsafe = contract.digest, unsafe
        self.members: frozenset[str] | None = None
        self._contract = contract
        self._asking = Asking(remote, PATH, authorization)

    async def evaluate(self, input_json: bytes, now_ms: int) -> PolicyAnswer:
        """What the decision point says to one policy input."""
        given: dict[str, Any] = orjson.loads(input_json)
        try:
            answer = await self._asking.ask(
                orjson.dumps(question(given)), **{"x-request-id": str(uuid.uuid4())}
            )
            said = msgspec.convert(answer, _Answer)
        except Unanswered as error:
            return self._contract.failed(f"the decision point: {error}")
        except msgspec.ValidationError:
            return self._contract.failed("the decision point answered in a shape of its own")
        named: list[str] = []
        for one in said.context.obligations:
            if one.type == "custom":
                named.append(one.id)
            elif one.type != "step-up" or not _stepped_up(one, given.get("user", {})):
                return self._contract.failed("the decision point demands what cannot be done here")
        return self._contract.answer(_sets(said, tuple(named), asked="approval" in given))

    async def close(self) -> None:
        """Ends the connections to the decision point."""
        await self._asking.close()


def question(given: Mapping[str, Any]) -> dict[str, Any]:
    """A policy input as an access evaluation request."""
    call, agent = dict(given["call"]), dict(given["agent"])
    user, task = dict(given["user"]), dict(given["task"])
    tool = call.pop("tool")
    shown = {name: call.pop(name) for name in ("upstream", "effect", "scopes", "fields")}
    seen = {name: given[name] for name in ("labels", "provenance", "facts", "findings")}
    context = {"agent": agent.pop("id"), "task": task, "now_ms": given["now_ms"]}
    if "approval" in given:
        context["approval"] = given["approval"]
    beside = tool[len(shown["upstream"]) :]
    kind = next((mark for mark in _METHODS if beside.startswith(mark)), "")
    return {
        "subject": {
            "type": "identity",
            "id": user.pop("id"),
            "properties": user | {"agent": agent},
        },
        "action": {"name": _METHODS.get(kind, "tools/call"), "properties": call},
        "resource": {"type": kind.strip("#:") or "tool", "id": tool, "properties": shown | seen},
        "context": context,
    }


def _sets(said: _Answer, obligations: tuple[str, ...], *, asked: bool) -> Sets:
    if said.decision:
        return Sets(permit=(Permitted(PERMIT, obligations),))
    wanted = said.context.access_request
    # INVARIANT: a person was asked once. A refusal after the yes is the decision point's last word.
    if wanted is None or asked or obligations:
        return Sets(deny=(Denied(DENY),))
    return Sets(elevate=(Asked(ASK, wanted.template, TTL_S),))


def _stepped_up(wanted: _Obligation, user: Mapping[str, Any]) -> bool:
    """Whether the sign-in that the task rests on was as strong as is wanted."""
    return wanted.acr_value in (user.get("acr") or "").split() and set(wanted.amr_values) <= set(
        user.get("amr", ())
    )
