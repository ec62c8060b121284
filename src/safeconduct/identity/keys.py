"""Where other people's public keys come from, and how they change while the gateway runs.

A source holds the keys that its issuer named last. They change by themselves: a file is read again
whenever keys are needed, a document on the web is fetched again in the background, and at once when
a token names a key that is not known yet, so that a rotation refuses nobody. Nobody can make us ask
more often than every few seconds: who comes too early waits.

What an issuer says counts, even if that leaves no key. When nothing intelligible is to be had from
it, what it said last counts for a while, and then nothing does. Ages are measured on a clock that
nobody sets.
"""

from __future__ import annotations

import asyncio
import logging
import re
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final, Generic, Protocol, TypeVar

import msgspec

from safeconduct.config.keys import JwksRef, Keys, is_url
from safeconduct.kit import strictjson
from safeconduct.kit.fetch import Fetched, FetchError, fetch, spoken_to
from safeconduct.kit.jwk import JoseError, KeySet

REFRESH_S: Final = 300.0
"""How often keys are fetched when their server does not say how long they last."""

SHORTEST_S: Final = 30.0
"""How often at most in the background; also how soon again after nothing was to be had."""

GAP_S = 2.0
"""How long after one fetch the next one starts at the earliest, whoever asks for it."""

TIMEOUT_S: Final = 5.0

SIGNING: Final[frozenset[str | None]] = frozenset({"sig", None})

_MAX_AGE: Final = re.compile(r"(?:^|[,\s])max-age=(\d{1,9})(?:$|[,\s])")

_log = logging.getLogger(__name__)

Held = TypeVar("Held", bound=KeySet)
Held_co = TypeVar("Held_co", bound=KeySet, covariant=True)


Reader = Callable[[bytes], Held]
"""Reads a document. Raises JoseError."""


class UnusableKeys(ValueError):
    """Public keys that the configuration names cannot be used; the message says why."""


class Source(Protocol[Held_co]):
    """Somebody's public keys."""

    async def current(self, kid: str | None) -> Held_co | None:
        """The keys as they are believed now, None if none are; `kid` is what is looked for."""
        ...

    async def keep_up(self) -> None:
        """Until cancelled: follows what the issuer publishes."""
        ...


def elapsed_s() -> float:
    """Seconds on a clock that nobody sets, and that goes on while the machine sleeps."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class KeyFile(Generic[Held]):
    """Keys in a file. It may be replaced at any time; a file is small, so it is read on each use
    and nothing has to be guessed from its times.
    """

    def __init__(
        self,
        path: Path,
        read: Reader[Held],
        *,
        max_stale_s: float,
        clock: Callable[[], float] = elapsed_s,
    ) -> None:
        """Reads the file. Raises UnusableKeys."""
        self._path = path
        self._read = read
        self._max_stale_s = max_stale_s
        self._clock = clock
        self._complaint = ""
        try:
            self._data = path.read_bytes()
            self._held = read(self._data)
        except OSError as error:
            raise UnusableKeys(f"{path}: {error.strerror}") from None
        except JoseError as error:
            raise UnusableKeys(f"{path}: {error}") from None
        self._good_s = clock()

    async def current(self, kid: str | None) -> Held | None:
        del kid
        try:
            data = self._path.read_bytes()
            if data != self._data:
                self._held = self._read(data)
                self._data = data
        except (OSError, JoseError) as error:
            self._complain(str(error))
            stale = self._clock() - self._good_s > self._max_stale_s
            return None if stale else self._held
        self._good_s = self._clock()
        self._complaint = ""
        return self._held

    async def keep_up(self) -> None:
        """Nothing is to be done."""

    def _complain(self, what: str) -> None:
        if what != self._complaint:
            self._complaint = what
            _log.error("the keys in %s cannot be read again: %s", self._path, what)


class Published(msgspec.Struct, frozen=True):
    """What a server answered: the document, or None if it is still the one of the given tag; its
    tag, and how long it says that it lasts.
    """

    document: bytes | None
    tag: str | None = None
    lasts_s: float | None = None


Ask = Callable[[str | None], Awaitable[Published]]
"""Gets what a server publishes now, unless it is still that of a tag. Raises FetchError."""


class WebKeys(Generic[Held]):
    """Keys that a server publishes. Nothing is asked before keys are needed, or followed."""

    def __init__(
        self,
        name: str,
        ask: Ask,
        read: Reader[Held],
        *,
        max_stale_s: float,
        clock: Callable[[], float] = elapsed_s,
    ) -> None:
        self._name = name
        self._ask = ask
        self._read = read
        self._max_stale_s = max_stale_s
        self._clock = clock
        self._turn = asyncio.Lock()
        self._held: Held | None = None
        self._tag: str | None = None
        self._good_s = self._asked_s = float("-inf")
        self._fetches = 0
        self._complaint = ""
        self.pause_s = SHORTEST_S

    async def current(self, kid: str | None) -> Held | None:
        if not self._knows(kid):
            await self._renew(kid)
        return self._fresh()

    async def keep_up(self) -> None:
        while True:
            async with self._turn:
                await self._fetch()
            await asyncio.sleep(self.pause_s)

    def _fresh(self) -> Held | None:
        """What is held, unless it is too old."""
        return None if self._clock() - self._good_s > self._max_stale_s else self._held

    def _knows(self, kid: str | None) -> bool:
        held = self._fresh()
        return held is not None and (kid is None or kid in held.keys)

    async def _renew(self, kid: str | None) -> None:
        """Fetches once for all who wait; a fetch that began before one came may be too old."""
        before = self._fetches
        async with self._turn:
            if self._knows(kid) or self._fetches > before:
                return
            await asyncio.sleep(max(0.0, self._asked_s + GAP_S - self._clock()))
            await self._fetch()

    async def _fetch(self) -> None:
        self._asked_s = self._clock()
        self._fetches += 1
        try:
            answer = await self._ask(self._tag)
            if answer.document is not None:
                held = self._read(answer.document)
                self._held, self._tag = held, answer.tag
        except (FetchError, JoseError) as error:
            self.pause_s = SHORTEST_S
            self._complain(str(error))
            return
        except Exception:  # noqa: BLE001  whatever it is, it ends neither a call nor the following
            self.pause_s = SHORTEST_S
            _log.exception("no keys of %s are to be had", self._name)
            return
        self._good_s = self._asked_s
        self._complaint = ""
        refresh_s = answer.lasts_s
        if refresh_s is None:
            refresh_s = (self._held and self._held.refresh_s) or REFRESH_S
        # Half of the time, so that a fetch may fail before what is held is too old.
        self.pause_s = max(SHORTEST_S, min(refresh_s, self._max_stale_s / 2))

    def _complain(self, what: str) -> None:
        if what != self._complaint:
            self._complaint = what
            _log.error("no keys of %s are to be had: %s", self._name, what)


def published(url: str, ca: Path | None) -> Ask:
    """Asks for the document at a URL."""

    async def ask(tag: str | None) -> Published:
        headers = {"Accept": "application/json"}
        if tag is not None:
            headers["If-None-Match"] = tag
        answer = await fetch(url, headers=headers, ca=ca, timeout_s=TIMEOUT_S)
        if answer.status == 304 and tag is not None:
            return Published(None, tag, _max_age_s(answer))
        if answer.status != 200:
            raise FetchError(f"{url}: HTTP status {answer.status}")
        return Published(answer.body, answer.headers.get("etag"), _max_age_s(answer))

    return ask


class _Discovered(msgspec.Struct, frozen=True):
    issuer: str
    jwks_uri: str


def discovered(issuer: str, ca: Path | None) -> Ask:
    """Asks an issuer where its keys are (OpenID Connect Discovery 1.0 section 4), and for them."""

    url = issuer.removesuffix("/") + "/.well-known/openid-configuration"
    known = ""

    async def ask(tag: str | None) -> Published:
        nonlocal known
        answer = await published(url, ca)(None)
        try:
            found = msgspec.convert(
                strictjson.loads(answer.document or b"", max_depth=16, max_bytes=1024 * 1024),
                _Discovered,
            )
        except (strictjson.StrictJSONError, msgspec.ValidationError):
            raise FetchError(f"{url}: not the metadata of an issuer") from None
        # Section 4.3: exactly, or one issuer could name another's keys as its own.
        if found.issuer != issuer:
            raise FetchError(f"{url}: the metadata of another issuer")
        scheme = issuer.partition("://")[0]
        if not spoken_to(found.jwks_uri) or not found.jwks_uri.startswith(f"{scheme}://"):
            raise FetchError(f"{url}: names keys that are not at an {scheme} URL")
        # A tag means something at its own URL only.
        tag, known = (tag if found.jwks_uri == known else None), found.jwks_uri
        return await published(found.jwks_uri, ca)(tag)

    return ask


def source(
    directory: Path, keys: Keys, where: str, read: Reader[Held]
) -> KeyFile[Held] | WebKeys[Held]:
    """The keys in a file below the directory, or at a URL. Raises UnusableKeys for a file."""
    if not is_url(where):
        return KeyFile(directory / where, read, max_stale_s=keys.max_stale_s)
    return WebKeys(
        where,
        published(where, authorities(directory, keys)),
        read,
        max_stale_s=keys.max_stale_s,
    )


def signing_keys(directory: Path, keys: JwksRef) -> Source[KeySet]:
    """The keys that somebody signs with, by reference. Raises UnusableKeys for a file."""
    return source(directory, keys, keys.jwks, reader(keys, keys.jwks, SIGNING))


def reader(keys: Keys, where: str | None, uses: frozenset[str | None]) -> Reader[KeySet]:
    """Reads keys: those in a file of the operator strictly, as somebody can correct it."""
    algorithms = frozenset(keys.algorithms)
    strict = where is not None and not is_url(where)

    def read(data: bytes) -> KeySet:
        parse = KeySet.parse if strict else KeySet.published
        return parse(data, uses=uses, algorithms=algorithms)

    return read


def authorities(directory: Path, keys: Keys) -> Path | None:
    """The file of authorities to check a server's certificate against."""
    return None if keys.ca is None else directory / keys.ca


def _max_age_s(answer: Fetched) -> float | None:
    found = _MAX_AGE.search(answer.headers.get("cache-control", "").lower())
    return None if found is None else float(found[1])
