"""Rules that are good until their release ends."""

from __future__ import annotations

from collections.abc import Awaitable

from safeconduct.core.policy import PolicyAnswer
from safeconduct.policy.contract import Contract
from safeconduct.ports import Closing, PolicyEngine


class Lasting:
    """An engine that answers until `ends_ms`, and from then on fails, so that calls are refused.

    Whoever keeps newer releases from a gateway would otherwise have it decide by old rules for as
    long as it runs.
    """

    def __init__(self, engine: PolicyEngine, contract: Contract, ends_ms: int) -> None:
        self._engine = engine
        self._contract = contract
        self._ends_ms = ends_ms
        self.digest = engine.digest
        self.unsafe = engine.unsafe
        self.members = engine.members

    def evaluate(self, input_json: bytes, now_ms: int) -> PolicyAnswer | Awaitable[PolicyAnswer]:
        if now_ms >= self._ends_ms:
            return self._contract.failed("the release of the policy has ended")
        return self._engine.evaluate(input_json, now_ms)

    async def close(self) -> None:
        """End what the engine has of its own."""
        if isinstance(self._engine, Closing):
            await self._engine.close()
