"""FastMCP as a proxy: `python proxy.py default|shared PORT UPSTREAM`, in an environment of its own.

`default` is what its documentation recommends: `create_proxy(url)`, which opens a new upstream
session for every request. `shared` is the fastest way that it offers: one connected client for all
requests, which its documentation warns about, since callers then share one upstream session.

What is set favours it: plain JSON answers instead of a stream for each; a session for each client,
which costs it less than `stateless_http`; no log, no banner; uvloop and httptools under uvicorn,
which takes them where they are installed (`pip install fastmcp` alone does not bring them). It
checks no token and no rule.
"""

import asyncio
import logging
import sys

from fastmcp import Client  # pyright: ignore[reportMissingModuleSource]  not in this environment
from fastmcp.server import FastMCP, create_proxy  # pyright: ignore[reportMissingModuleSource]


async def serve(proxy: FastMCP, port: int) -> None:
    await proxy.run_http_async(
        show_banner=False,
        transport="http",
        host="127.0.0.1",
        port=port,
        json_response=True,
        uvicorn_config={"access_log": False},
    )


async def main(kind: str, port: int, upstream: int) -> None:
    logging.disable(logging.WARNING)
    url = f"http://127.0.0.1:{upstream}/mcp"
    if kind == "default":
        await serve(create_proxy(url), port)
    else:
        async with Client(url) as client:
            await serve(create_proxy(client), port)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
