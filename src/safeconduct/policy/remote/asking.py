"""One question to a decision point over HTTP: a POST of JSON, one bounded answer, no redirect."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, cast

from safeconduct.kit import strictjson
from safeconduct.kit.fetch import spoken_to
from safeconduct.kit.http1.connection import Connection, NotHTTP
from safeconduct.kit.http1.pool import Full, Pool
from safeconduct.kit.http1.target import Target, Unwritable
from safeconduct.policy.bundles.header import FILE, Remote
from safeconduct.policy.refusal import PolicyRefused

MAX_ANSWER_BYTES: Final = 64 * 1024
MAX_CONNECTIONS: Final = 64
"""How many questions may wait for a decision point at once; further ones are refused."""

_FIXED: Final = {"content-type": "application/json", "accept": "application/json"}

Authorization = Callable[[], str]
"""Gives the value of the header field `Authorization`; whatever it raises refuses the call."""


class Unanswered(Exception):
    """There is no usable answer. The message names the kind of fault and quotes nothing."""


class Asking:
    """A pool of connections to one decision point. Made outside an event loop, used inside one."""

    def __init__(self, remote: Remote, path: str, authorization: Authorization | None) -> None:
        """Raises PolicyRefused: the URL is not one that is spoken to, or `ca` is unusable."""
        url = f"{remote.url.rstrip('/')}{path}"
        if not spoken_to(url):
            raise _unusable("the URL of the decision point is neither HTTPS nor on this machine")
        # Where the gateway was started must not decide whom it trusts.
        if remote.ca is not None and not Path(remote.ca).is_absolute():
            raise _unusable("`remote.ca` is not the whole path of a file")
        self._timeout_s = remote.timeout_ms / 1000
        self._authorization = authorization
        try:
            self._target = Target(url, _FIXED)
            ca = None if remote.ca is None else Path(remote.ca)
            self._pool = Pool(self._target, MAX_CONNECTIONS, ca)
        except (ValueError, OSError) as error:
            raise _unusable(f"the decision point cannot be asked: {type(error).__name__}") from None

    async def ask(self, question: bytes, **headers: str) -> dict[str, Any]:
        """The answer, a JSON object.

        Raises:
            Unanswered: no answer in time, or one that is not HTTP 200 with a JSON object.
        """
        try:
            async with asyncio.timeout(self._timeout_s):
                if self._authorization is not None:
                    headers["authorization"] = self._authorization()
                return await self._exchange(self._target.post(headers, question))
        except (Unanswered, asyncio.CancelledError):
            raise
        except TimeoutError:
            raise Unanswered("no answer in time") from None
        except Full:
            raise Unanswered("too many questions at once") from None
        except (NotHTTP, strictjson.StrictJSONError):
            raise Unanswered("the answer is malformed") from None
        except (OSError, Unwritable) as error:
            raise Unanswered(f"cannot be asked: {type(error).__name__}") from None

    async def close(self) -> None:
        """Ends all connections; who waits for an answer gets none."""
        await self._pool.close()

    async def _exchange(self, request: bytes) -> dict[str, Any]:
        connection = self._pool.fresh() or await self._pool.connect()
        try:
            connection.send(request)
            answer = strictjson.loads(await _body(connection), max_bytes=MAX_ANSWER_BYTES)
        except BaseException:
            connection.abort()
            raise
        self._pool.give_back(connection)
        if not isinstance(answer, dict):
            raise Unanswered("the answer is no object")
        return cast("dict[str, Any]", answer)


async def _body(connection: Connection) -> bytes:
    status, headers = await connection.head()
    if status != 200:
        raise Unanswered(f"HTTP {status}")
    if headers.get("content-type", "").partition(";")[0].strip() != "application/json":
        raise Unanswered("the answer is no JSON")
    body = bytearray()
    while not connection.over:
        body += await connection.read()
        if len(body) > MAX_ANSWER_BYTES:
            raise Unanswered("the answer is too long")
    return bytes(body)


def _unusable(sentence: str) -> PolicyRefused:
    fix = "write `remote: {url: https://…, ca: /…}`; plain HTTP is spoken to this machine alone"
    return PolicyRefused(sentence, file=FILE, fix=fix)
