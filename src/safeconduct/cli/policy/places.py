"""Where bundles are named on the command line: a directory, or an archive."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from safeconduct.policy.bundles.reading import Bundle
    from safeconduct.policy.loading import LocalEngine


def absent(*places: Path | None) -> str | None:
    """What to say of the first of these places that is not there; None if all are."""
    for place in places:
        if place is not None and not place.exists():
            return f"there is no {place} (fix: name a directory or file that is there)"
    return None


def files_at(place: Path) -> Mapping[str, bytes]:
    """The files of a bundle in a directory or an archive. Raises PolicyRefused."""
    from safeconduct.policy.bundles.archive import MAX_BYTES, unpack
    from safeconduct.policy.bundles.folder import files_in
    from safeconduct.policy.refusal import PolicyRefused

    if place.is_dir():
        try:
            return files_in(place)
        except PolicyRefused as refused:
            raise refused.under(place) from None
    try:
        with place.open("rb") as file:
            packed = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise PolicyRefused(
            f"the file cannot be read: {error.strerror}",
            file=str(place),
            fix="check its permissions",
        ) from None
    return unpack(packed, str(place))


def engine_at(place: Path) -> LocalEngine:
    """The engine of a bundle in a directory or an archive, whose rules passed.

    Raises:
        PolicyRefused: they did not, or it is no bundle.
    """
    from safeconduct.policy.bundles.reading import assemble
    from safeconduct.policy.loading import engine, judge
    from safeconduct.policy.refusal import PolicyRefused

    files = files_at(place)
    try:
        bundle = assemble(files)
        judge(bundle)
        return engine(bundle)
    except PolicyRefused as refused:
        raise refused.under(place) from None


def judged(directory: Path, *, anew: bool = False) -> tuple[Mapping[str, bytes], Bundle]:
    """The files of a policy whose rules passed; `anew` without what was said about them before.

    Raises:
        PolicyRefused: they did not.
    """
    from safeconduct.policy.bundles.layout import ABOUT
    from safeconduct.policy.bundles.reading import assemble
    from safeconduct.policy.loading import judge
    from safeconduct.policy.refusal import PolicyRefused

    files = files_at(directory)
    if anew:
        files = {path: content for path, content in files.items() if path not in ABOUT}
    try:
        bundle = assemble(files)
        judge(bundle)
        return files, bundle
    except PolicyRefused as refused:
        raise refused.under(directory) from None
