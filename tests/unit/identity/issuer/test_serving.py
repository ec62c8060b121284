"""The socket of the Workload API: open to every process, held by one issuer."""

from __future__ import annotations

import asyncio
import socket
import stat
import sys
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import pytest

from safeconduct.identity.issuer.serving import serve
from safeconduct.identity.issuer.unix import Peer
from safeconduct.identity.issuer.workload_api import WorkloadApi
from tests.support.grpc import METADATA, connected
from tests.support.svids import COPILOT, DOMAIN, HOUR_MS, Clock, authority

if sys.platform != "linux":
    pytest.skip("processes are told by what Linux has", allow_module_level=True)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


class Anybody:
    async def attest(self, peer: Peer) -> str:
        return COPILOT


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def api(tmp_path: Path, clock: Clock) -> WorkloadApi:
    return WorkloadApi(
        Anybody(), {DOMAIN: authority(tmp_path)}, revoked=lambda _: False, clock_ms=clock
    )


@pytest.fixture
async def path(tmp_path: Path, api: WorkloadApi) -> AsyncIterator[Path]:
    made = tmp_path / "socket"
    listening = asyncio.Event()
    serving = asyncio.create_task(serve(api, made, listening.set))
    await listening.wait()
    yield made
    serving.cancel()
    with suppress(asyncio.CancelledError):
        await serving
    assert not made.exists()


async def test_every_process_may_ask(path: Path) -> None:
    assert mode(path) == 0o666
    async with connected(path) as client:
        number = client.open("/SpiffeWorkloadAPI/FetchX509SVID", headers=METADATA)
        assert len(await client.answered(number, 1)) == 1


async def test_open_streams_hear_of_news_by_themselves(path: Path, clock: Clock) -> None:
    async with connected(path) as client:
        number = client.open("/SpiffeWorkloadAPI/FetchX509SVID", headers=METADATA)
        await client.answered(number, 1)
        clock.now_ms += HOUR_MS // 2
        assert len(await client.answered(number, 2)) == 2


async def test_a_second_issuer_does_not_take_the_place_of_one_that_answers(
    path: Path, api: WorkloadApi
) -> None:
    with pytest.raises(OSError, match="another issuer answers at"):
        await serve(api, path, lambda: None)
    assert mode(path) == 0o666


async def test_what_a_dead_issuer_left_is_taken_over(tmp_path: Path, api: WorkloadApi) -> None:
    path = tmp_path / "socket"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    listening = asyncio.Event()
    serving = asyncio.create_task(serve(api, path, listening.set))
    await listening.wait()
    # Somebody else takes the place: that is not ours to remove.
    path.unlink()
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(path))
    serving.cancel()
    with suppress(asyncio.CancelledError):
        await serving
    assert path.is_socket()


async def test_a_file_that_is_no_socket_is_left_alone(tmp_path: Path, api: WorkloadApi) -> None:
    path = tmp_path / "file"
    path.write_text("precious")
    with pytest.raises(OSError, match="in use"):
        await serve(api, path, lambda: None)
    assert path.read_text() == "precious"


async def test_where_there_can_be_no_socket_it_says_so(tmp_path: Path, api: WorkloadApi) -> None:
    for path in (tmp_path / "nowhere" / "socket", tmp_path / ("x" * 200)):
        with pytest.raises(OSError, match="no socket can be made at"):
            await serve(api, path, lambda: None)
