"""Decisions for enforcement points outside, wired to the page and to a policy of their own."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import msgspec

from safeconduct.config.authzen import AuthzenBlock
from safeconduct.delegation.asking import Asking
from safeconduct.delegation.enforcers import Enforcers
from safeconduct.entrypoints.authzen.endpoint import REQUESTS, Decisions
from safeconduct.entrypoints.authzen.messages import Messages
from safeconduct.entrypoints.authzen.objects import Candidates, Objects, candidates
from safeconduct.entrypoints.authzen.requests import AccessRequests
from safeconduct.entrypoints.http import Routes
from safeconduct.entrypoints.refusals import Refusals
from safeconduct.policy.bundles.header import FILE
from safeconduct.policy.bundles.reading import Bundle
from safeconduct.policy.loading import engine, passed
from safeconduct.policy.refusal import PolicyRefused
from safeconduct.ports import PolicyEngine
from safeconduct.rooms import Rooms, new_id

CANDIDATES: Final = "data/candidates.json"


def decisions(rooms: Rooms, asking: Asking, refusals: Refusals) -> Routes:
    """What is served of the Authorization API: nothing without a block in the configuration.

    Raises PolicyRefused.
    """
    root = rooms.config.root
    block = root.authzen
    if block is None:
        return {}
    enforcers = Enforcers(block.callers, asking=asking, tasks=rooms.state, clock_ms=rooms.clock_ms)
    requests = None
    if block.drafts.access_request is not None:
        requests = AccessRequests(
            rooms.state,
            endpoint=root.gateway.issuer + REQUESTS,
            holds=rooms.desk.holds,
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
    return Decisions(
        root.gateway.issuer,
        enforcers,
        refusals,
        messages=messages,
        objects=objects(rooms, block),
        requests=requests,
        obligations=obligations,
    ).routes()


def objects(rooms: Rooms, block: AuthzenBlock) -> Objects | None:
    """Who decides about what is no message of MCP, if anybody does. Raises PolicyRefused."""
    if block.bundle is None:
        return None
    directory = Path(rooms.config.directory) / block.bundle
    bundle = passed(directory)
    try:
        policy, found = _rego(bundle), _candidates(bundle)
    except PolicyRefused as error:
        raise error.under(directory) from None
    return Objects(
        policy,
        found,
        tenant=rooms.config.root.gateway.tenant,
        obligations=block.drafts.obligations is not None,
        record=rooms.log.append,
        clock_ms=rooms.clock_ms,
        new_id=new_id,
    )


def _rego(bundle: Bundle) -> PolicyEngine:
    """Raises PolicyRefused: other engines know calls of tools and nothing else."""
    if bundle.header.engine == "rego":
        return engine(bundle)
    raise PolicyRefused(
        "rules about anything but messages of MCP are written in Rego",
        file=FILE,
        fix="write `engine: rego`, and the rules in Rego",
    )


def _candidates(bundle: Bundle) -> Candidates:
    """What may be found. Raises PolicyRefused."""
    try:
        return candidates(bundle.data)
    except msgspec.ValidationError as error:
        raise PolicyRefused(
            f"this is not what a search finds things in: {error}",
            file=CANDIDATES,
            fix="keep `subjects`, `resources` and `actions` in it",
        ) from None
