"""Messages of MCP that go past the gateway, decided as if they came through it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from safeconduct.config.authzen import Drafts
from safeconduct.core.canonical import sha256
from safeconduct.core.manifest import ContentManifest, SourceLabel
from safeconduct.core.policy import PolicyAnswer
from safeconduct.ports import JSON
from tests.support.enforcing import Deciding
from tests.support.parties import ISSUER, OTHER
from tests.support.worlds import USER


async def test_a_permit_is_for_exact_bytes_and_on_record_before_it_is_told(
    deciding: Deciding,
) -> None:
    told = await deciding.asked(deciding.message())
    (decision,) = deciding.records("decision")
    (outcome,) = deciding.records("outcome")
    assert told == {
        "decision": True,
        "context": {
            "evaluation_id": decision["decision"],
            "digest": decision["digest"],
            "expires_at": "2026-09-21T14:14:20.000Z",
        },
    }
    assert (decision["verdict"], decision["tool"], decision["user"]) == (
        "permit", "crm.get_case", USER,
    )  # fmt: skip
    assert (outcome["decision"], outcome["status"]) == (decision["decision"], "handed-over")


async def test_a_refusal_says_what_an_agent_of_the_gateway_would_read(deciding: Deciding) -> None:
    deciding.rules.answer = PolicyAnswer(deny=("secret-rule",))
    told = await deciding.asked(deciding.message())
    (decision,) = deciding.records("decision")
    assert told == {
        "decision": False,
        "context": {
            "evaluation_id": decision["decision"],
            "reason": "policy-denied",
            "message": "The policy does not permit this call.",
            "remedy": "use-other-tool",
            "retry": "changed",
        },
    }


async def test_what_was_read_elsewhere_does_not_leave_either(deciding: Deciding) -> None:
    mail = {"to": "dana@customer.example", "body": "Hello"}
    sends = deciding.message(name="mail__send", arguments=mail)
    await deciding.asked(deciding.message(name="crm__list_customers", arguments={}))
    told = await deciding.asked(sends)
    assert (told["decision"], told["context"]["reason"]) == (False, "flow-confidentiality")


@pytest.mark.parametrize(
    "change",
    [
        {"task": "t_0"},
        {"task": None},
        {"task": 7},
        {"agent": OTHER},
        {"agent": None},
        {"arguments": None},
        {"arguments": [1]},
        {"server": "https://elsewhere.example/mcp"},
        {"server": f"{ISSUER}/mcp/nowhere"},
        {"supported_obligations": "custom"},
    ],
)
async def test_a_context_that_is_not_the_tasks(deciding: Deciding, change: JSON) -> None:
    told = await deciding.asked(deciding.message(**change))
    assert told["decision"] is False
    assert told["context"]["error"]["status"] == 400
    assert deciding.records("decision") == []


async def test_the_subject_is_the_tasks_user(deciding: Deciding) -> None:
    asked = deciding.message()
    asked["subject"]["id"] = "bob@crm.example"
    told = await deciding.asked(asked)
    assert told["decision"] is False
    assert told["context"]["error"]["message"] == "No such task of this user and agent lives."
    assert deciding.records("decision") == []


async def test_a_revoked_task_is_permitted_nothing(deciding: Deciding) -> None:
    await deciding.rooms.revoke("task", deciding.simulated.task, "uid:0")
    told = await deciding.asked(deciding.message())
    assert (told["decision"], told["context"]["reason"]) == (False, "task-revoked")
    told = await deciding.asked(deciding.message("tools/list", "mcp_server", ISSUER))
    assert told == {
        "decision": False,
        "context": {"error": {"status": 400, "message": "The task is over."}},
    }


@pytest.mark.parametrize(
    ("method", "arguments"),
    [
        ("initialize", None),
        ("ping", None),
        ("logging/setLevel", None),
        ("server/discover", None),
        ("tools/list", None),
        ("prompts/list", None),
        ("resources/list", None),
        ("resources/templates/list", None),
        ("subscriptions/listen", {"toolsListChanged": True}),
        ("subscriptions/listen", {"resourceSubscriptions": []}),
    ],
)
@pytest.mark.parametrize("server", [ISSUER, f"{ISSUER}/mcp", f"{ISSUER}/mcp/crm"])
async def test_any_task_that_lives_may(
    deciding: Deciding, method: str, arguments: JSON | None, server: str
) -> None:
    asked = deciding.message(method, "mcp_server", server, arguments=arguments)
    assert await deciding.asked(asked) == {"decision": True, "context": {}}


@pytest.mark.parametrize(
    ("method", "kind", "name"),
    [
        ("tools/list", "mcp_server", "https://elsewhere.example"),
        ("tools/list", "tool", "crm__get_case"),
        ("tools/call", "mcp_server", ISSUER),
        ("tools/call", "prompt", "crm__get_case"),
        ("resources/read", "tool", "crm__get_case"),
        ("tasks/get", "task", "1"),
        ("tasks/list", "mcp_server", ISSUER),
        ("tasks/update", "task", "1"),
        ("notifications/cancelled", "mcp_server", ISSUER),
        ("elicitation/create", "mcp_server", ISSUER),
        ("tools/later", "tool", "crm__get_case"),
        ("subscriptions/listen", "mcp_server", ISSUER),
    ],
)
async def test_what_is_not_mapped_is_denied(
    deciding: Deciding, method: str, kind: str, name: str
) -> None:
    asked = deciding.message(method, kind, name, arguments=None)
    assert (await deciding.asked(asked))["decision"] is False


@pytest.mark.parametrize(
    "heard",
    [
        {"resourceSubscriptions": ["kb://open/one"]},
        {"resourceSubscriptions": None},
        {"resourceSubscriptions": {}},
        {"resourcesubscriptions": ["kb://open/one"]},
        {"notifications": {"resourceSubscriptions": ["kb://open/one"]}},
        {"toolsListChanged": ["kb://open/one"]},
        {"toolsListChanged": True, "more": True},
    ],
)
async def test_a_subscription_is_asked_about_resource_by_resource(
    deciding: Deciding, heard: JSON
) -> None:
    asked = deciding.message("subscriptions/listen", "mcp_server", ISSUER, arguments=heard)
    told = await deciding.asked(asked)
    assert told["decision"] is False
    assert "resources/subscribe" in told["context"]["error"]["message"]


@pytest.fixture
def resources(deciding: Deciding) -> None:
    config: Any = deciding.simulated.config
    public = ContentManifest(scopes=("case:read",), source=SourceLabel(confidentiality="public"))
    config.manifests["crm"].resources["kb://open/*"] = public


@pytest.mark.usefixtures("resources")
@pytest.mark.parametrize(
    ("method", "kind", "name", "arguments"),
    [
        ("resources/read", "resource", "kb://open/one", None),
        ("resources/subscribe", "resource", "kb://open/one", None),
        (
            "completion/complete",
            "resource",
            "kb://open/one",
            {"argument": {"name": "id", "value": "o"}},
        ),
    ],
)
async def test_other_things_than_tools_take_the_page_as_well(
    deciding: Deciding, method: str, kind: str, name: str, arguments: JSON | None
) -> None:
    server = f"{ISSUER}/mcp/crm"
    asked = deciding.message(method, kind, name, arguments=arguments, server=server)
    told = await deciding.asked(asked)
    assert told["decision"] is True, told
    assert deciding.records("decision")[0]["method"] == method
    asked["resource"]["id"] = f"other-{name}"
    assert (await deciding.asked(asked))["context"]["reason"] == "tool-unknown"


@pytest.mark.parametrize(
    ("method", "arguments"),
    [
        ("prompts/get", {"tone": "friendly"}),
        ("completion/complete", {"argument": {"name": "tone", "value": "fr"}}),
    ],
)
async def test_a_prompt_that_nobody_offers(
    deciding: Deciding, method: str, arguments: JSON
) -> None:
    told = await deciding.asked(deciding.message(method, "prompt", "reply", arguments=arguments))
    assert told["context"]["reason"] == "tool-unknown"
    assert deciding.records("decision")[0]["method"] == method


async def test_to_hear_no_more_of_a_resource_is_nobodys_decision(deciding: Deciding) -> None:
    asked = deciding.message("resources/unsubscribe", "resource", "kb://open/one", arguments=None)
    assert await deciding.asked(asked) == {"decision": True, "context": {}}


@pytest.mark.parametrize(
    ("method", "kind", "arguments"),
    [
        ("prompts/get", "prompt", {"n": 1}),
        ("completion/complete", "prompt", {"argument": {"name": "tone"}}),
        ("completion/complete", "prompt", {"argument": {"name": "a", "value": ""}, "more": 1}),
    ],
)
async def test_parameters_that_no_message_has(
    deciding: Deciding, method: str, kind: str, arguments: JSON
) -> None:
    told = await deciding.asked(deciding.message(method, kind, "reply", arguments=arguments))
    assert told["context"]["error"]["status"] == 400


async def test_what_nobody_offers_and_what_is_hidden_are_one(deciding: Deciding) -> None:
    for name in ("crm__no_such_tool", "nowhere__get_case"):
        told = await deciding.asked(deciding.message(name=name))
        assert told["context"]["reason"] == "tool-unknown"


async def test_arguments_without_exact_bytes(deciding: Deciding) -> None:
    told = await deciding.asked(deciding.message(arguments={"case_id": 1e17}))
    assert (told["decision"], told["context"]["reason"]) == (False, "arguments-invalid")


async def test_scopes_that_could_be_had_are_named(tmp_path: Path) -> None:
    async with Deciding(tmp_path, bundle=None, scopes=("mail:send",)) as deciding:
        told = await deciding.asked(deciding.message())
        assert told["context"]["reason"] == "scope-missing"
        assert told["context"]["scopes"] == ["case:read"]


async def test_an_argument_is_named_where_the_caller_knows_all_of_it(deciding: Deciding) -> None:
    told = await deciding.asked(deciding.message(arguments={"case_id": "C-1", "more": 1}))
    assert told["context"]["argument"] == "more"


def marked(deciding: Deciding) -> None:
    config: Any = deciding.simulated.config
    tools = config.manifests["crm"].tools
    tools["get_case"] = msgspec.structs.replace(tools["get_case"], spotlight="delimit")


async def test_obligations_are_told_where_their_draft_is_spoken(deciding: Deciding) -> None:
    marked(deciding)
    told = await deciding.asked(deciding.message())
    assert told["context"]["obligations"] == [
        {
            "id": "o1",
            "type": "custom",
            "properties": {
                "vendor": "safeconduct",
                "action": "spotlight",
                "source": "crm",
                "mode": "delimit",
            },
        }
    ]
    for supported in (["custom"], ["step-up", "custom"]):
        asked = deciding.message(supported_obligations=supported)
        assert (await deciding.asked(asked))["decision"] is True
    for supported in ([], ["step-up"]):
        told = await deciding.asked(deciding.message(supported_obligations=supported))
        assert (told["decision"], told["context"]["reason"]) == (False, "obligation-not-carried")
        assert deciding.records("outcome")[-1]["status"] == "refused"


async def test_obligations_that_nobody_is_told_of_refuse(tmp_path: Path) -> None:
    async with Deciding(tmp_path, drafts=Drafts(coaz_mcp="draft-1"), bundle=None) as deciding:
        marked(deciding)
        untold = deciding.message(name="crm__get_deal", arguments={"id": "D-7"})
        assert (await deciding.asked(untold))["decision"] is True
        told = await deciding.asked(deciding.message())
        assert (told["decision"], told["context"]["reason"]) == (False, "obligation-not-carried")


async def test_without_the_draft_nothing_is_known_of_messages(tmp_path: Path) -> None:
    async with Deciding(tmp_path, drafts=Drafts()) as deciding:
        assert (await deciding.asked(deciding.message()))["context"]["reason"] == "policy-denied"
        assert deciding.records("decision") == []


async def test_the_digest_is_that_of_the_call_through_the_gateway(deciding: Deciding) -> None:
    told = await deciding.asked(deciding.message(arguments={"case_id": "C-1"}))
    assert told["context"]["digest"].startswith(sha256(b"")[:7])
    step = await deciding.simulated.call("crm.get_case", {"case_id": "C-1"}, lambda **_: {})
    through = [one for one in deciding.records("decision") if one["decision"] == step.decision]
    assert through[0]["digest"] == told["context"]["digest"]
