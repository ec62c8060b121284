from pathlib import Path

import pytest
from mcp.client.client import Client

from safeconduct.demo import plot, warehouse


@pytest.fixture
def drawn(tmp_path: Path) -> plot.Plot:
    drawn = plot.draw()
    warehouse.seed(tmp_path / "warehouse.sqlite", drawn)
    return drawn


async def test_a_query_returns_the_customer_table(tmp_path: Path, drawn: plot.Plot) -> None:
    async with Client(warehouse.build(tmp_path / "warehouse.sqlite")) as client:
        result = await client.call_tool("query", {"sql": "SELECT account FROM customers"})
    assert result.structured_content == {
        "columns": ["account"],
        "rows": [[customer.account] for customer in drawn.customers],
    }


@pytest.mark.usefixtures("drawn")
@pytest.mark.parametrize("sql", ["DELETE FROM customers", "SELECT", "SELECT 1; SELECT 2"])
async def test_anything_but_one_read_is_an_error(tmp_path: Path, sql: str) -> None:
    async with Client(warehouse.build(tmp_path / "warehouse.sqlite")) as client:
        result = await client.call_tool("query", {"sql": sql})
        count = await client.call_tool("query", {"sql": "SELECT count(*) FROM customers"})
    assert result.is_error
    assert count.structured_content["rows"] == [[len(plot.draw().customers)]]
