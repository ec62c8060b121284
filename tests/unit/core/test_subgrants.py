"""Sub-grants: which call reads their source, for which calls they hold, and what rests on them."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from safeconduct.core.manifest import Effect, Manifest
from safeconduct.core.model import Call
from safeconduct.core.provenance import Origin
from safeconduct.core.subgrants import Given, SubGrant, mistake, origin, used
from tests.support.facts import NOW_MS, call, manifest
from tests.support.worlds import CRM, MAIL

GRANT = SubGrant(source="crm.update_deal", object="D-7", tools=("mail.send",), count=2, minutes=5)
MANIFESTS = [msgspec.convert(one, Manifest) for one in (CRM, MAIL)]
SCOPES = frozenset({"case:read", "mail:send"})
SEND = SubGrant(source="crm.get_case", object="C-1", tools=("mail.send",), count=2, minutes=5)


def reads(one: Call) -> bool:
    return GRANT.reads(one.target, one.arguments, manifest())


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({"id": "D-7", "next_step": "x"}, True),
        ({"id": "D-8"}, False),
        ({"id": "d-7"}, False),
        ({"id": ["D-7"]}, False),
        ({}, False),
        ({"what": "D-7"}, False),
    ],
)
def test_the_source_is_one_tool_and_one_exact_value(
    arguments: dict[str, Any], expected: bool
) -> None:
    assert reads(call(arguments)) is expected
    assert not reads(call(arguments, target="crm.get_deal"))


@pytest.mark.parametrize(
    ("target", "effect", "left", "now_ms", "expected"),
    [
        ("mail.send", Effect.send, 1, NOW_MS - 1, True),
        ("mail.send", Effect.send, 0, NOW_MS - 1, False),
        ("mail.send", Effect.send, 1, NOW_MS, False),
        ("mail.send", Effect.execute, 1, NOW_MS - 1, False),
        ("crm.update_deal", Effect.write, 1, NOW_MS - 1, False),
    ],
)
def test_it_holds_for_its_tools_so_often_and_so_long(
    target: str, effect: Effect, left: int, now_ms: int, expected: bool
) -> None:
    assert Given(0, GRANT, left, NOW_MS).lets(target, effect, now_ms) is expected


def test_what_the_user_named_anyway_uses_nothing() -> None:
    provenance = {
        "id": (Origin("user-request"), origin(0)),
        "to": (origin(2), origin(1), Origin("seen", "crm.get_case:body")),
        "amount_minor": (Origin("trusted-field"), origin(3)),
        "account": (Origin("endorsed", "r_1"), origin(4)),
        "next_step": (),
    }
    assert used(provenance) == (1, 2, 3, 4)


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({}, None),
        ({"source": "crm.nothing"}, "crm.nothing is no tool that reads."),
        ({"source": "mail.send"}, "mail.send is no tool that reads."),
        ({"tools": ("mail.other",)}, "mail.other is no tool that can be led by what was read."),
        (
            {"tools": ("crm.update_deal",)},
            "crm.update_deal needs a scope that the task does not have.",
        ),
    ],
)
def test_a_task_is_given_what_it_can_use(changed: dict[str, Any], why: str | None) -> None:
    given = msgspec.structs.replace(SEND, **changed)
    assert mistake([given], MANIFESTS, SCOPES) == why


def test_what_runs_code_is_led_by_nothing() -> None:
    tool = msgspec.structs.replace(MANIFESTS[1].tools["send"], effect=Effect.execute)
    running = msgspec.structs.replace(MANIFESTS[1], tools={"send": tool})
    why = mistake([SEND], [MANIFESTS[0], running], SCOPES)
    assert why == "mail.send is no tool that can be led by what was read."


@pytest.mark.parametrize(
    "changed",
    [{"count": 21}, {"count": 0}, {"minutes": 61}, {"tools": []}, {"object": ""}, {"more": 1}],
)
def test_it_is_narrow(changed: dict[str, Any]) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({**msgspec.to_builtins(GRANT), **changed}, SubGrant)
