"""The demo's company, kept running for a client of one's own."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from mcp.client.client import Client
from mcp.client.stdio import StdioServerParameters

SERVE = ("-m", "safeconduct", "demo", "--serve", "--format", "json")


@asynccontextmanager
async def served(*more: str) -> AsyncGenerator[tuple[asyncio.subprocess.Process, Any]]:
    """A demo that serves, and what it says."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, *SERVE, *more),
        stdout=asyncio.subprocess.PIPE,
        # What runs these tests in the background has it ignored, and that is passed on.
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),
    )
    assert process.stdout is not None
    try:
        yield process, json.loads(await process.stdout.readline())
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


def words_of(line: list[str]) -> list[str]:
    """A printed command, run by the interpreter of the tests."""
    return [sys.executable, "-m", *line[line.index("safeconduct") :]]


def is_there(path: str) -> bool:
    return Path(path).exists()


async def said(line: list[str]) -> Any:
    process = await asyncio.create_subprocess_exec(
        *words_of(line), "--format", "json", stdout=asyncio.subprocess.PIPE
    )
    out, _ = await process.communicate()
    assert process.returncode == 0
    return [json.loads(one) for one in out.splitlines()]


async def test_every_line_that_it_prints_works_until_it_is_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    async with served() as (process, told):
        (task,), (wrap,), connects, (show,) = told["lines"].values()
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
        records = await said(show)
        assert [one["tool"] for one in records if one.get("kind") == "decision"]
        process.send_signal(signal.SIGINT)
        assert await process.wait() == 0
    assert not is_there(told["config"])


async def test_what_is_kept_stays(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    async with served("--keep", str(kept)) as (process, told):
        assert Path(told["config"]) == kept / "gateway"
        process.send_signal(signal.SIGTERM)
        assert await process.wait() == 0
    assert (kept / "gateway" / "state" / "audit").is_dir()
