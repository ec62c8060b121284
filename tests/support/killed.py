"""A gateway that is killed at one step of the first call that gets there: DIRECTORY STEP."""

import os
import signal
import sys
from pathlib import Path

import uvloop

from safeconduct.app.served import Served
from safeconduct.config import load


def main(directory: str, last: str) -> None:
    def step(number: int) -> None:
        if number == int(last):
            os.kill(os.getpid(), signal.SIGKILL)

    def ready(issuer: str) -> None:
        print(f"ready: {issuer}", flush=True)

    uvloop.run(Served(load(Path(directory)), step=step).serve(ready))


if __name__ == "__main__":
    main(*sys.argv[1:])
