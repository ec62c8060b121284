"""Servers that others wrote, of two ages, behind one gateway: they work, and are held back."""

from __future__ import annotations

import json
import os
import subprocess
import threading
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from safeconduct.core.calls import HANDSHAKE, MODERN
from safeconduct.ports import JSON
from tests.e2e import servers, workshop
from tests.e2e.parts import AGES, Age, npm_server, python_server
from tests.e2e.servers import NAMES, NOTE, REVISIONS, SCOPES, Behind
from tests.support.front import Reply
from tests.support.installation import (
    HOST,
    Agent,
    Gateway,
    done,
    refusal,
    running,
)

pytestmark = pytest.mark.timeout(120)

ages = pytest.mark.parametrize("age", AGES)


class Workshop:
    """The gateway, and where its servers do their work."""

    def __init__(self, gateway: Gateway, root: Path, page: str, asked: list[str]) -> None:
        self.gateway = gateway
        self.root = root
        self.page = page
        self.asked = asked

    def agent(self, *scopes: str) -> Agent:
        """An agent with a task of its own, and all scopes unless some are named."""
        return Agent(self.gateway, workshop.started(self.gateway, "Try the tools.", *scopes))


@contextmanager
def a_page(asked: list[str]) -> Generator[str]:
    """The URL of a page, on a server that notes what it is asked for."""

    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            known = self.path == "/page"
            self.send_response(200 if known else 404)
            self.send_header("content-type", "text/plain")
            self.end_headers()
            self.wfile.write(b"The kettle is on." if known else b"")

        def log_message(self, format: str, *args: Any) -> None:
            pass

    with ThreadingHTTPServer((HOST, 0), Page) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://{HOST}:{server.server_port}/page"
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Generator[Workshop]:
    directory = tmp_path_factory.mktemp("workshop")
    asked: list[str] = []
    for age in AGES:
        for name in ("everything", "filesystem", "memory"):
            npm_server(name, age).required()
        for name in ("fetch", "git", "time"):
            python_server(name, age).required()
    with ExitStack() as stack:
        page = stack.enter_context(a_page(asked))
        root = directory / "root"
        root.mkdir()
        upstreams = servers.all_on_stdio(root, page)
        for age in AGES:
            log = directory / f"everything-{age}.log"
            url = stack.enter_context(workshop.everything_over_http(age, log))
            upstreams.append(servers.everything(age, url))
            repository(root / f"git-{age}")
        manifests = workshop.reviewed(upstreams)
        # One server was replaced by another version after somebody had reviewed it.
        replaced = servers.updated(upstreams, manifests)
        config = workshop.install(directory / "gateway", [*upstreams, replaced], manifests)
        gateway = stack.enter_context(running(config))
        yield Workshop(gateway, root, page, asked)
        gateway.verified()


def repository(place: Path) -> None:
    git = ("git", "-C", str(place))
    subprocess.run([*git, "init", "--quiet"], check=True)
    subprocess.run([*git, "config", "user.name", "Smith"], check=True)
    subprocess.run([*git, "config", "user.email", "smith@workshop.example"], check=True)
    (place / "plan.txt").write_text("Measure twice.\n")


def said(reply: Reply) -> str:
    """The text of a result."""
    assert done(reply), reply.body
    parts: list[JSON] = reply.json["result"]["content"]
    return "".join(part.get("text", "") for part in parts)


@ages
def test_a_file_is_written_and_read(shop: Workshop, age: Age) -> None:
    agent, note = shop.agent(), shop.root / f"filesystem-{age}" / NOTE
    written = agent.call(f"files-{age}__write_file", {"path": str(note), "content": "Cut once.\n"})
    assert "Successfully wrote" in said(written)
    assert note.read_text() == "Cut once.\n"
    read = agent.call(f"files-{age}__read_text_file", {"path": str(note)})
    assert said(read) == "Cut once.\n"
    listed = agent.call(f"files-{age}__list_directory", {"path": str(note.parent)})
    assert NOTE in said(listed)


@ages
def test_a_file_that_nobody_allowed_is_not_written(shop: Workshop, age: Age) -> None:
    other = shop.root / f"filesystem-{age}" / "other.txt"
    arguments = {"path": str(other), "content": "x"}
    reply = shop.agent().call(f"files-{age}__write_file", arguments)
    assert refusal(reply) == "destination-not-allowed"
    assert not other.exists()


@ages
def test_the_servers_own_refusal_comes_through(shop: Workshop, age: Age) -> None:
    reply = shop.agent().call(f"files-{age}__read_text_file", {"path": "/etc/hostname"})
    assert reply.status == 200
    result = reply.json["result"]
    assert result["isError"] is True
    assert "Access denied" in result["content"][0]["text"]
    assert "dev.safeconduct/refusal" not in result.get("_meta", {})


@ages
def test_a_fact_is_remembered(shop: Workshop, age: Age) -> None:
    agent = shop.agent()
    entity = {"name": "kettle", "entityType": "thing", "observations": ["It is blue."]}
    assert done(agent.call(f"memory-{age}__create_entities", {"entities": [entity]}))
    assert "It is blue." in said(agent.call(f"memory-{age}__search_nodes", {"query": "kettle"}))
    assert "It is blue." in (shop.root / f"memory-{age}" / "memory.json").read_text()


@ages
def test_a_commit_is_made(shop: Workshop, age: Age) -> None:
    agent, place = shop.agent(), shop.root / f"git-{age}"
    where = {"repo_path": str(place)}
    assert done(agent.call(f"git-{age}__git_add", where | {"files": ["plan.txt"]}))
    assert done(agent.call(f"git-{age}__git_commit", where | {"message": "Plan"}))
    assert "Plan" in said(agent.call(f"git-{age}__git_log", where | {"max_count": 1}))
    log = ["git", "-C", str(place), "log", "--format=%an: %s"]
    assert subprocess.check_output(log, text=True) == "Smith: Plan\n"


@ages
def test_a_time_is_converted(shop: Workshop, age: Age) -> None:
    arguments = {"source_timezone": "UTC", "time": "12:00", "target_timezone": "Asia/Tokyo"}
    reply = shop.agent().call(f"time-{age}__convert_time", arguments)
    assert "T21:00" in json.loads(said(reply))["target"]["datetime"]


@ages
def test_a_page_is_fetched_and_what_it_says_steers_nothing(shop: Workshop, age: Age) -> None:
    agent = shop.agent()
    assert "The kettle is on." in said(agent.call(f"fetch-{age}__fetch", {"url": shop.page}))
    arguments = {"repo_path": str(shop.root / f"git-{age}"), "message": "x"}
    reply = agent.call(f"git-{age}__git_commit", arguments)
    assert refusal(reply) == "control-argument-unvouched"


@ages
def test_a_page_that_nobody_allowed_is_not_asked_for(shop: Workshop, age: Age) -> None:
    url = shop.page.replace("/page", f"/secret-{age}")
    reply = shop.agent().call(f"fetch-{age}__fetch", {"url": url})
    assert refusal(reply) == "destination-not-allowed"
    assert f"/secret-{age}" not in shop.asked


@pytest.mark.parametrize("way", ["everything", "everything-http"])
@ages
def test_everything_answers_over_both_transports(shop: Workshop, way: str, age: Age) -> None:
    agent, names, name = shop.agent(), NAMES[age], f"{way}-{age}"
    assert "Echo: hello" in said(agent.call(f"{name}__echo", {"message": "hello"}))
    assert "5" in said(agent.call(f"{name}__{names['sum']}", {"a": 2, "b": 3}))
    reply = agent.call(f"{name}__{names['structured']}", {"location": "New York"})
    assert json.loads(said(reply)) == reply.json["result"]["structuredContent"]


def test_a_task_without_a_scope_sees_and_calls_less(shop: Workshop) -> None:
    agent = shop.agent(SCOPES[0])
    listed = {tool["name"] for tool in agent.ask("tools/list").json["result"]["tools"]}
    assert "files-new__read_text_file" in listed
    assert "files-new__write_file" not in listed
    note = shop.root / "filesystem-new" / "refused.txt"
    reply = agent.call("files-new__write_file", {"path": str(note), "content": "x"})
    assert reply.status == 403
    assert "insufficient_scope" in reply.headers["www-authenticate"]
    assert not note.exists()


def test_a_tool_without_a_review_is_not_there(shop: Workshop) -> None:
    agent = shop.agent()
    listed = {tool["name"] for tool in agent.ask("tools/list").json["result"]["tools"]}
    assert not {name for name in listed if name.endswith(("get-env", "printEnv", "move_file"))}
    reply = agent.call("everything-new__get-env")
    assert reply.code == -32602
    arguments = {"message": "hello", "more": "x"}
    assert refusal(agent.call("everything-new__echo", arguments)) == "arguments-invalid"


def test_a_server_that_was_updated_waits_for_another_review(shop: Workshop) -> None:
    reply = shop.agent().call("files-updated__read_text_file", {"path": str(shop.root)})
    assert refusal(reply) == "definition-changed"


def agreed(server: Behind) -> str:
    """The revision that a server speaks, asked as the gateway asks."""
    envelope = {
        "io.modelcontextprotocol/protocolVersion": MODERN,
        "io.modelcontextprotocol/clientCapabilities": {},
    }
    handshake: JSON = {
        "protocolVersion": HANDSHAKE,
        "capabilities": {},
        "clientInfo": {"name": "test", "version": "1"},
    }
    with subprocess.Popen(
        server.command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=os.environ | dict(server.env),
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        answers: list[JSON] = []
        asked = (("server/discover", {"_meta": envelope}), ("initialize", handshake))
        for number, (method, params) in enumerate(asked):
            message = {"jsonrpc": "2.0", "id": number, "method": method, "params": params}
            process.stdin.write(json.dumps(message).encode() + b"\n")
            process.stdin.flush()
            answers.append(json.loads(process.stdout.readline()))
        process.kill()
    discovered, initialized = (answer.get("result", {}) for answer in answers)
    if MODERN in discovered.get("supportedVersions", ()):
        return MODERN
    return str(initialized["protocolVersion"])


@pytest.mark.parametrize("registry", ["npm", "PyPI"])
@ages
def test_both_eras_are_among_the_servers(tmp_path: Path, registry: str, age: Age) -> None:
    made = {
        "npm": [
            servers.everything(age),
            servers.filesystem(age, tmp_path),
            servers.memory(age, tmp_path),
        ],
        "PyPI": [servers.clock(age, tmp_path), servers.fetch(age, ""), servers.git(age, tmp_path)],
    }
    repository(tmp_path)
    for server in made[registry]:
        server.part.required()
        assert agreed(server) == REVISIONS[registry][age], server.name


def test_a_server_of_2024_alone_is_spoken_to_as_a_command(tmp_path: Path) -> None:
    server = servers.memory("2024", tmp_path)
    server.part.required()
    assert agreed(server) == "2024-11-05"
    config = workshop.install(tmp_path / "gateway", [server], workshop.reviewed([server]))
    with running(config) as gateway:
        agent = Agent(gateway, workshop.started(gateway, "Remember the kettle."))
        listed = agent.ask("tools/list").json["result"]["tools"]
        assert {tool["name"] for tool in listed} == {
            f"{server.name}__{name}" for name in server.tools
        }
        entity = {"name": "kettle", "entityType": "thing", "observations": ["It is blue."]}
        assert done(agent.call(f"{server.name}__create_entities", {"entities": [entity]}))
        found = agent.call(f"{server.name}__search_nodes", {"query": "kettle"})
        assert "It is blue." in said(found)
        assert refusal(agent.call(f"{server.name}__search_nodes", {"what": "kettle"}))


def test_everything_that_was_done_is_on_record(shop: Workshop) -> None:
    agent = shop.agent()
    assert done(agent.call("everything-new__echo", {"message": "for the record"}))
    decisions = [
        record
        for record in shop.gateway.records("decision")
        if record.get("task") == agent.task.task
    ]
    assert len(decisions) == 1
