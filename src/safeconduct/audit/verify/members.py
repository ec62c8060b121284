"""The members of an evidence bundle, read with bounds: who made it is not trusted."""

from __future__ import annotations

import os
import re
import zipfile
from collections import Counter
from pathlib import Path
from typing import Final

from safeconduct.audit.verify.regular import opened

MOST_BYTES: Final = 1 << 30
"""What is in a bundle is read at once, so that no bundle has more."""

_NUMBER: Final = "(0|[1-9][0-9]{0,15})"
_KNOWN: Final = re.compile(
    r"README\.md|(case|consistency)\.json|(records|proofs)\.jsonl|checkpoint|witnessed|log\.pub"
    rf"|verify_log\.py|payloads/{_NUMBER}|opened/{_NUMBER}\.json"
)


class NoBundle(ValueError):
    """What was given is no bundle, and why."""


def read(path: Path) -> tuple[dict[str, bytes], list[str]]:
    """The members of a bundle by their names, and the names that are not those of a member, or are
    there more than once: two readers may see two different things under one of them.

    Raises:
        NoBundle: the file is none.
        OSError: it cannot be read.
    """
    with os.fdopen(opened(path.resolve()), "rb") as file:
        size = os.fstat(file.fileno()).st_size
        try:
            with zipfile.ZipFile(file) as archive:
                listed = archive.infolist()
                if any(one.compress_type != zipfile.ZIP_STORED for one in listed):
                    raise NoBundle(f"{path} is no evidence bundle: something in it is compressed")
                if sum(one.file_size for one in listed) > min(size, MOST_BYTES):
                    raise NoBundle(
                        f"{path} is no evidence bundle: more is in it than it is long, or 1 GiB"
                    )
                known = [one for one in listed if _KNOWN.fullmatch(one.filename)]
                members = {one.filename: archive.read(one) for one in known}
        except (zipfile.BadZipFile, EOFError, KeyError, RuntimeError, ValueError) as error:
            if isinstance(error, NoBundle):
                raise
            raise NoBundle(f"{path} is no evidence bundle: {error}") from error
    often = Counter(one.filename for one in listed)
    return members, [name for name in often if often[name] > 1 or not _KNOWN.fullmatch(name)]
