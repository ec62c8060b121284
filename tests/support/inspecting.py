"""The small company with something that looks for words, and with settings of a test's own."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec

from safeconduct.config.inspectors import ReviewerBlock
from safeconduct.config.schema import Config
from safeconduct.core.manifest import Manifest
from safeconduct.core.model import Finding
from safeconduct.core.review import Review
from safeconduct.inspectors.secrets import SecretInspector
from safeconduct.inspectors.texts import look
from safeconduct.ports import Asked, Examiner, Matter, Reviewer
from safeconduct.simulation import SimulatedTask
from tests.support.worlds import CRM, MAIL, Rules, config

DANA: Final = "dana@customer.example"
EVE: Final = "eve@evil.example"

SHAPES: Final = {
    "pii.email": r"[\w.]+@[\w.]+\.example",
    "pii.card": r"4\d{15}",
    "pricing.list": r"floor price",
    "instruction.override": r"Ignore your rules",
}


class Words:
    """Finds what it is told to (`safeconduct.ports.Inspector`)."""

    def __init__(self, shapes: Mapping[str, str] = SHAPES) -> None:
        self._shapes = {kind: re.compile(shape) for kind, shape in shapes.items()}

    def inspect(self, value: object, data: bytes | None = None) -> tuple[Finding, ...]:
        del data
        return tuple(
            look(
                value,
                lambda text: [
                    (kind, match.start(), match.end())
                    for kind, shape in self._shapes.items()
                    for match in shape.finditer(text)
                ],
            )
        )


class Finds:
    """An examiner that finds one kind over the first text of results, and notes what it saw."""

    def __init__(self, *found: Finding, error: Exception | None = None) -> None:
        self._found = found
        self._error = error
        self.seen: list[tuple[object, Matter]] = []

    async def examine(self, value: object, matter: Matter) -> tuple[Finding, ...]:
        self.seen.append((value, matter))
        if self._error is not None:
            raise self._error
        return self._found


class Says:
    """A second model that always says the same, or fails."""

    def __init__(self, answer: Any = "consistent", error: Exception | None = None) -> None:
        self._answer = answer
        self._error = error
        self.asked: list[Asked] = []

    async def review(self, asked: Asked) -> Review:
        self.asked.append(asked)
        if self._error is not None:
            raise self._error
        return Review(self._answer, "because")


def merged(value: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """A value with changes, however deep."""
    found = dict(value)
    for name, item in changes.items():
        known = found.get(name)
        if isinstance(known, Mapping) and isinstance(item, Mapping):
            found[name] = merged(known, item)
        else:
            found[name] = item
    return found


def company(
    directory: Path,
    *,
    crm: Mapping[str, Any] | None = None,
    mail: Mapping[str, Any] | None = None,
    upstream: Mapping[str, Any] | None = None,
    second: ReviewerBlock | None = None,
) -> Config:
    """The configuration with changed tools (`crm`, `mail`) and a changed upstream `crm`."""
    made = config(directory)
    root = made.root
    upstreams = {
        **root.upstreams,
        "crm": msgspec.structs.replace(root.upstreams["crm"], **(upstream or {})),
    }
    return msgspec.structs.replace(
        made,
        root=msgspec.structs.replace(root, upstreams=upstreams, reviewer=second),
        manifests={
            "crm": msgspec.convert(merged(CRM, {"tools": crm or {}}), Manifest),
            "mail": msgspec.convert(merged(MAIL, {"tools": mail or {}}), Manifest),
        },
    )


def inspected(
    directory: Path,
    *examiners: Examiner,
    purpose: str = "Triage case C-1 and answer the customer.",
    policy: Rules | None = None,
    reviewer: Reviewer | None = None,
    outside: Sequence[Examiner] = (),
    **changes: Any,
) -> SimulatedTask:
    """A task in that company, whose gateway finds words."""
    task = SimulatedTask(
        company(directory, **changes),
        purpose,
        policy=policy or Rules(),
        resolvers={
            "crm.on_file": lambda: {"emails": [DANA]},
            "crm.get_deal": lambda id: {"id": id, "amount_minor": 10_000},
        },
        directory=directory,
    )
    facts = task.rooms.facts
    facts.inspecting.inspectors = (SecretInspector(), Words())
    facts.inspecting.examiners = examiners
    facts.inspecting.outside = outside
    facts.reviewing.reviewer = reviewer
    return task
