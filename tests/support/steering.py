"""What is known of calls that somebody may have steered: where their values stood."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from safeconduct.core.model import Facts
from safeconduct.core.provenance import Origin
from safeconduct.core.verdict import Deny, Elevate
from tests.support.facts import ASKED, BODY, TAINTED, facts, task, tool

DANA, EVE = "dana@customer.example", "eve@evil.example"
FILE = (Origin("trusted-field", "crm.get_case:deal_id"),)
SINGLE = (Origin("single-source", BODY),)
OFFERED = (Origin("offered", BODY),)
AMONG = (Origin("named-source", BODY),)
SEEN = (Origin("seen", BODY),)
MADE_UP: tuple[Origin, ...] = ()
TAINT = task(labels=TAINTED)
REFUSED = Deny("control-argument-unvouched", "id")
DEAL, NOTE = {"id": "D-7"}, {"next_step": "x"}

Places = dict[str, tuple[Origin, ...]]


def tainted(provenance: Places, **overrides: Any) -> Facts:
    return facts(task=TAINT, provenance=provenance, **overrides)


def led(to: tuple[Origin, ...] = SINGLE, deal: tuple[Origin, ...] = ASKED, **more: Any) -> Facts:
    given: Places = {"id": deal, "to": to, f"to={EVE}": to}
    return tainted(given, **{"tool": tool(unvouched="follow"), **more})


def bare(said: Deny | Elevate | None) -> Deny | Elevate | None:
    """A question without the values that a yes would be to."""
    if not isinstance(said, Elevate):
        return said
    return Elevate(replace(said.requirement, values=(), wheres=()))
