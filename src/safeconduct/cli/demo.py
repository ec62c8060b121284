"""`safeconduct demo`: the same injected e-mail, without and with the gateway."""

from __future__ import annotations

import argparse
import asyncio
import shlex
import shutil
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
        help="tell no story: keep company and gateway running until Ctrl-C, and print the commands "
        "by which a task, or a client of your own, uses them",
    )


def run(args: argparse.Namespace) -> int:
    """Tells the story, or serves; exit 0 when it ended as promised."""
    if find_spec("mcp") is None or find_spec("aiosmtpd") is None:
        return output.usage("the demo needs its extra: pip install 'safeconduct[demo]'")
    if args.keep is not None and args.keep.exists():
        return output.usage(f"{args.keep} exists already (fix: name a new directory to --keep)")
    # SIGTERM ends the demo like Ctrl-C does: every child is stopped on the way out.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with _place(args.keep) as directory:
        return _serve(args, directory) if args.serve else _tell(args, directory)


def _tell(args: argparse.Namespace, directory: Path) -> int:
    from safeconduct.demo import report
    from safeconduct.demo.story import tell

    if args.format == "text":
        sys.stderr.write("two runs, a few seconds each ...\n")
    story = asyncio.run(tell(directory))
    sys.stdout.write((report.as_json if args.format == "json" else report.text)(story) + "\n")
    return output.OK if story.as_promised else output.FOUND


def _serve(args: argparse.Namespace, directory: Path) -> int:
    try:
        return asyncio.run(_standing(args, directory))
    except KeyboardInterrupt:
        return output.OK  # which is how it is meant to end


async def _standing(args: argparse.Namespace, directory: Path) -> int:
    from safeconduct.demo.plot import draw
    from safeconduct.demo.standing import gateway_of
    from safeconduct.demo.world import open_world

    async with open_world(directory, draw()) as world, gateway_of(world) as (config, gateway):
        lines = _lines(config.directory)
        told = {"ready": config.root.gateway.issuer, "config": config.directory, "lines": lines}
        text = [f"ready: {config.root.gateway.issuer}/mcp until Ctrl-C; for another terminal:"]
        for what, commands in lines.items():
            text += [f"\n{what}:", *(f"  {shlex.join(words)}" for words in commands)]
        output.emit(args, told, "\n".join(text))
        status = await gateway.ended()
    output.complain(f"the gateway ended by itself, with status {status}")
    return output.FAULT


def _lines(configuration: str) -> dict[str, list[list[str]]]:
    """What to paste, by what it is for."""
    from safeconduct.demo.plot import REQUEST

    found = shutil.which("safeconduct")
    safeconduct = ["safeconduct"] if found else [sys.executable, "-m", "safeconduct"]
    where, purpose = ["--config", configuration], ["--purpose", REQUEST]
    return {
        "start a task": [
            [*safeconduct, "task", "start", *where, *purpose, "--key-file", "task.jwk"]
        ],
        "be a client that starts its servers": [[*safeconduct, "wrap", *where, *purpose]],
        "or give that line to one you have, with --write": [
            [*safeconduct, "connect", client, *where, *purpose]
            for client in ("claude", "claude-code", "vscode", "cursor", "inspector")
        ],
        "look at what was decided": [[*safeconduct, "audit", "show", *where]],
    }


@contextmanager
def _place(kept: Path | None) -> Generator[Path]:
    """A new directory: the one to keep, or one that is gone afterwards."""
    if kept is not None:
        kept.mkdir(parents=True)
        yield kept
    else:
        with tempfile.TemporaryDirectory(prefix="safeconduct-demo-") as directory:
            yield Path(directory)
