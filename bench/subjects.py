"""What is measured of our own: the stub server alone, and the same server behind two gateways.

`null` takes every step with a policy that permits everything; `full` adds what an operator would:
the shipped rules, a resolver for the allowed addresses, labelled fields, vouching and spotlighting.
"""

import asyncio
import http.client
import secrets
import shutil
import time
from collections.abc import Callable, Mapping
from functools import partial
from importlib import resources
from pathlib import Path
from typing import Final

import msgspec

from bench.processes import START_S
from safeconduct.config import load
from safeconduct.core.calls import HANDSHAKE, MODERN
from safeconduct.identity.client import StartedTask, proof, start_task

AGENT = "spiffe://bench.example/agents/bench"


class Subject(msgspec.Struct, frozen=True):
    """Something that answers calls: a port, the processes it costs, and how it is called.

    The first process is the subject itself, the others are what it needs.
    """

    name: str
    port: int
    pids: tuple[int, ...]
    requests: tuple[Callable[[], bytes], ...]
    expect: bytes


MANIFEST = {
    "null": """\
upstream: stub
tools:
  get_case:
    effect: read
    scopes: [bench:read]
    arguments: {case_id: {role: object-id, type: bench.case}}
    returns: {source: {integrity: trusted, confidentiality: internal}}
    pin: PIN
""",
    "full": """\
upstream: stub
resolvers:
  on_file: {tool: customers_on_file, take: "$.emails.*"}
tools:
  get_case:
    effect: read
    scopes: [bench:read]
    arguments: {case_id: {role: object-id, type: bench.case}}
    returns:
      source: {integrity: trusted, confidentiality: internal}
      fields:
        messages.*.body: {integrity: untrusted}
        customer_email: {categories: [pii], vouches_for: [recipient]}
        opportunity_id: {vouches_for: [object-id]}
    spotlight: delimit
    pin: PIN
  customers_on_file:
    effect: read
    scopes: [bench:resolve]
    returns: {source: {integrity: trusted, confidentiality: restricted}}
    pin: PIN
  reply:
    effect: send
    scopes: [bench:send]
    arguments: {to: {role: recipient}, body: {role: content}}
    returns: {source: {integrity: trusted, confidentiality: public}}
    sink: {clearance: confidential, allow: {recipients: {resolver: on_file}}}
    pin: PIN
""",
}

CONFIG = """\
gateway: {{issuer: "http://127.0.0.1:{port}", listen: "127.0.0.1:{port}", tenant: bench.example, unsafe_dev_identity: true}}
agents: agents.yaml
zones: zones.yaml
assignments: {{"{agent}": {{zone: bench, tier: 2, profiles: [bench]}}}}
trust: {{bench.example: {{jwks: state/trust.json}}}}
users: {{issuer: "http://127.0.0.1:1", jwks: state/users.json, audience: bench, entitlements: users.yaml}}
front_ends: {{bench: {{jwks: state/bench.json}}}}
scopes:
  bench:read: {{system: bench, object: case, action: read}}
  bench:send: {{system: bench, object: mail, action: send}}
  bench:resolve: {{system: bench, object: customer, action: resolve}}
profiles: {{bench: {{scopes: [bench:read, bench:send], max_task_lifetime: 86400}}}}
upstreams:
  stub: {{mcp: "http://127.0.0.1:{upstream}/mcp", role: retrieval, credential: {{kind: none}}, manifests: stub.yaml}}
policy: {{bundle: policy/}}
audit: {{directory: state/audit}}
"""  # noqa: E501  flow style keeps it one block

AGENTS = f"""\
agent:
  spiffe_id: {AGENT}
  trust_domain: bench.example
  attestation: unix
  delegation: {{on_behalf_of: "user:bench", scope: [bench:read, bench:send], audience: stub}}
  stateless: true
"""

PERMIT_ALL = {
    "policy.yaml": "name: bench\nengine: rego\nentrypoint: bench\nunsafe_permit_all: true\n",
    "rules/all.rego": 'package bench\n\nimport rego.v1\n\npermit contains {"id": "all"}\n',
}


def pins(manifest: str) -> str:
    """The manifest with the digests of the stub's definitions."""
    from bench.stub import TOOLS
    from safeconduct.core.canonical import digest

    by_name = {str(tool["name"]): digest(tool) for tool in TOOLS}
    lines: list[str] = []
    name = ""
    for line in manifest.splitlines():
        if line.startswith("  ") and line[2] != " " and line.endswith(":"):
            name = line.strip(" :")
        lines.append(line.replace("PIN", by_name.get(name, "")))
    return "\n".join(lines) + "\n"


def configure(directory: Path, kind: str, port: int, upstream: int) -> None:
    directory.mkdir()
    files = {
        "safeconduct.yaml": CONFIG.format(port=port, upstream=upstream, agent=AGENT),
        "agents.yaml": AGENTS,
        "zones.yaml": "zones: [{id: bench, egress: [stub]}]\n",
        "users.yaml": 'users: {bench: {scopes: ["bench:read", "bench:send"]}}\n',
        "stub.yaml": pins(MANIFEST[kind]),
    }
    if kind == "null":
        files |= {f"policy/{name}": text for name, text in PERMIT_ALL.items()}
    else:
        shipped = resources.files("safeconduct.library") / "policies" / "opportunity" / "rego"
        with resources.as_file(shipped) as source:
            shutil.copytree(source, directory / "policy")
        rule = 'package agent.tools\n\nimport rego.v1\n\npermit contains {"id": "bench"} if {\n'
        rule += '\tinput.call.upstream == "stub"\n\tinput.agent.tier in {2, 3}\n}\n'
        files["policy/rules/bench.rego"] = rule
    for name, text in files.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


READ: Final = ("get_case", {"case_id": "C-4711"}, b"renewal quote")
"""The call that everybody is measured with: tool, arguments, and what the answer has to hold."""
SEND: Final = ("reply", {"to": "customer7@customer.example", "body": "Hello"}, b"sent")
"""The call of the full path, whose recipient is looked up in the system of record."""


def message(tool: str, arguments: Mapping[str, object], revision: str = MODERN) -> bytes:
    params: dict[str, object] = {"name": tool, "arguments": arguments}
    if revision == MODERN:
        params["_meta"] = {
            "io.modelcontextprotocol/protocolVersion": MODERN,
            "io.modelcontextprotocol/clientInfo": {"name": "bench", "version": "1"},
            "io.modelcontextprotocol/clientCapabilities": {},
        }
    call = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
    return msgspec.json.encode(call)


def head(port: int, path: str, tool: str, length: int, revision: str = MODERN) -> str:
    mirrored = f"Mcp-Method: tools/call\r\nMcp-Name: {tool}\r\n" if revision == MODERN else ""
    return (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/json\r\n"
        f"Accept: application/json, text/event-stream\r\nMCP-Protocol-Version: {revision}\r\n"
        f"{mirrored}Content-Length: {length}\r\n"
    )


async def plain(
    name: str,
    port: int,
    pids: tuple[int, ...],
    connections: int,
    *,
    revision: str = MODERN,
    headers: str = "",
) -> Subject:
    """Whoever needs no proof of us: the server itself, and the rivals."""
    tool, arguments, expect = READ
    body = message(tool, arguments, revision)
    first = f"{head(port, '/mcp', tool, len(body), revision)}{headers}"
    sessions = await begun(port, revision, [dict] * connections)
    requests = [f"{first}{session}\r\n".encode() + body for session in sessions]
    return Subject(name, port, pids, tuple(partial(bytes, request) for request in requests), expect)


async def through(
    name: str,
    port: int,
    pids: tuple[int, ...],
    tasks: list[StartedTask],
    *,
    revision: str = MODERN,
) -> Subject:
    """A gateway; each connection has a task of its own and signs a proof for every call."""
    tool, arguments, expect = READ if name == "null" else SEND
    tool = f"stub__{tool}"
    url = f"http://127.0.0.1:{port}/mcp"

    def proven(task: StartedTask) -> dict[str, str]:
        signed = proof(task.key, "POST", url, task.token)
        return {"Authorization": f"DPoP {task.token}", "DPoP": signed}

    def request(task: StartedTask, session: str) -> Callable[[], bytes]:
        numbered = "body" in arguments
        fixed = message(tool, arguments, revision)

        def make() -> bytes:
            # A send is never repeated byte for byte: that would be refused while one is under way.
            given = {**arguments, "body": secrets.token_hex(8)} if numbered else None
            body = fixed if given is None else message(tool, given, revision)
            first = head(port, "/mcp", tool, len(body), revision)
            shown = "".join(f"{key}: {value}\r\n" for key, value in proven(task).items())
            return f"{first}{session}{shown}\r\n".encode() + body

        return make

    sessions = await begun(port, revision, [partial(proven, task) for task in tasks])
    requests = (request(task, session) for task, session in zip(tasks, sessions, strict=True))
    return Subject(name, port, pids, tuple(requests), expect)


async def begun(port: int, revision: str, proofs: list[Callable[[], dict[str, str]]]) -> list[str]:
    """For each connection the header of its session, empty where none is kept."""
    if revision == MODERN:
        return [""] * len(proofs)
    return [await asyncio.to_thread(greeted, port, proven) for proven in proofs]


def greeted(port: int, proven: Callable[[], dict[str, str]]) -> str:
    """Begin as clients of 2025-11-25 do. Blocks.

    Raises:
        RuntimeError: the server does not go along.
    """
    client = {"name": "bench", "version": "1"}
    params = {"protocolVersion": HANDSHAKE, "capabilities": {}, "clientInfo": client}
    initialize = {"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": params}
    initialized = {"jsonrpc": "2.0", "method": "notifications/initialized"}
    headers = {
        "Content-Type": "application/json",
        "Accept": "application/json, text/event-stream",
    }
    session: str | None = None
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=START_S)
    for told, status in ((initialize, 200), (initialized, 202)):
        connection.request("POST", "/mcp", msgspec.json.encode(told), headers | proven())
        response = connection.getresponse()
        text = response.read()
        if response.status != status:
            raise RuntimeError(f"{told['method']}: {response.status} {text[:600]!r}")
        session = session or response.headers.get("mcp-session-id")
        headers["MCP-Protocol-Version"] = HANDSHAKE
        headers |= {} if session is None else {"Mcp-Session-Id": session}
    connection.close()
    return "" if session is None else f"Mcp-Session-Id: {session}\r\n"


async def tasks(directory: Path, count: int) -> list[StartedTask]:
    config = load(directory)
    # A proof from the second in which the gateway started is refused; this one carries a fraction.
    return [
        await asyncio.to_thread(
            start_task,
            config,
            agent=AGENT,
            user="bench",
            profile="bench",
            purpose=f"Read case C-4711, run {number} at {time.time_ns()}",
            source="app",
        )
        for number in range(count)
    ]
