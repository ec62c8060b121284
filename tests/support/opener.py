"""One of many processes that open the same log and append to it: DIRECTORY WRITERS.

It starts when a line comes, says what became of it, and holds the log until its input ends.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from safeconduct.audit.faults import LogFault
from tests.support.logs import opened


def main(directory: Path, writers: int) -> None:
    print("ready", flush=True)
    sys.stdin.readline()
    try:
        log = opened(directory)
    except LogFault as fault:
        print(fault.code, flush=True)
        return

    async def append() -> None:
        await asyncio.gather(*(log.append({"kind": "config", "i": i}) for i in range(writers)))

    asyncio.run(append())
    print("wrote", flush=True)
    sys.stdin.read()
    log.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
