"""The files of the policy: of the one that decides, and of what lies in its directory by now."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import msgspec

from safeconduct.config.schema import Config
from safeconduct.policy.bundles import archive
from safeconduct.policy.bundles.folder import files_in
from safeconduct.policy.bundles.reading import Bundle, assemble
from safeconduct.policy.keeping import KEPT
from safeconduct.policy.refusal import PolicyRefused
from safeconduct.policy.trial.running import has_tests


class Files(msgspec.Struct, frozen=True, kw_only=True):
    """The policy as it lies in files. `bundle` and `files` are of the one that decides, if they can
    be had. `other` is what else lies in the configured directory: its digest, or what is wrong;
    `candidate` is that one, where it can be read.
    """

    bundle: Bundle | None = None
    files: dict[str, bytes] = {}
    other: str = ""
    candidate: Bundle | None = None
    tested: bool = False


def held(config: Config, digest: str) -> Files:
    """Reads the files. Whatever cannot be had is not shown; that a policy decides is known."""
    where, block = Path(config.directory), config.root.policy
    kept = where / config.root.gateway.state / KEPT
    bundle, files = None, dict[str, bytes]()
    with suppress(PolicyRefused, OSError):
        bundle, files = _of(archive.unpack(kept.read_bytes(), str(kept)), digest)
    if block.bundle is None:
        return Files(bundle=bundle, files=files)
    directory = where / block.bundle
    other, candidate = "", None
    try:
        there = files_in(directory)
        found = assemble(there)
        if found.digest != digest:
            other, candidate = f"another one, {found.digest}", found
        elif bundle is None:
            bundle, files = found, dict(there)
    except (PolicyRefused, OSError) as error:
        other = str(error)
    tested = has_tests(directory)
    return Files(bundle=bundle, files=files, other=other, candidate=candidate, tested=tested)


def _of(files: Mapping[str, bytes], digest: str) -> tuple[Bundle | None, dict[str, bytes]]:
    """The bundle of these files, if it is the one that decides. Raises PolicyRefused."""
    bundle = assemble(files)
    return (bundle, dict(files)) if bundle.digest == digest else (None, {})
