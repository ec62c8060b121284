"""The files of a bundle that lies in a directory."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from safeconduct.policy.bundles import layout
from safeconduct.policy.refusal import PolicyRefused

_SHOWN: Final = frozenset({layout.MANIFEST, layout.SIGNATURES})
"""What counts although its name begins with a dot."""


def files_in(directory: Path) -> dict[str, bytes]:
    """What belongs to a bundle. Names that begin with a dot are skipped, but for those of OPA.

    Raises:
        PolicyRefused: a file cannot be read, or does not belong here.
    """
    files: dict[str, bytes] = {}
    for path in _below(directory, directory):
        name = path.relative_to(directory).as_posix()
        if layout.counts(name):
            files[name] = _bytes(path, name)
            layout.bounded(files)
    return files


def _below(folder: Path, directory: Path) -> Iterator[Path]:
    for path in _entries(folder, directory):
        if not path.is_dir():
            yield path
        elif folder != directory or path.name in layout.FOLDERS:
            # A link to a folder could lead back up, for ever.
            if path.is_symlink():
                raise PolicyRefused(
                    "a link to a folder",
                    file=path.relative_to(directory).as_posix(),
                    fix="put the files here",
                )
            yield from _below(path, directory)
        else:
            layout.counts(path.name)  # a folder that lies beside the bundle, or says why not


def _entries(folder: Path, directory: Path) -> list[Path]:
    try:
        return sorted(
            path
            for path in folder.iterdir()
            if not path.name.startswith(".") or (folder == directory and path.name in _SHOWN)
        )
    except OSError as error:
        raise PolicyRefused(
            f"the folder cannot be read: {error.strerror}",
            file=folder.relative_to(directory).as_posix(),
            fix="check the path of the bundle and its permissions",
        ) from None


def _bytes(path: Path, name: str) -> bytes:
    try:
        # Whoever opens a pipe to read would wait for its other end, for ever.
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise PolicyRefused("no plain file", file=name, fix="put the file itself here")
            return file.read(layout.MAX_FILE_BYTES + 1)
    except OSError as error:
        raise PolicyRefused(
            f"the file cannot be read: {error.strerror}", file=name, fix="check its permissions"
        ) from None
