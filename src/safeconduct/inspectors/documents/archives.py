"""Files inside of files: zip, tar, gzip, bzip2, xz."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import tarfile
import zipfile
from collections.abc import Callable
from typing import IO, Final

from safeconduct.inspectors.documents.limits import bomb, unreadable
from safeconduct.inspectors.documents.unpacking import Unpacked

_ZIP: Final = (b"PK\x03\x04", b"PK\x05\x06")
_ENCRYPTED: Final = 1
_HEADER: Final = 30
"""The least that stands before the data of a member (APPNOTE, 4.3.7)."""
_END: Final = b"PK\x05\x06"
_END_WITHIN: Final = 65_557
"""How far from the end of a file the directory's end may begin (APPNOTE, 4.3.16)."""
_ENTRY: Final = b"PK\x01\x02"
_TAR_MAGIC: Final = slice(257, 262)
_TAR: Final = b"ustar"

_Stream = gzip.GzipFile | bz2.BZ2File | lzma.LZMAFile
_STREAMS: Final[dict[bytes, tuple[str, Callable[[IO[bytes]], _Stream]]]] = {
    b"\x1f\x8b": ("gzip", lambda file: gzip.GzipFile(fileobj=file)),
    b"BZh": ("bzip2", bz2.BZ2File),
    b"\xfd7zXZ\x00": ("xz", lzma.LZMAFile),
}


def is_zip(data: bytes) -> bool:
    """Also with something before it, as readers take that for a zip file, too."""
    if data.startswith(_ZIP) or data[_TAR_MAGIC] == _TAR:
        return data.startswith(_ZIP)
    return _END in data[-_END_WITHIN:] and _ENTRY in data


class Members:
    """The files in a zip file."""

    def __init__(self, unpacked: Unpacked, data: bytes) -> None:
        """Raises Unread where they are too many, lie over each other, or are encrypted."""
        self._unpacked = unpacked
        try:
            self._zip = zipfile.ZipFile(io.BytesIO(data))
        except (zipfile.BadZipFile, NotImplementedError, ValueError):
            raise unreadable("a damaged zip file") from None
        self._files = [one for one in self._zip.infolist() if not one.is_dir()]
        if any(one.flag_bits & _ENCRYPTED for one in self._files):
            raise unreadable("an encrypted zip file")
        self.names = [one.filename for one in self._files]
        if len(set(self.names)) < len(self.names):
            raise unreadable("a zip file with two files of one name")
        end = 0
        for one in sorted(self._files, key=lambda one: one.header_offset):
            unpacked.member()
            if one.header_offset < end:
                raise bomb("files that lie over each other in a zip file")
            end = one.header_offset + _HEADER + one.compress_size

    def bytes_of(self, name: str) -> bytes:
        """All of one file."""
        try:
            with self._zip.open(name) as file:
                return self._unpacked.all_of(file.read)
        except (zipfile.BadZipFile, NotImplementedError, KeyError, EOFError):
            raise unreadable("a damaged file in a zip file") from None


def read_zip(unpacked: Unpacked, members: Members) -> None:
    """Every file of it; what is no document says no more than its name."""
    for name in members.names:
        unpacked.metadata(name, "file name")
        unpacked.inside(members.bytes_of(name), "", name)


def read(unpacked: Unpacked, data: bytes) -> str:
    """What is compressed, or a tar file."""
    for magic, (name, opened) in _STREAMS.items():
        if data.startswith(magic):
            unpacked.member()
            try:
                with opened(io.BytesIO(data)) as file:
                    inner = unpacked.all_of(file.read)
            except (OSError, EOFError, lzma.LZMAError):
                raise unreadable(f"damaged {name}") from None
            unpacked.inside(inner, "", name)
            return name
    if data[_TAR_MAGIC] == _TAR:
        _read_tar(unpacked, data)
        return "tar"
    return ""


def _read_tar(unpacked: Unpacked, data: bytes) -> None:
    try:
        with tarfile.open(fileobj=io.BytesIO(data), mode="r:") as tar:
            for one in tar:
                unpacked.member()
                unpacked.metadata(one.name, "file name")
                file = tar.extractfile(one) if one.isreg() else None
                if file is not None:
                    unpacked.inside(unpacked.all_of(file.read), "", one.name)
    except tarfile.TarError:
        raise unreadable("a damaged tar file") from None
