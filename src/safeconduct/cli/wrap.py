"""`safeconduct wrap`: MCP over stdio for a local client, through the gateway."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import signal
from collections.abc import Coroutine
from pathlib import Path
from typing import TYPE_CHECKING

from safeconduct.cli import output
from safeconduct.cli.parties import NoSuchParty, add_parties, parties

if TYPE_CHECKING:
    from safeconduct.config.schema import Config

HELP = "let a local client that starts its servers itself call through the gateway"
EXAMPLE = (
    "safeconduct wrap --config ./gateway --purpose 'Answer case C-1'\n"
    "safeconduct wrap --config ./gateway --purpose 'Answer case C-1' -- crm-server --read-only\n"
    "safeconduct wrap --unsafe-local --purpose 'Try it' -- crm-server --read-only"
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the verb's arguments."""
    parser.description = (
        "Speak MCP over stdio to the client that starts this, and HTTP to a running gateway, with\n"
        "a task, an SVID and a key of its own. The task starts with the first message and is not\n"
        "renewed: when it has ended, calls are refused until the client restarts this.\n"
        "Plays user and agent with the development keys: needs gateway.unsafe_dev_identity.\n"
        "Standard output carries MCP alone; what a person should know goes to standard error."
    )
    output.add_config(parser)
    add_parties(parser)
    parser.add_argument(
        "--upstream", help="offer this upstream alone, its tools by their own names"
    )
    parser.add_argument(
        "--unsafe-local",
        action="store_true",
        help="without a gateway: decide in this process, in front of CMD. Agent and gateway then "
        "share an account, so this protects from nothing that the agent may do beside it",
    )
    parser.add_argument(
        "--state",
        type=Path,
        metavar="DIR",
        help="with --unsafe-local: where configuration, keys and log are kept (default: a "
        "directory for each CMD below ~/.local/state/safeconduct/local)",
    )
    parser.add_argument(
        "command",
        nargs="*",
        metavar="CMD",
        help="after --: the command whose upstream is meant; the gateway starts it, not this",
    )


def run(args: argparse.Namespace) -> int:
    """Carries messages until the client closes standard input."""
    from safeconduct.config import load

    if args.unsafe_local:
        return _alone(args)
    if args.state is not None:
        return output.usage("--state is for --unsafe-local; a gateway has its own")
    config = load(Path(args.config))
    upstream = args.upstream
    if args.command:
        upstream = next(
            (
                name
                for name, block in config.root.upstreams.items()
                if block.command == tuple(args.command) and args.upstream in {None, name}
            ),
            None,
        )
        if upstream is None:
            return output.usage(
                "no upstream of the gateway has this command (fix: add it to `upstreams` in "
                f"{config.directory}/safeconduct.yaml, so that the gateway starts it)"
            )
    elif upstream is not None and upstream not in config.root.upstreams:
        return output.usage(
            f"no upstream is called {upstream} (there are {', '.join(config.root.upstreams)})"
        )
    return _until_closed(_through(args, config, upstream))


def _alone(args: argparse.Namespace) -> int:
    if not args.command:
        return output.usage("--unsafe-local needs the command: … --unsafe-local -- CMD")
    return _until_closed(_local(args))


async def _through(args: argparse.Namespace, config: Config, upstream: str | None) -> int:
    from safeconduct.shim.run import Errand, run

    try:
        errand = Errand(**parties(args, config))
    except NoSuchParty as fault:
        return output.usage(str(fault))
    await run(config, errand, upstream=upstream, say=output.complain)
    return output.OK


async def _local(args: argparse.Namespace) -> int:
    from safeconduct.audit.faults import LogFault
    from safeconduct.ports import UpstreamError, UpstreamFault
    from safeconduct.shim import local

    directory: Path = (args.state or local.directory_of(args.command)).absolute()
    try:
        config = await local.prepare(directory, args.command)
    except (UpstreamFault, UpstreamError) as fault:
        output.complain(f"{args.command[0]} does not say which tools it has: {fault}")
        return output.FAULT
    if config.root.upstreams[local.UPSTREAM].command != tuple(args.command):
        return output.usage(f"{directory} is another command's (fix: name another --state)")
    output.complain(
        f"{local.MARK}: the agent and this gateway share an account, so the agent can read its "
        "keys, change its log and start the command without it; nothing here is a boundary"
    )
    output.complain(
        f"until {directory}/manifests/{local.UPSTREAM}.yaml is reviewed, its tools count as the "
        "worst case: what one returns, no other may be called with"
    )
    try:
        async with local.serving(config) as server:
            through = asyncio.ensure_future(_through(args, config, local.UPSTREAM))
            try:
                await asyncio.wait((server, through), return_when=asyncio.FIRST_COMPLETED)
            finally:
                through.cancel()
                await asyncio.wait((through,))
            return output.OK if through.cancelled() else through.result()
    except LogFault as fault:
        if fault.code != "busy":
            raise
        output.complain(f"another process uses {directory} (fix: name another --state)")
        return output.FAULT


def _until_closed(work: Coroutine[None, None, int]) -> int:
    """Runs until the work is done; SIGTERM, by which clients end their servers, ends it well."""
    import uvloop

    async def stoppable() -> int:
        this = asyncio.ensure_future(work)
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, this.cancel)
        with contextlib.suppress(asyncio.CancelledError):
            return await this
        return output.OK

    return uvloop.run(stoppable())
