"""Who steers a call: the user, or somebody who wrote what the task has read. Pure.

The user steers by the words of the request, by what they name, and by what stands where they point.
What speaks for somebody else is a doubt, and refuses the call, or a person is asked.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from safeconduct.core.aiming import addresses, chooses_nothing, each_value, needed
from safeconduct.core.labels import Integrity
from safeconduct.core.leading import FOLLOWED, LEADING, followed
from safeconduct.core.manifest import ADDRESS_ROLES, CONTROL_ROLES, Argument, Effect, Needs, Role
from safeconduct.core.model import Call, Facts
from safeconduct.core.provenance import (
    GRANTED,
    QUOTED,
    REQUESTED,
    Origin,
    named,
    offered,
    picked,
    requested,
    single,
    speaks,
    vouched_for,
)
from safeconduct.core.verdict import Choice, Deny

CHOSEN_ONLY: Final = frozenset({Effect.delete, Effect.execute})
"""Effects on what the user chose alone: that a thing exists, and is trusted, is not enough."""


def carries(call: Call, facts: Facts) -> bool:
    """Whether the call may carry out what the task has read: all but a call that says only what the
    request says, and a read whose every argument comes from a vouching place.
    """
    if facts.gathered.tool.effect.changes_state:
        return not all(_all_requested(facts, name) for name in call.arguments)
    return bool(unvouched(call, facts))


def _all_requested(facts: Facts, name: str) -> bool:
    each = [seen for key, seen in facts.provenance.items() if key.startswith(f"{name}=")]
    return all(map(requested, each or [facts.provenance.get(name, ())]))


def unvouched(call: Call, facts: Facts) -> list[str]:
    """The arguments that no vouching place explains."""
    return [
        name
        for name, value in call.arguments.items()
        if not (chooses_nothing(value) or vouched_for(facts.provenance.get(name, ())))
    ]


def chosen(call: Call, facts: Facts) -> Choice | None:
    """By whose choice the result of this call comes: the user's by name, nobody's, that of a source
    to which the request points, or the agent's (None), which may be that of somebody who wrote what
    it has read.

    A change that was permitted is the user's: what it made is theirs.
    """
    manifest, origins = facts.gathered.tool.manifest, facts.provenance
    declared = {} if manifest is None else manifest.arguments
    # What a person granted leads to is read, but the lead ends there: a grant is for its own tools.
    choosing = [
        tuple([one for one in origins.get(name, ()) if one.place not in GRANTED])
        for name, value in call.arguments.items()
        if not (chooses_nothing(value) or (name in declared and not declared[name].selects))
    ]
    changed = facts.gathered.tool.effect.changes_state
    if not changed and not all(map(vouched_for, choosing)):
        return "single-source" if all(map(single, choosing)) else None
    if any(_exactly(call, facts)):
        return "named-object"
    if any(_quoted(call, facts)):
        return "named-query"
    return "named-field" if any(map(named, choosing)) else "trusted-field"


def _exactly(call: Call, facts: Facts) -> Iterator[bool]:
    """Of each argument that steers the call, whether the request names it."""
    for name, argument in _declared(call, facts):
        # How much says nothing of whom or of what.
        if argument.role != "amount" and (
            argument.role in CONTROL_ROLES or argument.needs == "vouched"
        ):
            yield named(facts.provenance.get(name, ()))


def _quoted(call: Call, facts: Facts) -> Iterator[bool]:
    """Of what is searched for, whether it stands in the request in quotes."""
    for name, argument in _declared(call, facts):
        if argument.role == "query":
            origins = facts.provenance.get(name, ())
            yield any(one.place in REQUESTED and one.where == QUOTED for one in origins)


def _declared(call: Call, facts: Facts) -> list[tuple[str, Argument]]:
    manifest = facts.gathered.tool.manifest
    declared = {} if manifest is None else manifest.arguments
    return [(name, declared[name]) for name in call.arguments if name in declared]


def doubts(call: Call, facts: Facts) -> Iterator[Deny]:
    """What speaks against the call as far as somebody else may have steered it."""
    gathered = facts.gathered
    tool, origins = gathered.tool, facts.provenance
    declared = {} if tool.manifest is None else tool.manifest.arguments
    influenced = gathered.task.labels.integrity is Integrity.untrusted
    steers = tool.effect.changes_state and influenced
    beside_named = any(_exactly(call, facts))
    for name, value in call.arguments.items():
        argument = declared.get(name)
        # Addresses are the check `sink`'s business; `null` leaves an argument out.
        if argument is None or value is None or argument.role in ADDRESS_ROLES:
            continue
        seen = origins.get(name, ())
        # That something is on file makes it good only together with what the request names.
        listed = beside_named and any(one.place == "on-file" for one in seen)
        if not (_satisfied(needed(argument, steers=steers), seen) or listed) or (
            steers
            and _to_be_chosen(tool.effect, argument)
            and not all(picked(seen) for _, seen in each_value(name, value, argument, facts))
        ):
            yield Deny("control-argument-unvouched", name)
    # A reply answers within a call that was anchored itself; a strange address is said as such.
    to = addresses(call, facts)
    strange = not all(one.acceptable(facts) for one in to) and not followed(call, facts)
    if not steers or gathered.reply or strange:
        return
    if not (anchored(call, facts) or _minor(call, facts)):
        yield Deny("call-unanchored")
    texts = _texts(call, facts)
    if not (
        all(_own_words(facts, name) for name in texts)
        or all(one.known(facts, named) for one in to)
        or followed(call, facts)
    ):
        yield Deny("content-unvouched")


def _texts(call: Call, facts: Facts) -> list[str]:
    """The arguments that say something: all but addresses and switches."""
    to = {one.name for one in addresses(call, facts)}
    return [
        name
        for name, value in call.arguments.items()
        if not chooses_nothing(value) and name not in to
    ]


def _own_words(facts: Facts, name: str) -> bool:
    """Whether an argument says nothing but what is vouched for, or what the request says. What the
    task made may say anything.
    """
    origins = facts.provenance.get(name, ())
    return speaks(origins) or any(one.place == "request-words" for one in origins)


def _to_be_chosen(effect: Effect, argument: Argument) -> bool:
    """Whether it is not enough that the value is on file: of what is deleted or run, and of what
    others get to see.
    """
    if effect is Effect.send:
        return argument.role == "object-id"
    return effect in CHOSEN_ONLY and argument.role in CONTROL_ROLES


def _requested_words(origins: tuple[Origin, ...]) -> bool:
    return requested(origins) or any(one.place == "request-words" for one in origins)


def anchored(call: Call, facts: Facts) -> bool:
    """Whether the request names something that steers the call, or points to what is vouched for
    too; or, where nothing is paid or lost, something that the call says to nobody, or all of it.
    """
    if any(_exactly(call, facts)) or any(_quoted(call, facts)):
        return True
    effect = facts.gathered.tool.effect
    for name, argument in _declared(call, facts):
        origins = facts.provenance.get(name, ())
        if argument.role not in CONTROL_ROLES:
            continue
        if speaks(origins) and any(one.place in LEADING for one in origins):
            return True
        if effect in CHOSEN_ONLY and picked(origins):
            return True
    if effect not in FOLLOWED:
        return False
    texts = _texts(call, facts)
    if not addresses(call, facts) and not _applied(call, facts):
        return any(_requested_words(facts.provenance.get(name, ())) for name in texts)
    words = [len(str(call.arguments[name]).split()) for name in texts]
    return sum(words) >= LEAST_SAID and all(_own_words(facts, name) for name in texts)


def _applied(call: Call, facts: Facts) -> bool:
    """Whether the call changes something that was there before."""
    return any(
        argument.role in _APPLIED_TO and call.arguments[name] is not None
        for name, argument in _declared(call, facts)
    )


_APPLIED_TO: Final[frozenset[Role]] = frozenset({"object-id", "path", "account"})

LEAST_SAID: Final = 3
"""How many words a call has to take from the request to be what the request is about."""


def _minor(call: Call, facts: Facts) -> bool:
    """Whether the call only puts things together that are on file, and can be undone."""
    tool = facts.gathered.tool
    reversible = tool.manifest is not None and tool.manifest.reversible
    return reversible and tool.effect is Effect.write and not unvouched(call, facts)


def _satisfied(needs: Needs, origins: tuple[Origin, ...]) -> bool:
    if needs == "any":
        return True
    return offered(origins) if needs == "seen" else vouched_for(origins)
