"""A tool that serves all tenants with one credential: a rule says whose rows a call is about, and
whatever comes back is held against it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final

import pytest

from safeconduct.config import load
from safeconduct.core.canonical import digest
from safeconduct.ports import JSON
from tests.faults.upstream_servers import Request
from tests.support.bundles import HEADER, PACKAGE
from tests.support.installation import (
    TENANT,
    Agent,
    Gateway,
    Office,
    change,
    done,
    install,
    opened_office,
    refusal,
    running,
)

OTHER: Final = "other.example"
ORDERS: Final[list[JSON]] = [
    {"id": 1, "tenant_id": TENANT, "total": 5, "email": "dana@customer.example"},
    {"id": 2, "tenant_id": OTHER, "total": 7, "email": "sam@other.example"},
]
OBLIGATIONS: Final = """obligations:
  own-tenant: {constrain: {tenant_id: task.tenant, page.limit: {const: 50}}}
  mask-pii: {redact: [pii]}
"""
RULES: Final = """
permit contains {"id": "orders", "obligations": ["own-tenant", "mask-pii"]} if {
	input.call.tool == "office.list_customers"
}
"""
MANIFEST: Final[JSON] = {
    "effect": "read",
    "scopes": ["customer:read"],
    "arguments": {
        "tenant_id": {"role": "object-id", "type": "tenant"},
        "page": {"role": "query"},
        "find": {"role": "query"},
    },
    "returns": {
        "source": {"integrity": "trusted", "confidentiality": "internal"},
        "fields": {"rows.*.email": {"categories": ["pii"]}},
        "rows": {"at": "rows", "tenant": "tenant_id"},
    },
}


class Orders:
    """The tool. It keeps tenants apart unless somebody finds the way around its filter."""

    def __init__(self, office: Office) -> None:
        self.asked: list[JSON] = []
        office.definitions["list_customers"] = {
            "name": "list_customers",
            "inputSchema": {"type": "object"},
        }
        office.replies["list_customers"] = self.answer

    def answer(self, request: Request) -> None:
        arguments: JSON = request.message["params"]["arguments"]
        self.asked.append(arguments)
        if arguments.get("find") == "')":
            text = f"syntax error near {ORDERS[1]}"
            request.answer({"content": [{"type": "text", "text": text}], "isError": True})
            return
        around = arguments.get("find") == "' or 1=1 --"
        rows = [one for one in ORDERS if around or one["tenant_id"] == arguments["tenant_id"]]
        said = json.dumps({"rows": rows})
        content = [{"type": "text", "text": said}]
        request.answer({"content": content, "structuredContent": {"rows": rows}})


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Gateway, Orders]]:
    directory = tmp_path_factory.mktemp("gateway")
    with opened_office() as office:
        orders = Orders(office)
        install(directory, office)
        reviewed = MANIFEST | {"pin": digest(office.definitions["list_customers"])}
        change(directory / "manifests" / "office.yaml", {"tools": {"list_customers": reviewed}})
        (directory / "policy" / "policy.yaml").write_text(HEADER + OBLIGATIONS)
        (directory / "policy" / "rules" / "office.rego").write_text(PACKAGE + RULES)
        with running(load(directory)) as gateway:
            yield gateway, orders
            gateway.verified()


@pytest.fixture
def agent(story: tuple[Gateway, Orders]) -> Agent:
    story[1].asked.clear()
    return story[0].task("Look into the orders.")


def ask(agent: Agent, **arguments: Any) -> Any:
    return agent.call("office__list_customers", arguments)


def test_a_call_that_names_no_tenant_is_about_the_task_s(
    agent: Agent, story: tuple[Gateway, Orders]
) -> None:
    gateway, orders = story
    reply = ask(agent, find="", page={"at": 1})
    assert done(reply), reply.body
    assert orders.asked == [{"find": "", "page": {"at": 1, "limit": 50}, "tenant_id": TENANT}]
    shown = {**ORDERS[0], "email": "[redacted: pii]"}
    assert reply.json["result"]["structuredContent"] == {"rows": [shown]}
    assert b"dana@" not in reply.body
    decision = gateway.records("decision")[-1]
    assert decision["constrained"] == ["tenant_id", "page.limit"]
    assert decision["policy"]["obligations"] == ["mask-pii", "own-tenant"]
    assert decision["provenance"]["tenant_id"] == ["policy-constant"]


@pytest.mark.parametrize(
    "arguments",
    [
        {"tenant_id": OTHER},
        {"tenant_id": [TENANT, OTHER]},
        {"tenant_id": None},
        {"page": {"limit": 51}},
        {"page": "all"},
    ],
)
def test_a_call_that_names_another_is_not_made(
    agent: Agent, story: tuple[Gateway, Orders], arguments: JSON
) -> None:
    reply = ask(agent, **arguments)
    assert refusal(reply) in {"constraint-unmet", "arguments-invalid"}
    assert story[1].asked == []


@pytest.mark.parametrize("find", ["' or 1=1 --", "')"])
def test_what_a_way_around_the_tool_s_filter_brings_stays_here(
    agent: Agent, story: tuple[Gateway, Orders], find: str
) -> None:
    gateway, orders = story
    reply = ask(agent, find=find)
    assert refusal(reply) == "row-foreign"
    assert len(orders.asked) == 1
    assert b"sam@" not in reply.body
    assert gateway.records("outcome")[-1]["status"] == "withheld"
    assert all("sam@" not in json.dumps(record) for record in gateway.records("memory"))
