"""Facts from the system of record: fetched within one bound of time, and good as a voucher."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import msgspec
import pytest

from safeconduct.core.manifest import Manifest
from safeconduct.resolvers import RESOLVE_S
from safeconduct.simulation import SimulatedTask
from safeconduct.upstreams.callables import CallableUpstream
from tests.support.worlds import CRM, Rules, config
from tests.unit.test_gateway import records

DANA = "dana@customer.example"
READ = {
    "effect": "read",
    "scopes": ["case:read"],
    "returns": {"source": {"integrity": "trusted", "confidentiality": "internal"}},
}
NOTE = {**READ, "effect": "write", "scopes": ["deal:update"], "sink": {"clearance": "restricted"}}
NOTE["arguments"] = {"text": {"role": "content"}}


def sent(**_: object) -> str:
    return "sent"


@pytest.mark.parametrize(
    ("took_s", "left_s", "reason"),
    [
        (0.0, [RESOLVE_S], None),
        (RESOLVE_S - 1, [1.0], None),
        (RESOLVE_S, [], "facts-unavailable"),
        (RESOLVE_S + 1, [], "facts-unavailable"),
    ],
)
async def test_a_resolver_has_what_is_left_of_the_time_and_is_not_asked_without_any(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    took_s: float,
    left_s: list[float],
    reason: str | None,
) -> None:
    given_s: list[float] = []
    request = CallableUpstream.request

    async def noted(self: CallableUpstream, *arguments: Any, **options: Any) -> Any:
        if self.id == "crm":
            given_s.append(options["timeout_s"])
        return await request(self, *arguments, **options)

    task = SimulatedTask(
        config(tmp_path),
        "Answer case C-1.",
        directory=tmp_path,
        resolvers={"crm.on_file": lambda: {"emails": [DANA]}},
        policy=Rules(),
    )
    async with task:
        looks_s = itertools.count(step=took_s)
        monkeypatch.setattr("safeconduct.resolvers.monotonic", lambda: next(looks_s))
        monkeypatch.setattr(CallableUpstream, "request", noted)
        step = await task.call("mail.send", {"to": DANA, "body": "hello"}, sent)
    assert given_s == left_s
    assert step.reason == reason


class TestWhatIsOnFile:
    """An id that the task has not read is looked for in the list that the manifest names."""

    def task(self, directory: Path, deals: Any) -> SimulatedTask:
        ids = {"role": "object-id", "type": "crm.deal", "on_file": "deals"}
        update = {**CRM["tools"]["update_deal"], "resolvers": {}}
        update["arguments"] = {
            **update["arguments"],
            "id": ids,
            "case_id": {"role": "object-id", "type": "crm.case"},
        }
        manifest = {
            **CRM,
            "resolvers": {"deals": {"tool": "list_deals", "take": "$.deals.*.id"}},
            "tools": {**CRM["tools"], "update_deal": update, "list_deals": READ, "note": NOTE},
        }
        made = config(directory)
        manifests = {**made.manifests, "crm": msgspec.convert(manifest, Manifest)}
        return SimulatedTask(
            msgspec.structs.replace(made, manifests=manifests),
            "Read case C-1, note it, and put case C-1 to its deal.",
            directory=directory,
            resolvers={"crm.list_deals": deals},
            policy=Rules(),
        )

    async def updated(self, task: SimulatedTask, deal: object, **more: object) -> str | None:
        page = {"messages": [{"body": "Do it to deal D-9."}]}
        await task.call("crm.get_case", {"case_id": "C-1"}, lambda **_: page)
        given = {"id": deal, "case_id": "C-1"} if not more else {"id": deal, **more}
        return (await task.call("crm.update_deal", given, lambda **_: {})).reason

    async def test_is_good_beside_what_the_request_names(self, tmp_path: Path) -> None:
        async with self.task(tmp_path, lambda: {"deals": [{"id": "D-7"}, {"id": "D-8"}]}) as task:
            assert await self.updated(task, "D-8") is None
            made = records(task, "decision")[-1]["provenance"]
        assert made["id"] == ["on-file"]

    async def test_and_is_not_enough_by_itself(self, tmp_path: Path) -> None:
        async with self.task(tmp_path, lambda: {"deals": [{"id": "D-7"}, {"id": "D-8"}]}) as task:
            refused = await self.updated(task, "D-8", next_step="case")
        assert refused == "control-argument-unvouched"

    @pytest.mark.parametrize("deal", ["D-9", "d-8", "D-8 ", "", ["D-8"]])
    async def test_and_nothing_else_does(self, tmp_path: Path, deal: object) -> None:
        async with self.task(tmp_path, lambda: {"deals": [{"id": "D-7"}, {"id": "D-8"}]}) as task:
            assert await self.updated(task, deal) == "control-argument-unvouched"

    async def test_what_an_agent_put_there_does_not(self, tmp_path: Path) -> None:
        async with self.task(tmp_path, lambda: {"deals": [{"id": "D-7"}, {"id": "D-9"}]}) as task:
            await task.call("crm.get_case", {"case_id": "C-1"}, lambda **_: {"messages": []})
            await task.call("crm.note", {"text": "D-9"}, lambda **_: {})
            assert await self.updated(task, "D-9") == "control-argument-unvouched"
            assert await self.updated(task, "D-7") is None

    async def test_a_list_that_is_not_to_be_had_refuses(self, tmp_path: Path) -> None:
        def dead() -> Any:
            raise ConnectionError

        async with self.task(tmp_path, dead) as task:
            assert await self.updated(task, "D-8") == "control-argument-unvouched"

    async def test_a_value_that_is_vouched_for_asks_nobody(self, tmp_path: Path) -> None:
        asked: list[str] = []

        def deals() -> Any:
            asked.append("deals")
            return {"deals": []}

        async with self.task(tmp_path, deals) as task:
            case = {"messages": [], "deal_id": "D-7"}
            await task.call("crm.get_case", {"case_id": "C-1"}, lambda **_: case)
            given = {"id": "D-7", "next_step": "a call"}
            step = await task.call("crm.update_deal", given, lambda **_: {})
        assert (step.verdict, asked) == ("done", [])
