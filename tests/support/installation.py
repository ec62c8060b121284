"""A gateway as it is installed: a directory, a process of its own, and a tool server behind it."""

from __future__ import annotations

import asyncio
import http.client
import json
import os
import socket
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, Protocol, TypeVar

from safeconduct.audit.verify import Report, verify
from safeconduct.config import load
from safeconduct.config.schema import Config
from safeconduct.core.canonical import digest
from safeconduct.identity.client import Source, StartedTask, proof, start_task
from safeconduct.kit.jwk import PrivateKey
from safeconduct.ports import JSON
from tests.faults.upstream_servers import Request, raw_server, stateless
from tests.support.bundles import HEADER, PACKAGE
from tests.support.front import Fields, Reply, modern, replaced
from tests.support.recorded import recorded
from tests.support.threads import in_a_thread

ROOT: Final = Path(__file__).parents[2]
HOST: Final = "127.0.0.1"
TENANT: Final = "crm.example"
COPILOT: Final = "spiffe://crm.example/agents/copilot"
CLERK: Final = "spiffe://crm.example/agents/clerk"
"""Remembers from task to task; the copilot is attested stateless."""
USER: Final = "jane@crm.example"
DANA: Final = "dana@customer.example"
EVE: Final = "eve@evil.example"
SERVE: Final = ("safeconduct", "serve", "--config")

# --- the tool server ------------------------------------------------------------------------------


def _definition(name: str, *arguments: str) -> JSON:
    properties = {argument: {"type": "string"} for argument in arguments}
    schema = {"type": "object", "properties": properties}
    return {"name": name, "description": f"Does {name}.", "inputSchema": schema}


def _result(text: str) -> JSON:
    return {"content": [{"type": "text", "text": text}]}


Room = TypeVar("Room", bound="Office")


class Office:
    """An MCP server that counts what it did. It outlives the gateway, whatever becomes of that.

    `replies` say what a tool answers instead of its usual result; `hold` makes a tool wait until it
    is let go, after it took effect.
    """

    def __init__(self) -> None:
        self.definitions = {
            "get_case": _definition("get_case", "case_id"),
            "list_customers": _definition("list_customers"),
            "send": _definition("send", "to", "body"),
            "open_vault": _definition("open_vault"),
        }
        self.effects: Counter[str] = Counter()
        self.replies: dict[str, Callable[[Request], None]] = {}
        self.hold: set[str] = set()
        self.arrived = threading.Event()
        self.let_go = threading.Event()
        self.url = f"http://{HOST}:9/mcp"

    async def handle(self, request: Request) -> None:
        """Answers one request of the gateway."""
        if request.method == "tools/list":
            request.answer({"tools": list(self.definitions.values())})
            return
        if request.method != "tools/call":
            error = {"code": -32601, "message": "Method not found"}
            request.respond(request.reply(error=error))
            return
        name: str = request.message["params"]["name"]
        self.effects[name] += 1
        self.arrived.set()
        if name in self.hold:
            await asyncio.to_thread(self.let_go.wait, 30)
        if name in self.replies:
            self.replies[name](request)
        else:
            request.answer(_result(f"{name} done"))


@contextmanager
def opened_office() -> Generator[Office]:
    """Serves an office from a thread of its own."""
    with serving(Office()) as office:
        yield office


@contextmanager
def serving(office: Room) -> Generator[Room]:
    """Serves this office from a thread of its own."""
    with in_a_thread(raw_server(stateless(office.handle))) as server:
        office.url = server.url
        try:
            yield office
        finally:
            office.let_go.set()


# --- the directory --------------------------------------------------------------------------------

_SCOPES: Final = ("case:read", "customer:read", "mail:send", "vault:open")
_PERMIT: Final = (
    'permit contains {"id": "office"} if input.call.tool in {\n'
    '\t"office.get_case", "office.list_customers", "office.send", "office.open_vault",\n}\n'
)


def free_port() -> int:
    """A port that is free right now, and that no other worker of these tests takes meanwhile."""
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    while True:
        with socket.create_server((HOST, 0)) as listener:
            port = int(listener.getsockname()[1])
        # Linux prefers odd numbers for listeners: what tells workers apart is the half of it.
        if port // 2 % workers == worker:
            return port


class Serves(Protocol):
    """Where the tools are, and how they describe themselves."""

    url: str
    definitions: dict[str, JSON]


def install(
    directory: Path,
    office: Serves,
    *,
    tenant: str = TENANT,
    port: int = 0,
    credential: JSON | None = None,
) -> Config:
    """Writes a configuration directory, its tools reviewed as the office now describes them."""
    issuer = f"{HOST}:{port or free_port()}"
    patience = {"max_refusals": 1000, "loops": {"same": 1000, "changes": 1000}}
    profile = {"scopes": _SCOPES[:3], "budgets": {"calls": 1000}, **patience}
    files: dict[str, object] = {
        "safeconduct.yaml": {
            "gateway": {
                "issuer": f"http://{issuer}",
                "listen": issuer,
                "tenant": tenant,
                "unsafe_dev_identity": True,
            },
            "agents": "agents/*.yaml",
            "zones": "zones.yaml",
            "assignments": {
                agent: {"zone": "office", "tier": 2, "profiles": ["triage", "once"]}
                for agent in (COPILOT, CLERK)
            },
            "trust": {"crm.example": {"jwks": "state/trust.json"}},
            "users": {
                "issuer": "https://login.example",
                "jwks": "state/users.json",
                "audience": "copilot",
                "entitlements": "users.yaml",
            },
            "front_ends": {"desk": {"jwks": "state/desk.json"}},
            "user_devices": {USER: {"jwks": "state/jane.json"}},
            "scopes": {
                scope: dict(zip(("object", "action"), scope.split(":"), strict=True))
                | {"system": "office"}
                for scope in _SCOPES
            },
            "profiles": {
                "triage": profile,
                "once": profile | {"budgets": {"mail:send": 1}},
            },
            "upstreams": {
                "office": {
                    "mcp": office.url,
                    "role": "execution",
                    "credential": credential or {"kind": "none"},
                    "manifests": "manifests/office.yaml",
                }
            },
            "policy": {"bundle": "policy/"},
            "audit": {"directory": "state/audit"},
        },
        "agents/copilot.yaml": _agent(COPILOT, stateless=True),
        "agents/clerk.yaml": _agent(CLERK, stateless=False),
        "zones.yaml": {"zones": [{"id": "office", "egress": ["office"]}]},
        "users.yaml": {"users": {USER: {"scopes": _SCOPES}}},
        "manifests/office.yaml": _manifest(office),
        "policy/policy.yaml": HEADER,
        "policy/rules/office.rego": PACKAGE + _PERMIT,
    }
    for name, content in files.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        # JSON is YAML.
        path.write_text(content if isinstance(content, str) else json.dumps(content, indent=1))
    return load(directory)


def change(path: Path, members: JSON) -> None:
    """Replaces members of a document of a configuration directory."""
    path.write_text(json.dumps(json.loads(path.read_text()) | members))


def _agent(agent: str, *, stateless: bool) -> JSON:
    return {
        "agent": {
            "spiffe_id": agent,
            "trust_domain": "crm.example",
            "attestation": "unix",
            "delegation": {
                "on_behalf_of": f"user:{USER}",
                "scope": _SCOPES,
                "audience": "office",
            },
            "stateless": stateless,
        }
    }


def _manifest(office: Serves) -> JSON:
    trusted = {"integrity": "trusted", "confidentiality": "internal"}
    tools: dict[str, JSON] = {
        "get_case": {
            "effect": "read",
            "scopes": ["case:read"],
            "arguments": {"case_id": {"role": "object-id"}},
            "returns": {"source": {"integrity": "untrusted", "confidentiality": "internal"}},
        },
        "list_customers": {
            "effect": "read",
            "scopes": ["customer:read"],
            "returns": {"source": {"integrity": "trusted", "confidentiality": "restricted"}},
        },
        "send": {
            "effect": "send",
            "scopes": ["mail:send"],
            "arguments": {"to": {"role": "recipient"}, "body": {"role": "content"}},
            "returns": {"source": trusted},
            "sink": {"clearance": "confidential", "allow": {"recipients": {"values": [DANA]}}},
        },
        "open_vault": {
            "effect": "execute",
            "scopes": ["vault:open"],
            "returns": {"source": trusted},
        },
    }
    for name, tool in tools.items():
        tool["pin"] = digest(office.definitions[name])
    return {"upstream": "office", "tools": tools}


# --- the process ----------------------------------------------------------------------------------


class Gateway:
    """A running gateway, and its evidence."""

    def __init__(self, config: Config, process: subprocess.Popen[bytes]) -> None:
        self.config = config
        self.process = process

    @property
    def issuer(self) -> str:
        return self.config.root.gateway.issuer

    @property
    def audit(self) -> Path:
        return Path(self.config.directory) / self.config.root.audit.directory

    def task(
        self,
        purpose: str = "Answer case C-1.",
        *,
        source: Source = "app",
        agent: str = COPILOT,
        profile: str = "triage",
        scopes: Sequence[str] | None = None,
    ) -> Agent:
        """Starts a task, and plays its agent."""
        return Agent(
            self,
            start_task(
                self.config,
                agent=agent,
                user=USER,
                profile=profile,
                purpose=purpose,
                source=source,
                scopes=scopes,
            ),
        )

    def records(self, kind: str) -> list[JSON]:
        """What is on record by now."""
        return recorded(self.audit, kind)

    def verified(self) -> Report:
        """The log's verification, which must find nothing."""
        report = verify(self.audit)
        assert report.findings == ()
        return report


class Agent:
    """An agent with a task, well-behaved unless a test says otherwise."""

    def __init__(self, gateway: Gateway, task: StartedTask) -> None:
        self.gateway = gateway
        self.task = task

    @property
    def url(self) -> str:
        return f"{self.gateway.issuer}/mcp"

    def proof(self, key: PrivateKey | None = None) -> str:
        return proof(key or self.task.key, "POST", self.url, self.task.token)

    def fields(self, fields: Fields) -> Fields:
        """Headers of a message with what authenticates this agent."""
        host = self.gateway.config.root.gateway.listen
        fields = replaced(fields, "host", host)
        fields = replaced(fields, "authorization", f"DPoP {self.task.token}")
        return replaced(fields, "dpop", self.proof())

    def call(self, name: str, arguments: JSON | None = None) -> Reply:
        body, fields = calling(name, arguments)
        return self.post(body, self.fields(fields))

    def ask(self, method: str) -> Reply:
        body, fields = modern(method)
        return self.post(body, self.fields(fields))

    def post(self, body: bytes, fields: Fields) -> Reply:
        connection = self.sent(body, fields)
        try:
            return received(connection)
        finally:
            connection.close()

    def sent(self, body: bytes, fields: Fields) -> http.client.HTTPConnection:
        """A connection on which this request went out, and nothing came back yet."""
        connection = http.client.HTTPConnection(self.gateway.config.root.gateway.listen, timeout=30)
        connection.putrequest("POST", "/mcp", skip_host=True, skip_accept_encoding=True)
        for name, value in fields:
            connection.putheader(name, value.encode())
        connection.putheader("content-length", str(len(body)))
        connection.endheaders(body)
        return connection


def calling(name: str, arguments: JSON | None = None) -> tuple[bytes, Fields]:
    """A tool call and its headers."""
    return modern("tools/call", {"name": name, "arguments": arguments or {}})


def received(connection: http.client.HTTPConnection) -> Reply:
    response = connection.getresponse()
    headers = {name.lower(): value for name, value in response.getheaders()}
    return Reply(response.status, headers, response.read())


def refusal(reply: Reply) -> str:
    """The reason for which a tool call was refused."""
    assert reply.status == 200, reply.body
    assert reply.json["result"]["isError"] is True, reply.body
    told: dict[str, Any] = reply.json["result"]["_meta"]["dev.safeconduct/refusal"]
    return str(told["reason"])


def done(reply: Reply) -> bool:
    """Whether a tool call came back with the tool's own result."""
    assert reply.status == 200, reply.body
    result: JSON = reply.json.get("result", {"isError": True})
    return result.get("isError") is not True


@contextmanager
def running(config: Config, *command: str) -> Generator[Gateway]:
    """Runs the gateway of a directory until the context ends, as a module with arguments."""
    directory = Path(config.directory)
    with (directory / "gateway.log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", *(command or (*SERVE, str(directory)))],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
        )
    try:
        assert process.stdout is not None
        said = process.stdout.readline()
        assert b"ready" in said, (directory / "gateway.log").read_text()
        yield Gateway(config, process)
    finally:
        process.terminate()
        process.communicate()


def eventually(condition: Callable[[], object], gateway: Gateway) -> None:
    """Waits for what another process is about to do, as long as that process lives."""
    while not condition():
        assert gateway.process.poll() is None
        threading.Event().wait(0.01)
