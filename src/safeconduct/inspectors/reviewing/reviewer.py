"""Asks a second model, once for each question.

The same question has the same answer for a while. That is cheap, and it is safe because all that
the model would be told stands in the question, so that nothing it knows of has changed; without it
an agent could ask again until a model that answers by chance says yes, one after the other or at
once. A failure is no answer and is not kept: who tries again later is asked about again.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from time import monotonic
from typing import Final
from weakref import WeakValueDictionary

import msgspec
import orjson

from safeconduct.core.review import Review
from safeconduct.inspectors.reviewing.question import NoReview, question, told
from safeconduct.inspectors.reviewing.wires import Wire
from safeconduct.inspectors.service import Credential, Service
from safeconduct.ports import Asked

MAX_KEPT: Final = 1024
"""How many answers are kept, the last used."""

KEPT_S: Final = 3600.0
"""How long an answer is kept at most, in seconds: as long as most tasks last."""


class ModelReviewer:
    """A model behind an endpoint (`safeconduct.ports.Reviewer`)."""

    def __init__(
        self,
        url: str,
        *,
        wire: Wire,
        model: str,
        credential: Credential | None,
        timeout_ms: int,
        ca: Path | None = None,
        clock_s: Callable[[], float] = monotonic,
    ) -> None:
        """`url` is where questions are posted, with its path; `credential` gives the API key.

        Raises ValueError, OSError: as `Service`.
        """
        self._wire = wire
        self._model = model
        self._credential = credential
        self._timeout_s = timeout_ms / 1000
        self._clock_s = clock_s
        self._service = Service(url, timeout_ms=timeout_ms, ca=ca)
        self._kept: OrderedDict[bytes, tuple[float, Review]] = OrderedDict()
        self._turns: WeakValueDictionary[bytes, asyncio.Lock] = WeakValueDictionary()

    async def review(self, asked: Asked) -> Review:
        """What the model says of a call, or said of it before.

        Raises: NoReview, Unanswered, CredentialUnavailable, TimeoutError.
        """
        name = sha256(told(asked)).digest()
        # Those who ask the same wait for one answer, as long as one may take.
        turn = self._turns.setdefault(name, asyncio.Lock())
        async with asyncio.timeout(self._timeout_s):
            await turn.acquire()
        try:
            known = self._known(name)
            if known is None:
                known = await self._asked(asked)
                self._keep(name, known)
        finally:
            turn.release()
        return known

    async def close(self) -> None:
        """Ends all connections; who waits for an answer gets none."""
        await self._service.close()

    async def _asked(self, asked: Asked) -> Review:
        one = question(asked)
        credential = None if self._credential is None else self._credential()
        answer = await self._service.ask(
            orjson.dumps(self._wire.body(self._model, one)),
            self._wire.headers(credential),
            agent=asked.agent,
        )
        try:
            return self._wire.read(answer, one)
        except msgspec.ValidationError:
            raise NoReview("the model answered in another shape") from None

    def _known(self, name: bytes) -> Review | None:
        until_s, review = self._kept.get(name, (0.0, None))
        if review is None or until_s <= self._clock_s():
            return None
        self._kept.move_to_end(name)
        return review

    def _keep(self, name: bytes, review: Review) -> None:
        self._kept[name] = self._clock_s() + KEPT_S, review
        self._kept.move_to_end(name)
        if len(self._kept) > MAX_KEPT:
            self._kept.popitem(last=False)
