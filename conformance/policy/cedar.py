"""Cedar's own test cases, through what our Cedar engine does with policies.

Each file of policies is looked at, cut into policies and turned into trees as those of a bundle
are, and each request is answered by a slice: only the policies whose head leaves room for its
action, and those without that part of their heads. Schemas and entities are the cases' own, of any
kind; those of a bundle are fewer.
"""

import dataclasses
import json
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cedarpy import Decision, Entities, PolicySet, Schema, is_authorized, pst, validate_policies

from conformance.policy import vectors
from conformance.policy.scores import Score, Scores
from safeconduct.policy.cedar.text import statements
from safeconduct.policy.refusal import PolicyRefused

ARCHIVE = "cedar-integration.tar.xz"
CORPUS = "corpus-tests.tar.gz"

JSON = dict[str, Any]
Uid = tuple[str, str]


def run(directory: Path) -> Scores:
    with vectors.unpacked(directory / ARCHIVE) as place:
        with tarfile.open(place / CORPUS) as tar:
            tar.extractall(place, filter="data")
        suites = {
            "written by hand": sorted((place / "tests").rglob("*.json")),
            "generated": sorted((place / "corpus-tests").glob("*[!s].json")),
        }
        scores: Scores = {}
        for name, paths in suites.items():
            found = [case for path in paths for case in cases(path, place)]
            for kind in ("requests", "validations"):
                scores[f"{kind}, {name}"] = sum(
                    (score for what, score in found if what == kind), Score()
                )
        return scores


def cases(path: Path, place: Path) -> Iterator[tuple[str, Score]]:
    """How the requests of a file come out, and its validation."""
    file: JSON = json.loads(path.read_bytes())
    try:
        text = (place / file["policies"]).read_text(encoding="utf-8")
        schema = Schema.from_str((place / file["schema"]).read_text(encoding="utf-8"))
        known = (place / file["entities"]).read_text(encoding="utf-8")
        entities = Entities.from_json_str(known, schema)
        policies = _policies(text)
    except (FileNotFoundError, PolicyRefused, ValueError):
        yield "requests", Score(unsupported=len(file["requests"]))
        yield "validations", Score(unsupported=1)
        return
    valid = not validate_policies(text, schema).errors
    yield "validations", _score(passed=valid is file["shouldValidate"])
    above = {
        _uid(entity["uid"]): {_uid(entity["uid"]), *map(_uid, entity["parents"])}
        for entity in json.loads(str(entities))
    }
    slices: dict[Uid, PolicySet] = {}
    for request in file["requests"]:
        action = _uid(request["action"])
        if action not in slices:
            slices[action] = _slice(policies, action, above.get(action, {action}))
        yield "requests", _score(passed=_right(request, slices[action], entities, schema))


def _right(request: JSON, policies: PolicySet, entities: Entities, schema: Schema) -> bool:
    asked = {name: request[name] for name in ("principal", "action", "resource")}
    asked["context"] = json.dumps(request["context"])
    result = is_authorized(
        asked, policies, entities, schema if request.get("validateRequest", True) else None
    )
    # What fails to be a request is denied, and what went wrong names no policy.
    decision = "allow" if result.decision is Decision.Allow else "deny"
    diagnostics = result.diagnostics
    wrong = [name for name in request["errors"] if _named(name, diagnostics.errors)]
    return (
        decision == request["decision"]
        and sorted(diagnostics.reasons) == sorted(request["reason"])
        and wrong == request["errors"]
        and len(wrong) == len(diagnostics.errors)
    )


def _named(policy: str, errors: list[str]) -> bool:
    return any(f"`{policy}`" in error for error in errors)


def _policies(text: str) -> list[pst.Template]:
    found: list[pst.Template] = []
    for statement in statements(text, "policies"):
        tree = PolicySet.from_str(statement.text).to_pst()
        (policy,) = tree.static_policies.values()
        found.append(dataclasses.replace(policy, id=f"policy{len(found)}"))
    return found


def _slice(policies: list[pst.Template], action: Uid, groups: set[Uid]) -> PolicySet:
    kept = {
        policy.id: dataclasses.replace(policy, action=pst.ScopeAny())
        for policy in policies
        if _leaves_room(policy, action, groups)
    }
    return PolicySet.from_pst(pst.PolicySet({}, kept, ()))


def _leaves_room(policy: pst.Template, action: Uid, groups: set[Uid]) -> bool:
    match policy.action:
        case pst.ActionEq(entity):
            return (_type(entity.type), entity.id) == action
        case pst.ActionIn(entities):
            return any((_type(entity.type), entity.id) in groups for entity in entities)
        case _:
            return True


def _type(type_: pst.EntityType) -> str:
    return "::".join((*type_.namespace, type_.basename))


def _uid(value: JSON) -> Uid:
    inner: JSON = value.get("__entity", value)
    return inner["type"], inner["id"]


def _score(*, passed: bool) -> Score:
    return Score(passed=1) if passed else Score(failed=1)
