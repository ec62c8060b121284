"""An inspection that runs in a Salesforce organisation: a custom invocable action in Apex.

Salesforce documents no endpoint of Shield's that judges a text from elsewhere; what it documents is
how an action of the organisation's own is called (Actions Developer Guide, "Invoking Actions":
`POST /services/data/vXX.X/actions/custom/apex/<class>`), so that is what is spoken here, with one
input for each text. docs/guides/external-dlp.md has the class.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import msgspec
import orjson

from safeconduct.core.manifest import Effect
from safeconduct.core.model import Finding
from safeconduct.inspectors.external.texts import Nonsense, Text, texts
from safeconduct.inspectors.service import Credential, Service
from safeconduct.ports import Matter


class _Values(msgspec.Struct, frozen=True):
    """What the action returns of our contract with it: the kinds of what it found in the text."""

    kinds: tuple[str, ...]


class _Result(msgspec.Struct, frozen=True):
    isSuccess: bool  # noqa: N815  their name
    errors: tuple[Any, ...] | None
    outputValues: _Values | None  # noqa: N815  their name


class Shield:
    """Asks an invocable action (`safeconduct.ports.Examiner`)."""

    def __init__(
        self,
        url: str,
        *,
        effects: Collection[Effect],
        credential: Credential,
        timeout_ms: int,
        ca: Path | None = None,
    ) -> None:
        """`url` is that of the action, `credential` an access token for the organisation.

        Raises ValueError, OSError.
        """
        self._effects = frozenset(effects)
        self._credential = credential
        self._service = Service(url, timeout_ms=timeout_ms, ca=ca)

    async def examine(self, value: object, matter: Matter) -> tuple[Finding, ...]:
        """What the action finds. Raises Unanswered, Nonsense, CredentialUnavailable."""
        shown = tuple(texts(value)) if matter.effect in self._effects else ()
        if not shown:
            return ()
        about = {"direction": matter.direction, "tool": matter.target, "user": matter.user}
        question = orjson.dumps({"inputs": [{"text": one.text, **about} for one in shown]})
        proof = {"authorization": f"Bearer {self._credential()}"}
        answer = await self._service.ask(question, proof, agent=matter.agent)
        return read(answer, shown)

    async def close(self) -> None:
        """Ends all connections."""
        await self._service.close()


def read(answer: object, shown: Sequence[Text]) -> tuple[Finding, ...]:
    """What an answer says of what was shown. Raises Nonsense."""
    try:
        said = msgspec.convert(answer, tuple[_Result, ...])
    except msgspec.ValidationError:
        raise Nonsense("the action answered in another shape") from None
    if len(said) != len(shown):
        raise Nonsense("the action did not answer for each text")
    found: list[Finding] = []
    for text, one in zip(shown, said, strict=True):
        if not one.isSuccess or one.errors or one.outputValues is None:
            raise Nonsense("the action failed")
        found += [text.found(kind) for kind in dict.fromkeys(one.outputValues.kinds)]
    return tuple(found)
