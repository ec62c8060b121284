"""The rivals of the benchmark do what their configurations claim, and are measured with ours."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from bench import load, rivals
from bench.processes import free_port, running
from bench.subjects import message

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def _installed(require_program: Callable[[str], Path]) -> None:
    """`make e2e` installs the others."""
    require_program("nginx")


@pytest.mark.timeout(180)
def test_everybody_is_measured() -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "bench", "--rounds", "2", "--seconds", "0.2"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=170,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    answer = json.loads(ran.stdout.splitlines()[-1])
    assert answer.pop("missing") == []
    assert answer.pop("identity").keys() >= {"cached_us", "uncached_us"}
    assert answer.pop("policy").keys() >= {"rego_us", "cedar_us", "replays_per_cpu_s"}
    assert all(value > 0 for value in answer.pop("origins").values())
    assert list(answer) == ["direct", "null", "full", "full_2025", *rivals.PROGRAMS]
    for name in rivals.PROGRAMS:
        assert answer[name].keys() == answer["null"].keys() | {"ratio"}
        assert list(answer[name]["ratio"]) == ["null", "full", "full_2025"]
        for ratio in answer[name]["ratio"].values():
            assert 0 < ratio["interval"][0] <= ratio["median"] <= ratio["interval"][1]


async def test_envoy_verifies_the_token_and_holds_to_the_tool(tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        upstream = free_port()
        stub = await stack.enter_async_context(running("-m", "bench.stub", str(upstream)))
        started = rivals.rival("envoy", tmp_path, upstream, stub, 1)
        envoy = await stack.enter_async_context(started)
        good = envoy.requests[0]()
        assert await load.run(envoy.port, [lambda: good], envoy.expect, 0.01)
        with pytest.raises(RuntimeError, match="401"):
            await load.run(envoy.port, [lambda: forged(good)], envoy.expect, 0.01)
        with pytest.raises(RuntimeError, match="403"):
            await load.run(envoy.port, [lambda: other(good)], envoy.expect, 0.01)
        with pytest.raises(RuntimeError, match="400"):
            await load.run(envoy.port, [lambda: no_mcp(good)], envoy.expect, 0.01)


def forged(request: bytes) -> bytes:
    """The token with another signature."""
    head, _, signature = request.partition(b"Bearer ")[2].partition(b"\r\n")[0].rpartition(b".")
    return request.replace(signature, signature[::-1]) if head else b""


def other(request: bytes) -> bytes:
    """Another tool, which the server has."""
    renamed = request.replace(b"Mcp-Name: get_case", b"Mcp-Name: reply")
    return replaced(renamed, message("reply", {"to": "a", "body": "b"}))


def no_mcp(request: bytes) -> bytes:
    return replaced(request, b'{"hello": "world"}')


def replaced(request: bytes, body: bytes) -> bytes:
    lines = request.partition(b"\r\n\r\n")[0].split(b"\r\n")
    kept = [line for line in lines if not line.startswith(b"Content-Length")]
    return b"\r\n".join([*kept, b"Content-Length: %d" % len(body)]) + b"\r\n\r\n" + body
