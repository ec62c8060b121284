"""Definitions as they were when they counted, so that what has changed can be shown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import msgspec

from safeconduct.core.canonical import digest
from safeconduct.kit import files
from safeconduct.kit.strictjson import StrictJSONError, loads
from safeconduct.ports import JSON
from safeconduct.tools.inference.definition import NotAListing, listed


class NothingKept(Exception):
    """The file is there and cannot be read, or is no list of definitions."""


class Kept:
    """A file of definitions, one for each tool of an upstream."""

    def __init__(self, file: Path) -> None:
        self._file = file

    @classmethod
    def beside(cls, manifest: Path) -> Kept:
        """What was kept when its pins were written into a manifest."""
        return cls(manifest.with_suffix(".tools.json"))

    def by_digest(self) -> dict[str, JSON]:
        """What is kept, by its digest: whoever changes the file can show no other definition.

        Raises NothingKept.
        """
        return {digest(one): one for one in self._definitions()}

    def keep(self, definitions: Iterable[JSON], most: int | None = None) -> None:
        """Puts these in the place of what was kept of them. Where all come to more than `most`
        bytes, what is not among these is forgotten, and it is not laid out for people: what is
        nested deep would be a hundred times as long. Raises NothingKept, OSError.
        """
        before = {str(one["name"]): one for one in self._definitions()}
        new = {str(one["name"]): one for one in definitions}
        now = before | new
        if now == before:
            return
        listing = _listing(now)
        if most is None:
            listing = msgspec.json.format(listing, indent=1)
        elif len(listing) > most:
            listing = _listing(new)
        mode = self._file.stat().st_mode & 0o777 if self._file.exists() else 0o644
        files.replace(self._file, listing + b"\n", mode=mode)

    def _definitions(self) -> list[JSON]:
        try:
            return listed(loads(self._file.read_bytes()))
        except FileNotFoundError:
            return []
        except OSError as error:
            raise NothingKept(f"{self._file} cannot be read: {error.strerror}") from None
        except (StrictJSONError, NotAListing) as error:
            raise NothingKept(f"{self._file}: {error}") from None


def _listing(tools: Mapping[str, JSON]) -> bytes:
    return msgspec.json.encode({"tools": [tools[name] for name in sorted(tools)]})
