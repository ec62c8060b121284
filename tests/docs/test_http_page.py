"""docs/reference/http.md against what is served."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec
from msgspec.structs import replace

from safeconduct import hearing, subscriptions
from safeconduct.app.served import Served
from safeconduct.cli.init import write
from safeconduct.config import load
from safeconduct.config.authzen import AuthzenBlock, Drafts
from safeconduct.config.clients import LoginBlock
from safeconduct.config.workloads import Attestors
from safeconduct.core.calls import TABLE
from safeconduct.entrypoints import calling, parking, replay, sessions, watch, wire
from safeconduct.entrypoints.arrival import Limits
from safeconduct.entrypoints.authzen import objects, requests, shape
from safeconduct.kit import seal
from safeconduct.upstreams import Limits as UpstreamLimits
from safeconduct.upstreams import messages
from tests.support.enforcing import FIXTURE, PEP
from tests.support.pages import DOCS, codes, sections, tables

PAGE = DOCS / "reference" / "http.md"
CODES = {value for value in vars(wire).values() if type(value) is int and value < 0}


async def test_every_route_is_documented_and_no_other(tmp_path: Path) -> None:
    write(tmp_path / "gateway")
    config = load(tmp_path / "gateway")
    users = replace(config.root.users, login=LoginBlock())
    attestors = msgspec.convert(
        {"workload-identity-pool": {"actions": {"provider": "github"}}}, Attestors
    )
    drafts = Drafts(coaz_mcp="draft-1", access_request="draft-1", obligations="draft-1")
    authzen = AuthzenBlock(callers=(PEP,), bundle=str(FIXTURE), drafts=drafts)
    root = replace(config.root, users=users, attestors=attestors, authzen=authzen)
    served = Served(replace(config, root=root))
    routes = {(path, method) for path, methods in served.routes().items() for method in methods}
    await served.rooms.close()
    table = tables(PAGE.read_text(encoding="utf-8"))[0][1:]
    documented = {(re.sub("[A-Z]+$", "", codes(row[0])[0]), row[1]) for row in table}
    assert documented == routes


def test_every_method_of_the_table_of_calls_is_documented() -> None:
    table = tables(sections(PAGE)["MCP"])[0][1:]
    documented = {
        (row[1].replace(" the ", "-"), method) for row in table for method in codes(row[0])
    }
    assert documented == set(TABLE)


def test_every_error_code_is_documented() -> None:
    table = tables(sections(PAGE)["MCP"])[1][1:]
    assert {int(codes(row[0])[0]) for row in table} == CODES


def test_the_limits_of_a_connection_are_those_that_are_kept() -> None:
    kept = Limits()
    stated = {row[0]: row[1] for row in tables(sections(PAGE)["Limits"])[0][1:]}
    assert stated["a request's header"] == (
        f"{kept.header_bytes // 1024} KiB, {kept.header_fields} fields"
    )
    assert stated["a request on the wire, from first to last byte"].endswith(f", {kept.read_s} s")
    assert stated["a pause between two requests"] == f"{kept.idle_s} s"
    assert stated["a client that does not read"] == f"{kept.write_s} s"
    assert stated["requests behind one that is being answered"] == str(kept.ahead)
    assert stated["connections"].partition(";")[0] == str(kept.connections)
    assert stated["a stop of the gateway, for what is under way"] == f"{kept.shutdown_s} s"


def test_the_limits_of_what_passes_in_a_call_are_those_that_hold() -> None:
    stated = {row[0]: row[1] for row in tables(sections(PAGE)["Limits"])[0][1:]}
    assert stated["an id, or a progress token"] == f"{wire.MAX_ID} characters"
    mib = hearing.MAX_ASKED_BYTES >> 20
    assert stated["an answer of an upstream"] == (
        f"{UpstreamLimits().max_answer_bytes >> 20} MiB, {messages.MAX_VALUES:,} values of JSON"
    )
    assert stated["what an upstream asks in one call"] == (
        f"{hearing.MAX_ASKS} questions, {mib} MiB"
    )
    assert stated["subscriptions under way with upstreams"] == (
        f"{subscriptions.MAX_LISTENING_OF_TASK} of a task, "
        f"{subscriptions.MAX_LISTENING_OF_AGENT} of an agent, "
        f"{subscriptions.MAX_LISTENING} in all"
    )


def test_the_limits_of_the_authorization_api_are_those_that_hold() -> None:
    stated = {row[0]: row[1] for row in tables(sections(PAGE)["Limits"])[0][1:]}
    assert stated["a request of the Authorization API"].startswith(
        f"{shape.MAX_BYTES // 1024} KiB, {shape.MAX_EVALUATIONS} questions, "
        f"{shape.MAX_DEPTH} levels of JSON; {shape.MAX_NAME} characters of a type or action, "
        f"{shape.MAX_ID} of an id"
    )
    assert stated["candidates that one search looks at"] == str(objects.MAX_JUDGED)
    kept = stated["refusals that a person's yes can still be asked for"]
    assert kept == str(requests.MAX_KEPT)


def test_the_bounds_of_questions_and_of_what_is_kept_are_those_that_hold() -> None:
    text = " ".join(PAGE.read_text(encoding="utf-8").split())
    assert seal.TTL_MS == parking.PARKED_S * 1000
    for stated in (
        f"for {seal.TTL_MS // 60_000} minutes and not beyond a restart",
        f"the call itself waits, at most {int(parking.PARKED_S) // 60} minutes",
        f"At most {hearing.MAX_WAITING_OF_TASK} calls of a task,",
        f"{hearing.MAX_WAITING_OF_AGENT} of an agent and {hearing.MAX_WAITING} in all wait",
        f"It has {int(sessions.ASK_S)} s for each",
        f"may ask it in {calling.MAX_ROUNDS} rounds",
        f"A task has at most {sessions.MAX_SESSIONS_PER_TASK} `session`s",
        f"a gateway {sessions.MAX_SESSIONS} (",
        f"not used for {int(sessions.IDLE_S) // 60} minutes",
        f"the last {replay.MAX_EVENTS} events or {replay.MAX_BYTES // 2**20} MiB",
        f"are kept, and {replay.MAX_BYTES_IN_ALL // 2**20} MiB in all",
        f"goes on for {int(replay.ALONE_S)} seconds",
    ):
        assert stated in text
    assert 2 * watch.TICK_S <= 1, "a stream ends within a second"
