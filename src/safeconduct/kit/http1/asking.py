"""Questions to a service that others run: a POST of JSON, one bounded answer, no redirect."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from safeconduct.kit import strictjson
from safeconduct.kit.fetch import spoken_to
from safeconduct.kit.http1.connection import Connection, NotHTTP
from safeconduct.kit.http1.pool import Full, Pool
from safeconduct.kit.http1.target import Target, Unwritable

MAX_ANSWER_BYTES: Final = 64 * 1024
MAX_CONNECTIONS: Final = 64
"""How many questions may wait for a service at once; further ones are not asked."""

_FIXED: Final = {"content-type": "application/json", "accept": "application/json"}

_ABOUT_THE_SERVICE: Final = frozenset({401, 403, 429})
"""What a service says of itself or of who asks, as it does with 5xx, whatever the question."""


class Unanswered(Exception):
    """There is no usable answer. The message names the kind of fault and quotes nothing. `down`: it
    lies in the service, so that other questions will fare alike.
    """

    def __init__(self, sentence: str, *, down: bool = False) -> None:
        super().__init__(sentence)
        self.down = down


class Asking:
    """A pool of connections to one service. Made outside an event loop, used inside one."""

    def __init__(
        self,
        url: str,
        *,
        timeout_s: float,
        ca: Path | None = None,
        connections: int = MAX_CONNECTIONS,
    ) -> None:
        """`timeout_s` is for a whole question; `ca` is a file of PEM certificates to trust instead
        of the system's.

        Raises:
            ValueError: the URL is neither HTTPS nor on this machine.
            OSError: the file cannot be read, or holds no certificate.
        """
        if not spoken_to(url):
            raise ValueError("the URL is neither HTTPS nor on this machine")
        self._url = url
        self._timeout_s = timeout_s
        self._target = Target(url, _FIXED)
        self._pool = Pool(self._target, connections, ca)

    async def ask(self, question: bytes, headers: Mapping[str, str], path: str = "") -> Any:  # noqa: ANN401  any JSON value
        """The answer, any JSON value. `path` is appended to the URL's.

        Raises:
            Unanswered: no answer in time, or one that is not HTTP 200 with JSON.
        """
        try:
            target = Target(f"{self._url}{path}", _FIXED) if path else self._target
            async with asyncio.timeout(self._timeout_s):
                return await self._exchange(target.post(headers, question))
        except TimeoutError:
            raise Unanswered("no answer in time", down=True) from None
        except Full:
            raise Unanswered("too many questions at once") from None
        except (NotHTTP, strictjson.StrictJSONError):
            raise Unanswered("the answer is malformed") from None
        except Unwritable as error:
            raise Unanswered(f"cannot be asked: {type(error).__name__}") from None
        except OSError as error:
            raise Unanswered(f"cannot be asked: {type(error).__name__}", down=True) from None

    async def close(self) -> None:
        """Ends all connections; who waits for an answer gets none."""
        await self._pool.close()

    async def _exchange(self, request: bytes) -> Any:  # noqa: ANN401  any JSON value
        connection = self._pool.fresh() or await self._pool.connect()
        try:
            connection.send(request)
            answer = strictjson.loads(await _body(connection), max_bytes=MAX_ANSWER_BYTES)
        except BaseException:
            connection.abort()
            raise
        self._pool.give_back(connection)
        return answer


async def _body(connection: Connection) -> bytes:
    status, headers = await connection.head()
    if status != 200:
        raise Unanswered(f"HTTP {status}", down=status >= 500 or status in _ABOUT_THE_SERVICE)
    if headers.get("content-type", "").partition(";")[0].strip() != "application/json":
        raise Unanswered("the answer is no JSON")
    body = bytearray()
    while not connection.over:
        body += await connection.read()
        if len(body) > MAX_ANSWER_BYTES:
            raise Unanswered("the answer is too long")
    return bytes(body)
