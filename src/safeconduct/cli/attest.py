"""`safeconduct identity attest`: get SVIDs from a gateway by evidence, where an agent runs."""

from __future__ import annotations

import argparse
import asyncio
import base64
from pathlib import Path
from typing import Final

from safeconduct.cli import output

DESCRIPTION: Final = """\
Show the gateway evidence of this workload and write the SVIDs that it gives for it. The
evidence is a file with the token of the platform, such as the one that the kubelet
projects. The key is made by the first run and used again: evidence belongs to it.

It writes svid.jwt, svid.pem and key.pem, over those of before. The key that proofs are
made with is key.jwk, the same one."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which gateway, which evidence, and where SVIDs go."""
    parser.add_argument("--gateway", metavar="URL", required=True, help="the gateway's issuer")
    parser.add_argument(
        "--kind",
        choices=("kubernetes-sa", "workload-identity-pool"),
        required=True,
        help="the kind of evidence",
    )
    parser.add_argument(
        "--evidence", metavar="FILE", type=Path, required=True, help="the file with the token"
    )
    parser.add_argument("--out", metavar="DIR", type=Path, required=True, help="where to write")
    parser.add_argument("--audience", help="of the JWT-SVID (default: the gateway)")
    parser.add_argument(
        "--ca", metavar="FILE", type=Path, help="PEM certificates to check the gateway with"
    )


def run(args: argparse.Namespace) -> int:
    """Asks once."""
    from safeconduct.identity.client import NotStarted, attest
    from safeconduct.kit import files, keyfile
    from safeconduct.kit.fetch import FetchError

    directory: Path = args.out
    try:
        evidence = args.evidence.read_text(encoding="ascii").strip()
        key, _ = keyfile.load_or_create(directory / "key.jwk")
        issued = asyncio.run(
            attest(args.gateway, args.kind, evidence, key, audience=args.audience, ca=args.ca)
        )
    except (NotStarted, FetchError) as fault:
        return output.refused(f"no SVID: {fault}")
    contents = {
        "svid.jwt": issued.jwt_svid.encode(),
        "svid.pem": b"".join(_pem(one) for one in issued.x509_svid),
        "key.pem": key.pem(),
    }
    for name, content in contents.items():
        files.replace(directory / name, content, mode=0o600)
    written = [str(directory / name) for name in contents]
    output.emit(args, {"agent": issued.spiffe_id, "files": written}, "\n".join(written))
    return output.OK


def _pem(certificate: str) -> bytes:
    from ssl import DER_cert_to_PEM_cert

    return DER_cert_to_PEM_cert(base64.b64decode(certificate)).encode()
