"""`safeconduct demo`: the same injected e-mail, without and with the gateway."""

from __future__ import annotations

import argparse
import asyncio
import shlex
import signal
import sys
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

from safeconduct.cli import output

HELP = "watch one injected e-mail empty a CRM, and fail through the gateway"
EXAMPLE = "safeconduct demo\nsafeconduct demo --format json\nsafeconduct demo --serve"

SERVE = "to look at it in a browser, answer what the copilot asks, or use the gateway yourself:"


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
    parser.add_argument(
        "--serve",
        action="store_true",
        help="then keep company and gateway running until Ctrl-C, and print a link to the console "
        "and the commands by which a task, or a client of your own, uses them",
    )


def run(args: argparse.Namespace) -> int:
    """Tells the story, and may serve; exit 0 when it ended as promised."""
    if any(find_spec(name) is None for name in ("mcp", "aiosmtpd", "jinja2")):
        return output.usage("the demo needs its extra: pip install 'safeconduct[demo]'")
    if args.keep is not None and args.keep.exists():
        return output.usage(f"{args.keep} exists already (fix: name a new directory to --keep)")
    # SIGTERM ends the demo like Ctrl-C does: every child is stopped on the way out.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    if args.format == "text":
        sys.stderr.write("two runs, a few seconds each ...\n")
    with place(args.keep) as directory:
        if not args.serve:
            return _tell(args, directory)
        from safeconduct.cli import demo_serving

        try:
            return asyncio.run(demo_serving.standing(args, directory))
        except KeyboardInterrupt:
            return output.OK  # which is how it is meant to end


def _tell(args: argparse.Namespace, directory: Path) -> int:
    from safeconduct.demo import report
    from safeconduct.demo.story import tell

    story = asyncio.run(tell(directory))
    if args.format == "json":
        sys.stdout.write(f"{report.as_json(story)}\n")
    else:
        again = shlex.join([*output.program(), "demo", "--serve"])
        sys.stdout.write(f"{report.text(story)}\n\n{SERVE}\n  {again}\n")
    return output.OK if story.as_promised else output.FOUND


@contextmanager
def place(kept: Path | None) -> Generator[Path]:
    """A new directory: the one to keep, or one that is gone afterwards."""
    if kept is not None:
        kept.mkdir(parents=True)
        yield kept
    else:
        with tempfile.TemporaryDirectory(prefix="safeconduct-demo-") as directory:
            yield Path(directory)
