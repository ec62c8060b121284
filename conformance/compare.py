"""What both legs said, held against each other: (scenario, check, status)."""

import textwrap
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from typing import Literal

import msgspec

FAILED = ("FAILURE", "WARNING")
NO_CHECK = "(no check was reported)"
"""Stands for a scenario that proves nothing, on either leg."""
ENDS_WELL = "client-ends-well"
"""Our own check of how the SDK's client ended, of which the suite's say nothing."""


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a scenario's checks.json."""

    id: str
    status: str
    description: str = ""
    errorMessage: str | None = None  # noqa: N815  the suite's word

    @property
    def said(self) -> str:
        return self.errorMessage or self.description


Ran = Mapping[str, Collection[Check]]
"""The checks of each scenario that a leg ran."""

Role = Literal["server", "client", "authorization", "authorization-server"]
"""What the suite tests: a server, a client, how a client comes by its tokens, or who issues them.
"""


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """A check whose statuses are not the same on both legs, each with how often it came."""

    revision: str
    role: Role
    scenario: str
    check: str
    direct: dict[str, int]
    gateway: dict[str, int]
    said: tuple[str, ...]


def differences(
    revision: str, role: Role, expected: Iterable[str], direct: Ran, gateway: Ran
) -> list[Difference]:
    """Everything that tells the legs apart, scenario after scenario."""
    found: list[Difference] = []
    for scenario in expected:
        here, there = direct.get(scenario, ()), gateway.get(scenario, ())
        for check in dict.fromkeys(one.id for one in (*here, *there)) or [NO_CHECK]:
            legs = _statuses(check, here), _statuses(check, there)
            if check is NO_CHECK or not _same(role, check, *legs):
                said = [one for one in (*there, *here) if one.id == check]
                failed = [one for one in said if one.status in FAILED]
                found.append(
                    Difference(
                        revision=revision,
                        role=role,
                        scenario=scenario,
                        check=check,
                        direct=dict(legs[0]),
                        gateway=dict(legs[1]),
                        said=tuple(dict.fromkeys(one.said for one in failed or said[:1])),
                    )
                )
    return found


def flawless(ran: Ran) -> Ran:
    """The same checks as if all had succeeded: the other leg of what has only one."""
    return {
        scenario: [
            msgspec.structs.replace(one, status="SUCCESS") if one.status in FAILED else one
            for one in checks
        ]
        for scenario, checks in ran.items()
    }


def failing(required: Collection[str], ran: Ran) -> list[str]:
    """The scenarios that must not fail, and do."""
    return [
        scenario
        for scenario, checks in ran.items()
        if scenario in required and any(one.status == "FAILURE" for one in checks)
    ]


def _statuses(check: str, checks: Collection[Check]) -> Counter[str]:
    """How often each status came. INFO is no verdict: it logs a message that passed, so it counts
    that there is any, not how many.
    """
    counted = Counter(one.status for one in checks if one.id == check)
    if "INFO" in counted:
        counted["INFO"] = 1
    return counted


def _same(role: Role, check: str, direct: Counter[str], gateway: Counter[str]) -> bool:
    if check == ENDS_WELL and not direct["SUCCESS"]:
        return True  # A client that stumbles by itself says nothing about the gateway.
    if role == "client" and direct["SUCCESS"]:
        # Some checks look at each message. The gateway sends some of its own, to learn what the
        # server offers: that more of them are right than there were is no difference.
        extra = max(0, gateway["SUCCESS"] - direct["SUCCESS"])
        return direct == gateway - Counter(SUCCESS=extra)
    return direct == gateway


def table(found: Collection[Difference]) -> str:
    """The differences as text for people: where, direct and through the gateway, and why."""
    rows: list[str] = []
    for one in found:
        rows.append(f"{one.revision}  {one.role}  {one.scenario}  {one.check}")
        rows.append(f"    direct {_counted(one.direct)} | gateway {_counted(one.gateway)}")
        rows += [textwrap.indent(said, "    > ") for said in one.said]
    return "\n".join(rows)


def _counted(statuses: Mapping[str, int]) -> str:
    return (
        ", ".join(
            status if times == 1 else f"{times} x {status}"
            for status, times in sorted(statuses.items())
        )
        or "absent"
    )
