"""A result that is made to be slow to judge holds nobody up."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import orjson
import pytest

from safeconduct import gateway
from safeconduct.inspecting import AT_ONCE_BYTES
from safeconduct.kit.aside import TooMany
from safeconduct.ports import JSON
from safeconduct.simulation import SimulatedTask
from safeconduct.upstreams import Limits, messages
from tests.support.inspecting import DANA, EVE
from tests.support.recorded import recorded
from tests.support.worlds import Rules, config

PATIENCE_S: Final = 20.0
"""How long the event loop may take to come round, before it is said to stand still."""


def held(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function, once the loop that runs now has had a turn after it was called."""
    loop = asyncio.get_running_loop()

    def run(*given: Any) -> Any:
        turned = threading.Event()
        loop.call_soon_threadsafe(turned.set)
        assert turned.wait(PATIENCE_S), "the event loop stands still"
        return function(*given)

    return run


def nested(levels: int) -> object:
    value: object = 1
    for _ in range(levels):
        value = [value]
    return value


def structured(value: object) -> JSON:
    return {"content": [], "structuredContent": {"rows": value}}


def said(text: str) -> JSON:
    return {"content": [{"type": "text", "text": text}]}


SLOW: Final[dict[str, JSON]] = {
    "numbers": structured([1.5] * 190_000),
    "objects": structured([{"id": 1}] * 90_000),
    "names": structured({f"{n:020}": n for n in range(90_000)}),
    "nested": structured([nested(55)] * 3_000),
    "words": said(" ".join(f"{n:x}" for n in range(600_000))),
    "one text": said("x" * 4_100_000),
}


def company(directory: Path) -> SimulatedTask:
    purpose = "Triage case C-1 and answer the customer."
    return SimulatedTask(config(directory), purpose, policy=Rules(), directory=directory)


def arrives(task: SimulatedTask, monkeypatch: pytest.MonkeyPatch, result: JSON) -> None:
    """What the CRM answers from now on, as it comes from the wire."""
    data = orjson.dumps({"jsonrpc": "2.0", "id": 1, "result": result})
    answer = messages.read(data, Limits().max_answer_bytes)
    assert isinstance(answer, messages.Answer)

    async def request(*_: Any, **__: Any) -> JSON | None:
        return answer.result

    monkeypatch.setattr(task.rooms.upstreams["crm"], "request", request)


async def read(task: SimulatedTask) -> str | None:
    return (await task.call("crm.get_case", {"case_id": "C-1"}, lambda **_: {})).reason


@pytest.mark.parametrize("what", SLOW)
async def test_while_a_result_is_judged_everybody_has_their_turn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    async with company(tmp_path) as task:
        arrives(task, monkeypatch, SLOW[what])
        for name in ("admit", "sightings"):
            monkeypatch.setattr(gateway, name, held(getattr(gateway, name)))
        assert await read(task) is None
        assert task.state.labels.confidentiality.name == "internal"


async def test_what_a_long_result_says_is_known_before_the_agent_has_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with company(tmp_path) as task:
        long = {"customer_email": DANA, "note": f"Write to {EVE}", "more": "x" * AT_ONCE_BYTES}
        arrives(task, monkeypatch, {"content": [], "structuredContent": long})
        assert await read(task) is None
        await task.call("mail.send", {"to": EVE, "body": "Hi"}, lambda **_: {})
        await task.call("mail.send", {"to": DANA, "body": "Hi"}, lambda **_: {})
        _, stranger, known = recorded(tmp_path / "audit", "decision")
        assert stranger["provenance"]["to"] == ["seen"]
        assert known["provenance"]["to"] == ["named-field", "single-source"]


async def test_a_long_result_that_is_one_too_many_is_withheld(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with company(tmp_path) as task:
        arrives(task, monkeypatch, said("x" * AT_ONCE_BYTES))
        inspecting = task.rooms.facts.inspecting

        async def none(*_: Any) -> tuple[()]:
            return ()

        async def full(*_: Any) -> None:
            raise TooMany

        monkeypatch.setattr(inspecting, "came", none)
        monkeypatch.setattr(inspecting.aside, "run", full)
        assert await read(task) == "result-unread"
        (outcome,) = recorded(tmp_path / "audit", "outcome")
        assert (outcome["status"], outcome["findings"]) == ("withheld", ["inspection.unread"])
