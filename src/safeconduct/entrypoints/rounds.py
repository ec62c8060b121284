"""Questions that end a request, and the request that brings the answers (MCP 2026-07-28, multi
round-trip requests).

What the client carries meanwhile is sealed and bound to its task, its key and the very call: see
`seal`. It says what was asked, so that a reply is read as the answer to that and to nothing else.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import msgspec
import orjson

from safeconduct.core.asks import INPUT_REQUIRED, reply
from safeconduct.core.shapes import Malformed
from safeconduct.entrypoints.wire import INVALID_PARAMS, Message, Rejected, as_object
from safeconduct.kit.seal import Seal, Unsealed
from safeconduct.ports import JSON, Bearer

RETRIED: Final = frozenset({"tools/call", "resources/read", "prompts/get"})
"""The methods whose answer may be a question."""

MAX_REPLIES: Final = 64
"""How many replies one request may bring."""

VOID: Final = "requestState is not valid here."

_REPLIES: Final = "inputResponses"
_STATE: Final = "requestState"


class State(msgspec.Struct, frozen=True, array_like=True, kw_only=True):
    """What was asked: the methods by key. `inner` is the upstream's own state; `parked` and `round`
    say which call of this process waits for the replies, if one does. `approval` is the question
    to whose page a person was sent: nothing is replied to that, and the call is made anew.
    """

    methods: dict[str, str]
    inner: str | None = None
    parked: str | None = None
    round: int = 0
    approval: str | None = None


class Retry(msgspec.Struct, frozen=True):
    """The replies that a request brings, and the state that it was given."""

    replies: JSON
    state: State | None


def taken(message: Message) -> tuple[Message, JSON]:
    """A message without what only a retry has, and that."""
    given = message.params
    if _REPLIES not in given and _STATE not in given:
        return message, {}
    brought: JSON = {key: given[key] for key in (_REPLIES, _STATE) if key in given}
    params = {key: value for key, value in given.items() if key not in brought}
    return msgspec.structs.replace(message, params=params), brought


class Rounds:
    """Seals questions and reads what comes back."""

    def __init__(self, clock_ms: Callable[[], int]) -> None:
        self._seal = Seal(State, clock_ms)

    def asking(self, requests: JSON, state: State, binding: bytes) -> JSON:
        """The result that asks. Raises ValueError where the state is too long."""
        asked: JSON = {"resultType": INPUT_REQUIRED, _STATE: self._seal.seal(state, binding)}
        return {**asked, "inputRequests": requests} if requests else asked

    def retry(self, message: Message, brought: JSON, binding: bytes) -> Retry:
        """What a retry brings. Replies to what was not asked are left out.

        A client may answer what it was asked before without bringing the state back, where there
        was none to keep; then the form of a reply says what it replies to.

        Raises Rejected (-32602) for a reply that is none, and for a state that is not ours, not for
        this call, or too old: which of them it does not say.
        """
        state: State | None = None
        if _STATE in brought:
            text = brought[_STATE]
            try:
                state = self._seal.open(text if type(text) is str else "", binding)
            except Unsealed:
                raise invalid(message, VOID) from None
        given = as_object(brought.get(_REPLIES, {}))
        if given is None or len(given) > MAX_REPLIES:
            raise invalid(message, "inputResponses must be an object of a few replies.")
        replies: JSON = {}
        for key, value in given.items():
            method = _form(value) if state is None else state.methods.get(key)
            if method is not None:
                try:
                    replies[key] = reply(method, as_object(value) or {})
                except Malformed:
                    raise invalid(message, "An inputResponse is malformed.") from None
        return Retry(replies, state)


def binding(bearer: Bearer, path: str, method: str, params: JSON) -> bytes:
    """What a state belongs to: the task, its key, the endpoint, and the call to the letter."""
    whole = [bearer.tenant, bearer.task, bearer.key, path, method, params]
    return orjson.dumps(whole, option=orjson.OPT_SORT_KEYS)


def _form(value: object) -> str:
    given = as_object(value) or {}
    if "action" in given:
        return "elicitation/create"
    return "roots/list" if "roots" in given else "sampling/createMessage"


def invalid(message: Message, sentence: str) -> Rejected:
    """What is wrong with a retry."""
    return Rejected(INVALID_PARAMS, sentence, request_id=message.id)
