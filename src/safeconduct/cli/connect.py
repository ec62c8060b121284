"""`safeconduct connect`: what a local client needs, to call through the gateway."""

from __future__ import annotations

import argparse
import json
import shlex
import sys
from pathlib import Path

from safeconduct.cli import output
from safeconduct.cli.parties import NoSuchParty, add_parties, parties

HELP = "print or write what a local client needs, to call through the gateway"
EXAMPLE = (
    "safeconduct connect claude --config ./gateway --purpose 'Answer case C-1'\n"
    "safeconduct connect cursor --config ./gateway --purpose 'Answer case C-1' --write"
)

_CLIENTS = ("claude", "claude-code", "vscode", "cursor", "inspector")
_WITHOUT = (
    "A client that speaks HTTP itself and signs its user in with OAuth needs no entry: name it\n"
    "under `clients` in safeconduct.yaml, and point it at the gateway's /mcp. One that knows no\n"
    "DPoP gets a token only where `unsafe_bearer_tokens` is on."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the verb's arguments."""
    parser.description = (
        "Print the entry by which a client starts `safeconduct wrap`, or merge it into the\n"
        "client's own file with --write; what else stands there stays, and a copy is kept.\n"
        "Each start of the client is a task with this purpose.\n" + _WITHOUT
    )
    parser.add_argument("client", choices=_CLIENTS, help="claude is Claude Desktop")
    output.add_config(parser)
    add_parties(parser)
    parser.add_argument(
        "--upstream", help="offer this upstream alone, its tools by their own names"
    )
    parser.add_argument(
        "--name", help="the server's name in the client (default: the upstream, or safeconduct)"
    )
    parser.add_argument("--write", action="store_true", help="merge the entry into the file")
    parser.add_argument(
        "--file", type=Path, help="the client's file (default: its usual one, here or at home)"
    )


def run(args: argparse.Namespace) -> int:
    """Prints or writes."""
    from safeconduct.config import load
    from safeconduct.shim import clients

    config = load(Path(args.config))
    try:
        chosen = parties(args, config)
    except NoSuchParty as fault:
        return output.usage(str(fault))
    arguments = ["--config", config.directory]
    for name in ("agent", "user", "profile", "source", "purpose"):
        arguments += [f"--{name}", chosen[name]]
    if args.upstream is not None:
        if args.upstream not in config.root.upstreams:
            return output.usage(
                f"no upstream is called {args.upstream} (there are "
                f"{', '.join(config.root.upstreams)})"
            )
        arguments += ["--upstream", args.upstream]
    client = clients.clients()[args.client]
    name = args.name or args.upstream or "safeconduct"
    file = args.file or client.file
    server = clients.entry(client, arguments)
    then = client.then.format(file=shlex.quote(str(file)), name=shlex.quote(name))
    snippet = {client.member: {name: server}}
    told = {"client": args.client, "file": str(file), "snippet": snippet, "then": then}
    if not args.write:
        text = json.dumps(snippet, indent=2, ensure_ascii=False)
        if args.format == "text":
            sys.stderr.write(f"for {client.title}, into {file} (or --write), then: {then}\n")
        output.emit(args, told | {"written": False}, text)
        return output.OK
    try:
        kept = clients.put(client, file, name, server)
    except clients.Untouched as why:
        return output.refused(str(why))
    before = None if kept is None else str(kept)
    lines = [f"wrote {file}: server `{name}`", *([f"before: {before}"] if before else ())]
    output.emit(
        args, told | {"written": True, "before": before}, "\n".join((*lines, f"then: {then}"))
    )
    return output.OK
