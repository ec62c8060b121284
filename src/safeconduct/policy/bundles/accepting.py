"""Whether a bundle may decide: signed by somebody known, of now, and not behind the last one."""

from __future__ import annotations

from collections.abc import Mapping

from safeconduct.kit.jwk import KeySet
from safeconduct.policy.bundles import layout, signing
from safeconduct.policy.bundles.reading import Bundle, assemble
from safeconduct.policy.bundles.release import (
    Accepted,
    check_content,
    check_current,
    check_follows,
    read_release,
)
from safeconduct.policy.refusal import PolicyRefused


def accept(
    files: Mapping[str, bytes], *, keys: KeySet | None, last: Accepted | None, now_ms: int
) -> Bundle:
    """The bundle in these files. Its rules are not judged here.

    With `keys` one of them has to have signed all of it, its release too; without them a release is
    held to its word all the same. `last` is what was accepted before.

    Raises:
        PolicyRefused: it may not.
    """
    # Whoever did not sign it gets nothing of it read.
    signer = None if keys is None else signing.verify(files, keys)
    bundle = assemble(files)
    if signer is not None and (bundle.release is None or bundle.release.signer != signer):
        raise PolicyRefused(
            "the signer did not say which release this is",
            file=layout.RELEASE,
            fix="have it signed with `safeconduct policy sign`",
        )
    if bundle.release is not None:
        check_content(bundle.release, bundle.digest)
        check_current(bundle.release, now_ms)
    check_follows(bundle.release, last)
    return bundle


def accepted_in(files: Mapping[str, bytes]) -> Accepted | None:
    """Which release the files are, None if they are none. Raises PolicyRefused."""
    if layout.RELEASE not in files:
        return None
    release = read_release(files[layout.RELEASE])
    check_content(release, layout.digest_of(layout.content_of(files)))
    return Accepted(release.version, release.digest)
