"""`make bench-console`: how long each page takes, over a log of so many records (last line: JSON).

The log is a day's, written by the gateway's own recorder; then the gateway is started on it as
`safeconduct serve` starts it, and asked for each page over HTTP, one request after the other, by
people who visit. `kB` is what a browser that knows nothing loads for the page, compressed: the page
and all that it names.
"""

from __future__ import annotations

import argparse
import asyncio
import gzip
import http.client
import itertools
import json
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import msgspec
import uvloop

from bench.console.filling import fill
from bench.console.pages import PAGES
from bench.console.traffic import Written
from bench.figures import percentile
from bench.processes import free_port, running
from bench.subjects import configure

ROUNDS: Final = 40
VISITORS: Final = 20
"""Enough that none asks more often than people may."""

TIMEOUT_S: Final = 600
"""Whoever asks first may have to wait until a log that was written elsewhere is indexed."""

_ASSET: Final = re.compile(r'(?:src|href)="(/static/[^"]+)"')


class Measured(msgspec.Struct, frozen=True):
    """One page: the time to its last byte in milliseconds, and its size with all that it loads."""

    first_ms: float
    p50_ms: float
    p99_ms: float
    kb: float


class Visitor:
    """Somebody who looks around."""

    def __init__(self, link: str) -> None:
        parts = urlsplit(link)
        self._netloc = parts.netloc
        self._fields = {"host": parts.netloc}
        body = {
            "origin": f"{parts.scheme}://{parts.netloc}",
            "content-type": "application/x-www-form-urlencoded",
        }
        status, _ = self._ask("POST", parts.path, body)
        if status != http.client.SEE_OTHER:
            raise RuntimeError(f"the link leads nowhere: {status}")

    def get(self, path: str) -> bytes:
        """A page, or what it loads. Raises RuntimeError."""
        status, data = self._ask("GET", path, {})
        if status != http.client.OK:
            raise RuntimeError(f"{path}: {status} {data.decode()}")
        return data

    def _ask(self, method: str, path: str, fields: dict[str, str]) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection(self._netloc, timeout=TIMEOUT_S)
        try:
            connection.request(method, path, headers={**self._fields, **fields})
            answer = connection.getresponse()
            if (cookie := answer.headers.get("set-cookie")) is not None:
                self._fields["cookie"] = cookie.partition(";")[0]
            return answer.status, answer.read()
        finally:
            connection.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000, help="records in the log")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="requests of each page")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="safeconduct-bench-") as place:
        directory, upstream = Path(place) / "gateway", free_port()
        configure(directory, "full", free_port(), upstream)
        _equip(directory)
        began_s = time.perf_counter()
        written = fill(directory, args.rows)
        print(f"{args.rows:,} records in {time.perf_counter() - began_s:.0f} s", file=sys.stderr)
        found = uvloop.run(_measured(directory, upstream, written, args.rounds))
    print(f"{'':16}{'first ms':>10}{'p50 ms':>10}{'p99 ms':>10}{'kB':>8}")
    for name, one in found.items():
        print(f"{name:16}{one.first_ms:10.1f}{one.p50_ms:10.1f}{one.p99_ms:10.1f}{one.kb:8.1f}")
    told = {name: msgspec.to_builtins(one) for name, one in found.items()}
    print(json.dumps({"rows": args.rows, "rounds": args.rounds, "pages": told}))


async def _measured(
    directory: Path, upstream: int, written: Written, rounds: int
) -> dict[str, Measured]:
    async with running("-m", "bench.stub", str(upstream)):
        began_s = time.perf_counter()
        async with running("-m", "safeconduct", "serve", "--config", str(directory)):
            print(f"started in {time.perf_counter() - began_s:.1f} s", file=sys.stderr)
            return await asyncio.to_thread(_asked, directory, written, rounds)


def _equip(directory: Path) -> None:
    """Adds a console, and people who look at it."""
    root, port = directory / "safeconduct.yaml", free_port()
    names = [f"visitor-{number}" for number in range(VISITORS)]
    console = {
        "listen": f"127.0.0.1:{port}",
        "url": f"http://localhost:{port}",
        "unsafe_visits": True,
        "roles": {"analyst": {"users": names}, "operator": {"users": names}},
    }
    root.write_text(f"{root.read_text()}console: {json.dumps(console)}\n")
    users = {name: {"scopes": ["bench:read"]} for name in ("bench", *names)}
    (directory / "users.yaml").write_text(json.dumps({"users": users}))


def _asked(directory: Path, written: Written, rounds: int) -> dict[str, Measured]:
    visitors = itertools.cycle([Visitor(_link(directory, n)) for n in range(VISITORS)])
    return {one.name: _page(one.path(written), visitors, rounds) for one in PAGES}


def _link(directory: Path, number: int) -> str:
    words = ["approvals", "visit", f"visitor-{number}", "--format", "json"]
    command = [sys.executable, "-m", "safeconduct", *words, "--config", str(directory)]
    return str(json.loads(subprocess.run(command, check=True, capture_output=True).stdout)["url"])


def _page(path: str, visitors: Iterator[Visitor], rounds: int) -> Measured:
    took_ms: list[float] = []
    data = b""
    for _ in range(rounds + 1):
        began_s = time.perf_counter()
        data = next(visitors).get(path)
        took_ms.append((time.perf_counter() - began_s) * 1000)
    loaded = [data, *(next(visitors).get(one) for one in set(_ASSET.findall(data.decode())))]
    return Measured(
        first_ms=round(took_ms[0], 1),
        p50_ms=round(percentile(took_ms[1:], 50), 1),
        p99_ms=round(percentile(took_ms[1:], 99), 1),
        kb=round(sum(len(gzip.compress(one)) for one in loaded) / 1000, 1),
    )


if __name__ == "__main__":
    main()
