"""`safeconduct policy build`: a policy as one file, for a server to hand out."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Final

from safeconduct.cli import output

HELP: Final = "pack a policy into one archive, which gateways and OPA can fetch"
EXAMPLE: Final = "safeconduct policy build ./policy --output policy.tar.gz"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the verb's arguments."""
    parser.description = (
        "Judge the rules, then write the archive: what decides, and what was signed, without the\n"
        "tests. The same files make the same bytes. Files of data become one, `data.json`, which\n"
        "is where OPA looks for it. What was changed after it was signed is refused."
    )
    parser.add_argument("directory", metavar="DIR", type=Path, help="the policy")
    parser.add_argument(
        "--output", metavar="FILE", type=Path, required=True, help="the archive to write"
    )


def run(args: argparse.Namespace) -> int:
    """Judges, packs and writes."""
    from safeconduct.cli.policy.places import absent, judged
    from safeconduct.kit import files as durable
    from safeconduct.policy.bundles.archive import pack
    from safeconduct.policy.bundles.layout import released_of
    from safeconduct.policy.bundles.release import check_content
    from safeconduct.policy.refusal import PolicyRefused

    missing = absent(args.directory)
    if missing is not None:
        return output.usage(missing)
    files, bundle = judged(args.directory)
    if bundle.release is not None:
        try:
            check_content(bundle.release, bundle.digest)
        except PolicyRefused as refused:
            raise refused.under(args.directory) from None
    archive = pack(released_of(files))
    durable.replace(args.output, archive)
    release = None if bundle.release is None else bundle.release.version
    output.emit(
        args,
        {"written": str(args.output), "digest": bundle.digest, "release": release},
        f"wrote {args.output} ({output.counted(len(archive), 'byte')}), digest {bundle.digest}, "
        + ("not released" if release is None else f"release {release}"),
    )
    return output.OK
