"""Where the checkpoints and proofs of a node come from: its directory, or where it is published."""

from __future__ import annotations

from pathlib import Path
from typing import Final, Protocol
from urllib.parse import unquote, urlsplit

from safeconduct.audit import checkpoint, notes, tiles
from safeconduct.audit.notes import Note
from safeconduct.core.merkle import HASH_BYTES
from safeconduct.core.proofs import consistency
from safeconduct.kit import fetch

_MAX_NOTE: Final = 64 * 1024


class Source(Protocol):
    """A node's log, as far as it is needed to follow it. What it gives is not to be believed."""

    def note(self) -> Note:
        """Its newest checkpoint. Raises OSError, ValueError, FetchError: there is none."""
        ...

    def prove(self, old: int, size: int) -> list[bytes]:
        """That its log of the second size grew out of that of the first.

        Raises OSError, ValueError, Damaged, FetchError: it does not say.
        """
        ...


class Directory:
    """A log beside us: in use, copied, or mounted."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def note(self) -> Note:
        return notes.parse((self._directory / checkpoint.NAME).read_bytes())

    def prove(self, old: int, size: int) -> list[bytes]:
        return consistency(old, size, tiles.Hashes(self._directory, size))


class Published:
    """A log as `safeconduct audit publish` lays it out, behind any web server (C2SP tlog-tiles)."""

    def __init__(self, url: str, ca: Path | None = None) -> None:
        self._url = url.rstrip("/")
        self._ca = ca

    def note(self) -> Note:
        return notes.parse(self._get(checkpoint.NAME, _MAX_NOTE))

    def prove(self, old: int, size: int) -> list[bytes]:
        rows: dict[tuple[int, int], list[list[bytes]]] = {}

        def hashes(level: int, index: int) -> bytes:
            height = level % tiles.HEIGHT
            tile, at = divmod(index << height, tiles.WIDTH)
            place = level // tiles.HEIGHT, tile
            if place not in rows:
                row = [self._tile(*place, size)]
                while len(row[-1]) > 1:
                    row.append(tiles.above(row[-1]))
                rows[place] = row
            return rows[place][height][at >> height]

        return consistency(old, size, hashes)

    def _tile(self, level: int, tile: int, size: int) -> list[bytes]:
        width = min(tiles.WIDTH, (size >> tiles.HEIGHT * level) - tile * tiles.WIDTH)
        data = self._get(tiles.path(level, tile, width), tiles.TILE_BYTES)
        if len(data) != width * HASH_BYTES:
            raise ValueError("a tile of another length")
        return [data[at : at + HASH_BYTES] for at in range(0, len(data), HASH_BYTES)]

    def _get(self, path: str, max_bytes: int) -> bytes:
        answer = fetch.ask(f"{self._url}/{path}", ca=self._ca, max_bytes=max_bytes)
        if answer.status != 200:
            raise fetch.FetchError(f"{path}: status {answer.status}")
        return answer.body


def source(url: str, ca: Path | None = None) -> Source:
    """What a policy's URL leads to: `file:///directory`, or the address of a published log.

    Raises ValueError: it is neither.
    """
    parts = urlsplit(url)
    if parts.scheme == "file" and parts.netloc in {"", "localhost"}:
        return Directory(Path(unquote(parts.path)))
    if not fetch.spoken_to(url):
        raise ValueError(f"{url} is neither file:///directory nor an https URL")
    return Published(url, ca)
