"""Where bundles are named on the command line: a directory, or an archive."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from safeconduct.policy.bundles.reading import Bundle


def files_at(place: Path) -> Mapping[str, bytes]:
    """The files of a bundle in a directory or an archive. Raises PolicyRefused, OSError."""
    from safeconduct.policy.bundles.archive import MAX_BYTES, unpack
    from safeconduct.policy.bundles.folder import files_in

    if place.is_dir():
        return files_in(place)
    with place.open("rb") as file:
        return unpack(file.read(MAX_BYTES + 1), str(place))


def judged(directory: Path, *, anew: bool = False) -> tuple[Mapping[str, bytes], Bundle]:
    """The files of a policy whose rules passed; `anew` without what was said about them before.

    Raises:
        PolicyRefused: they did not.
    """
    from safeconduct.policy.bundles.folder import files_in
    from safeconduct.policy.bundles.layout import ABOUT
    from safeconduct.policy.bundles.reading import assemble
    from safeconduct.policy.loading import judge
    from safeconduct.policy.refusal import PolicyRefused

    try:
        files = files_in(directory)
        if anew:
            files = {path: content for path, content in files.items() if path not in ABOUT}
        bundle = assemble(files)
        judge(bundle)
        return files, bundle
    except PolicyRefused as refused:
        raise refused.under(directory) from None
