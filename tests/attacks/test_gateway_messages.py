"""Disguised names and messages with two meanings, sent to a running gateway."""

from __future__ import annotations

from collections.abc import Iterator

import orjson
import pytest

from tests.support.front import Fields, Reply, handshake, replaced
from tests.support.installation import (
    DANA,
    EVE,
    Agent,
    Gateway,
    Office,
    calling,
    done,
    refusal,
)

SEND = {"to": DANA, "body": "hello"}


@pytest.fixture(scope="module")
def agent(gateway: Gateway) -> Agent:
    return gateway.task()


@pytest.fixture(autouse=True)
def untouched(office: Office) -> Iterator[None]:
    """Whatever a test of this module sends, no tool runs."""
    before = office.effects.copy()
    yield
    assert office.effects == before


def permits(agent: Agent) -> int:
    return sum(record["verdict"] == "permit" for record in agent.gateway.records("decision"))


def posted(agent: Agent, body: bytes, fields: Fields) -> Reply:
    """Send what must not become a permit."""
    before = permits(agent)
    reply = agent.post(body, agent.fields(fields))
    assert permits(agent) == before
    return reply


# --- names ----------------------------------------------------------------------------------------

DISGUISES = [
    "OFFICE__send",
    "office__Send",
    " office__send",
    "office__send ",
    "office__send\t",
    "office__send\n",
    "office__send\x00",
    "office__\u0455end",
    "office__send\u200b",
    "office\u202e__send",
    "\uff4f\uff46\uff46\uff49\uff43\uff45__send",
    "office.send",
    "office/send",
    "office____send",
    "office__office__send",
    "__send",
    "office__",
    "send",
    "",
    "s" * 100_000,
]


@pytest.mark.parametrize("name", DISGUISES, ids=ascii)
def test_a_name_in_disguise_is_no_name(agent: Agent, name: str) -> None:
    body, fields = handshake("tools/call", {"name": name, "arguments": SEND})
    reply = posted(agent, body, fields)
    assert "result" not in reply.json
    assert name == "" or name.encode() not in reply.body


@pytest.mark.parametrize("name", ["TO", "to ", "t\u043e", "to\u200b", "To", "cc", "_meta", ""])
def test_an_argument_in_disguise_is_refused(agent: Agent, name: str) -> None:
    before = permits(agent)
    reply = agent.call("office__send", {**SEND, name: EVE})
    assert refusal(reply) == "arguments-invalid"
    assert permits(agent) == before


@pytest.mark.parametrize(
    "to",
    [
        EVE,
        DANA.upper(),
        f" {DANA}",
        f"{DANA} ",
        f"{DANA},{EVE}",
        f"{DANA}\r\nBcc: {EVE}",
        DANA.replace("a", "\u0430"),
        f"<{DANA}> {EVE}",
        [DANA, EVE],
        [DANA, [EVE]],
        [],
        {"address": DANA},
        True,
    ],
    ids=ascii,
)
def test_an_address_in_disguise_is_refused(agent: Agent, to: object) -> None:
    before = permits(agent)
    reply = agent.call("office__send", {"to": to, "body": "hello"})
    assert refusal(reply) in {"destination-not-allowed", "arguments-invalid"}
    assert permits(agent) == before


def test_a_tool_outside_the_task_answers_like_one_that_does_not_exist(agent: Agent) -> None:
    outside = agent.call("office__open_vault")
    unknown = agent.call("office__open_tomb")
    elsewhere = agent.call("vault__open")
    assert outside.body == unknown.body == elsewhere.body
    assert outside.headers == unknown.headers == elsewhere.headers
    assert outside.status == unknown.status == elsewhere.status == 200


def test_list_and_call_agree(agent: Agent, office: Office) -> None:
    """What is listed is what does not answer like an unknown tool."""
    listed = {tool["name"] for tool in agent.ask("tools/list").json["result"]["tools"]}
    assert listed == {"office__get_case", "office__list_customers", "office__send"}
    narrow = agent.gateway.task(scopes=["case:read"])
    (only,) = narrow.ask("tools/list").json["result"]["tools"]
    assert only["name"] == "office__get_case"
    # A scope that the task could have had is worth telling, one that it could not is not.
    challenged = narrow.call("office__send", SEND)
    assert challenged.status == 403
    assert 'scope="mail:send"' in challenged.headers["www-authenticate"]
    assert narrow.call("office__open_vault").body == narrow.call("office__nothing").body


# --- messages -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("header", "value"),
    [
        ("mcp-name", "office__get_case"),
        ("mcp-name", "office__send "),
        ("mcp-name", ""),
        ("mcp-method", "tools/list"),
        ("mcp-method", "Tools/Call"),
        ("mcp-protocol-version", "2025-11-25"),
        ("mcp-protocol-version", "1999-01-01"),
        ("content-type", "text/plain"),
        ("host", "evil.example"),
        ("origin", "https://evil.example"),
    ],
)
def test_a_header_that_says_something_else_than_the_body(
    agent: Agent, header: str, value: str
) -> None:
    body, fields = calling("office__send", SEND)
    before = permits(agent)
    reply = agent.post(body, replaced(agent.fields(fields), header, value))
    assert 400 <= reply.status < 500 or "error" in reply.json
    assert permits(agent) == before


def handmade(params: str, *, more: str = "") -> bytes:
    return f'{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{params}{more}}}'.encode()


GOOD = f'{{"name":"office__send","arguments":{{"to":"{DANA}","body":"x"}}}}'
DEEP = 100_000

BODIES: dict[str, bytes] = {
    "batch": b"[" + handmade(GOOD) + b"]",
    "batch of two": b"[" + handmade(GOOD) + b"," + handmade(GOOD) + b"]",
    "two messages": handmade(GOOD) + b"\n" + handmade(GOOD),
    "method twice": handmade(GOOD, more=',"method":"ping"'),
    "params twice": handmade('{"name":"office__get_case"}', more=f',"params":{GOOD}'),
    "name twice": handmade(GOOD.replace("{", '{"name":"office__get_case",', 1)),
    "argument twice": handmade(GOOD.replace('"to":', f'"to":"{EVE}","to":', 1)),
    "argument twice, spelt anew": handmade(GOOD.replace('"to":', f'"\\u0074o":"{EVE}","to":', 1)),
    "high surrogate": handmade(GOOD.replace('"x"', '"\\ud800"')),
    "low surrogate": handmade(GOOD.replace('"x"', '"\\udc00"')),
    "surrogates swapped": handmade(GOOD.replace('"x"', '"\\udc00\\ud800"')),
    "surrogate in a key": handmade(GOOD.replace('"body"', '"\\ud800"')),
    "surrogate as bytes": handmade(GOOD).replace(b'"x"', b'"\xed\xa0\x80"'),
    "large integer": handmade(GOOD.replace('"x"', "9007199254740993")),
    "not a number": handmade(GOOD.replace('"x"', "NaN")),
    "nested arrays": handmade(GOOD.replace('"x"', "[" * DEEP + "]" * DEEP)),
    "nested objects": handmade(GOOD.replace('"x"', '{"a":' * DEEP + "1" + "}" * DEEP)),
    "nested and not closed": handmade(GOOD.replace('"x"', "[" * DEEP)),
    "nested beside the arguments": handmade(GOOD, more=',"x":' + "[" * DEEP + "]" * DEEP),
    "nothing but nesting": b"[" * DEEP,
    "byte order mark": b"\xef\xbb\xbf" + handmade(GOOD),
    "utf-16": handmade(GOOD).decode().encode("utf-16"),
    "notification": handmade(GOOD).replace(b'"id":1,', b""),
    "id is null": handmade(GOOD).replace(b'"id":1,', b'"id":null,'),
    "upper-case method": handmade(GOOD).replace(b"tools/call", b"TOOLS/CALL"),
    "empty": b"",
}


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
def test_a_message_with_two_meanings_has_none(agent: Agent, body: bytes) -> None:
    _, fields = handshake("tools/call")
    reply = posted(agent, body, fields)
    assert 400 <= reply.status < 500 or "error" in reply.json
    assert EVE.encode() not in reply.body


def test_the_same_message_with_one_meaning_is_one(agent: Agent, office: Office) -> None:
    """So that the refusals above are not for something else."""
    _, fields = handshake("tools/call")
    assert done(agent.post(handmade(GOOD), agent.fields(fields)))
    office.effects["send"] -= 1


def test_after_all_that_the_gateway_is_well(agent: Agent) -> None:
    assert agent.ask("tools/list").status == 200
    assert agent.gateway.process.poll() is None
    agent.gateway.verified()
    assert orjson.loads(agent.ask("server/discover").body)["result"]
