"""What an operator does at a terminal, against a gateway that runs."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from safeconduct.audit.reading import read
from safeconduct.cli import output
from safeconduct.config import load
from safeconduct.demo import plot
from safeconduct.demo.connection import McpTools
from tests.support.company import Company, Installed, founded

SEND = "email:send:customer"


pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def company(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Company]:
    async with founded(tmp_path_factory.mktemp("company")) as company:
        yield company


@pytest_asyncio.fixture(loop_scope="module")
async def gateway(company: Company, tmp_path: Path) -> AsyncIterator[Installed]:
    gateway = company.installed(tmp_path)
    agent = gateway.directory / "agents" / "sales-copilot.yaml"
    text = agent.read_text(encoding="utf-8").replace(f"      - {SEND}\n", "")
    text += f"  jit_approval_required: [{SEND}]\n"
    agent.write_text(text, encoding="utf-8")
    async with gateway.running():
        yield gateway


async def sent(tools: McpTools, to: str, body: str) -> str:
    mail = {"to": to, "subject": "Hello", "body": body}
    reply = await tools.call("mail.send", mail)
    return reply.reason or reply.verdict


async def test_a_person_approves_exact_bytes_once(gateway: Installed) -> None:
    task = await gateway.task()
    async with gateway.tools(task) as tools:
        await tools.call("crm.get_case", {"case_id": plot.CASE_ID})
        assert await sent(tools, gateway.customer, "yes") == "approval-required"
        _, shown = await gateway.operate("approvals", "show")
        (question,) = shown["pending"]
        assert json.loads(question["arguments"]) == {
            "body": "yes", "subject": "Hello", "to": gateway.customer,
        }  # fmt: skip
        assert question["requires"] == [f"scope:{SEND}"]
        code, _ = await gateway.operate("approvals", "approve", question["approval"], "--yes")
        assert code == 0
        assert await sent(tools, gateway.customer, "other") == "approval-required"
        assert await sent(tools, gateway.customer, "yes") == "done"
        assert await sent(tools, gateway.customer, "yes") == "approval-required"
        code, _ = await gateway.operate("approvals", "approve", question["approval"], "--yes")
        assert code == 1


async def test_a_person_s_no_is_final_for_these_bytes(gateway: Installed) -> None:
    task = await gateway.task()
    async with gateway.tools(task) as tools:
        await tools.call("crm.get_case", {"case_id": plot.CASE_ID})
        assert await sent(tools, gateway.customer, "no") == "approval-required"
        _, shown = await gateway.operate("approvals", "list")
        denied = (shown["pending"][0]["approval"], "--why", "ring her up")
        code, _ = await gateway.operate("approvals", "deny", *denied)
        assert code == 0
        assert await sent(tools, gateway.customer, "no") == "approval-denied"


async def test_a_person_vouches_for_an_address_once(gateway: Installed) -> None:
    task, address = await gateway.task(), "new@elsewhere.example"
    async with gateway.tools(task) as tools:
        await tools.call("crm.get_case", {"case_id": plot.CASE_ID})
        assert await sent(tools, address, "yes") == "destination-not-allowed"
        given = ("--task", task.task, "--tool", "mail.send", "--why", "rang her up")
        value = ("--argument", "to", "--value", address)
        code, said = await gateway.operate("release", "value", *given, *value)
        assert (code, said["calls"], said["tool"]) == (0, 1, "mail.send")
        # The scope still needs a yes of its own.
        assert await sent(tools, address, "yes") == "approval-required"
        code, error = await gateway.operate(
            "release", "result", *given, "--decision", f"d_{24 * '0'}"
        )
        assert code == output.FOUND
        assert "is not at hand" in error
    log = output.log_of(load(gateway.directory))
    (record,) = [one for one in read(log, task=task.task) if one["kind"] == "release"]
    assert (record["why"], record["argument"]) == ("rang her up", "to")
    assert record["by"].startswith("uid:")


async def test_a_person_lets_a_task_go_on_that_was_refused_too_often(gateway: Installed) -> None:
    task = await gateway.task()
    async with gateway.tools(task) as tools:
        await tools.call("crm.get_case", {"case_id": plot.CASE_ID})
        said = [await sent(tools, "eve@evil.example", "yes") for _ in range(6)]
        assert said == ["destination-not-allowed"] * 5 + ["loop-stopped"]
        why = ("--why", "Eve is nobody; told Jane")
        assert await gateway.operate("resume", task.task, *why) == (0, {"resumed": task.task})
        assert await sent(tools, "eve@evil.example", "yes") == "destination-not-allowed"
        code, error = await gateway.operate("resume", "t_0", *why)
        assert code != 0
        assert "no such task runs" in error
    log = output.log_of(load(gateway.directory))
    (record,) = [one for one in read(log, task=task.task) if one["kind"] == "resumption"]
    assert record["why"] == why[1]
    assert record["by"].startswith("uid:")


async def test_a_revoked_task_does_nothing_more_and_the_record_explains_it(
    gateway: Installed,
) -> None:
    task = await gateway.task()
    async with gateway.tools(task) as tools:
        why = ("--why", "it loops")
        assert (await gateway.operate("revoke", "task", task.task, *why))[0] == 0
        reply = await tools.call("crm.get_case", {"case_id": plot.CASE_ID})
        assert reply.reason == "task-revoked"
    _, facts = await gateway.operate("task", "show", task.task)
    assert facts["state"] == "revoked"
    log = output.log_of(load(gateway.directory))
    (record,) = [one for one in read(log) if one["kind"] == "revocation"]
    assert (record["id"], record["why"]) == (task.task, why[1])
    code, explained = await gateway.operate("explain", reply.decision_id)
    assert code == 0
    assert explained["decision"]["checks"][0] == {
        "check": "delegation", "said": "deny", "reason": "task-revoked",
    }  # fmt: skip
    code, report = await gateway.operate("audit", "verify")
    assert (code, report["verified"]) == (0, True)


async def test_the_doctor_proves_the_path_and_names_the_open_warehouse(
    gateway: Installed,
) -> None:
    code, answer = await gateway.operate("doctor")
    found = {(one["state"], one["what"].split(":")[0]) for one in answer["findings"]}
    whats = " / ".join(one["what"] for one in answer["findings"])
    assert code == 1
    assert ("problem", "warehouse") in found
    assert ("problem", "crm") not in found
    assert "a canary call was refused, and is record" in whats
    assert "a request without a task token is turned away" in whats
    # It is told apart by the purpose of its task.
    log = output.log_of(load(gateway.directory))
    purpose = "Canary of safeconduct doctor"
    (task,) = [one["task"] for one in read(log) if one.get("purpose") == purpose]
    (canary,) = [one for one in read(log, task=task) if one["kind"] == "decision"]
    assert (canary["verdict"], canary["reason"]) == ("deny", "tool-unknown")


async def test_without_a_gateway_its_operator_is_told_what_to_do(
    company: Company, tmp_path: Path
) -> None:
    code, said = await company.installed(tmp_path).operate("approvals", "show")
    assert code == 3
    assert "start it with `safeconduct serve`" in said
