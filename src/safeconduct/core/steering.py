"""Who steers a call: the user, or somebody who wrote what the task has read. Pure.

The user steers by the words of the request, by what they name, and by what stands where they point.
A call that somebody else may have steered is refused, or a person is asked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final, NamedTuple, cast

from safeconduct.core.labels import Integrity
from safeconduct.core.manifest import (
    ADDRESS_ROLES,
    CONTROL_ROLES,
    LISTS,
    Argument,
    Effect,
    Needs,
    Role,
    ToolManifest,
)
from safeconduct.core.model import ApprovalFacts, Call, Facts, standing
from safeconduct.core.policy import PolicyAnswer
from safeconduct.core.provenance import (
    GRANTED,
    QUOTED,
    Origin,
    named,
    normalise,
    offered,
    single,
    value_digest,
    vouched_for,
)
from safeconduct.core.sightings import SHAPES
from safeconduct.core.verdict import Choice, Deny, Elevate, Requirement

CONTROL_SOURCE: Final = "flow:control-argument"
"""What an approval was asked for when an argument steers an action and nobody vouches for it: by a
rule of the policy."""

ASKED_SOURCE: Final = "flow:unvouched"
"""The same, where the manifest has it asked."""

ADDRESS_SOURCE: Final = "sink:destination"
"""What an approval was asked for when nobody vouches for an address."""

STEERING: Final = ("control-argument-unvouched", "call-unanchored", "content-unvouched")
"""What can be said of a call that something untrusted may have steered."""

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
    if any(_exactly(call, facts)) or (changed and _made_anew(call, facts)):
        return "named-object"
    return "named-field" if any(map(named, choosing)) else "trusted-field"


def _made_anew(call: Call, facts: Facts) -> bool:
    """Whether what the change comes back with is its own: it was applied to nothing that was there
    before.
    """
    tool = facts.gathered.tool
    return tool.effect in FOLLOWED and not any(
        argument.role in _APPLIED_TO and call.arguments.get(name) is not None
        for name, argument in ({} if tool.manifest is None else tool.manifest.arguments).items()
    )


_APPLIED_TO: Final[frozenset[Role]] = frozenset({"object-id", "path", "account"})


def _exactly(call: Call, facts: Facts) -> Iterator[bool]:
    """Of each argument that steers the call, whether the request names it; of what is searched for,
    whether it stands in the request in quotes.
    """
    manifest = facts.gathered.tool.manifest
    for name in call.arguments:
        argument = None if manifest is None else manifest.arguments.get(name)
        if argument is None:
            continue
        origins = facts.provenance.get(name, ())
        # How much says nothing of whom or of what.
        if argument.role != "amount" and (
            argument.role in CONTROL_ROLES or argument.needs == "vouched"
        ):
            yield named(origins)
        elif argument.role == "query":
            yield any(one.place in _REQUESTED and one.where == QUOTED for one in origins)


class Address(NamedTuple):
    """An argument that says where data goes: one address, or several."""

    name: str
    argument: Argument
    texts: tuple[str, ...]
    whole: bool

    def known(self, facts: Facts, enough: Callable[[tuple[Origin, ...]], bool]) -> bool:
        """Whether each is on file or comes from where it has to; nobody, and what is no address,
        does not.
        """
        on_file = facts.allowed.get(LISTS[self.argument.role], frozenset())
        return self.whole and all(
            text in on_file or enough(facts.provenance.get(f"{self.name}={text}", ()))
            for text in self.texts
        )

    def leads(self, facts: Facts) -> bool:
        """Whether each looks like what it is and stood alone where the request points."""
        shape = SHAPES[self.argument.role]
        return all(map(shape.fullmatch, self.texts)) and self.known(facts, single)

    def acceptable(self, facts: Facts) -> bool:
        """Whether data may go there at all."""
        if self.argument.needs == "any":
            return True
        return self.known(facts, offered if self.argument.needs == "seen" else vouched_for)


def addresses(call: Call, facts: Facts) -> list[Address]:
    """The addresses of a call; `null` leaves one out."""
    manifest = facts.gathered.tool.manifest
    declared = {} if manifest is None else manifest.arguments
    found: list[Address] = []
    for name, value in call.arguments.items():
        if value is not None and name in declared and declared[name].role in ADDRESS_ROLES:
            values = cast("list[object]", value) if isinstance(value, list) else [value]
            texts = [normalise(item, declared[name].role) for item in values]
            given = tuple(text for text in texts if text is not None)
            found.append(
                Address(name, declared[name], given, bool(given) and len(given) == len(texts))
            )
    return found


def doubts(call: Call, facts: Facts) -> Iterator[Deny]:
    """What speaks against the call as far as somebody else may have steered it."""
    gathered = facts.gathered
    tool, origins = gathered.tool, facts.provenance
    declared = {} if tool.manifest is None else tool.manifest.arguments
    influenced = gathered.task.labels.integrity is Integrity.untrusted
    steers = tool.effect.changes_state and influenced
    for name, value in call.arguments.items():
        argument = declared.get(name)
        # Addresses are the check `sink`'s business; `null` leaves an argument out.
        if argument is None or value is None or argument.role in ADDRESS_ROLES:
            continue
        if not _satisfied(needed(argument, steers=steers), origins.get(name, ())) or (
            steers
            and _to_be_chosen(tool.effect, argument)
            and not all(named(seen) for _, seen in _each(name, value, argument, facts))
        ):
            yield Deny("control-argument-unvouched", name)
    # A reply answers within a call that was anchored itself; a strange address is said as such.
    to = addresses(call, facts)
    strange = not all(one.acceptable(facts) for one in to) and not followed(call, facts)
    if not steers or gathered.reply or strange:
        return
    if not (_anchored(call, facts) or _minor(call, facts)):
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
    """Whether an argument says nothing but what is vouched for, or what the request says."""
    origins = facts.provenance.get(name, ())
    return vouched_for(origins) or any(one.place == "request-words" for one in origins)


def _to_be_chosen(effect: Effect, argument: Argument) -> bool:
    """Whether it is not enough that the value is on file: of what is deleted or run, and of what
    others get to see.
    """
    if effect is Effect.send:
        return argument.role == "object-id"
    return effect in CHOSEN_ONLY and argument.role in CONTROL_ROLES


def _requested_words(origins: tuple[Origin, ...]) -> bool:
    return requested(origins) or any(one.place == "request-words" for one in origins)


def _anchored(call: Call, facts: Facts) -> bool:
    """Whether the request names something that steers the call, or points to what is vouched for
    too; or, where nothing is paid or lost, something that the call says to nobody, or all of it.
    """
    if any(_exactly(call, facts)):
        return True
    manifest = facts.gathered.tool.manifest
    declared = {} if manifest is None else manifest.arguments
    for name in call.arguments:
        origins = facts.provenance.get(name, ())
        steers = name in declared and declared[name].role in CONTROL_ROLES
        if steers and vouched_for(origins) and any(one.place in _LEADING for one in origins):
            return True
    if facts.gathered.tool.effect not in FOLLOWED:
        return False
    texts = _texts(call, facts)
    if not addresses(call, facts):
        return any(_requested_words(facts.provenance.get(name, ())) for name in texts)
    words = [len(str(call.arguments[name]).split()) for name in texts]
    return sum(words) >= LEAST_SAID and all(_own_words(facts, name) for name in texts)


LEAST_SAID: Final = 3
"""How many words a call has to take from the request to be what the request is about."""


def _minor(call: Call, facts: Facts) -> bool:
    """Whether the call only puts things together that are on file, and can be undone."""
    tool = facts.gathered.tool
    reversible = tool.manifest is not None and tool.manifest.reversible
    return reversible and tool.effect is Effect.write and not unvouched(call, facts)


def chooses_nothing(value: object) -> bool:
    """Whether a value chooses nothing: a switch, or an argument that is left out."""
    return value is None or type(value) is bool


def needed(argument: Argument, *, steers: bool) -> Needs:
    """What is demanded of where this argument's value comes from."""
    if argument.needs is not None:
        return argument.needs
    return "vouched" if steers and argument.role in CONTROL_ROLES else "any"


def _satisfied(needs: Needs, origins: tuple[Origin, ...]) -> bool:
    if needs == "any":
        return True
    return offered(origins) if needs == "seen" else vouched_for(origins)


def requested(origins: tuple[Origin, ...]) -> bool:
    """Whether the request itself says the value, or the policy does."""
    return any(one.place in _REQUESTED for one in origins)


_REQUESTED: Final = frozenset({"user-request", "app-request", "policy-constant"})


def plausible(call: Call, facts: Facts) -> bool:
    """Whether a person can be asked about this call: all that steers it comes from where the
    request points. What was just seen somewhere, or made up, is not worth a question.
    """
    manifest = facts.gathered.tool.manifest
    if manifest is None or manifest.unvouched == "refuse":
        return False
    if not all(single(origins) or offered(origins) for _, origins in _steering(call, facts)):
        return False
    if _anchored(call, facts) or _led_to(call, facts, manifest) or not unvouched(call, facts):
        return True
    # Nor are words that nobody vouches for, in a call to which nothing in the request points, if
    # they reach somebody.
    return not addresses(call, facts) and not _unvouched_steering(call, facts, manifest)


def _unvouched_steering(call: Call, facts: Facts, manifest: ToolManifest) -> bool:
    """Whether something steers the call that nobody vouches for."""
    return any(
        name in manifest.arguments and manifest.arguments[name].role in CONTROL_ROLES
        for name in unvouched(call, facts)
    )


def _led_to(call: Call, facts: Facts, manifest: ToolManifest) -> bool:
    """Whether something that steers the call stands where the request points."""
    return any(
        one.place in _LEADING
        for name in call.arguments
        if name in manifest.arguments
        and (manifest.arguments[name].role in CONTROL_ROLES or _pointed(manifest.arguments[name]))
        for one in facts.provenance.get(name, ())
    )


_LEADING: Final = frozenset({"single-source", "offered"})

FOLLOWED: Final = frozenset({Effect.write, Effect.send})
"""Effects of calls in which an address may be followed without a question."""


def covered(call: Call, facts: Facts) -> bool:
    """Whether a person's yes to an earlier call of this task holds for this one too: all that
    steers it is vouched for, or is what was agreed to then, or stood in the same field of the same
    result, one that the system itself fills in.
    """
    before, tool = facts.followed, facts.gathered.tool
    if before is None or tool.effect not in FOLLOWED or not plausible(call, facts):
        return False
    if not facts.gathered.task.labels <= before.labels:
        return False
    return all(
        vouched_for(origins)
        or value_digest(text) in before.values
        or any(one.place == "single-source" and one.where in before.wheres for one in origins)
        for text, origins in _steering(call, facts)
    )


def _steering(call: Call, facts: Facts) -> Iterator[tuple[str, tuple[Origin, ...]]]:
    """The values that must come from where the request points, each with its origins."""
    manifest = facts.gathered.tool.manifest
    declared = {} if manifest is None else manifest.arguments
    for name, value in call.arguments.items():
        if value is not None and name in declared and _pointed(declared[name]):
            yield from _each(name, value, declared[name], facts)


def _each(
    name: str, value: object, argument: Argument, facts: Facts
) -> Iterator[tuple[str, tuple[Origin, ...]]]:
    """The values of an argument, each with its origins: of a list one by one. What is no value, and
    an empty list, has none.
    """
    if not isinstance(value, list):
        yield normalise(value, argument.role) or "", facts.provenance.get(name, ())
        return
    for item in cast("list[object]", value) or [None]:
        text = normalise(item, argument.role) or ""
        yield text, facts.provenance.get(f"{name}={text}", ())


def relies(call: Call, facts: Facts) -> bool:
    """Whether the call would be asked about, but for such a yes."""
    strange = not all(one.acceptable(facts) for one in addresses(call, facts))
    return (
        covered(call, facts)
        and not followed(call, facts)
        and (strange or next(doubts(call, facts), None) is not None)
    )


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


def _led_to_own(call: Call, facts: Facts) -> bool:
    """Whether the request leads to the objects of a change that reaches nobody and can be undone:
    each is the only one that was found there, by the system's own word.
    """
    tool = facts.gathered.tool
    if tool.manifest is None or tool.manifest.unvouched != "follow" or not tool.manifest.reversible:
        return False
    steering = list(_steering(call, facts))
    return (
        tool.effect is Effect.write
        and not addresses(call, facts)
        and bool(steering)
        and all(
            vouched_for(origins)
            or any(one.place == "single-source" and OWN_FIELD in one.where for one in origins)
            for _, origins in steering
        )
    )


def _pointed(argument: Argument) -> bool:
    """Whether the value must come from where the request points; an amount can be worked out."""
    if argument.needs is not None:
        return argument.needs == "vouched"
    return argument.role in CONTROL_ROLES and argument.role != "amount"


def steered(call: Call, facts: Facts, refusal: Deny) -> Deny | Elevate | None:
    """What is said of a call that somebody else may have steered."""
    if covered(call, facts) or _led_to_own(call, facts):
        return None
    if plausible(call, facts):
        return asking(call, facts, ASKED_SOURCE)
    return by_policy(facts.policy, standing(call, facts), refusal)


def asking(call: Call, facts: Facts, source: str) -> Elevate:
    """The question to a person, with the origins of what nobody vouches for."""
    origins = {
        name: places
        for name in call.arguments
        if (
            places := tuple(
                {one.where: None for one in facts.provenance.get(name, ()) if one.where}
            )
        )
    }
    steering = list(_steering(call, facts))
    wheres = {one.where for _, seen in steering for one in seen if OWN_FIELD in one.where}
    return Elevate(
        Requirement(
            templates=("control-argument",),
            sources=(source,),
            ttl_s=ASK_S,
            origins=origins,
            values=tuple(sorted({value_digest(text) for text, _ in steering})),
            wheres=tuple(sorted(wheres)),
        )
    )


OWN_FIELD: Final = "#"
OTHER_FIELD: Final = "@"
"""Stand before the decision in the place of a value: of one that a system itself filled in, and of
one that anybody may have."""


ASK_S: Final = 300
"""For how long a person's yes to such a call is good, in seconds."""


def by_policy(said: PolicyAnswer, approval: ApprovalFacts | None, refusal: Deny) -> Deny | Elevate:
    """A refusal, unless the policy asks a person, or a person was asked about this and agreed.
    `approval` is the yes that stands.
    """
    times_s = [rule.ttl_s for rule in said.elevate]
    if approval is not None and CONTROL_SOURCE in approval.sources:
        times_s.append(approval.ttl_s)
    if not times_s:
        return refusal
    return Elevate(
        Requirement(templates=("control-argument",), sources=(CONTROL_SOURCE,), ttl_s=min(times_s)),
        instead=refusal.code,
    )
