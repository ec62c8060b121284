"""Which calls that somebody may have steered a person is asked about, and for what. Pure."""

from __future__ import annotations

from typing import Final

from safeconduct.core.aiming import addresses, pointed, steering_values
from safeconduct.core.leading import FOLLOWED, LEADING, OWN_FIELD, followed, led_to_own
from safeconduct.core.manifest import CONTROL_ROLES, ToolManifest
from safeconduct.core.model import ApprovalFacts, Call, Facts, standing
from safeconduct.core.policy import PolicyAnswer
from safeconduct.core.provenance import offered, single, value_digest, vouched_for
from safeconduct.core.steering import anchored, doubts, unvouched
from safeconduct.core.verdict import Deny, Elevate, Requirement

CONTROL_ARGUMENT: Final = "control-argument"
"""The question about a value that steers an action."""


CONTROL_SOURCE: Final = "flow:control-argument"
"""What an approval was asked for when an argument steers an action and nobody vouches for it: by a
rule of the policy."""


ASKED_SOURCE: Final = "flow:unvouched"
"""The same, where the manifest has it asked."""


ADDRESS_SOURCE: Final = "sink:destination"
"""What an approval was asked for when nobody vouches for an address."""


STEERING: Final = ("control-argument-unvouched", "call-unanchored", "content-unvouched")
"""What can be said of a call that something untrusted may have steered."""


FOLLOWING: Final = frozenset({ASKED_SOURCE, ADDRESS_SOURCE})
"""Questions about a value: a yes holds for further calls too, and says so to who gives it."""


MAX_FOLLOWED: Final = 10
"""For how many further calls such a yes is good."""


ASK_S: Final = 300
"""For how long a person's yes to such a call is good, in seconds."""


def steered(call: Call, facts: Facts, refusal: Deny) -> Deny | Elevate | None:
    """What is said of a call that somebody else may have steered."""
    if covered(call, facts) or led_to_own(call, facts):
        return None
    if plausible(call, facts):
        return asking(call, facts, ASKED_SOURCE)
    return by_policy(facts.policy, standing(call, facts), refusal)


def plausible(call: Call, facts: Facts) -> bool:
    """Whether a person can be asked about this call: all that steers it comes from where the
    request points. What was just seen somewhere, or made up, is not worth a question.
    """
    manifest = facts.gathered.tool.manifest
    if manifest is None or manifest.unvouched == "refuse":
        return False
    if not all(single(origins) or offered(origins) for _, origins in steering_values(call, facts)):
        return False
    if anchored(call, facts) or _led_to(call, facts, manifest) or not unvouched(call, facts):
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
        one.place in LEADING
        for name in call.arguments
        if name in manifest.arguments
        and (manifest.arguments[name].role in CONTROL_ROLES or pointed(manifest.arguments[name]))
        for one in facts.provenance.get(name, ())
    )


def covered(call: Call, facts: Facts) -> bool:
    """Whether a person's yes to an earlier call of this task holds for this one too: all that
    steers it is vouched for, or is what was agreed to then, or stood in the same field of the same
    result, one that the system itself fills in.
    """
    before, tool = facts.followed, facts.gathered.tool
    steering = list(steering_values(call, facts))
    if before is None or tool.effect not in FOLLOWED or not plausible(call, facts):
        return False
    if not facts.gathered.task.labels <= before.labels:
        return False
    agreed = any(value_digest(text) in before.values for text, _ in steering)
    return all(
        vouched_for(origins)
        or value_digest(text) in before.values
        or any(one.place == "single-source" and one.where in before.wheres for one in origins)
        or (agreed and any(one.place == "on-file" for one in origins))
        for text, origins in steering
    )


def relies(call: Call, facts: Facts) -> bool:
    """Whether the call would be asked about, but for such a yes."""
    strange = not all(one.acceptable(facts) for one in addresses(call, facts))
    return (
        covered(call, facts)
        and not followed(call, facts)
        and (strange or next(doubts(call, facts), None) is not None)
    )


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
    steering = list(steering_values(call, facts))
    wheres = {one.where for _, seen in steering for one in seen if OWN_FIELD in one.where}
    return Elevate(
        Requirement(
            templates=(CONTROL_ARGUMENT,),
            sources=(source,),
            ttl_s=ASK_S,
            origins=origins,
            values=tuple(sorted({value_digest(text) for text, _ in steering})),
            wheres=tuple(sorted(wheres)),
        )
    )


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
        Requirement(templates=(CONTROL_ARGUMENT,), sources=(CONTROL_SOURCE,), ttl_s=min(times_s)),
        instead=refusal.code,
    )
