"""What a call leaves behind: records, and payloads that can be opened, or not any more."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from safeconduct.audit.payloads import sealing
from safeconduct.audit.reading import read
from safeconduct.core.admit import Admitted
from safeconduct.core.evidence import SAMPLING
from safeconduct.core.labels import BOTTOM
from safeconduct.core.masks import Mask
from safeconduct.core.model import Call, Gathered
from safeconduct.core.policy import PolicyAnswer
from safeconduct.core.provenance import Origin
from safeconduct.ports import Caller, NotRecorded
from safeconduct.recorder import MAX_TASKS, MAX_TEXTS, Made
from safeconduct.simulation import SimulatedTask
from tests.support.recorded import payloads, recorded
from tests.support.worlds import AGENT, USER, Rules, config

TEXT = "The customer wants ten per cent off, and wants it by Friday."
ALLOWED = PolicyAnswer(permit=("all",), bundle="ab", engine="rego 1")
MASKS = (Mask("arguments", "case_id", "erase"), Mask("result", "note", "erase"))


def case(**_: object) -> dict[str, Any]:
    return {"id": "C-1", "note": TEXT}


def said(number: int) -> dict[str, Any]:
    return {"content": [{"type": "text", "text": f"{number} {TEXT}"}]}


def simulated(directory: Path, rules: Rules | None = None) -> SimulatedTask:
    policy = Rules(ALLOWED) if rules is None else rules
    return SimulatedTask(config(directory), "Answer C-1.", policy=policy, directory=directory)


async def judged(task: SimulatedTask, **arguments: str) -> Made:
    """A decision on a call that has not gone further yet."""
    gateway, facts = task.rooms.gateway, task.rooms.facts
    bearer = await gateway.authenticate(Caller(http_method="POST", url="", authorization=None))
    asked = {"arguments": arguments or {"case_id": "C-1"}}

    def gather(sets: Any) -> tuple[Call, Gathered]:
        return facts.gather(bearer, "tools/call", "crm", "get_case", asked, sets)

    return await gateway.judged(bearer, gather)


async def replied(task: SimulatedTask, made: Made, prompt: str) -> None:
    """A client gives the upstream of a call the completion that it asked for."""
    gateway, facts = task.rooms.gateway, task.rooms.facts
    bearer = await gateway.authenticate(Caller(http_method="POST", url="", authorization=None))
    message = {"role": "user", "content": {"type": "text", "text": prompt}}
    answer = {**message, "role": "assistant", "model": "m-1"}
    reply = facts.replied(bearer, made.call, SAMPLING, {"messages": [message]}, answer)
    await gateway.judged(bearer, lambda _: reply)


async def test_one_call_leaves_every_field_that_forensics_asks_for(tmp_path: Path) -> None:
    async with simulated(tmp_path) as task:
        await task.call("crm.get_case", {"case_id": "C-1"}, case)
    (decision,), (outcome,) = (recorded(tmp_path / "audit", one) for one in ("decision", "outcome"))
    (sealed,), (result,) = (payloads(tmp_path / "audit", one) for one in ("decision", "outcome"))
    assert (decision["agent"], decision["user"], decision["tenant"]) == (AGENT, USER, "crm.example")
    assert (decision["tool"], decision["scopes"]) == ("crm.get_case", ["case:read"])
    assert decision["objects"] == {"case_id": ["C-1"]}
    assert (decision["verdict"], decision["policy"]["permit"]) == ("permit", ["all"])
    assert (len(decision["trace"]), len(decision["span"])) == (32, 16)
    assert sealed["arguments"] == {"case_id": "C-1"}
    assert sealed["input"] == decision["policy"]["input"]
    assert result["result"]["structuredContent"] == case()
    assert outcome["bytes"] > len(TEXT)
    assert outcome["dur_us"] >= 0
    assert (decision["task_n"], outcome["task_n"]) == (2, 4)


async def test_what_cannot_be_sealed_does_not_run(tmp_path: Path) -> None:
    async with simulated(tmp_path) as task:
        ran: list[object] = []
        task.rooms.keys.close()
        with pytest.raises(NotRecorded):
            await task.call("crm.get_case", {"case_id": "C-1"}, lambda **_: ran.append(1))
        assert not ran
    assert [one["kind"] for one in read(tmp_path / "audit")].count("decision") == 0


async def test_a_result_that_cannot_be_sealed_is_not_delivered(tmp_path: Path) -> None:
    async with simulated(tmp_path) as task:

        def breaks(**_: object) -> dict[str, Any]:
            task.rooms.keys.close()
            task.rooms.keys._keys.clear()  # noqa: SLF001 # type: ignore[reportPrivateUsage]
            return case()

        with pytest.raises(NotRecorded):
            await task.call("crm.get_case", {"case_id": "C-1"}, breaks)


async def test_a_result_that_is_too_large_is_delivered_and_committed_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sealing, "MAX_PLAIN_BYTES", 400)
    async with simulated(tmp_path) as task:
        step = await task.call("crm.get_case", {"case_id": "C-1"}, lambda **_: {"id": "x" * 400})
        assert step.verdict == "done"
    (outcome,) = recorded(tmp_path / "audit", "outcome")
    assert outcome["payload"]["left_out"] == outcome["unopened"] == "too-large"
    assert len(outcome["payload"]["commit"]) == 64


async def test_masks_of_arguments_and_results_are_kept_from_the_payloads(tmp_path: Path) -> None:
    rules = Rules(replace(ALLOWED, masks=MASKS))
    async with simulated(tmp_path, rules) as task:
        # Nobody knows yet what may be kept: no rule has spoken.
        await task.call("crm.get_case", {"case_id": "C-1", "more": "x"}, case)
        await task.call("crm.get_case", {"case_id": "C-1"}, case)
        await task.call("crm.get_case", {"case_id": "C-1", "more": "x"}, case)
        task.rooms.use(rules)
        await task.call("crm.get_case", {"case_id": "C-1", "more": "x"}, case)
    unknown, known, screened, changed = payloads(tmp_path / "audit", "decision")
    for one in (unknown, changed):
        assert one["arguments"]["redacted"] == "masked"
    for one in (known, screened):
        assert one["arguments"]["case_id"]["redacted"] == "masked"
    assert screened["arguments"]["more"] == "x"
    decisions = recorded(tmp_path / "audit", "decision")
    assert [one.get("objects") for one in decisions] == [None, {}, {}, None]
    (result,) = payloads(tmp_path / "audit", "outcome")
    assert result["result"]["structuredContent"]["id"] == "C-1"
    assert result["result"]["structuredContent"]["note"]["redacted"] == "masked"
    assert result["result"]["content"]["redacted"] == "masked"
    assert TEXT not in str(result)


async def test_a_prompt_is_linked_to_the_results_that_stand_in_it(tmp_path: Path) -> None:
    async with simulated(tmp_path) as task:
        step = await task.call("crm.get_case", {"case_id": "C-1"}, lambda **_: TEXT)
        made = await judged(task)
        await replied(task, made, f"Sum this up: {TEXT}")
        await replied(task, made, "Sum nothing up.")
        messages = [{"role": "user", "content": {"type": "text", "text": f"{TEXT} Answer."}}]
        admitted = Admitted(result={"messages": messages}, label=BOTTOM)
        await task.rooms.recorder.done(made, admitted, known=True)
    models = [one.get("model", {}) for one in recorded(tmp_path / "audit", "decision")]
    linked, unlinked = models[2:]
    assert models[:2] == [{}, {}]
    assert linked["contains"] == [step.decision]
    assert linked["claimed"] == "m-1"
    assert len(linked["prompt"]) == len(linked["completion"]) == 64
    assert unlinked.keys() == {"claimed", "prompt", "completion"}
    (outcome,) = recorded(tmp_path / "audit", "outcome")[1:]
    assert outcome["model"].keys() == {"prompt", "contains"}
    assert payloads(tmp_path / "audit", "decision")[2]["asked"]["messages"]


async def test_only_the_newest_texts_of_the_newest_tasks_are_known(tmp_path: Path) -> None:
    async with simulated(tmp_path) as task:
        recorder = task.rooms.recorder
        made = await judged(task)
        for number in range(MAX_TEXTS + 1):
            recorder._remember_texts(made, said(number))  # noqa: SLF001 # type: ignore[reportPrivateUsage]
        for number in (0, 1):
            await replied(task, made, f"{number} {TEXT}")
        for number in range(MAX_TASKS):
            known = replace(made.gathered.task, id=f"t_{number}")
            other = replace(made, gathered=replace(made.gathered, task=known))
            recorder._remember_texts(other, said(number))  # noqa: SLF001 # type: ignore[reportPrivateUsage]
        await replied(task, made, f"1 {TEXT}")
    models = [one["model"] for one in recorded(tmp_path / "audit", "decision")[1:]]
    assert ["contains" in model for model in models] == [False, True, False]


async def test_the_state_comes_out_the_same_from_the_log_alone(tmp_path: Path) -> None:
    async with simulated(tmp_path) as task:
        await task.call("crm.get_case", {"case_id": "C-1"}, case)
        await task.rooms.sign_out("somebody", 1, "uid:0")
        await task.rooms.revoke("user", "somebody else", "uid:0")
        name, before = task.task, task.rooms.state.task(task.task)
    for file in (tmp_path / "state").glob("state.sqlite3*"):
        file.unlink()
    again = simulated(tmp_path)
    try:
        state = again.rooms.state
        assert state.task(name) == before
        assert state.parties(name)[1].id == USER
        assert state.revocations() == [("user", "somebody else")]
        assert state.vouched(name, "recipient", "nobody") == tuple[Origin, ...]()
    finally:
        await again.rooms.close()
    held = b"".join(path.read_bytes() for path in (tmp_path / "audit").iterdir() if path.is_file())
    assert not any(one.encode() in held for one in (USER, "somebody"))


async def test_after_an_erasure_records_say_that_and_other_users_are_as_before(
    tmp_path: Path,
) -> None:
    async with simulated(tmp_path) as task:
        await task.call("crm.get_case", {"case_id": "C-1"}, case)
        task.rooms.keys.erase("crm.example", USER)
    (decision,) = recorded(tmp_path / "audit", "decision")
    assert decision["unopened"] == "erased"
    assert decision["user"].startswith("u_")
    assert payloads(tmp_path / "audit", "outcome") == ["erased"]
