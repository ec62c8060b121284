"""Open Policy Agent over its REST API (`POST /v1/data/<path>?strict-builtin-errors=true`).

Strict, because a function that fails is otherwise undefined there, and a `deny` that calls it would
not be heard: so it is an error of the server, which refuses.

The document asked for is the package of the entrypoint, with the sets of the contract beside
whatever else the package defines. No `result` means undefined, which refuses.
"""

from __future__ import annotations

from typing import Any, Final, cast

import msgspec

from safeconduct.core.policy import PolicyAnswer
from safeconduct.policy.bundles.header import Remote
from safeconduct.policy.contract import Contract, Sets
from safeconduct.policy.remote.asking import Asking, Authorization, Unanswered

_SETS: Final = Sets.__struct_fields__


class OpaEngine:
    """Rules that an OPA server evaluates; the members of the input are all sent."""

    def __init__(
        self,
        contract: Contract,
        remote: Remote,
        entrypoint: str,
        *,
        unsafe: tuple[str, ...] = (),
        authorization: Authorization | None = None,
    ) -> None:
        """`entrypoint` is a package. Raises PolicyRefused."""
        self.digest, self.unsafe = contract.digest, unsafe
        self.members: frozenset[str] | None = None
        self._contract = contract
        path = f"/v1/data/{entrypoint.replace('.', '/')}?strict-builtin-errors=true"
        self._asking = Asking(remote, path, authorization)

    async def evaluate(self, input_json: bytes, now_ms: int) -> PolicyAnswer:
        """What the rules say. The server's clock is its own: rules take `input.now_ms`."""
        try:
            answer = await self._asking.ask(b'{"input":' + input_json + b"}")
        except Unanswered as error:
            return self._contract.failed(f"the decision point: {error}")
        result = answer.get("result")
        if not isinstance(result, dict) or "permit" not in result:
            return self._contract.failed("the decision point knows no such rules")
        package = cast("dict[str, Any]", result)
        try:
            sets = msgspec.convert({name: package.get(name, ()) for name in _SETS}, Sets)
        except msgspec.ValidationError:
            return self._contract.failed("the decision point answered in a shape of its own")
        return self._contract.answer(sets)

    async def close(self) -> None:
        """Ends the connections to the server."""
        await self._asking.close()
