"""Rego, evaluated in a process of its own: a rule that ends it, or never ends, costs one call."""

from __future__ import annotations

import weakref
from typing import Final

from safeconduct.core.policy import PolicyAnswer
from safeconduct.policy.bundles.reading import Bundle
from safeconduct.policy.rego.children import Children, Lost
from safeconduct.policy.rego.engine import MAX_INPUT_BYTES, TOO_LARGE
from safeconduct.policy.rego.starting import Limits

_LIMITS: Final = Limits()


class RegoProcess:
    """The rules of one bundle. `digest` names it; `unsafe` are its switches that weaken it;
    `members` are those of the input that its rules can see, or None for all; `rules` are those that
    answer, and where they stand.

    Its processes end when nobody has it any more, or with `close`. It is for one event loop.
    """

    def __init__(self, bundle: Bundle, limits: Limits = _LIMITS) -> None:
        """Take a bundle as it is: `safeconduct.policy.loading` is what checks one. Blocks until its
        rules were read.

        Raises:
            PolicyRefused: the rules do not parse, or no process came up.
        """
        self.digest = bundle.digest
        self.unsafe = bundle.header.unsafe
        self._contract = bundle.contract
        self._children = children = Children(bundle, limits)
        self.members = children.described.members
        self.rules = children.described.rules
        # At the end of this process nobody has to: a child that hears no more ends.
        weakref.finalize(self, children.abandon).atexit = False

    async def evaluate(self, input_json: bytes, now_ms: int) -> PolicyAnswer:
        """What the rules say to one input, a JSON object of at most `MAX_INPUT_BYTES`.

        `now_ms` is what rules get as the time. Never raises: every failure is an answer with
        `error`, which quotes nothing of the input.
        """
        try:
            if len(input_json) > MAX_INPUT_BYTES:
                return self._contract.failed(TOO_LARGE)
            answer = await self._children.ask(input_json, now_ms)
        except Lost as error:
            return self._contract.failed(str(error))
        except Exception as error:  # noqa: BLE001 whatever it was, nobody said that the call may run
            return self._contract.failed(f"the rules were not asked ({type(error).__name__})")
        if answer.bundle != self.digest:
            return self._contract.failed("the rules that answered are others")
        return answer

    @property
    def pids(self) -> tuple[int, ...]:
        """Its processes: the one that is asked, and the one that waits, as far as they are up."""
        return self._children.pids

    async def close(self) -> None:
        """End its processes."""
        await self._children.close()
