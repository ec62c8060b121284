"""A running gateway as the decision point of others: what enforcement points, and those who would
be some, get out of it.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from safeconduct.entrypoints.authzen.shape import MAX_BYTES, MAX_EVALUATIONS
from safeconduct.ports import JSON
from tests.support.certificates import Authority, Held
from tests.support.enforcing import FIXTURE, READS
from tests.support.front import Fields, Reply, replaced, without
from tests.support.installation import (
    CLERK,
    COPILOT,
    USER,
    Gateway,
    Office,
    calling,
    done,
    refusal,
    running,
)
from tests.support.secured import HANDSHAKE_FAILED, Client, secured

HOME, OTHER = Authority("crm.example"), Authority("other.example")
AGENT = HOME.svid(COPILOT)
PEP = "spiffe://crm.example/peps/mesh"
JSON_TYPE: Fields = [("content-type", "application/json")]
ONE, SEVERAL = "/access/v1/evaluation", "/access/v1/evaluations"


@pytest.fixture(scope="module")
def gateway(office: Office, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    directory = tmp_path_factory.mktemp("gateway")
    shutil.copytree(FIXTURE, directory / "records")
    drafts = dict.fromkeys(("coaz_mcp", "access_request", "obligations"), "draft-1")
    block = {"callers": [PEP], "bundle": "records", "drafts": drafts}
    with running(secured(directory, office, HOME, OTHER, authzen=block)) as started:
        yield started


Somebody = Callable[[Held | None], Client]


@pytest.fixture
def somebody(gateway: Gateway, tmp_path: Path) -> Somebody:
    return lambda held: Client(gateway.config, tmp_path, held)


@pytest.fixture
def pep(gateway: Gateway, tmp_path: Path) -> Client:
    return Client(gateway.config, tmp_path, HOME.svid(PEP))


@pytest.fixture
def started(somebody: Somebody) -> JSON:
    """A task of the agent, and its token."""
    return somebody(AGENT).start().json


def post(client: Client, body: object, path: str = ONE, fields: Fields = JSON_TYPE) -> Reply:
    data = body if isinstance(body, bytes) else orjson.dumps(body)
    return client.post(path, data, fields)


def message(started: JSON, name: str, arguments: JSON, **context: Any) -> JSON:
    given = {"agent": COPILOT, "task": started["task"], "arguments": arguments, **context}
    return {
        "subject": {"type": "identity", "id": USER},
        "action": {"name": "tools/call"},
        "resource": {"type": "tool", "id": f"office__{name}"},
        "context": given,
    }


def decision(reply: Reply) -> bool:
    assert reply.status == 200, reply.body
    return bool(reply.json["decision"])


def called(client: Client, token: str, name: str, arguments: JSON) -> Reply:
    """The agent calls a tool through the gateway."""
    body, fields = calling(name, arguments)
    fields = replaced(without(fields, "dpop"), "authorization", f"Bearer {token}")
    return client.post("/mcp", body, fields)


def test_what_was_read_elsewhere_does_not_leave_through_the_gateway(
    pep: Client, somebody: Somebody, started: JSON, office: Office, gateway: Gateway
) -> None:
    before = office.effects["list_customers"]
    told = post(pep, message(started, "list_customers", {}))
    assert decision(told)
    assert office.effects["list_customers"] == before
    leaks = {"case_id": "All of our customers: ..."}
    reply = called(somebody(AGENT), started["access_token"], "office__get_case", leaks)
    assert refusal(reply) == "flow-confidentiality"
    ours = [one for one in gateway.records("outcome") if one["task"] == started["task"]]
    assert [one["status"] for one in ours] == ["handed-over"]


def test_a_budget_is_one_for_both_ways(
    pep: Client, somebody: Somebody, gateway: Gateway, started: JSON
) -> None:
    assert decision(post(pep, message(started, "get_case", {"case_id": "C-1"})))
    assert done(called(somebody(AGENT), started["access_token"], "office__list_customers", {}))
    ours = [one for one in gateway.records("decision") if one["task"] == started["task"]]
    assert [one["spends"]["calls"] for one in ours] == [1, 1]
    assert [one["version"] for one in ours] == sorted({one["version"] for one in ours})


IMPOSTORS: dict[str, Held | None] = {
    "nobody": None,
    "the agent whose task it is": AGENT,
    "another agent": HOME.svid(CLERK),
    "a workload that is not registered": HOME.svid(f"{PEP}-2"),
    "the same name in another domain": OTHER.svid(PEP.replace("crm.", "other.")),
}


@pytest.mark.parametrize("held", IMPOSTORS.values(), ids=IMPOSTORS)
def test_who_is_no_enforcement_point_gets_no_decision(
    somebody: Somebody, held: Held | None, started: JSON, gateway: Gateway
) -> None:
    for body in (READS, message(started, "get_case", {"case_id": "C-1"})):
        for path in (ONE, SEVERAL, "/access/v1/search/action", "/access/v1/requests"):
            assert post(somebody(held), body, path).status == 401
    assert [one for one in gateway.records("decision") if one["task"] == started["task"]] == []


def test_a_certificate_that_nobody_signed_opens_no_connection(somebody: Somebody) -> None:
    forged = Authority("crm.example").svid(PEP)
    with pytest.raises(HANDSHAKE_FAILED):
        post(somebody(forged), READS)


def test_a_header_is_no_certificate(somebody: Somebody) -> None:
    spoofed = [*JSON_TYPE, ("x-forwarded-client-cert", f"URI={PEP}")]
    assert post(somebody(None), READS, fields=spoofed).status == 400


@pytest.mark.parametrize(
    "change",
    [
        {"subject": {"type": "identity", "id": "bob@crm.example"}},
        {"subject": {"type": "identity", "id": USER.upper()}},
        {"agent": CLERK},
        {"task": "t_000000000000000000000000"},
        {"task": ""},
    ],
)
def test_a_task_is_that_of_its_user_and_agent(
    pep: Client, started: JSON, change: JSON, gateway: Gateway
) -> None:
    asked = message(started, "get_case", {"case_id": "C-1"})
    asked["subject"] = change.pop("subject", asked["subject"])
    asked["context"] |= change
    assert not decision(post(pep, asked))
    assert [one for one in gateway.records("decision") if one["task"] == started["task"]] == []


def test_the_subject_of_one_task_and_another_task(
    pep: Client, somebody: Somebody, started: JSON
) -> None:
    other = somebody(AGENT).start().json
    assert other["task"] != started["task"]
    told = post(pep, message(other, "list_customers", {})).json
    assert told["decision"]
    mine = message(started, "get_case", {"case_id": "C-1"}, approval={"id": "a_0"})
    assert decision(post(pep, mine))


BOMBS: dict[str, bytes] = {
    "too many questions": orjson.dumps({"evaluations": [READS] * (MAX_EVALUATIONS + 1)}),
    "nesting": b'{"subject":' * 5_000 + b"1" + b"}" * 5_000,
    "brackets": b"[" * 100_000,
    "a number": b'{"subject": ' + b"9" * 100_000 + b"}",
    "half a surrogate pair": b'{"subject": {"type": "user", "id": "\\ud800"}}',
    "the same member twice": b'{"subject": {}, "subject": {}}',
    "no text": b"\xff\xfe",
}


@pytest.mark.parametrize("body", BOMBS.values(), ids=BOMBS)
def test_bombs(pep: Client, body: bytes) -> None:
    for path in (ONE, SEVERAL, "/access/v1/search/resource", "/access/v1/requests"):
        assert post(pep, body, path).status == 400
    assert decision(post(pep, READS))


def test_a_body_that_is_too_long_is_not_read(pep: Client) -> None:
    assert post(pep, b" " * (MAX_BYTES + 1)).status == 413


def test_many_questions_that_are_large_come_to_an_end(pep: Client) -> None:
    large = {**READS, "context": {"text": "x" * 4_000}}
    told = post(pep, {"evaluations": [large] * MAX_EVALUATIONS}, SEVERAL).json
    assert [one["decision"] for one in told["evaluations"]] == [True] * MAX_EVALUATIONS
