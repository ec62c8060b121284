"""An upstream of callables: what they return as a server would send it, and what an agent reads."""

from __future__ import annotations

import dataclasses
from typing import Any

import msgspec
import pytest

from safeconduct.core.manifest import Manifest
from safeconduct.ports import JSON, UpstreamFault, Wanted
from safeconduct.upstreams.callables import RUNNING, CallableUpstream, Run, definition, value_of

MANIFEST = msgspec.convert(
    {
        "upstream": "crm",
        "tools": {
            "get": {
                "effect": "read",
                "scopes": ["case:read"],
                "arguments": {"id": {"role": "object-id"}},
            },
            "find": {"effect": "read", "scopes": ["case:read"]},
        },
    },
    Manifest,
)


async def ask(upstream: CallableUpstream, method: str, **params: Any) -> JSON:
    return await upstream.request(method, params, owner="jane", credential=None, timeout_s=1)


async def returned(run: Run, **arguments: Any) -> JSON:
    """The result of a call of `get`, while it is the one under way."""
    upstream = CallableUpstream("crm", MANIFEST, {})
    token = RUNNING.set(("get", run))
    try:
        return await ask(upstream, "tools/call", name="get", arguments=arguments)
    finally:
        RUNNING.reset(token)


@dataclasses.dataclass
class Row:
    id: int
    tags: tuple[str, ...] = ()


class Model:
    """As libraries for data have them."""

    def model_dump(self, mode: str) -> JSON:
        assert mode == "json"
        return {"id": 1}


class Other:
    def __str__(self) -> str:
        return "other"


@pytest.mark.parametrize(
    ("value", "structured"),
    [
        ({"id": 1}, {"id": 1}),
        ({1: {"at": Other()}}, {"1": {"at": "other"}}),
        (Row(1, ("a",)), {"id": 1, "tags": ["a"]}),
        (Model(), {"id": 1}),
        ([Row(1)], {"result": [{"id": 1, "tags": []}]}),
        ((Model(),), {"result": [{"id": 1}]}),
        (None, {"result": None}),
        (7, {"result": 7}),
        (1.5, {"result": 1.5}),
        (True, {"result": True}),
        ({"raw": b"x"}, {"raw": "b'x'"}),
        ({}, {}),
    ],
)
async def test_what_has_structure_keeps_it(value: object, structured: JSON) -> None:
    result = await returned(lambda: value)
    assert result["structuredContent"] == structured
    (block,) = result["content"]
    assert msgspec.json.decode(block["text"]) == structured
    assert "isError" not in result


async def test_a_class_is_no_row() -> None:
    assert (await returned(lambda: Row))["content"] == [{"type": "text", "text": str(Row)}]


async def test_text_is_text() -> None:
    result = await returned(lambda: '{"id": 1}')
    assert result == {"content": [{"type": "text", "text": '{"id": 1}'}]}
    assert value_of(result) == '{"id": 1}'


async def test_arguments_are_given_by_name_to_plain_and_async_callables() -> None:
    async def later(**given: object) -> object:
        return given

    assert (await returned(later, id="C-1"))["structuredContent"] == {"id": "C-1"}
    assert (await returned(dict, id="C-1"))["structuredContent"] == {"id": "C-1"}


async def test_what_a_tool_raises_is_its_own_error() -> None:
    def fails() -> object:
        raise LookupError("no such case")

    assert await returned(fails) == {
        "content": [{"type": "text", "text": "no such case"}],
        "isError": True,
    }
    # Wrong arguments are the tool's to complain about, as are values that no JSON holds.
    assert (await returned(fails, id="C-1"))["isError"] is True
    assert (await returned(lambda: {"n": 1 << 70}))["isError"] is True


async def test_what_an_upstream_raises_passes() -> None:
    def broken() -> object:
        raise UpstreamFault("upstream-timeout", "slow", may_have_happened=True)

    with pytest.raises(UpstreamFault, match="slow"):
        await returned(broken)


async def test_a_resolver_answers_whatever_call_is_under_way() -> None:
    upstream = CallableUpstream("crm", MANIFEST, {"crm.find": lambda: ["C-1"]})
    token = RUNNING.set(("find", lambda: ["C-2"]))
    try:
        found = await ask(upstream, "tools/call", name="find", arguments={})
    finally:
        RUNNING.reset(token)
    assert value_of(found) == ["C-1"]


async def test_no_other_tool_runs_in_place_of_the_one_under_way() -> None:
    upstream = CallableUpstream("crm", MANIFEST, {})
    for running in (None, ("find", lambda: ["C-2"])):
        token = RUNNING.set(running)
        try:
            with pytest.raises(UpstreamFault, match=r"no callable behind crm\.get") as fault:
                await ask(upstream, "tools/call", name="get", arguments={})
        finally:
            RUNNING.reset(token)
        assert fault.value.may_have_happened is False


async def test_its_tools_are_the_manifest_s() -> None:
    upstream = CallableUpstream("crm", MANIFEST, {})
    listed = await ask(upstream, "tools/list")
    assert listed["tools"] == [
        {"name": "get", "inputSchema": {"type": "object", "properties": {"id": {}}}},
        {"name": "find", "inputSchema": {"type": "object", "properties": {}}},
    ]
    assert listed["tools"][0] == definition("get", MANIFEST.tools["get"])


async def test_it_notifies_nobody_and_holds_nothing() -> None:
    async def heard(_method: str, _params: JSON) -> None: ...

    upstream = CallableUpstream("crm", MANIFEST, {})
    with pytest.raises(UpstreamFault, match="no subscriptions"):
        await upstream.listen(Wanted(), owner="jane", credential=None, heard=heard)
    await upstream.close()


@pytest.mark.parametrize(
    ("result", "value"),
    [
        ({"content": [], "structuredContent": {"id": 1}}, {"id": 1}),
        ({"content": [], "structuredContent": {"result": [1]}}, [1]),
        ({"content": [], "structuredContent": {"result": 1, "n": 2}}, {"result": 1, "n": 2}),
        (
            {
                "content": [
                    {"type": "text", "text": "a"},
                    {"type": "image"},
                    {"type": "text", "text": "b"},
                ]
            },
            "a\nb",
        ),
    ],
)
def test_what_passed_the_page_is_what_was_returned(result: JSON, value: object) -> None:
    assert value_of(result) == value
