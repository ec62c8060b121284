"""`safeconduct demo`: the same injected e-mail, without and with the gateway."""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

from safeconduct.cli import output

HELP = "watch one injected e-mail empty a CRM, and fail through the gateway"
EXAMPLE = "safeconduct demo\nsafeconduct demo --format json"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the verb's arguments."""
    parser.description = (
        "Start a CRM, a mail tool with a local SMTP server and a warehouse, all on loopback; let\n"
        "a scripted agent that obeys every instruction it reads do the user's task twice; and\n"
        "read from the mailboxes and the audit log what came of it. No network, no keys."
    )
    parser.add_argument(
        "--keep", type=Path, metavar="DIR", help="keep all files in this new directory"
    )


def run(args: argparse.Namespace) -> int:
    """Tells the story; exit 0 when it ended as promised."""
    if find_spec("mcp") is None or find_spec("aiosmtpd") is None:
        return output.usage("the demo needs its extra: pip install 'safeconduct[demo]'")
    if args.keep is not None and args.keep.exists():
        return output.usage(f"{args.keep} exists already (fix: name a new directory to --keep)")
    from safeconduct.demo import report
    from safeconduct.demo.story import tell

    # SIGTERM ends the demo like Ctrl-C does: every child is stopped on the way out.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    if args.format == "text":
        sys.stderr.write("two runs, a few seconds each ...\n")
    if args.keep is not None:
        args.keep.mkdir(parents=True)
        story = asyncio.run(tell(args.keep))
    else:
        with tempfile.TemporaryDirectory(prefix="safeconduct-demo-") as directory:
            story = asyncio.run(tell(Path(directory)))
    sys.stdout.write((report.as_json if args.format == "json" else report.text)(story) + "\n")
    return output.OK if story.as_promised else output.FOUND
