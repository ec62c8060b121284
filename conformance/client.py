"""The client that the suite starts: the SDK's own, led over one leg to the suite's server.

The suite adds that server's URL. What it says besides, in the environment, goes on as it is.
"""

import asyncio
import os
import signal
import sys
from pathlib import Path
from typing import cast

from conformance.legs import Leg, leading
from conformance.processes import run

EXITED = "exited"
"""The file with the client's exit code, beside its log."""


async def main(leg: Leg, client: Path, logs: Path, url: str) -> int:
    task = asyncio.current_task()
    assert task is not None
    # Told to stop, it takes its processes along.
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    scenario = os.environ["MCP_CONFORMANCE_SCENARIO"]
    here = logs / scenario
    here.mkdir(parents=True)
    async with leading(leg, url, f"mock/{scenario}", here) as led:
        code = await run([sys.executable, client, led], here / "client.log")
        (here / EXITED).write_text(str(code), encoding="ascii")
        return code


if __name__ == "__main__":
    leg, client, logs, url = sys.argv[1:]
    raise SystemExit(asyncio.run(main(cast("Leg", leg), Path(client), Path(logs), url)))
