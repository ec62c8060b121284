"""Microsoft Purview over Microsoft Graph 1.0: `userDataSecurityAndGovernance: processContent`.

https://learn.microsoft.com/graph/api/userdatasecurityandgovernance-processcontent: the policies
that hold for the user of a call judge its texts, which are one content to them, so that a verdict
is a finding in all of them.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Collection, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import msgspec
import orjson

from safeconduct.core.manifest import Effect
from safeconduct.core.model import Finding
from safeconduct.inspectors.external.texts import Nonsense, Text, texts
from safeconduct.inspectors.service import Credential, Service
from safeconduct.ports import Matter

NAME: Final = "Safeconduct"
VERSION: Final = "1.0"

RESTRICT: Final = "restrictAccess"
"""The one action there is so far; how it restricts (`block`, `warn`, `audit`) names the finding."""

_ACTIVITIES: Final = {"argument": "uploadText", "result": "downloadText"}
_HUMP: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


class _Action(msgspec.Struct, frozen=True):
    action: str
    restrictionAction: str | None = None  # noqa: N815  their name


class _Answer(msgspec.Struct, frozen=True):
    policyActions: tuple[_Action, ...]  # noqa: N815  their name
    processingErrors: tuple[Any, ...]  # noqa: N815  their name


class Purview:
    """Asks Purview for its verdict (`safeconduct.ports.Examiner`)."""

    def __init__(
        self,
        url: str,
        *,
        application: str,
        effects: Collection[Effect],
        credential: Credential,
        timeout_ms: int,
        ca: Path | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """`url` is that of Microsoft Graph with its version, `application` the id under which the
        gateway is registered in Microsoft Entra, `credential` an access token for it with the
        permission Content.Process.User or Content.Process.All.

        Raises ValueError, OSError.
        """
        self._application = application
        self._effects = frozenset(effects)
        self._credential = credential
        self._now = now
        self._service = Service(url.rstrip("/"), timeout_ms=timeout_ms, ca=ca)

    async def examine(self, value: object, matter: Matter) -> tuple[Finding, ...]:
        """What Purview's policies do about a value. Raises Unanswered, Nonsense,
        CredentialUnavailable.
        """
        shown = tuple(texts(value)) if matter.effect in self._effects else ()
        if not shown:
            return ()
        answer = await self._service.ask(
            orjson.dumps(self._question(shown, matter)),
            {"authorization": f"Bearer {self._credential()}"},
            f"/users/{quote(matter.user, safe='@')}/dataSecurityAndGovernance/processContent",
            agent=matter.agent,
        )
        return read(answer, shown)

    async def close(self) -> None:
        """Ends all connections."""
        await self._service.close()

    def _question(self, shown: Sequence[Text], matter: Matter) -> dict[str, Any]:
        at = self._now().isoformat(timespec="seconds")
        app = {"name": NAME, "version": VERSION}
        location = {
            "@odata.type": "microsoft.graph.policyLocationApplication",
            "value": self._application,
        }
        entry = {
            "@odata.type": "microsoft.graph.processConversationMetadata",
            "identifier": str(uuid.uuid4()),
            "content": {
                "@odata.type": "microsoft.graph.textContent",
                "data": "\n".join(one.text for one in shown),
            },
            "name": matter.target,
            "correlationId": matter.task,
            "sequenceNumber": 0,
            "isTruncated": False,
            "createdDateTime": at,
            "modifiedDateTime": at,
        }
        return {
            "contentToProcess": {
                "contentEntries": [entry],
                "activityMetadata": {"activity": _ACTIVITIES[matter.direction]},
                "deviceMetadata": {"deviceType": "Unmanaged"},
                "protectedAppMetadata": {**app, "applicationLocation": location},
                "integratedAppMetadata": app,
            }
        }


def read(answer: object, shown: Sequence[Text]) -> tuple[Finding, ...]:
    """What an answer says of what was shown. Raises Nonsense."""
    try:
        said = msgspec.convert(answer, _Answer)
    except msgspec.ValidationError:
        raise Nonsense("Purview answered in another shape") from None
    if said.processingErrors:
        raise Nonsense("Purview could not process the content")
    names = dict.fromkeys(_name(one) for one in said.policyActions)
    return tuple([one.found(name) for name in names for one in shown])


def _name(said: _Action) -> str:
    name = said.restrictionAction if said.action == RESTRICT else said.action
    return _HUMP.sub("-", name or said.action).lower()
