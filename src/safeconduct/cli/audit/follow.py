"""`safeconduct audit follow`: pass the log on, beside the gateway."""

from __future__ import annotations

import argparse
import logging
import os
import signal
import sys
import threading
from pathlib import Path
from types import FrameType
from typing import Final

from safeconduct.cli import output

HELP: Final = "send copies of new records to the exports, until told to stop"
EXAMPLE: Final = "safeconduct audit follow --config ./gateway"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the verb's arguments."""
    parser.description = (
        "Follows the log and keeps each export up to it, from where it was. `safeconduct serve`\n"
        "starts this by itself where the configuration names exports."
    )
    parser.add_argument("--attached", action="store_true", help="end when the standard input does")
    output.add_config(parser)


def run(args: argparse.Namespace) -> int:
    """Follows until SIGINT or SIGTERM."""
    from safeconduct.app import following
    from safeconduct.audit import follower
    from safeconduct.config import load

    logging.basicConfig(
        level=logging.WARNING, stream=sys.stderr, format="%(levelname)s %(message)s"
    )
    config = load(Path(args.config))
    parts = following.parts(config)
    if not parts:
        return output.refused("nothing follows this log (fix: name a sink in `audit.exports`)")
    held = follower.hold(following.cursors(config))
    if held is None:
        output.complain("another follower is at work for this configuration")
        return output.FAULT
    stop = threading.Event()

    def end(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, end)
    if args.attached:
        threading.Thread(target=_until_the_end, args=(stop,), daemon=True).start()
    follower.follow(parts, stop)
    os.close(held)
    return output.OK


def _until_the_end(stop: threading.Event) -> None:
    while os.read(sys.stdin.fileno(), 4096):
        pass
    stop.set()
