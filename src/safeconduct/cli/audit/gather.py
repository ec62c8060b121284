"""`safeconduct audit gather`: one log of the checkpoints of many."""

from __future__ import annotations

import argparse
import asyncio
import time
from pathlib import Path
from typing import Final

import msgspec

from safeconduct.cli import output

HELP: Final = "take the checkpoints of several nodes into a log of logs"
EXAMPLE: Final = """\
safeconduct audit gather ./logs --origin acme.example/audit/nodes --nodes nodes.policy
safeconduct audit verify ./logs"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the verb's arguments."""
    parser.add_argument("directory", type=Path, help="the log of logs; made when new")
    parser.add_argument("--origin", required=True, help="its name")
    parser.add_argument(
        "--nodes",
        required=True,
        type=Path,
        metavar="POLICY",
        help="lines `log <vkey> file:///directory` or `log <vkey> https://…`, and `quorum none`",
    )
    parser.add_argument(
        "--state",
        type=Path,
        metavar="DIR",
        help="where its signing key is, and what it signed last (default: DIRECTORY.state, beside "
        "the log)",
    )
    parser.add_argument("--ca", type=Path, help="PEM certificates to trust instead of the system's")
    parser.add_argument(
        "--every", type=float, metavar="SECONDS", help="go on until stopped (default: one round)"
    )


def run(args: argparse.Namespace) -> int:
    """Exit code FOUND: a node contradicts itself; FAULT: one told nothing."""
    from safeconduct.audit.log import Log
    from safeconduct.audit.nodes.gathering import Node, gather
    from safeconduct.audit.nodes.heads import Heads
    from safeconduct.audit.nodes.sources import source
    from safeconduct.audit.signer.notary import Notary
    from safeconduct.audit.witness.policy import parse

    try:
        policy = parse(args.nodes.read_text(encoding="utf-8"))
        nodes = tuple(
            Node(origin, tuple(one.key for one in parties), source(parties[0].url or "", args.ca))
            for origin, parties in policy.logs.items()
        )
    except (OSError, ValueError) as error:
        output.complain(f"{args.nodes}: {error}")
        return output.USAGE
    heads = Heads()
    state = _state(args)
    state.mkdir(mode=0o700, parents=True, exist_ok=True)
    log = Log.open(
        args.directory,
        heads,
        origin=args.origin,
        signer=lambda log, name: Notary(log, state, name),
    )

    async def rounds() -> int:
        while True:
            found = await gather(nodes, log, heads, lambda: time.time_ns() // 1_000_000)
            lines = [f"{origin}: {size} records" for origin, size in found.taken.items()]
            lines += [f"{origin}: NOT HEARD, {why}" for origin, why in found.silent.items()]
            lines += [
                f"{origin}: CONTRADICTED, {why}" for origin, why in found.contradicted.items()
            ]
            output.emit(args, msgspec.to_builtins(found), "\n".join(lines))
            if args.every is None:
                return (
                    output.FOUND
                    if found.contradicted
                    else output.FAULT
                    if found.silent
                    else output.OK
                )
            await asyncio.sleep(args.every)

    try:
        return asyncio.run(rounds())
    finally:
        log.close()


def _state(args: argparse.Namespace) -> Path:
    """Not in the log: who gets a copy of that, or may write there, must not sign for it."""
    if args.state is not None:
        return Path(args.state)
    log = Path(args.directory).absolute()
    return log.with_name(f"{log.name}.state")
