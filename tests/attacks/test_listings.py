"""A listing that is made to be slow to read holds nobody up."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from safeconduct.core.canonical import canonical
from safeconduct.ports import JSON
from safeconduct.tools import offers
from tests.support.offers import READ, Company

PATIENCE_S = 20.0
"""How long the event loop may take to come round, before it is said to stand still."""

SLOW: dict[str, JSON] = {
    "numbers": {"name": "new", "inputSchema": {"enum": [1.5] * 100_000}},
    "names": {"name": "new", "inputSchema": {"\u00e9": 1, **{f"{n:x}": {} for n in range(50_000)}}},
    "fields": {
        "name": "new",
        "inputSchema": {
            "properties": {
                f"{n}": {"type": "string", "x-mcp-header": f"h{n}"} for n in range(20_000)
            }
        },
    },
}


def held(function: Callable[..., Any], until: threading.Event) -> Callable[..., Any]:
    """The function, once somebody else has had a turn."""

    def run(*given: Any) -> Any:
        assert until.wait(PATIENCE_S), "the event loop stands still"
        return function(*given)

    return run


@pytest.mark.parametrize("name", ["canonical", "of_definition"])
@pytest.mark.parametrize("what", SLOW)
async def test_while_a_definition_is_read_everybody_has_their_turn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str, name: str
) -> None:
    company = Company(tmp_path)
    company.crm.lists["tools"] = [READ, SLOW[what]]
    turned = threading.Event()
    monkeypatch.setattr(offers, name, held(getattr(offers, name), turned))
    refreshing = asyncio.ensure_future(company.refresh())
    await asyncio.sleep(0)
    turned.set()
    catalogue = await refreshing
    assert catalogue.pin("tools/call", "crm", "new") is not None
    assert company.offers.unreachable == {}


async def test_an_upstream_that_is_slow_to_read_does_not_keep_the_others_waiting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each has its turn: one that offers a thousand things waits after each."""
    company = Company(tmp_path)
    company.crm.lists["tools"] = [{**SLOW["numbers"], "name": str(n)} for n in range(9)]
    order: list[object] = []

    def seen(value: JSON) -> bytes:
        order.append(value["name"])
        return canonical(value)

    monkeypatch.setattr(offers, "canonical", seen)
    await company.refresh()
    assert order.index("send") < order.index("2")
