"""Records: the evidence of each decision and outcome, as plain JSON values. Pure.

A record holds what is needed to explain and to replay a decision, and no argument or result text:
arguments stand for themselves by their digest.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Final, assert_never

import msgspec

from safeconduct.core.admit import Admitted
from safeconduct.core.decide import NOTHING_AGAINST
from safeconduct.core.elevations import answered
from safeconduct.core.evidence import objects
from safeconduct.core.findings import kinds_of
from safeconduct.core.labels import BOTTOM, Confidentiality, Integrity, Label
from safeconduct.core.limits import spends, touches
from safeconduct.core.masks import mask
from safeconduct.core.model import Call, Facts, Gathered, standing
from safeconduct.core.policy import PolicyAnswer
from safeconduct.core.provenance import Vouch, Vouched, decimal, value_digest
from safeconduct.core.recorded_input import WHOLE, unrecorded
from safeconduct.core.thresholds import unasked
from safeconduct.core.trace import recorded
from safeconduct.core.verdict import Answer, Decision, Deny, Elevate, Grant, Permit, Verdict

JSON = dict[str, Any]


# The name of an enum's member is a property in Python, and each record holds several.
_INTEGRITIES: Final = tuple(one.name for one in Integrity)
_CONFIDENTIALITIES: Final = tuple(one.name for one in Confidentiality)


def label_value(label: Label) -> JSON:
    """A label as a record and the policy input hold it."""
    value: JSON = {
        "integrity": _INTEGRITIES[label.integrity],
        "confidentiality": _CONFIDENTIALITIES[label.confidentiality],
        "categories": sorted(label.categories),
    }
    if label.readers is not None:
        value["readers"] = sorted(label.readers)
    if label.tenants:
        value["tenants"] = sorted(label.tenants)
    if label.regions:
        value["regions"] = sorted(label.regions)
    return value


def decision_record(
    decision_id: str,
    call: Call,
    gathered: Gathered,
    facts: Facts | None,
    decision: Decision,
    mask_key: bytes = b"",
) -> JSON:
    """The decision record: durable before anything that depends on it.

    `mask_key` is what masked values are hashed with; without one they are left out.
    """
    task, tool = gathered.task, gathered.tool
    record: JSON = {
        "kind": "decision",
        "decision": decision_id,
        "at_ms": gathered.now_ms,
        "tenant": gathered.tenant,
        "agent": gathered.agent.id,
        "tier": gathered.agent.tier,
        "zone": gathered.agent.zone,
        "user": gathered.user.id,
        "task": task.id,
        "version": task.version,
        "purpose_source": task.purpose_source,
        "method": call.method,
        "tool": call.target,
        "effect": tool.effect.value,
        "pin": tool.pin,
        "credential": tool.credential,
        "digest": call.digest,
        "size": call.size,
        "labels": label_value(task.labels),
        "checks": _checks(decision.answers),
        **recorded(decision_id, task.id, gathered.trace),
    }
    if tool.manifest is not None:
        record["scopes"] = list(tool.manifest.scopes)
        if named := objects(call, tool):
            record["objects"] = named
    if task.chain:
        record["chain"] = [{"task": above, "agent": agent} for above, agent in task.chain]
    if gathered.zone is not None and gathered.zone.model is not None:
        record["model"] = {"registered": gathered.zone.model}
    if call.constrained:
        record["constrained"] = list(call.constrained)
    if gathered.unsafe:
        record["unsafe"] = list(gathered.unsafe)
    if facts is not None:
        record.update(_enriched(call, facts, mask_key))
    record.update(_verdict(call, gathered, decision.verdict))
    if facts is not None and (approved := _approved(call, facts, record.get("elevation"))):
        record["approved"] = approved
    return record


def _enriched(call: Call, facts: Facts, mask_key: bytes) -> JSON:
    """What step 3 added."""
    masks, policy = facts.policy.masks, policy_value(facts.policy)
    integers = {name: item for name, item in facts.resolved.items() if isinstance(item, int)}
    if masks is None:
        # What may be shown is not known.
        integers, policy["masked"] = {}, [WHOLE]
    else:
        policy["input"] = kept = unrecorded(call, facts)
        if masks and (masked := mask(masks, mask_key, kept, integers)):
            policy["masked"] = masked
    value: JSON = {"policy": policy, "provenance": places(call, facts), "facts": integers}
    if facts.findings:
        value["findings"] = kinds_of(facts.findings)
    if facts.review is not None:
        value["review"] = msgspec.to_builtins(facts.review)
    if facts.failures:
        value["failures"] = list(facts.failures)
    if facts.baselines:
        value["baselines"] = facts.baselines
    return value


def _approved(call: Call, facts: Facts, elevation: str | None) -> list[str]:
    """What a person has said yes to that counts for this call."""
    approval = None if facts.approval is None else standing(call, facts)
    found: set[str] = set() if approval is None else {*approval.sources}
    for one in facts.elevations:
        if one.id == elevation:
            found |= answered(one)
    return sorted(found)


def policy_value(said: PolicyAnswer) -> JSON:
    """What the rules said, as a record holds it."""
    value: JSON = {
        "bundle": said.bundle,
        "permit": list(said.permit),
        "deny": list(said.deny),
        "elevate": [rule.id for rule in said.elevate],
    }
    if said.engine:
        value["engine"] = said.engine
    if said.obligations:
        value["obligations"] = list(said.obligations)
    if said.log_only:
        value["log_only"] = list(said.log_only)
        value["would_have"] = said.would_have
    if said.error is not None:
        value["error"] = said.error[:200]
    return value


def places(call: Call, facts: Facts) -> dict[str, list[str]]:
    """The kinds of place where each argument's value was seen, each once."""
    arguments = call.arguments
    return {
        name: sorted({origin.place for origin in origins})
        for name, origins in facts.provenance.items()
        if name in arguments
    }


def _verdict(call: Call, gathered: Gathered, verdict: Verdict) -> JSON:
    match verdict:
        case Permit(grant, obligations):
            value: JSON = {
                "verdict": "permit",
                "scopes": list(grant.scopes),
                "expires_ms": grant.expires_ms,
                "obligations": [one.__struct_config__.tag for one in obligations],
                "spends": spends(call, gathered),
                "changes_state": gathered.tool.effect.changes_state,
            }
            if touched := touches(call, gathered):
                value["touches"] = touched
            if most := unasked(gathered):
                value["unasked"] = most
            return value | _rests_on(grant)
        case Elevate(requirement):
            return {"verdict": "elevate", "requires": list(requirement.sources)}
        case Deny(code):
            return {"verdict": "deny", "reason": code}
        case _:
            assert_never(verdict)


def _rests_on(grant: Grant) -> JSON:
    """What persons did without which it were no permit."""
    value: JSON = {}
    for name in ("approval", "elevation", "bypass"):
        if (given := getattr(grant, name)) is not None:
            value[name] = given
    if grant.releases:
        value["releases"] = list(grant.releases)
    if grant.subgrants:
        value["subgrants"] = list(grant.subgrants)
    if grant.follows:
        value["follows"] = True
    return value


def _checks(answers: tuple[Answer, ...]) -> list[JSON]:
    # Most decisions are permits, and say the same.
    return [*_PASSED] if answers is NOTHING_AGAINST else list(map(_answer, answers))


def _answer(answer: Answer) -> JSON:
    if answer.said is None:
        said = "nothing against it" if answer.evaluated else "not evaluated"
        return {"check": answer.check, "said": said}
    match answer.said:
        case Deny(code):
            return {"check": answer.check, "said": "deny", "reason": code}
        case Elevate(requirement, instead):
            asked: JSON = {"check": answer.check, "said": "elevate"}
            asked["asks"] = list(requirement.sources)
            return asked if instead is None else {**asked, "instead": instead}
        case _:
            assert_never(answer.said)


_PASSED: Final = tuple(map(_answer, NOTHING_AGAINST))


def outcome_record(
    decision_id: str,
    task: str,
    at_ms: int,
    status: str,
    *,
    reason: str | None = None,
    may_have_happened: bool = False,
    result_digest: str | None = None,
    redacted: int = 0,
    seen: JSON | None = None,
) -> JSON:
    """The outcome record. `status`: ok, error, refused, withheld, cancelled or unknown. `seen` is
    what else is known of how it went.
    """
    record: JSON = {
        "kind": "outcome",
        "decision": decision_id,
        "task": task,
        "at_ms": at_ms,
        "status": status,
        "may_have_happened": may_have_happened,
    }
    if reason is not None:
        record["reason"] = reason
    if result_digest is not None:
        record["result"] = result_digest
    if redacted:
        record["redacted"] = redacted
    return record if seen is None else record | seen


VOUCHED_PER_RECORD: Final = 100
"""How many vouched values fit into one record without nearing its size limit."""


def prints_record(decision_id: str, task: str, at_ms: int, memories: Sequence[str]) -> JSON:
    """That fingerprints of a result are kept, by memory: the file that has them can be lost."""
    return {
        "kind": "memory",
        "decision": decision_id,
        "task": task,
        "at_ms": at_ms,
        "labels": label_value(BOTTOM),
        "vouched": [],
        "prints": list(memories),
    }


def memory_records(decision_id: str, task: str, at_ms: int, admitted: Admitted) -> list[JSON]:
    """What a task must remember of a result; empty when it adds nothing.

    Vouched values stand for themselves by their digest: the log holds no personal data in clear.
    """
    if admitted.label == BOTTOM and not admitted.vouched:
        return []
    chunks = [
        admitted.vouched[start : start + VOUCHED_PER_RECORD]
        for start in range(0, max(1, len(admitted.vouched)), VOUCHED_PER_RECORD)
    ]
    return [
        {
            "kind": "memory",
            "decision": decision_id,
            "task": task,
            "at_ms": at_ms,
            "labels": label_value(admitted.label),
            "vouched": _vouched(chunk),
            **_ceilings(chunk),
        }
        for chunk in chunks
    ]


_AS: Final[dict[Vouch, JSON]] = {"named-field": {"named": True}, "picked": {"picked": True}}


def _vouched(chunk: Sequence[Vouched]) -> list[JSON]:
    """The values of a field and role together: most results are lists of the same."""
    groups: dict[tuple[str, str, Vouch], list[str]] = {}
    for one in chunk:
        group = (one.key, one.where[:MAX_WHERE], one.place)
        groups.setdefault(group, []).append(value_digest(one.value))
    return [
        {"key": key, "where": where, "values": values, **_AS.get(place, {})}
        for (key, where, place), values in groups.items()
    ]


def _ceilings(chunk: Sequence[Vouched]) -> JSON:
    """The largest amount of each type."""
    found: dict[str, str] = {}
    for one in chunk:
        if one.key.partition(" ")[0] == "amount" and decimal(one.value) is not None:
            found[one.key] = max(one.value, found.get(one.key, one.value), key=Decimal)
    return {"ceilings": found} if found else {}


MAX_WHERE: Final = 60
"""How much of a target and a path a record holds, in characters."""


def approval_request(
    approval_id: str, decision_id: str, call: Call, gathered: Gathered, elevate: Elevate
) -> JSON:
    """The request for a person's yes to exactly these bytes."""
    return {
        "kind": "approval",
        "phase": "requested",
        "approval": approval_id,
        "decision": decision_id,
        "task": gathered.task.id,
        "tenant": gathered.tenant,
        "agent": gathered.agent.id,
        "user": gathered.user.id,
        "tool": call.target,
        "digest": call.digest,
        "at_ms": gathered.now_ms,
        "ttl_s": elevate.requirement.ttl_s,
        "wait_s": elevate.requirement.wait_s or elevate.requirement.ttl_s,
        "requires": list(elevate.requirement.sources),
        "labels": label_value(gathered.task.labels),
        "wheres": list(elevate.requirement.wheres),
        "values": list(elevate.requirement.values),
        "templates": list(elevate.requirement.templates),
        "parties": [msgspec.to_builtins(one) for one in elevate.requirement.parties],
    }
