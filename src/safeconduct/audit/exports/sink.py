"""What an exporter asks of a sink, and how a sink is spoken to over HTTP."""

from __future__ import annotations

import email.utils
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple, Protocol

import msgspec

from safeconduct.audit.following import Copy, Cursor
from safeconduct.kit.fetch import Fetched, FetchError, ask

TIMEOUT_S: Final = 30.0
"""How long a sink may take for one batch, in seconds."""

_CONTENT: Final = frozenset({400, 413, 422})
"""With which a sink refuses what it was sent, and not who sent it or when."""


class Where(msgspec.Struct, frozen=True, kw_only=True):
    """Where a sink is. `secret` reads its credential anew each time; `ca` is a file of PEM
    certificates to trust instead of the system's; `plain` lets copies go unencrypted.
    """

    url: str
    secret: Callable[[], str] | None = None
    ca: Path | None = None
    plain: bool = False
    timeout_s: float = TIMEOUT_S


class SinkFault(Exception):
    """A sink took nothing. `content`: for what was in it, so that less of it may pass; otherwise
    the same is sent again, not before `after_s` seconds where the sink says so.
    """

    def __init__(
        self, sentence: str, *, content: bool = False, after_s: float | None = None
    ) -> None:
        super().__init__(sentence)
        self.content = content
        self.after_s = after_s


class Taken(NamedTuple):
    """What became of the items of a batch, by their places in it: `refused` will never be taken,
    `again` may be later; all others were taken, but for `lost` of which nobody says which they are.
    """

    refused: Sequence[int] = ()
    again: Sequence[int] = ()
    lost: int = 0


ALL: Final = Taken()


class Sink(Protocol):
    """Somewhere that copies go: at most so many items and bytes in one batch."""

    max_items: int
    max_bytes: int

    def encode(self, copy: Copy) -> bytes | None:
        """A record as this sink wants it; None: it takes nothing of this kind."""
        ...

    def send(self, items: Sequence[bytes]) -> Taken:
        """Hands a batch over. Raises SinkFault."""
        ...

    def waits(self) -> Cursor | None:
        """The place of the first record that was encoded and is still needed, if any is."""
        return None


def post(where: Where, path: str, headers: Mapping[str, str], body: bytes) -> Fetched:
    """The answer to a POST, which is a success. Raises SinkFault."""
    try:
        answer = ask(
            where.url.rstrip("/") + path,
            method="POST",
            headers=headers,
            body=body,
            ca=where.ca,
            timeout_s=where.timeout_s,
            plain=where.plain,
        )
    except FetchError as error:
        raise SinkFault(str(error)) from None
    if 200 <= answer.status < 300:
        return answer
    raise SinkFault(
        f"HTTP status {answer.status}",
        content=answer.status in _CONTENT,
        after_s=_after_s(answer.headers.get("retry-after", "")),
    )


def bearer(where: Where, scheme: str = "Bearer") -> dict[str, str]:
    """The header that a credential travels in, where there is one."""
    return {} if where.secret is None else {"authorization": f"{scheme} {where.secret()}"}


def _after_s(text: str) -> float | None:
    """`Retry-After` (RFC 9110 section 10.2.3): seconds, or a date."""
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        return max(0.0, email.utils.parsedate_to_datetime(text).timestamp() - time.time())
    except (ValueError, OverflowError):
        return None
