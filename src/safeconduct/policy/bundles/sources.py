"""Where bundles come from: a directory, a commit of a git repository, an archive over HTTPS.

Asking blocks, so whoever has an event loop asks in a thread. What arrives is only files: who signed
them, whether they are a newer release and what they say is looked at elsewhere, alike for all.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Final, Protocol

import msgspec

from safeconduct.core.canonical import canonical
from safeconduct.kit.fetch import Fetched, FetchError, ask
from safeconduct.policy.bundles.archive import MAX_BYTES, unpack
from safeconduct.policy.bundles.folder import files_in
from safeconduct.policy.refusal import PolicyRefused

TIMEOUT_S: Final = 30.0
"""How long a source may take to answer."""


class Found(msgspec.Struct, frozen=True):
    """What a source has. Given `mark` the next time, it can say that nothing has changed."""

    files: dict[str, bytes]
    mark: str | None


class Source(Protocol):
    """A place that has a bundle; `where` is what records and complaints call it."""

    where: str

    def look(self) -> Found:
        """What is there.

        Raises:
            PolicyRefused: nothing could be had, or nothing that belongs to a bundle.
        """
        ...

    def changed(self, mark: str | None) -> Found | None:
        """As `look`; None if what is there is what was there when it gave this mark."""
        ...


class Directory:
    """A bundle in a directory."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self.where = str(directory)

    def look(self) -> Found:
        files = files_in(self._directory)
        return Found(files, fingerprint(files))

    def changed(self, mark: str | None) -> Found | None:
        found = self.look()
        return None if found.mark == mark else found


class Https:
    """An archive that a server has, as OPA asks for it: with the ETag of the last one."""

    def __init__(self, url: str, ca: Path | None = None) -> None:
        self.where = url
        self._ca = ca

    def look(self) -> Found:
        answer = self._ask({})
        return Found(unpack(answer.body, self.where), answer.headers.get("etag"))

    def changed(self, mark: str | None) -> Found | None:
        if mark is None:
            return self.look()
        answer = self._ask({"If-None-Match": mark})
        if answer.status == 304:
            return None
        return Found(unpack(answer.body, self.where), answer.headers.get("etag"))

    def _ask(self, condition: dict[str, str]) -> Fetched:
        try:
            answer = ask(
                self.where,
                headers={"Accept": "application/gzip", **condition},
                ca=self._ca,
                timeout_s=TIMEOUT_S,
                max_bytes=MAX_BYTES,
            )
        except FetchError as error:
            raise self._failed(f"the server did not answer: {error}") from None
        if answer.status != 200 and not (answer.status == 304 and condition):
            raise self._failed(f"the server answered {answer.status}")
        return answer

    def _failed(self, sentence: str) -> PolicyRefused:
        return PolicyRefused(
            sentence, file=self.where, fix="look there; what was accepted last stays until then"
        )


def fingerprint(files: Mapping[str, bytes]) -> str:
    """Names exactly these files, with what is said about them."""
    hashes = {path: hashlib.sha256(content).hexdigest() for path, content in files.items()}
    return hashlib.sha256(canonical(hashes)).hexdigest()
