"""`safeconduct policy sign`: make a release of a policy, in its directory."""

from __future__ import annotations

import argparse
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

from safeconduct.cli import output

if TYPE_CHECKING:
    from safeconduct.policy.bundles.reading import Bundle
    from safeconduct.policy.bundles.release import Release

HELP: Final = "make a signed release of a policy, in its directory"
EXAMPLE: Final = """\
safeconduct policy sign ./policy --key signer.jwk --days 90
safeconduct policy sign ./policy --key signer.jwk --days 90 --after ./released"""

MAX_DAYS: Final = 400


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the verb's arguments."""
    parser.description = (
        "Judge the rules, then write release.json, .manifest and .signatures.json beside them.\n\n"
        "A release has a number, and a gateway takes none that is older than its last. By default\n"
        "it is one more than that of the release before, which is looked for in the directory\n"
        "itself, or in --after. After its days have passed a gateway refuses every call.\n\n"
        "The key is a private JWK (EC P-256 or Ed25519) that only its owner can read; it is made\n"
        "if it is not there, and its public half is printed for `policy.verify`."
    )
    parser.add_argument("directory", metavar="DIR", type=Path, help="the policy")
    parser.add_argument("--key", metavar="FILE", type=Path, required=True, help="the private JWK")
    parser.add_argument(
        "--days", type=int, required=True, help=f"how long the release is good: 1 to {MAX_DAYS}"
    )
    parser.add_argument(
        "--after", metavar="BUNDLE", type=Path, help="the release before: a directory or archive"
    )
    parser.add_argument(
        "--release", metavar="N", type=int, help="its number, where it is not one more"
    )


def run(args: argparse.Namespace) -> int:
    """Judges, signs and writes."""
    from safeconduct.cli.policy.places import absent, judged
    from safeconduct.kit import files as durable
    from safeconduct.kit.keyfile import load_or_create
    from safeconduct.policy.bundles import layout
    from safeconduct.policy.bundles.release import Release
    from safeconduct.policy.bundles.signing import sign

    if not 1 <= args.days <= MAX_DAYS:
        return output.usage(f"--days is a number from 1 to {MAX_DAYS}")
    directory: Path = args.directory
    missing = absent(directory, args.after)
    if missing is not None:
        return output.usage(missing)
    files, bundle = judged(directory, anew=True)
    before = _before(args.after or directory)
    version = args.release or (1 if before is None else before.version + 1)
    if before is not None and version <= before.version:
        return output.refused(f"release {before.version} was signed before; numbers only rise")
    key, made = load_or_create(args.key)
    now = datetime.now(UTC).replace(microsecond=0)
    release = Release(
        version=version,
        not_after=now + timedelta(days=args.days),
        digest=bundle.digest,
        signer=key.public.kid,
        previous=None if before is None else before.digest,
    )
    signed = sign(files, key, release, now_s=int(now.timestamp()))
    for path in sorted(layout.ABOUT):
        durable.replace(directory / path, signed[path])
    jwks = {"keys": [key.public.jwk(use="sig")]}
    text = _text(bundle, release)
    if made:
        text += f"\n{args.key} is a new key; its public half, for `policy.verify`:\n"
        text += json.dumps(jwks)
    output.emit(args, {"release": release, "jwks": jwks, "created": made}, text)
    return output.OK


def _before(place: Path) -> Release | None:
    """The release in a directory or an archive, whatever became of its content."""
    from safeconduct.cli.policy.places import files_at
    from safeconduct.policy.bundles import layout
    from safeconduct.policy.bundles.release import read_release

    released = files_at(place).get(layout.RELEASE)
    return None if released is None else read_release(released)


def _text(bundle: Bundle, release: Release) -> str:
    lines = [
        f"release {release.version} of {output.printable(bundle.header.name)}",
        f"  digest    {release.digest}",
        f"  previous  {release.previous or 'none'}",
        f"  good to   {release.not_after.isoformat()}",
        f"  signed by {release.signer}",
    ]
    return "\n".join(lines)
