"""A review: live definitions against what the manifest says of them, and against their pins."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Final, Literal

import msgspec

from safeconduct.core.canonical import digest
from safeconduct.core.manifest import CONTROL_ROLES, Argument, Manifest, ToolManifest
from safeconduct.core.pins import Accepted, reviewed, stands
from safeconduct.ports import JSON, Inspector
from safeconduct.tools.inference import Proposal, propose
from safeconduct.tools.inference.vocabulary import STRICTNESS
from safeconduct.tools.scanning import scanned, shown

State = Literal["new", "unreviewed", "reviewed", "accepted", "changed", "gone"]
"""`new`: nobody described it. `unreviewed`: described, and not pinned. `reviewed`: its manifest has
its pin. `accepted`: an operator accepted it at the console. `changed`: another one counts. `gone`:
described, and no longer offered."""


class Reviewed(msgspec.Struct, frozen=True, kw_only=True):
    """One tool of an upstream. `says` is the manifest in one line, `stricter` what inference would
    say more strictly, `diff` what changed since the definition that was kept at its review, `found`
    what in its texts speaks to the agent, `accepted` who accepted the definition that counts.
    """

    upstream: str
    tool: str
    state: State
    pin: str = ""
    says: str = ""
    stricter: tuple[str, ...] = ()
    diff: tuple[str, ...] = ()
    found: tuple[str, ...] = ()
    accepted: Accepted | None = None


def review(
    upstream: str,
    manifest: Manifest,
    live: Iterable[JSON],
    kept: Mapping[str, JSON],
    inspector: Inspector | None = None,
    accepted: Mapping[str, Accepted] | None = None,
) -> list[Reviewed]:
    """Every tool that is described or offered, by name; `kept` are definitions by their digest,
    `accepted` those that an operator accepted, by tool.

    Raises:
        NotCanonical: a definition that has no digest.
    """
    offered = {str(one["name"]): one for one in live}
    proposed = propose(upstream, offered.values())
    found: list[Reviewed] = []
    for name in sorted(offered.keys() | manifest.tools.keys()):
        said, definition = manifest.tools.get(name), offered.get(name)
        if definition is None:
            found.append(Reviewed(upstream=upstream, tool=name, state="gone", says=says(said)))
            continue
        pin, one = digest(definition), (accepted or {}).get(name)
        counts = None if said is None else reviewed(said.pin, one)
        before = None if counts is None else kept.get(counts)
        stood = one if said is not None and stands(said.pin, one) else None
        found.append(
            Reviewed(
                upstream=upstream,
                tool=name,
                state=_state(said, counts, pin, accepted=stood is not None),
                pin=pin,
                says=says(said),
                stricter=stricter(name, said, proposed),
                diff=() if before is None else changed(before, definition),
                found=shown(definition, scanned(definition, inspector)),
                accepted=stood,
            )
        )
    return found


def _state(said: ToolManifest | None, counts: str | None, pin: str, *, accepted: bool) -> State:
    if said is None:
        return "new"
    if counts is None:
        return "unreviewed"
    if counts != pin:
        return "changed"
    return "accepted" if accepted else "reviewed"


def says(said: ToolManifest | None) -> str:
    """What a manifest says of a tool, in one line."""
    if said is None:
        return "nothing"
    arguments = ", ".join(f"{name} {_argument(one)}" for name, one in said.arguments.items())
    vouching = sorted(path for path, one in said.returns.fields.items() if one.vouches_for)
    source = said.returns.source
    return "; ".join(
        [
            f"{said.effect.value} ({arguments})",
            f"returns {source.integrity} and {source.confidentiality}"
            + (f", where {', '.join(vouching)} vouch" if vouching else ""),
            f"takes {said.sink.clearance}",
        ]
    )


def _argument(said: Argument) -> str:
    kind = "" if said.type is None else f" of {said.type}"
    needs = "" if said.needs is None else f", needs {said.needs}"
    return said.role + kind + needs


def stricter(name: str, said: ToolManifest | None, proposed: Proposal) -> tuple[str, ...]:
    """Where a proposal is stricter than the manifest, with its reason."""
    return tuple(_stricter(name, said, proposed))


def _stricter(name: str, said: ToolManifest | None, proposed: Proposal) -> Iterator[str]:
    if said is None:
        return
    guess, why = proposed.manifest.tools[name], proposed.reasons
    if STRICTNESS[guess.effect] > STRICTNESS[said.effect]:
        reason = why["tools", name, "effect"]
        yield f"effect {guess.effect.value}, not {said.effect.value} ({reason})"
    for argument, one in guess.arguments.items():
        ours = said.arguments.get(argument)
        if ours is None:
            yield f"{argument} is not described, so no call may have it"
            continue
        reason = why["tools", name, "arguments", argument]
        if one.role in CONTROL_ROLES and ours.role not in CONTROL_ROLES:
            yield f"{argument} steers: {one.role}, not {ours.role} ({reason})"
        elif one.needs == "vouched" and ours.needs != "vouched" and ours.role not in CONTROL_ROLES:
            yield f"{argument} needs a voucher ({reason})"
    for argument in said.arguments.keys() - guess.arguments.keys():
        yield f"{argument} is described, but the definition has no such argument"
    for path, field in guess.returns.fields.items():
        our_field = said.returns.fields.get(path)
        if field.categories and (our_field is None or not our_field.categories):
            yield f"{path} is a secret ({why['tools', name, 'returns', 'fields', path]})"


_WIDTH: Final = 96

MOST_LINES: Final = 2_000
"""How many lines are compared at most: the time that it takes grows with more than their square,
and what they say is an upstream's.
"""


def changed(before: JSON, now: JSON) -> tuple[str, ...]:
    """What changed, line by line; long text is broken, so that a change in it can be seen. Nothing,
    where that are too many lines.
    """
    old, new = _lines(before), _lines(now)
    if max(len(old), len(new)) > MOST_LINES:
        return ()
    return tuple(difflib.unified_diff(old, new, "reviewed", "now", n=1, lineterm=""))[2:]


def _lines(definition: JSON) -> list[str]:
    found: list[str] = []
    for line in json.dumps(definition, indent=1, sort_keys=True, ensure_ascii=True).splitlines():
        found += [line[at : at + _WIDTH] for at in range(0, len(line), _WIDTH)] or [""]
    return found
