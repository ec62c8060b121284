"""Decisions for enforcement points outside, wired to the page and to a policy of their own."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import msgspec

from safeconduct.delegation.asking import Asking
from safeconduct.delegation.enforcers import Enforcers
from safeconduct.entrypoints.authzen.endpoint import REQUESTS, Decisions
from safeconduct.entrypoints.authzen.messages import Messages
from safeconduct.entrypoints.authzen.objects import Objects, candidates
from safeconduct.entrypoints.authzen.requests import AccessRequests
from safeconduct.entrypoints.http import Routes
from safeconduct.entrypoints.refusals import Refusals
from safeconduct.policy.bundles.header import FILE
from safeconduct.policy.bundles.reading import Bundle
from safeconduct.policy.loading import deciding, passed
from safeconduct.policy.refusal import PolicyRefused
from safeconduct.ports import Closing, PolicyEngine
from safeconduct.rooms import Rooms, new_id

CANDIDATES: Final = "data/candidates.json"


class Deciding:
    """What is served of the Authorization API; `policy` is what decides besides the page."""

    def __init__(self, routes: Routes, policy: PolicyEngine | None = None) -> None:
        self.routes = routes
        self.policy = policy

    async def close(self) -> None:
        """Ends what evaluates the policy."""
        if self.policy is not None:
            await _close(self.policy)


async def _close(engine: PolicyEngine) -> None:
    if isinstance(engine, Closing):
        await engine.close()


def decisions(rooms: Rooms, asking: Asking, refusals: Refusals) -> Deciding:
    """Nothing without a block in the configuration.

    Raises PolicyRefused.
    """
    root = rooms.config.root
    block = root.authzen
    if block is None:
        return Deciding({})
    bundle = None if block.bundle is None else checked(Path(rooms.config.directory) / block.bundle)
    policy = None if bundle is None else deciding(bundle, process=root.policy.process)
    enforcers = Enforcers(block.callers, asking=asking, tasks=rooms.state, clock_ms=rooms.clock_ms)
    requests = None
    if block.drafts.access_request is not None:
        desk, console = rooms.desk, root.console
        requests = AccessRequests(
            rooms.state,
            endpoint=root.gateway.issuer + REQUESTS,
            stands=lambda asked: desk.question(asked).expires_ms if desk.holds(asked) else None,
            page=lambda asked: None if console is None else console.page(asked),
            record=rooms.log.append,
            clock_ms=rooms.clock_ms,
            new_id=new_id,
        )
    obligations = block.drafts.obligations is not None
    messages = None
    if block.drafts.coaz_mcp is not None:
        messages = Messages(
            rooms.handover,
            enforcers,
            issuer=root.gateway.issuer,
            upstreams=root.upstreams,
            obligations=obligations,
            requests=requests,
        )
    objects = None
    if bundle is not None and policy is not None:
        objects = Objects(
            policy,
            candidates(bundle.data),
            tenant=root.gateway.tenant,
            obligations=obligations,
            record=rooms.log.append,
            clock_ms=rooms.clock_ms,
            new_id=new_id,
        )
    served = Decisions(
        root.gateway.issuer,
        enforcers,
        refusals,
        messages=messages,
        objects=objects,
        requests=requests,
        obligations=obligations,
    )
    return Deciding(served.routes(), policy)


def checked(directory: Path) -> Bundle:
    """A bundle of rules about anything but messages of MCP. Raises PolicyRefused."""
    bundle = passed(directory)
    if bundle.header.engine != "rego":
        raise PolicyRefused(
            "rules about anything but messages of MCP are written in Rego",
            file=str(directory / FILE),
            fix="write `engine: rego`, and the rules in Rego",
        )
    try:
        candidates(bundle.data)
    except msgspec.ValidationError as error:
        raise PolicyRefused(
            f"this is not what a search finds things in: {error}",
            file=str(directory / CANDIDATES),
            fix="keep `subjects`, `resources` and `actions` in it",
        ) from None
    return bundle
