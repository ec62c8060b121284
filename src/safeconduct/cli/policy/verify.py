"""`safeconduct policy verify`: whether a bundle is the release that somebody signed."""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Final

from safeconduct.cli import output

HELP: Final = "check the signature and the release of a policy, in a directory or an archive"
EXAMPLE: Final = """\
safeconduct policy verify ./policy --keys signers.json
safeconduct policy verify policy.tar.gz --keys signers.json --after ./released"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the verb's arguments."""
    parser.add_argument("bundle", metavar="BUNDLE", type=Path, help="a directory or an archive")
    parser.add_argument(
        "--keys", metavar="FILE", type=Path, required=True, help="a JWK Set of the signers"
    )
    parser.add_argument(
        "--after", metavar="BUNDLE", type=Path, help="the release that it must not go behind"
    )


def run(args: argparse.Namespace) -> int:
    """Looks at it as a gateway does that has these keys."""
    from safeconduct.cli.policy.places import absent, files_at
    from safeconduct.policy.bundles.accepting import accept, accepted_in
    from safeconduct.policy.bundles.signing import signers
    from safeconduct.policy.loading import judge

    missing = absent(args.bundle, args.keys, args.after)
    if missing is not None:
        return output.usage(missing)
    last = None if args.after is None else accepted_in(files_at(args.after))
    files = files_at(args.bundle)
    bundle = accept(files, keys=signers(args.keys), last=last, now_ms=time.time_ns() // 1_000_000)
    judge(bundle)
    release = bundle.release
    assert release is not None  # noqa: S101 what was signed by a key has one
    output.emit(
        args,
        {"verified": True, "name": bundle.header.name, "release": release},
        f"release {release.version} of {output.printable(bundle.header.name)} holds: "
        f"signed by {release.signer}, good to {release.not_after.isoformat()}, "
        f"digest {release.digest}",
    )
    return output.OK
