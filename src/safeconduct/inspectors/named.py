"""Says on the gateway's own log which service of others gave no answer, and why."""

from __future__ import annotations

import logging
from typing import Final

from safeconduct.core.model import Finding
from safeconduct.ports import Closing, Examiner, Matter

_log = logging.getLogger(__name__)

_OURS: Final = "safeconduct."


def why(error: BaseException) -> str:
    """What kept a service from answering. Ours are sentences that quote nothing; others' might."""
    kind = type(error)
    if isinstance(error, TimeoutError):
        return "no answer in time"
    return str(error) if kind.__module__.startswith(_OURS) else kind.__name__


class Named:
    """An inspection that others run, by its name (`safeconduct.ports.Examiner`)."""

    def __init__(self, name: str, examiner: Examiner) -> None:
        self._name = name
        self.examiner = examiner

    async def examine(self, value: object, matter: Matter) -> tuple[Finding, ...]:
        """What it finds. Raises whatever it does."""
        try:
            return await self.examiner.examine(value, matter)
        except Exception as error:
            _log.warning("the external inspection %s gave no answer: %s", self._name, why(error))
            raise

    async def close(self) -> None:
        """Ends its connections."""
        if isinstance(self.examiner, Closing):
            await self.examiner.close()
