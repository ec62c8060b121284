"""What an upstream may ask of the client in the middle of a call, and what it gets. Pure.

An ask is a request from the upstream's side (MCP 2025-11-25: `elicitation/create`,
`sampling/createMessage`, `roots/list`; 2026-07-28: the same as entries of `inputRequests`). It is
an upstream's text on its way to a person or a model, so it is rebuilt member by member; the reply
is data on its way to the upstream. Nothing may be asked that the operator did not allow this
upstream, or that the client did not declare.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final, Literal, assert_never, cast, get_args

import msgspec

from safeconduct.core.elicitation import elicited, form, page
from safeconduct.core.sampling import completed, roots, sampling
from safeconduct.core.shapes import JSON, Malformed, NotAllowed, object_of, text_of

INPUT_REQUIRED: Final = "input_required"
"""The type of a result that asks for input instead of being one."""

Capability = Literal["elicitation.form", "elicitation.url", "sampling", "roots"]
"""What a client can be asked for, by our names."""

EVERYTHING: Final = frozenset[Capability](get_args(Capability))


class Asks(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What an operator lets an upstream ask of clients; nothing unless configured.

    `url_origins` are the origins (`https://host[:port]`) of pages that it may send a person to.
    """

    form: bool = False
    url_origins: tuple[str, ...] = ()
    sampling: bool = False
    roots: bool = False

    def allowed(self, declared: frozenset[Capability]) -> frozenset[Capability]:
        """The capabilities of a client that this upstream may use, and so may learn of."""
        here: dict[Capability, bool] = {
            "elicitation.form": self.form,
            "elicitation.url": bool(self.url_origins),
            "sampling": self.sampling,
            "roots": self.roots,
        }
        return frozenset(name for name in declared if here[name])


def capabilities(declared: object) -> frozenset[Capability]:
    """What a `ClientCapabilities` object offers, by our names; what is not understood is nothing.

    An `elicitation` without a mode means forms, as it did before there were two modes.
    """
    if not isinstance(declared, dict):
        return frozenset()
    said = cast("JSON", declared)
    found: set[Capability] = set()
    elicitation = said.get("elicitation")
    if isinstance(elicitation, dict):
        modes = cast("JSON", elicitation)
        if "form" in modes or "url" not in modes:
            found.add("elicitation.form")
        if "url" in modes:
            found.add("elicitation.url")
    if isinstance(said.get("sampling"), dict):
        found.add("sampling")
    if isinstance(said.get("roots"), dict):
        found.add("roots")
    return frozenset(found)


def required(data: object) -> frozenset[Capability]:
    """What an upstream says that it misses, in the `data` of a -32021 error."""
    if not isinstance(data, dict):
        return frozenset()
    return capabilities(cast("JSON", data).get("requiredCapabilities"))


def declared(names: frozenset[Capability]) -> JSON:
    """The `ClientCapabilities` object that declares exactly these."""
    found: JSON = {}
    for name in sorted(names):
        kind, _, mode = name.partition(".")
        found.setdefault(kind, {}).update({mode: {}} if mode else {})
    return found


def ask(method: str, params: Mapping[str, Any], asks: Asks, client: frozenset[Capability]) -> JSON:
    """The parameters of an ask as the client may see them. `client` is what it declared.

    Raises:
        Malformed: they are not what the protocol says, or there is no such ask.
        NotAllowed: this upstream may not ask this, or this client may not be asked.
    """
    needed = _needed(method, params)
    if needed not in asks.allowed(client):
        raise NotAllowed
    match needed:
        case "elicitation.form":
            return form(params)
        case "elicitation.url":
            return page(params, asks.url_origins)
        case "sampling":
            return sampling(params)
        case "roots":
            return {}
        case _:
            assert_never(needed)


def _needed(method: str, params: Mapping[str, Any]) -> Capability:
    match method, params.get("mode", "form"):
        case "elicitation/create", "form":
            return "elicitation.form"
        case "elicitation/create", "url":
            return "elicitation.url"
        case "sampling/createMessage", _:
            return "sampling"
        case "roots/list", _:
            return "roots"
        case _:
            raise Malformed


MAX_ASKS: Final = 16
"""How many things one result may ask for at once."""

MAX_STATE_BYTES: Final = 32_768
"""How long the state may be that an upstream wants back, as JSON writes it."""

_KEY: Final = re.compile(r"[\x21-\x7E]{1,128}")


def input_required(result: Mapping[str, Any], asks: Asks, client: frozenset[Capability]) -> JSON:
    """A result that asks for more input, as the client may see it (MCP 2026-07-28, multi
    round-trip requests).

    Raises:
        Malformed: it is not what the protocol says.
        NotAllowed: something in it may not be asked.
    """
    kept: JSON = {"resultType": INPUT_REQUIRED}
    if "inputRequests" in result:
        given = object_of(result["inputRequests"])
        if len(given) > MAX_ASKS or not all(_KEY.fullmatch(key) for key in given):
            raise Malformed
        kept["inputRequests"] = {
            key: _asked(object_of(one), asks, client) for key, one in given.items()
        }
    if "requestState" in result:
        state = text_of(result, "requestState")
        if len(msgspec.json.encode(state)) > MAX_STATE_BYTES:
            raise Malformed
        kept["requestState"] = state
    if len(kept) == 1:
        raise Malformed
    return kept


def pages_first(data: object) -> JSON:
    """The `data` of a -32042 error (MCP 2025-11-25, elicitation, "URL Elicitation Required Error")
    as the result that asks for the same: pages to be visited before the call is made again.

    What is no such data becomes a result that is malformed.
    """
    given = cast("JSON", data).get("elicitations") if isinstance(data, dict) else None
    asked: JSON = {"resultType": INPUT_REQUIRED}
    pages = cast("list[object]", given) if isinstance(given, list) else []
    if pages and all(map(_is_page, pages)):
        asked["inputRequests"] = {
            f"page-{number}": {"method": "elicitation/create", "params": page}
            for number, page in enumerate(pages, 1)
        }
    return asked


def _is_page(given: object) -> bool:
    """Whether this is a page with an id: nothing else may come first."""
    page = cast("JSON", given) if isinstance(given, dict) else {}
    return page.get("mode") == "url" and "elicitationId" in page


def only_pages(asked: Mapping[str, Any]) -> bool:
    """Whether a result that asks, as it was rebuilt, came of `pages_first`: since 2026-07-28 no
    page has an id.
    """
    requests: JSON = asked.get("inputRequests", {})
    return (
        "requestState" not in asked
        and bool(requests)
        and all("elicitationId" in one["params"] for one in requests.values())
    )


def _asked(given: JSON, asks: Asks, client: frozenset[Capability]) -> JSON:
    method = text_of(given, "method")
    return {
        "method": method,
        "params": ask(method, object_of(given.get("params", {})), asks, client),
    }


def reply(method: str, result: Mapping[str, Any]) -> JSON:
    """A client's reply to an ask, as the upstream may get it.

    Raises Malformed: it is not what the protocol says, or there is no such ask.
    """
    match method:
        case "elicitation/create":
            return elicited(result)
        case "sampling/createMessage":
            return completed(result)
        case "roots/list":
            return roots(result)
        case _:
            raise Malformed
