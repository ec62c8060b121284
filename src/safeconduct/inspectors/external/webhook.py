"""A webhook of the operator's own, by a contract of ours: docs/guides/external-dlp.md has it.

The request is signed as Standard Webhooks 1.0.0 does where the credential is a secret of theirs
(`whsec_`), and carries the credential as a bearer token (RFC 6750) otherwise.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Annotated, Literal

import msgspec
import orjson

from safeconduct.core.manifest import Effect
from safeconduct.core.model import Finding
from safeconduct.inspectors.external.texts import Nonsense, Text, texts
from safeconduct.inspectors.service import Credential, Service
from safeconduct.kit.webhooks import SECRET, key, signed
from safeconduct.ports import Matter


class _Found(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`text` is the index of a text, `start` and `end` count its Unicode code points."""

    kind: str
    text: Annotated[int, msgspec.Meta(ge=0)]
    start: int = 0
    end: int | None = None


class _Answer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    version: Literal[1]
    id: str
    findings: Annotated[tuple[_Found, ...], msgspec.Meta(max_length=1000)]


class Webhook:
    """Asks a webhook what it finds (`safeconduct.ports.Examiner`)."""

    def __init__(
        self,
        url: str,
        *,
        effects: Collection[Effect],
        credential: Credential | None,
        timeout_ms: int,
        ca: Path | None = None,
        clock_s: Callable[[], float] = time.time,
    ) -> None:
        """`effects` are those of the calls that it sees. Raises ValueError, OSError."""
        self._effects = frozenset(effects)
        self._credential = credential
        self._clock_s = clock_s
        self._service = Service(url, timeout_ms=timeout_ms, ca=ca)

    async def examine(self, value: object, matter: Matter) -> tuple[Finding, ...]:
        """What the webhook finds. Raises Unanswered, Nonsense, CredentialUnavailable."""
        shown = tuple(texts(value)) if matter.effect in self._effects else ()
        if not shown:
            return ()
        name = str(uuid.uuid4())
        body = orjson.dumps(
            {
                "version": 1,
                "id": name,
                "direction": matter.direction,
                "tool": matter.target,
                "effect": matter.effect.value,
                "tenant": matter.tenant,
                "user": matter.user,
                "agent": matter.agent,
                "task": matter.task,
                "texts": [one.text for one in shown],
            }
        )
        answer = await self._service.ask(body, self._proof(name, body), agent=matter.agent)
        return read(answer, name, shown)

    async def close(self) -> None:
        """Ends all connections."""
        await self._service.close()

    def _proof(self, name: str, body: bytes) -> dict[str, str]:
        if self._credential is None:
            return {}
        secret = self._credential()
        if not secret.startswith(SECRET):
            return {"authorization": f"Bearer {secret}"}
        return signed(key(secret), name, int(self._clock_s()), body)


def read(answer: object, name: str, shown: Sequence[Text]) -> tuple[Finding, ...]:
    """What an answer says of what was shown. Raises Nonsense."""
    try:
        said = msgspec.convert(answer, _Answer)
    except msgspec.ValidationError:
        raise Nonsense("the webhook answered in a shape of its own") from None
    if said.id != name:
        raise Nonsense("the webhook answered another question")
    if any(one.text >= len(shown) for one in said.findings):
        raise Nonsense("a finding where no text is")
    return tuple([shown[one.text].found(one.kind, one.start, one.end) for one in said.findings])
