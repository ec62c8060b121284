"""A company on this machine, for stories of attacks: a desk, its gateway, and everybody's keys.

Nothing here is simulated but the company: the gateway is the program that `safeconduct serve`
starts, the desk is a server of the MCP SDK, and both are spoken to over HTTP. The gateway's
development issuer plays SPIRE, the users' issuer and the front end.
"""

import asyncio
import hashlib
import http.client
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from safeconduct.audit.verify import verify
from safeconduct.config import load
from safeconduct.config.schema import Config
from safeconduct.demo.review import review
from safeconduct.demo.serving import HOST, free_port
from safeconduct.identity import client, dev
from safeconduct.kit import jose
from safeconduct.kit.jwk import PrivateKey, encode

JANE, BOB = "jane@harbour.example", "bob@harbour.example"
COPILOT, HELPER, PRINTER = (
    f"spiffe://harbour.example/agents/{name}" for name in ("copilot", "helper", "printer")
)
STAGE = Path(__file__).parent / "gateway"
PURPOSE = "Read case C-1 and write a note on C-1."

EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
JWT = "urn:ietf:params:oauth:token-type:jwt"
TASK = "urn:safeconduct:token-type:task"
SVID = "urn:ietf:params:oauth:client-assertion-type:jwt-spiffe"

JSON = dict[str, Any]
Form = dict[str, str]


class Task:
    """A task that runs: its id, its token, and the key that the token is bound to."""

    def __init__(self, answer: JSON, key: PrivateKey) -> None:
        self.id = str(answer["task"])
        self.token = str(answer["access_token"])
        self.scopes = frozenset(str(answer["scope"]).split())
        self.key = key


class Gateway:
    """A gateway of the company, as a process of its own."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.config: Config = load(directory)
        self.issuer = self.config.root.gateway.issuer
        self._state = directory / self.config.root.gateway.state

    @contextmanager
    def running(self) -> Generator["Gateway"]:
        """Serves until the context ends."""
        command = [sys.executable, "-m", "safeconduct", "serve", "--config", str(self.directory)]
        with _process(command, self.directory / "gateway.log"):
            yield self

    # --- what the parties make --------------------------------------------------------------------

    def svid(self, agent: str = COPILOT) -> str:
        """An agent's SVID, for this gateway."""
        return dev.svid(self._state, self.config, agent, _now_ms())

    def user_token(self, user: str = JANE) -> str:
        """A user's live token."""
        return dev.user_token(self._state, self.config, user, _now_ms())

    def said(
        self,
        user: str = JANE,
        *,
        agent: str = COPILOT,
        text: str = PURPOSE,
        task: str | None = None,
    ) -> str:
        """What a user asked for, attested by the front end: of a new task, or of this one."""
        return dev.purpose(
            self._state,
            self.config,
            issuer="desk-app",
            user=user,
            agent=agent,
            text=text,
            now_ms=_now_ms(),
            task=task,
        )

    def start(self, user: str = JANE, agent: str = COPILOT, **changes: str) -> Form:
        """A request for a task."""
        return {
            "grant_type": EXCHANGE,
            "subject_token": self.user_token(user),
            "subject_token_type": JWT,
            "actor_token": self.svid(agent),
            "actor_token_type": JWT,
            "task_profile": "triage",
            "purpose_attestation": self.said(user, agent=agent),
            **changes,
        }

    def renewal(self, task: Task, user: str = JANE, **changes: str) -> Form:
        """A request for a further token of a task."""
        return {
            "grant_type": EXCHANGE,
            "subject_token": self.user_token(user),
            "subject_token_type": JWT,
            "actor_token": self.svid(),
            "actor_token_type": JWT,
            "task": task.id,
            **changes,
        }

    def amendment(self, task: Task, **changes: str) -> Form:
        """A request with what the user says later."""
        return {
            "grant_type": EXCHANGE,
            "subject_token": task.token,
            "subject_token_type": TASK,
            "actor_token": self.svid(),
            "actor_token_type": JWT,
            **changes,
        }

    def child(self, parent: Task, proof: str, agent: str = HELPER, **changes: str) -> Form:
        """A request for a part of a task, with the proof by which it was handed over."""
        return {
            "grant_type": EXCHANGE,
            "subject_token": parent.token,
            "subject_token_type": TASK,
            "subject_token_proof": proof,
            "actor_token": self.svid(agent),
            "actor_token_type": JWT,
            "task_profile": "triage",
            **changes,
        }

    def handover(self, task: Task, to: str = HELPER) -> str:
        """The proof by which an agent hands its token to another one."""
        claims: JSON = {
            "jti": encode(hashlib.sha256(str(time.time_ns()).encode()).digest()),
            "htm": "POST",
            "htu": f"{self.issuer}/oauth/token",
            "iat": time.time(),
            "ath": encode(hashlib.sha256(task.token.encode()).digest()),
            "act": {"sub": to},
        }
        return jose.sign(claims, task.key, "dpop+jwt", embed=True)

    def proof(self, key: PrivateKey, token: str | None = None, path: str = "/oauth/token") -> str:
        """A proof that whoever asks has this key."""
        return client.proof(key, "POST", self.issuer + path, token)

    # --- requests ---------------------------------------------------------------------------------

    def ask(
        self, form: Mapping[str, str], *proofs: str, path: str = "/oauth/token"
    ) -> tuple[int, JSON]:
        """Posts a form."""
        fields = {"content-type": "application/x-www-form-urlencoded"}
        return self.post(path, urlencode(form).encode(), fields, *proofs)

    def begin(self, form: Mapping[str, str], key: PrivateKey | None = None) -> Task:
        """Starts a task as it should be. Raises RuntimeError when the gateway does not want it."""
        key = key or PrivateKey.generate()
        status, answer = self.ask(form, self.proof(key))
        if status != 200:
            raise RuntimeError(f"no task: {answer}")
        return Task(answer, key)

    def call(self, task: Task, tool: str, **arguments: object) -> tuple[int, JSON]:
        """Calls a tool as an agent does."""
        fields = {"authorization": f"DPoP {task.token}"}
        return self.send(fields, self.proof(task.key, task.token, "/mcp"), tool, arguments)

    def send(
        self,
        fields: Mapping[str, str],
        proof: str | None,
        tool: str,
        arguments: Mapping[str, Any],
        *,
        path: str = "/mcp",
    ) -> tuple[int, JSON]:
        """Sends a call with whatever authenticates it, or does not."""
        meta: JSON = {
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientCapabilities": {},
        }
        params: JSON = {"name": tool, "arguments": dict(arguments), "_meta": meta}
        message: JSON = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
        head = {
            "content-type": "application/json",
            "accept": "application/json",
            "mcp-protocol-version": "2026-07-28",
            "mcp-method": "tools/call",
            "mcp-name": tool,
            **fields,
        }
        body = json.dumps(message).encode()
        return self.post(path, body, head, *([] if proof is None else [proof]))

    def post(
        self, path: str, body: bytes, fields: Mapping[str, str], *proofs: str
    ) -> tuple[int, JSON]:
        """One request and its answer."""
        connection = http.client.HTTPConnection(self.config.root.gateway.listen, timeout=30)
        try:
            connection.putrequest("POST", path)
            for name, value in (*fields.items(), *(("dpop", proof) for proof in proofs)):
                connection.putheader(name, value)
            connection.putheader("content-length", str(len(body)))
            connection.endheaders(body)
            response = connection.getresponse()
            answer: JSON = json.loads(response.read() or b"{}")
            return response.status, answer
        finally:
            connection.close()

    def operate(self, *words: str) -> str:
        """What the operator types, and what is answered."""
        command = [sys.executable, "-m", "safeconduct", *words, "--config", str(self.directory)]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout

    def verified(self) -> str:
        """What the log's verification says."""
        return verify(self.directory / self.config.root.audit.directory).sentence


class Tally:
    """What was tried, and what came of it."""

    def __init__(self) -> None:
        self.tried = self.succeeded = 0

    def attack(self, what: str, answer: tuple[int, JSON]) -> None:
        """Notes an attack: it succeeded if it came to a token, or to a tool's result."""
        said = outcome(answer)
        self.tried += 1
        self.succeeded += said is None
        print(f"  {'SUCCEEDED' if said is None else 'refused'}  {what}: {said}")

    def holds(self, what: str, *, stolen: bool) -> None:
        """Notes an attack whose success shows otherwise."""
        self.tried += 1
        self.succeeded += stolen
        print(f"  {'SUCCEEDED' if stolen else 'refused'}  {what}")

    def told(self) -> str:
        """The last line of a story."""
        told = {"attacks_tried": self.tried, "attacks_succeeded": self.succeeded}
        return json.dumps(told, separators=(",", ":"))


def outcome(answer: tuple[int, JSON]) -> str | None:
    """Why a request came to nothing; None if it did not."""
    status, told = answer
    if "access_token" in told or told.get("active") is True:
        return None
    if "error" in told:
        error: JSON | str = told["error"]
        return error if isinstance(error, str) else str(error["message"])
    if "result" not in told:
        return f"HTTP {status}"
    result: JSON = told["result"]
    refusal: JSON | None = result.get("_meta", {}).get("dev.safeconduct/refusal")
    if refusal is not None:
        return str(refusal["reason"])
    return "the tool's own error" if result.get("isError") else None


@contextmanager
def company(
    *tenants: str, gateway: Path = STAGE, server: Sequence[str] = ("examples.stage.desk",)
) -> Generator[list[Gateway]]:
    """A gateway for each tenant, in front of one server: a module and its arguments."""
    with tempfile.TemporaryDirectory(prefix="safeconduct-") as scratch:
        directory = Path(scratch)
        command = [sys.executable, "-m", *server]
        with _process(command, directory / "server.log") as said:
            port = int(json.loads(said)["port"])
            yield [_gateway(directory / tenant, tenant, port, gateway) for tenant in tenants]


def _gateway(directory: Path, tenant: str, server: int, source: Path) -> Gateway:
    fixed = {
        "127.0.0.1:9101": f"{HOST}:{server}",
        "tenant: harbour.example": f"tenant: {tenant}",
    }
    return prepared(source, directory, fixed)


@contextmanager
def premises(story: Path, server: str, fixed: Mapping[str, str]) -> Generator[tuple[Gateway, Path]]:
    """The gateway of a story in front of its server on stdio, and the directory in which that one
    keeps what it did; all ends with the context.
    """
    with tempfile.TemporaryDirectory(prefix="safeconduct-") as scratch:
        kept = Path(scratch) / server
        kept.mkdir()
        there = {
            "/usr/bin/python3": sys.executable,
            f"/srv/{server}.py": str(story / f"{server}.py"),
            f"/srv/{server}]": f"{kept}]",
            **fixed,
        }
        yield prepared(story / "gateway", Path(scratch) / "gateway", there), kept


def prepared(source: Path, directory: Path, fixed: Mapping[str, str]) -> Gateway:
    """A configuration as it is on this machine: at a port of its own, with what is `fixed` in the
    files replaced, and its tools pinned.
    """
    shutil.copytree(source, directory)
    main = directory / "safeconduct.yaml"
    text = main.read_text(encoding="utf-8")
    for written, real in {"127.0.0.1:8700": f"{HOST}:{free_port()}", **fixed}.items():
        text = text.replace(written, real)
    main.write_text(text, encoding="utf-8")
    asyncio.run(review(directory))
    return Gateway(directory)


@contextmanager
def _process(command: list[str], log: Path) -> Generator[bytes]:
    """Runs a program until the context ends, and yields its first line, by which it is ready."""
    with log.open("ab") as stderr:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=stderr
        )
    try:
        line = process.stdout.readline() if process.stdout else b""
        if not line:
            raise RuntimeError(log.read_text(encoding="utf-8"))
        yield line
    finally:
        process.terminate()
        process.communicate()


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
