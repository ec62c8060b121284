"""One question to a decision point over HTTP: a POST of JSON, one bounded answer, no redirect."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, cast

from safeconduct.kit.http1 import asking
from safeconduct.kit.http1.asking import Unanswered
from safeconduct.policy.bundles.header import FILE, Remote
from safeconduct.policy.refusal import PolicyRefused

__all__ = ["Asking", "Authorization", "Unanswered"]

MAX_CONNECTIONS: Final = asking.MAX_CONNECTIONS
"""How many questions may wait for a decision point at once; further ones are refused."""

Authorization = Callable[[], str]
"""Gives the value of the header field `Authorization`; whatever it raises refuses the call."""


class Asking:
    """A pool of connections to one decision point. Made outside an event loop, used inside one."""

    def __init__(self, remote: Remote, path: str, authorization: Authorization | None) -> None:
        """Raises PolicyRefused: the URL is not one that is spoken to, or `ca` is unusable."""
        # Where the gateway was started must not decide whom it trusts.
        if remote.ca is not None and not Path(remote.ca).is_absolute():
            raise _unusable("`remote.ca` is not the whole path of a file")
        self._authorization = authorization
        try:
            self._asking = asking.Asking(
                f"{remote.url.rstrip('/')}{path}",
                timeout_s=remote.timeout_ms / 1000,
                ca=None if remote.ca is None else Path(remote.ca),
                connections=MAX_CONNECTIONS,
            )
        except ValueError:
            raise _unusable(
                "the URL of the decision point is neither HTTPS nor on this machine"
            ) from None
        except OSError as error:
            raise _unusable(f"the decision point cannot be asked: {type(error).__name__}") from None

    async def ask(self, question: bytes, **headers: str) -> dict[str, Any]:
        """The answer, a JSON object.

        Raises:
            Unanswered: no answer in time, or one that is not HTTP 200 with a JSON object.
        """
        if self._authorization is not None:
            headers["authorization"] = self._authorization()
        answer = await self._asking.ask(question, headers)
        if not isinstance(answer, dict):
            raise Unanswered("the answer is no object")
        return cast("dict[str, Any]", answer)

    async def close(self) -> None:
        """Ends all connections; who waits for an answer gets none."""
        await self._asking.close()


def _unusable(sentence: str) -> PolicyRefused:
    fix = "write `remote: {url: https://…, ca: /…}`; plain HTTP is spoken to this machine alone"
    return PolicyRefused(sentence, file=FILE, fix=fix)
