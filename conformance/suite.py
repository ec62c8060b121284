"""Runs the suite over one leg and reads what it found."""

import asyncio
import re
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec

from conformance.client import EXITED
from conformance.compare import ENDS_WELL, Check
from conformance.legs import Leg, leading
from conformance.processes import Command, free_port, run, serving
from conformance.sources import Fixture, Scenarios, Suite

Checks = dict[str, list[Check]]

TIMEOUT_MS = "20000"
"""How long one scenario may take. No scenario of a server that answers needs a tenth of it."""

AT_ONCE = 2
"""How many scenarios of clients run at a time; each starts a client and perhaps a gateway."""

CALL_WHAT_IS_NOT_LISTED = frozenset({"request-metadata"})
"""Scenarios in which the suite's server answers calls of a tool that it does not list. Through the
gateway there is no such tool, so the client ends with that error; the suite's own checks stand.
"""

NOT_DONE = frozenset({"client-registration"})
"""Checks that want what the gateway does not do: it is registered by its operator, or known by its
document.
"""

_STAMPED = re.compile(r"(?P<scenario>.+)-\d{4}-\d\d-\d\dT[\d-]+Z")


async def of_server(
    leg: Leg, revision: str, chosen: Scenarios, suite: Suite, fixture: Fixture, logs: Path
) -> Checks:
    """The suite as a client of the everything-server, which is fresh for each run."""
    here = logs / revision / "server" / leg
    here.mkdir(parents=True)
    port = free_port()
    server = [sys.executable, "-m", "mcp_everything_server", "--port", str(port)]
    out = here / "results"
    async with (
        serving(server, port, here / "server.log", cwd=fixture.server),
        leading(leg, f"http://127.0.0.1:{port}/mcp", "everything", here) as url,
    ):
        command: Command = [
            *suite.command, "server", "--url", url, *chosen.options(revision),
            "--timeout", TIMEOUT_MS, "--output-dir", out,
        ]  # fmt: skip
        await run(command, here / "suite.log")
    return read(out, "server-")


async def of_client(
    leg: Leg, revision: str, chosen: Scenarios, suite: Suite, fixture: Fixture, logs: Path
) -> Checks:
    """The suite as a server, with the SDK's client on the other side of the leg."""
    here = logs / revision / "client" / leg
    here.mkdir(parents=True)
    client = shlex.join(
        [sys.executable, "-m", "conformance.client", leg, str(fixture.client), str(here)]
    )
    turns = asyncio.Semaphore(AT_ONCE)

    async def one(scenario: str) -> None:
        command: Command = [
            *suite.command, "client", "--command", client, "--scenario", scenario,
            "--spec-version", revision, "--timeout", TIMEOUT_MS, "--output-dir", here / "results",
        ]  # fmt: skip
        async with turns:
            await run(command, here / f"{scenario}.log")

    await asyncio.gather(*map(one, chosen.client))
    found = read(here / "results", "")
    for scenario in found.keys() - CALL_WHAT_IS_NOT_LISTED:
        found[scenario].append(_ended(here / scenario))
    return found


async def of_upstream(revision: str, names: Sequence[str], suite: Suite, logs: Path) -> Checks:
    """The suite as an upstream and its authorization server, the gateway's own client as theirs."""
    here = logs / revision / "authorization"
    here.mkdir(parents=True)
    client = shlex.join([sys.executable, "-m", "conformance.upstream"])
    turns = asyncio.Semaphore(AT_ONCE)

    async def one(scenario: str) -> None:
        command: Command = [
            *suite.command, "client", "--command", client, "--scenario", scenario,
            "--timeout", TIMEOUT_MS, "--output-dir", here / scenario.partition("/")[2],
        ]  # fmt: skip
        async with turns:
            await run(command, here / f"{scenario.partition('/')[2]}.log")

    await asyncio.gather(*map(one, names))
    found: Checks = {}
    for scenario in names:
        results = sorted((here / scenario.partition("/")[2]).rglob("checks.json"))
        checks = [
            check
            for path in results
            for check in msgspec.json.decode(path.read_bytes(), type=list[Check])
        ]
        found[scenario] = [check for check in checks if check.id not in NOT_DONE]
    return found


def _ended(logs: Path) -> Check:
    """How the client ended. No failure, because it does not end well in all that it passes."""
    exited, log = logs / EXITED, logs / "client.log"
    ended = exited.exists() and exited.read_text(encoding="ascii") == "0"
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines() if log.exists() else []
    said = [line.strip(" |") for line in lines if re.search("[A-Za-z]", line)]
    return Check(
        id=ENDS_WELL,
        status="SUCCESS" if ended else "WARNING",
        description=said[-1] if said else "The client was never started.",
    )


def read(results: Path, prefix: str) -> Checks:
    """The checks below a directory of results, by scenario."""
    found: Checks = {}
    for path in sorted(results.glob("*/checks.json")):
        stamped = _STAMPED.fullmatch(path.parent.name.removeprefix(prefix))
        if stamped is None:
            raise ValueError(f"{path} is not named after a scenario")
        found[stamped["scenario"]] = msgspec.json.decode(path.read_bytes(), type=list[Check])
    return found
