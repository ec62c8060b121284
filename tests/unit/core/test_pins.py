"""What was accepted counts while the manifest says what it said then."""

from __future__ import annotations

import pytest

from safeconduct.core.pins import Accepted, reviewed, stands


def accepted(manifest: str | None) -> Accepted:
    return Accepted(pin="new", by="ole", why="its vendor said so", at_ms=1, manifest=manifest)


@pytest.mark.parametrize(
    ("manifest", "then", "counts"),
    [
        ("old", "old", "new"),
        (None, None, "new"),
        ("other", "old", "other"),
        (None, "old", None),
        ("old", None, "old"),
        ("new", "old", "new"),
    ],
)
def test_whoever_writes_the_file_later_has_the_last_word(
    manifest: str | None, then: str | None, counts: str | None
) -> None:
    assert reviewed(manifest, accepted(then)) == counts
    assert stands(manifest, accepted(then)) == (manifest == then)


@pytest.mark.parametrize("manifest", ["old", None])
def test_where_nobody_accepted_anything_the_manifest_alone_counts(manifest: str | None) -> None:
    assert reviewed(manifest, None) == manifest
    assert not stands(manifest, None)
