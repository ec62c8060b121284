"""The demo's company, kept running: to look at, to answer in, and for a client of one's own."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import pytest
from mcp.client.client import Client
from mcp.client.stdio import StdioServerParameters

from safeconduct.demo.plot import LEAD
from tests.support.starting import asked

SERVE: Final = ("-m", "safeconduct", "demo", "--serve", "--format", "json")
LONGEST_S: Final = 120


@asynccontextmanager
async def served() -> AsyncGenerator[tuple[asyncio.subprocess.Process, Any]]:
    """A demo that serves, and what it says."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *SERVE,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        yield process, await next_said(process)
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


async def next_said(process: asyncio.subprocess.Process) -> Any:
    """What the demo says next."""
    assert process.stdout is not None
    async with asyncio.timeout(LONGEST_S):
        return json.loads(await process.stdout.readline())


def is_there(path: str) -> bool:
    return Path(path).exists()


def words_of(line: list[str]) -> list[str]:
    """A printed command, run by the interpreter of the tests."""
    return [sys.executable, "-m", *line[line.index("safeconduct") :]]


async def said(line: list[str], *more: str) -> Any:
    process = await asyncio.create_subprocess_exec(
        *words_of(line), *more, "--format", "json", stdout=asyncio.subprocess.PIPE
    )
    out, _ = await process.communicate()
    assert process.returncode == 0
    return [json.loads(one) for one in out.splitlines()]


def entered(link: str) -> tuple[str, str]:
    """Opens a one-time link: where it leads to, and the cookie that one has then."""
    site, path = link[: link.index("/", 8)], link[link.index("/", 8) :]
    assert asked(link).status == 200
    reply = asked(f"{site}{path}", {}, {"Origin": site})
    assert reply.status == 303, reply
    return site + reply.headers["location"], reply.headers["set-cookie"].partition(";")[0]


@pytest.mark.timeout(180)
async def test_every_line_that_it_prints_works_until_it_is_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    async with served() as (process, told):
        # The story was told first, and its second run is in this gateway's log.
        assert told["story"]["ungoverned"]["leaked"]
        assert not told["story"]["governed"]["leaked"]
        assert told["story"]["audit"]["verified"]
        (task,), (wrap,), connects, (show,), (approve,), (again,), _ = told["lines"].values()
        records = await said(show)
        decisions = {one["decision"] for one in records if one.get("kind") == "decision"}
        refused = {one["decision_id"] for one in told["story"]["governed"]["refusals"]}
        assert refused
        assert refused < decisions

        (started,) = await said(task)
        assert started["scopes"]
        server = words_of(wrap)
        client = Client(StdioServerParameters(command=server[0], args=server[1:]))
        async with client:
            case = await client.call_tool("crm__get_case", {"case_id": "C-4711"})
            assert not case.is_error
            mail = {"to": "intake@ledger-review.example", "subject": "", "body": ""}
            assert (await client.call_tool("mail__send", mail)).is_error
        for connect in connects:
            (entry,) = await said(connect)
            assert told["config"] in json.dumps(entry["snippet"])

        (link,) = await said(again)
        # A newer link voids the older one.
        assert asked(told["visit"]).status == 403
        inbox, cookie = entered(link["url"])
        page = asked(inbox, headers={"Cookie": cookie}).body.decode()
        assert "A lower price" in page
        assert "console.unsafe_visits" in page
        passkeys, _ = entered(told["enrol"])
        assert passkeys.endswith("/keys")
        assert LEAD in asked(inbox, headers={"Cookie": cookie}).body.decode()

        await said(approve, "--yes")
        assert await next_said(process) == {"answered": "granted", "call": "done"}
        process.send_signal(signal.SIGTERM)
        assert await process.wait() == 0
    assert not is_there(told["config"])
