"""A second model's word on a call, where one is configured."""

from __future__ import annotations

import asyncio
import logging
from typing import Final

import msgspec

from safeconduct.config.inspectors import ReviewerBlock
from safeconduct.core.labels import Integrity
from safeconduct.core.model import Call, Facts
from safeconduct.core.record import places
from safeconduct.core.review import Reviewed
from safeconduct.core.tokens import concealed
from safeconduct.ports import Asked, Reviewer

PATIENCE_S: Final = 90.0
"""How long a reviewer may take, in seconds: longer than it may be configured to."""

_log = logging.getLogger(__name__)


class Reviewing:
    """Asks the reviewer. Without a block nobody is asked."""

    def __init__(self, block: ReviewerBlock | None, reviewer: Reviewer | None) -> None:
        self._block = block
        self.reviewer = reviewer

    def concerns(self, facts: Facts) -> bool:
        """Whether a call of such an effect is reviewed."""
        block = self._block
        return block is not None and facts.gathered.tool.effect.value in block.effects

    async def reviewed(self, call: Call, facts: Facts) -> Facts:
        """The facts with what the second model makes of the call."""
        return msgspec.structs.replace(facts, review=await self._review(call, facts))

    async def _review(self, call: Call, facts: Facts) -> Reviewed:
        """What the second model makes of a call; that it does not answer is an answer, too."""
        task, given = facts.gathered.task, call.arguments
        asked = Asked(
            agent=facts.gathered.agent.id,
            purpose=task.purpose,
            purpose_source=task.purpose_source,
            target=call.target,
            effect=facts.gathered.tool.effect,
            # Nobody else gets to see what the agent does not.
            arguments=concealed(given, call.revealed),
            origins=places(call, facts),
            untrusted=task.labels.integrity is Integrity.untrusted,
        )
        try:
            async with asyncio.timeout(PATIENCE_S):
                said = await self.reviewer.review(asked) if self.reviewer else None
        except Exception as error:  # noqa: BLE001  whatever a reviewer raises is no answer
            said = None
            # Ours are sentences that quote nothing; what others say might.
            ours = type(error).__module__.startswith("safeconduct.")
            _log.warning("the reviewer gave no answer: %s", error if ours else type(error).__name__)
        otherwise = self._block.otherwise if self._block else "refuse"
        if said is None:
            return Reviewed("failed", "no-answer", otherwise)
        return Reviewed(said.answer, said.why_code, otherwise)
