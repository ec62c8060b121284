from pathlib import Path
from typing import Any, cast

import pytest
from mcp.client.client import Client

from safeconduct.demo import crm, plot


@pytest.fixture
def database(tmp_path: Path) -> Path:
    path = tmp_path / "crm.sqlite"
    crm.seed(path, plot.draw())
    return path


async def call(database: Path, tool: str, **arguments: object) -> dict[str, Any]:
    async with Client(crm.build(database)) as client:
        result = await client.call_tool(tool, arguments)
    assert not result.is_error, result.content
    return cast("dict[str, Any]", result.structured_content)


async def test_every_tool_declares_what_it_returns(database: Path) -> None:
    async with Client(crm.build(database)) as client:
        tools = (await client.list_tools()).tools
    assert all(tool.output_schema for tool in tools)
    assert {tool.name for tool in tools} == {
        *("get_case", "get_opportunity", "update_opportunity"),
        *("list_customers", "customers_on_file"),
    }


async def test_the_newest_message_of_the_case_is_the_injected_one(database: Path) -> None:
    case = await call(database, "get_case", case_id=plot.CASE_ID)
    assert [message["body"] for message in case["messages"]] == [
        plot.EARLIER_MAIL,
        plot.INJECTED_MAIL,
    ]
    assert case["opportunity_id"] == plot.OPPORTUNITY_ID
    assert case["customer_email"] == case["messages"][-1]["sender"]


@pytest.mark.parametrize(
    ("tool", "argument"), [("get_case", "case_id"), ("get_opportunity", "opportunity_id")]
)
async def test_what_does_not_exist_is_an_error(database: Path, tool: str, argument: str) -> None:
    async with Client(crm.build(database)) as client:
        result = await client.call_tool(tool, {argument: "X-1"})
    assert result.is_error


async def test_an_update_changes_the_given_fields_alone(database: Path) -> None:
    before = await call(database, "get_opportunity", opportunity_id=plot.OPPORTUNITY_ID)
    after = await call(
        database, "update_opportunity", opportunity_id=plot.OPPORTUNITY_ID, next_step="call"
    )
    assert after == {**before, "next_step": "call"}
    assert await call(database, "get_opportunity", opportunity_id=plot.OPPORTUNITY_ID) == after


async def test_the_table_holds_every_customer_and_the_addresses_are_theirs(database: Path) -> None:
    table = await call(database, "list_customers")
    addresses = await call(database, "customers_on_file")
    assert len(table["customers"]) == len(plot.draw().customers)
    assert addresses["emails"] == [row["email"] for row in table["customers"]]
