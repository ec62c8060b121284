"""Where the request leads: to an address or an object that it does not name itself. Pure."""

from __future__ import annotations

from typing import Final

from safeconduct.core.aiming import addresses, steering_values
from safeconduct.core.manifest import ADDRESS_ROLES, CONTROL_ROLES, Effect
from safeconduct.core.model import Call, Facts
from safeconduct.core.provenance import named

FOLLOWED: Final = frozenset({Effect.write, Effect.send})
"""Effects of calls in which an address may be followed without a question."""


LEADING: Final = frozenset({"single-source", "offered"})
"""Places to which the request points."""


OWN_FIELD: Final = "#"
OWN_ROW: Final = "#="
OTHER_FIELD: Final = "@"
"""Stand before the decision in the place of a value: of one that a system itself filled in, and of
one that anybody may have. `OWN_ROW`: and in a row of the user's own."""


def followed(call: Call, facts: Facts) -> bool:
    """Whether the request leads to the addresses of this call: each is the only one in a source
    that the request names, and the request names all else that steers the call.
    """
    tool = facts.gathered.tool
    manifest, origins = tool.manifest, facts.provenance
    if manifest is None or manifest.unvouched != "follow" or tool.effect not in FOLLOWED:
        return False
    to = addresses(call, facts)
    steering = [
        name
        for name, value in call.arguments.items()
        if value is not None
        and name in manifest.arguments
        and manifest.arguments[name].role in CONTROL_ROLES - ADDRESS_ROLES
    ]
    return (
        all(named(origins.get(name, ())) for name in steering)
        and bool(steering)
        and all(one.leads(facts) for one in to)
    )


def led_to_own(call: Call, facts: Facts) -> bool:
    """Whether the request leads to the objects of a change that reaches nobody and can be undone:
    each is one of the user's own, named or the only one that was found there.
    """
    tool = facts.gathered.tool
    if tool.manifest is None or tool.manifest.unvouched != "follow" or not tool.manifest.reversible:
        return False
    steering = list(steering_values(call, facts))
    return (
        tool.effect is Effect.write
        and not addresses(call, facts)
        and bool(steering)
        and all(
            named(origins)
            or any(one.place == "single-source" and OWN_ROW in one.where for one in origins)
            for _, origins in steering
        )
    )
