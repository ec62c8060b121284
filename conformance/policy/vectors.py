"""Test vectors of others: archives that are unpacked for one run and are no part of this project.

They lie in $VECTORS, or in `../shared/vectors` beside the repository.
"""

import os
import tarfile
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[2]


def directory() -> Path:
    """Where the archives are looked for."""
    return Path(os.environ.get("VECTORS", ROOT.parent / "shared" / "vectors"))


@contextmanager
def unpacked(archive: Path) -> Generator[Path]:
    """A temporary directory with what is in the archive.

    Raises:
        FileNotFoundError: there is no such archive.
    """
    with tempfile.TemporaryDirectory(prefix="safeconduct-vectors-") as place:
        with tarfile.open(archive) as tar:
            tar.extractall(place, filter="data")
        yield Path(place)
