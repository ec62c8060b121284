"""What is measured: a stub server alone, and the same server behind two gateways.

`null` takes every step with a policy that permits everything; `full` adds what an operator would:
the shipped rules, a resolver for the allowed addresses, labelled fields, vouching and spotlighting.
"""

import asyncio
import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, suppress
from importlib import resources
from pathlib import Path

import msgspec

from safeconduct.config import load
from safeconduct.identity.client import StartedTask, proof, start_task

ROOT = Path(__file__).parent.parent
CLOCK = os.sysconf("SC_CLK_TCK")
START_S = 30.0
AGENT = "spiffe://bench.example/agents/bench"


class Subject(msgspec.Struct, frozen=True):
    """Something that answers calls: a port, the processes it costs, and how it is called."""

    name: str
    port: int
    pids: tuple[int, ...]
    requests: tuple[Callable[[], bytes], ...]
    expect: bytes


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def cpu_s(pids: tuple[int, ...]) -> float:
    """User and system time of the processes so far, in seconds (proc(5), fields 14 and 15)."""
    total = 0
    for pid in pids:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        total += int(fields[11]) + int(fields[12])
    return total / CLOCK


@asynccontextmanager
async def running(*command: str) -> AsyncGenerator[int]:
    """A Python process that has said that it is ready, by its id; it ends with the block."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, *command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE
    )
    try:
        assert process.stdout is not None
        async with asyncio.timeout(START_S):
            line = await process.stdout.readline()
        if not line:
            raise RuntimeError(f"{command} did not start")
        yield process.pid
    finally:
        # Nothing that it holds is of use to anybody any more.
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()


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
        shipped = resources.files("safeconduct.library") / "policies" / "crm"
        with resources.as_file(shipped) as source:
            shutil.copytree(source, directory / "policy")
        rule = 'package agent.tools\n\nimport rego.v1\n\npermit contains {"id": "bench"} if {\n'
        rule += '\tinput.call.upstream == "stub"\n\tinput.agent.tier in {2, 3}\n}\n'
        files["policy/rules/bench.rego"] = rule
    for name, text in files.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def message(tool: str, arguments: dict[str, str]) -> bytes:
    meta = {
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientInfo": {"name": "bench", "version": "1"},
        "io.modelcontextprotocol/clientCapabilities": {},
    }
    params = {"name": tool, "arguments": arguments, "_meta": meta}
    call = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
    return msgspec.json.encode(call)


def head(port: int, path: str, tool: str, length: int) -> str:
    return (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/json\r\n"
        "Accept: application/json, text/event-stream\r\nMCP-Protocol-Version: 2026-07-28\r\n"
        f"Mcp-Method: tools/call\r\nMcp-Name: {tool}\r\nContent-Length: {length}\r\n"
    )


def direct(port: int, pid: int, connections: int) -> Subject:
    body = message("get_case", {"case_id": "C-4711"})
    request = head(port, "/mcp", "get_case", len(body)).encode() + b"\r\n" + body
    return Subject("direct", port, (pid,), ((lambda: request),) * connections, b"renewal quote")


def through(kind: str, port: int, pids: tuple[int, ...], tasks: list[StartedTask]) -> Subject:
    """A gateway; each connection has a task of its own and signs a proof for every call."""
    if kind == "null":
        calls = [("stub__get_case", {"case_id": "C-4711"}, b"renewal quote")]
    else:
        calls = [("stub__reply", {"to": "customer7@customer.example", "body": "Hello"}, b"sent")]
    tool, arguments, expect = calls[0]
    url = f"http://127.0.0.1:{port}/mcp"

    def request(task: StartedTask) -> Callable[[], bytes]:
        numbered = "body" in arguments
        fixed = message(tool, arguments)

        def make() -> bytes:
            # A send is never repeated byte for byte: that would be refused while one is under way.
            given = {**arguments, "body": secrets.token_hex(8)} if numbered else None
            body = fixed if given is None else message(tool, given)
            headers = head(port, "/mcp", tool, len(body))
            signed = proof(task.key, "POST", url, task.token)
            proven = f"{headers}Authorization: DPoP {task.token}\r\nDPoP: {signed}\r\n\r\n"
            return proven.encode() + body

        return make

    return Subject(kind, port, pids, tuple(request(task) for task in tasks), expect)


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
