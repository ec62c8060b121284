"""A bundle as one file: a gzipped tar archive, as OPA serves and loads them.

What comes out is bounded before it is kept, and holds plain files only. Python's reader of archives
follows more than the format needs (links, devices, sparse files, names that lead elsewhere); here
nothing is written to a disk, and an entry of another kind refuses the whole.
"""

from __future__ import annotations

import gzip
import io
import tarfile
import zlib
from collections.abc import Mapping
from typing import Final

from safeconduct.policy.bundles import layout
from safeconduct.policy.refusal import PolicyRefused

MAX_BYTES: Final = layout.MAX_BUNDLE_BYTES
"""Of an archive as it travels."""

_BLOCK: Final = 512
_END: Final = bytes(2 * _BLOCK)
_OVERHEAD: Final = (4 * layout.MAX_FILES + 64) * _BLOCK
_GZIP: Final = 31
_FIX: Final = "build it with `safeconduct policy build`"


def pack(files: Mapping[str, bytes]) -> bytes:
    """The archive of these files; the same files make the same bytes."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for path in sorted(files):
            entry = tarfile.TarInfo(path)
            entry.size = len(files[path])
            archive.addfile(entry, io.BytesIO(files[path]))
    return gzip.compress(out.getvalue(), mtime=0)


def unpack(data: bytes, name: str) -> dict[str, bytes]:
    """The files of a bundle in an archive; `name` is what errors call it.

    Raises:
        PolicyRefused: not such an archive, cut off, too large, or with anything but plain files.
    """
    plain = _inflated(data, name)
    if not plain.endswith(_END):
        raise PolicyRefused("the archive is cut off", file=name, fix=_FIX)
    try:
        files = _files(plain, name)
    except PolicyRefused:
        raise
    except Exception:  # noqa: BLE001 the reader answers malformed archives with errors of any kind
        raise PolicyRefused("not a tar archive", file=name, fix=_FIX) from None
    layout.bounded(files)
    return files


def _files(plain: bytes, name: str) -> dict[str, bytes]:
    files: dict[str, bytes] = {}
    with tarfile.open(fileobj=io.BytesIO(plain), mode="r:") as archive:
        for entry in archive:
            path = _path(entry, name)
            if path is None or not layout.counts(path):
                continue
            if path in files:
                raise PolicyRefused("the file is there twice", file=path, fix=_FIX)
            stream = archive.extractfile(entry)
            files[path] = b"" if stream is None else stream.read()
            if len(files[path]) != entry.size:
                raise PolicyRefused("the archive is cut off", file=name, fix=_FIX)
        # The reader takes a header that makes no sense for the end, and looks at nothing behind it.
        if any(plain[archive.offset :]):
            raise PolicyRefused("something that is no file is in the archive", file=name, fix=_FIX)
    return files


def _inflated(data: bytes, name: str) -> bytes:
    limit = layout.MAX_BUNDLE_BYTES + _OVERHEAD
    inflater = zlib.decompressobj(_GZIP)
    try:
        plain = inflater.decompress(data, limit)
    except zlib.error:
        raise PolicyRefused("not a gzipped archive", file=name, fix=_FIX) from None
    if len(plain) == limit:
        raise PolicyRefused(
            f"more than {limit} bytes come out of the archive",
            file=name,
            fix="keep large tables in a resolver's system of record",
        )
    if not inflater.eof:
        raise PolicyRefused("the archive is cut off", file=name, fix=_FIX)
    if inflater.unused_data:
        raise PolicyRefused("something follows the archive", file=name, fix=_FIX)
    return plain


def _path(entry: tarfile.TarInfo, name: str) -> str | None:
    """Where the entry lies in the bundle; None for a folder. Raises PolicyRefused."""
    path = entry.name.removeprefix("./").removeprefix("/")
    if ".." in path.split("/") or "\\" in path:
        raise PolicyRefused("an entry that leads elsewhere", file=name, fix=_FIX)
    if entry.isdir():
        return None
    if not entry.isreg() or entry.issparse():
        raise PolicyRefused("an entry that is no plain file", file=name, fix=_FIX)
    return path
