"""`safeconduct audit witness`: remember how far other people's logs had come."""

from __future__ import annotations

import argparse
import asyncio
import logging
import ssl
import sys
from pathlib import Path
from typing import Final

from safeconduct.cli import output

HELP: Final = "cosign the checkpoints of logs, as long as each continues the last"
EXAMPLE: Final = """\
safeconduct audit witness ./witness --name witness.example --logs logs.policy \\
  --listen 127.0.0.1:8643 --url https://witness.example"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the verb's arguments."""
    parser.add_argument("directory", type=Path, help="its keys and its memory; made when new")
    parser.add_argument("--name", required=True, help="the name that its keys have")
    parser.add_argument(
        "--logs",
        required=True,
        type=Path,
        metavar="POLICY",
        help="whom to watch: lines `log <vkey>`, and `quorum none`",
    )
    parser.add_argument(
        "--listen", default="127.0.0.1:8643", help="host:port (default: %(default)s)"
    )
    parser.add_argument("--url", help="the address that logs know (default: http://LISTEN)")
    parser.add_argument("--certificate", type=Path, help="PEM; without one: plain HTTP")
    parser.add_argument("--key", type=Path, help="the certificate's private key, PEM")


def run(args: argparse.Namespace) -> int:
    """Serves until SIGINT or SIGTERM. Its first lines are those of a policy that trusts it."""
    from safeconduct.app.witnessing import Witness
    from safeconduct.audit.witness.policy import parse

    logging.basicConfig(
        level=logging.WARNING, stream=sys.stderr, format="%(levelname)s %(message)s"
    )
    try:
        policy = parse(args.logs.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        output.complain(f"{args.logs}: {error}")
        return output.USAGE
    if not policy.logs:
        output.complain(f"{args.logs}: no line `log <vkey>`: there is nothing to watch")
        return output.USAGE
    try:
        tls = _tls(args.certificate, args.key)
    except (OSError, ssl.SSLError) as error:
        output.complain(f"{args.certificate}: {error}")
        return output.USAGE
    url: str = args.url or f"{'http' if tls is None else 'https'}://{args.listen}"

    async def serve() -> None:
        witness = Witness(args.directory, args.name, policy)
        lines = [
            f"witness {args.name}-{kind} {key} {url}"
            for kind, key in zip(("ed25519", "ml-dsa-44"), witness.keys, strict=True)
        ]
        value = {"ready": url, "keys": list(map(str, witness.keys)), "watched": list(policy.logs)}
        await witness.serve(
            args.listen,
            url,
            lambda: output.emit(args, value, "\n".join([*lines, f"ready: {url}"])),
            tls,
        )

    asyncio.run(serve())
    return output.OK


def _tls(certificate: Path | None, key: Path | None) -> ssl.SSLContext | None:
    """Raises OSError, ssl.SSLError: these are no certificate and its key."""
    if certificate is None:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)
    return context
