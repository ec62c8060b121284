"""Completions: a read of what they refer to, with all that was typed as content on its way out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from safeconduct.core.labels import Confidentiality, Label
from safeconduct.core.manifest import Argument, Effect, ToolManifest
from safeconduct.core.model import ToolFacts
from safeconduct.ports import Delivered, Refused
from safeconduct.simulation import SimulatedTask
from tests.unit.test_gateway import caller, records, simulated

JSON = dict[str, Any]

FACTS = ToolFacts(
    manifest=ToolManifest(
        effect=Effect.read, scopes=("case:read",), arguments={"who": Argument(role="query")}
    ),
    pin="reviewed",
    destination="crm",
    source=Label(),
    clearance=Confidentiality.internal,
)


class Completes:
    """An upstream that completes what it is asked to."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, JSON]] = []

    async def request(self, method: str, params: JSON, **_: Any) -> JSON:
        assert params.pop("_meta").keys() == {"traceparent"}
        self.asked.append((method, params))
        return {"completion": {"values": ["Ann", "Anton"], "total": 2, "_meta": {}}}

    async def close(self) -> None:
        pass


def offer(task: SimulatedTask, patch: pytest.MonkeyPatch, facts: ToolFacts = FACTS) -> Completes:
    """Lets the page find whatever is asked for as an offer of `crm`."""
    upstream = Completes()
    catalogue = task.rooms.catalogue

    def locate(_method: str, name: str, _upstream: str | None) -> tuple[str, str]:
        return "crm", name.removeprefix("crm__")

    patch.setattr(catalogue, "locate", locate)
    patch.setattr(catalogue, "facts", lambda _method, _upstream, _name: facts)
    patch.setattr(catalogue, "pin", lambda method, _upstream, _name: method)
    patch.setitem(task.rooms.upstreams, "crm", upstream)
    return upstream


def typed(value: str = "An", **ref: str) -> JSON:
    return {"ref": ref, "argument": {"name": "who", "value": value}}


@pytest.mark.parametrize(
    ("ref", "name", "target"),
    [
        ({"type": "ref/prompt", "name": "crm__greet"}, "greet", "crm#prompt:greet"),
        ({"type": "ref/resource", "uri": "kb://{who}"}, "kb://{who}", "crm#template:kb://{who}"),
        ({"type": "ref/resource", "uri": "kb://a"}, "kb://a", "crm#resource:kb://a"),
    ],
)
async def test_a_completion_is_a_call_of_what_it_refers_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ref: JSON, name: str, target: str
) -> None:
    async with simulated(tmp_path) as task:
        upstream = offer(task, monkeypatch)
        given = {**typed(**ref), "context": {"arguments": {"title": "Dr"}}}
        wire_name = ref["name"] if "name" in ref else ref["uri"]
        answer = await task.rooms.gateway.call(
            caller(task), "completion/complete", None, wire_name, given
        )
        assert isinstance(answer, Delivered)
        assert answer.result == {"completion": {"values": ["Ann", "Anton"], "total": 2}}
        member = "name" if "name" in ref else "uri"
        sent = {**given, "ref": {**ref, member: name}}
        assert upstream.asked == [("completion/complete", sent)]
        (decision,) = records(task, "decision")
        assert (decision["method"], decision["tool"]) == ("completion/complete", target)


async def test_what_is_typed_is_judged_before_the_upstream_sees_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with simulated(tmp_path) as task:
        upstream = offer(task, monkeypatch)
        secret = typed("AKIA" + "ABCDEFGHIJKLMNOP", type="ref/prompt", name="crm__greet")
        answer = await task.rooms.gateway.call(
            caller(task), "completion/complete", None, "crm__greet", secret
        )
        assert isinstance(answer, Refused)
        assert (answer.code, upstream.asked) == ("content-secret", [])


async def test_what_nobody_reviewed_is_not_completed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    unreviewed = ToolFacts(
        manifest=None,
        pin="unreviewed",
        destination="crm",
        source=Label(),
        clearance=Confidentiality.public,
    )
    async with simulated(tmp_path) as task:
        upstream = offer(task, monkeypatch, unreviewed)
        given = typed(type="ref/prompt", name="crm__greet")
        answer = await task.rooms.gateway.call(
            caller(task), "completion/complete", None, "crm__greet", given
        )
        assert isinstance(answer, Refused)
        assert (answer.code, upstream.asked) == ("tool-unknown", [])


async def test_what_nobody_offers_is_unknown(tmp_path: Path) -> None:
    async with simulated(tmp_path) as task:
        given = typed(type="ref/prompt", name="crm__greet")
        answer = await task.rooms.gateway.call(
            caller(task), "completion/complete", None, "crm__greet", given
        )
        assert isinstance(answer, Refused)
        assert answer.code == "tool-unknown"
