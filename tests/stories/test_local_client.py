"""A local client of the official SDK, which starts `safeconduct wrap` and knows nothing else."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Literal

import pytest
from mcp.client.client import Client
from mcp.client.stdio import StdioServerParameters, stdio_client
from mcp.shared.exceptions import MCPError
from mcp_types import TextContent

from safeconduct.audit.reading import read
from safeconduct.audit.verify import verify
from safeconduct.config import load
from safeconduct.config.schema import Config
from tests.support.installation import (
    Gateway,
    Office,
    eventually,
    install,
    opened_office,
    running,
)

Mode = Literal["legacy", "auto", "2026-07-28"]
MODES: list[Mode] = ["legacy", "auto", "2026-07-28"]

SERVER = """
from mcp.server.mcpserver import MCPServer

server = MCPServer("sums")


@server.tool()
def add(a: int, b: int) -> int:
    return a + b


@server.tool()
def weigh(thing: str) -> str:
    return thing


server.run("stdio")
"""

PURPOSE = ("--purpose", "Answer case C-1.")


@pytest.fixture
def office() -> Generator[Office]:
    with opened_office() as office:
        yield office


@pytest.fixture
def gateway(tmp_path: Path, office: Office) -> Generator[Gateway]:
    with running(install(tmp_path, office)) as gateway:
        yield gateway


@asynccontextmanager
async def wrapped(directory: str, mode: Mode, *arguments: str) -> AsyncGenerator[Client]:
    command = ["-m", "safeconduct", "wrap", "--config", directory, *PURPOSE, *arguments]
    server = StdioServerParameters(command=sys.executable, args=command)
    async with Client(server, mode=mode) as client:
        yield client


def with_command(config: Config, command: list[str]) -> Config:
    """The same configuration with one more upstream, which is a command."""
    directory = Path(config.directory)
    root = json.loads((directory / "safeconduct.yaml").read_text())
    root["upstreams"]["sums"] = {
        "command": command,
        "role": "execution",
        "credential": {"kind": "none"},
        "manifests": "manifests/sums.yaml",
        "unsafe_no_sandbox": True,
    }
    (directory / "safeconduct.yaml").write_text(json.dumps(root))
    (directory / "manifests" / "sums.yaml").write_text(json.dumps({"upstream": "sums"}))
    return load(directory)


def text(result: object) -> str:
    (part,) = result.content  # type: ignore[attr-defined]
    assert isinstance(part, TextContent)
    return part.text


@pytest.mark.parametrize("mode", MODES)
async def test_a_local_client_calls_through_the_gateway(
    gateway: Gateway, office: Office, mode: Mode
) -> None:
    async with wrapped(gateway.config.directory, mode) as client:
        expected = "2025-11-25" if mode == "legacy" else "2026-07-28"
        assert client.protocol_version == expected
        listed = {tool.name for tool in (await client.list_tools()).tools}
        assert listed == {"office__get_case", "office__list_customers", "office__send"}
        assert "get_case done" in text(await client.call_tool("office__get_case", {"case_id": "1"}))
        refused = await client.call_tool("office__send", {"to": "eve@evil.example", "body": "x"})
        assert refused.is_error
        assert refused.meta is not None
        told = refused.meta["dev.safeconduct/refusal"]
        assert told["reason"] == "destination-not-allowed"
    assert office.effects == {"get_case": 1}
    (task,) = gateway.records("task")
    assert (task["purpose"], task["purpose_source"]) == (PURPOSE[1], "app")
    gateway.verified()


@pytest.mark.parametrize("mode", MODES)
async def test_one_upstream_alone_has_its_tools_by_their_own_names(
    gateway: Gateway, mode: Mode
) -> None:
    async with wrapped(gateway.config.directory, mode, "--upstream", "office") as client:
        listed = {tool.name for tool in (await client.list_tools()).tools}
        assert listed == {"get_case", "list_customers", "send"}


@pytest.mark.parametrize("mode", MODES)
async def test_calls_run_side_by_side_and_one_can_be_given_up(
    gateway: Gateway, office: Office, mode: Mode
) -> None:
    office.hold.add("get_case")
    async with wrapped(gateway.config.directory, mode) as client:
        held = asyncio.ensure_future(client.call_tool("office__get_case", {"case_id": "1"}))
        assert await asyncio.to_thread(office.arrived.wait, 30)
        assert "done" in text(await client.call_tool("office__list_customers", {}))
        held.cancel()
        with pytest.raises(asyncio.CancelledError):
            await held
        await asyncio.to_thread(eventually, lambda: len(gateway.records("outcome")) == 2, gateway)
    office.let_go.set()


async def test_the_gateway_dies_in_a_call_and_the_client_is_told(
    gateway: Gateway, office: Office
) -> None:
    office.hold.add("get_case")
    async with wrapped(gateway.config.directory, "legacy") as client:
        held = asyncio.ensure_future(client.call_tool("office__get_case", {"case_id": "1"}))
        assert await asyncio.to_thread(office.arrived.wait, 30)
        gateway.process.kill()
        with pytest.raises(MCPError, match="connection to the gateway was lost") as caught:
            await held
        assert caught.value.error.data == {"may_have_happened": True}
        await asyncio.to_thread(gateway.process.wait)  # the kernel closes one socket by one
        with pytest.raises(MCPError, match="No gateway answers at") as caught:
            await client.list_tools()
        assert caught.value.error.data == {"may_have_happened": False}


async def test_a_task_that_is_revoked_ends_in_the_client_too(
    gateway: Gateway, office: Office
) -> None:
    config = gateway.config.directory
    async with wrapped(config, "auto") as client:
        await client.list_tools()
        (task,) = gateway.records("task")
        revoke = ("revoke", "task", task["task"], "--config", config)
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "safeconduct", *revoke), stdout=asyncio.subprocess.DEVNULL
        )
        assert await process.wait() == 0
        refused = await client.call_tool("office__get_case", {"case_id": "1"})
        assert refused.meta is not None
        assert refused.meta["dev.safeconduct/refusal"]["reason"] == "task-revoked"
    assert office.effects == {}


async def test_without_a_gateway_the_client_is_told_how_to_start_one(
    tmp_path: Path, office: Office
) -> None:
    config = install(tmp_path, office)
    with running(config):
        pass  # it makes the keys
    with pytest.raises(BaseExceptionGroup) as caught:
        async with wrapped(config.directory, "legacy"):
            pass
    assert "Start it with `safeconduct serve`" in repr(caught.value)


# --- a command ------------------------------------------------------------------------------------

NO_SERVER = "import sys; sys.exit('not a server')"


async def outcome(*arguments: str) -> tuple[int | None, str]:
    """How a shim ends that nobody speaks to, and what it says."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "safeconduct", "wrap", *PURPOSE, *arguments),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    assert out == b""
    return process.returncode, err.decode()


async def test_a_command_is_the_upstream_that_the_gateway_starts(tmp_path: Path) -> None:
    program = tmp_path / "server.py"
    program.write_text(SERVER)
    with opened_office() as office:
        directory = tmp_path / "gateway"
        config = with_command(install(directory, office), [sys.executable, str(program)])
        with running(config) as gateway:
            command = ("--", sys.executable, str(program))
            async with wrapped(config.directory, "auto", *command) as client:
                assert (await client.list_tools()).tools == []  # the task has no scope for it
            code, said = await outcome("--config", config.directory, "--", "another", "--command")
            assert code == 2
            assert "no upstream of the gateway has this command (fix: add it" in said
            gateway.verified()


async def test_without_a_gateway_the_page_runs_in_the_shim_and_says_that_it_is_unsafe(
    tmp_path: Path,
) -> None:
    program = tmp_path / "server.py"
    program.write_text(SERVER)
    state = tmp_path / "state"
    local = ("--unsafe-local", "--state", str(state), "--", sys.executable, str(program))
    said = tmp_path / "said"
    server = StdioServerParameters(
        command=sys.executable, args=["-m", "safeconduct", "wrap", *PURPOSE, *local]
    )
    with said.open("w") as stderr:
        async with Client(stdio_client(server, errlog=stderr)) as client:
            assert [tool.name for tool in (await client.list_tools()).tools] == ["add", "weigh"]
            assert "3" in text(await client.call_tool("add", {"a": 1, "b": 2}))
            # Nobody has reviewed them: what one returned must not reach another.
            refused = await client.call_tool("add", {"a": 1, "b": 2})
            assert refused.is_error
            assert refused.meta is not None
            assert refused.meta["dev.safeconduct/refusal"]["reason"] == "flow-confidentiality"
            code, busy = await outcome(*local)
            assert (code, "another process uses" in busy) == (3, True)
    assert "unsafe_local: the agent and this gateway share an account" in said.read_text()
    assert state.stat().st_mode & 0o077 == 0
    assert verify(state / "state" / "audit").findings == ()
    records = [dict(record) for record in read(state / "state" / "audit")]
    assert "unsafe_local" in records[0]["unsafe"]
    code, other = await outcome("--unsafe-local", "--state", str(state), "--", "another")
    assert (code, "is another command's" in other) == (2, True)


async def test_a_command_that_is_no_server_is_said_to_be_none(tmp_path: Path) -> None:
    state = tmp_path / "state"
    local = ("--unsafe-local", "--state", str(state), "--", sys.executable, "-c", NO_SERVER)
    code, said = await outcome(*local)
    assert code == 3
    assert "does not say which tools it has" in said
    assert not state.exists()


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("--unsafe-local",), "--unsafe-local needs the command"),
        (("--state", "x"), "--state is for --unsafe-local"),
        (("--upstream", "nowhere"), "no upstream is called nowhere (there are office)"),
        (("--agent", "spiffe://crm.example/nobody"), "is not a registered agent"),
    ],
)
async def test_arguments_that_make_no_sense_are_said_to_make_none(
    tmp_path: Path, office: Office, arguments: tuple[str, ...], expected: str
) -> None:
    config = install(tmp_path, office)
    code, said = await outcome("--config", config.directory, *arguments)
    assert (code, expected in said) == (2, True)


async def test_a_client_that_closes_or_terminates_it_ends_it_well(
    gateway: Gateway, office: Office
) -> None:
    config = gateway.config.directory
    code, said = await outcome("--config", config)
    assert (code, said) == (0, "")
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "safeconduct", "wrap", *PURPOSE, "--config", config),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(b"garbage\n")
    await process.stdout.readline()  # it runs
    process.terminate()
    assert await process.wait() == 0
