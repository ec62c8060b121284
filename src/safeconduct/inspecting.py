"""What inspectors find in what a call sends and in what comes back; each is bounded in time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from functools import partial
from typing import Final, Literal, NamedTuple, TypeVar

import orjson

from safeconduct.core.checks.content import unfit
from safeconduct.core.findings import Unexamined
from safeconduct.core.model import Call, Finding, Gathered
from safeconduct.kit.aside import Aside
from safeconduct.kit.work import AT_ONCE, MOST, TooMuch, Work, bounded_by
from safeconduct.ports import Examiner, Inspector, Matter

T = TypeVar("T")

AT_ONCE_BYTES: Final = 65_536
"""Up to which size, as JSON, a value is looked at without a thread of its own."""

PATIENCE_S: Final = 90.0
"""How long all that examines one value may take, in seconds: longer than any of them may be
configured to.
"""


class Looked(NamedTuple):
    """What was found in the arguments of a call; `failed`: somebody who had to look could not."""

    findings: tuple[Finding, ...] = ()
    failed: bool = False


class Inspecting:
    """All that look at values: inspectors at once, examiners at length, and those outside, who run
    elsewhere and see a call only when nothing else refuses it.
    """

    def __init__(
        self,
        inspectors: Sequence[Inspector],
        examiners: Sequence[Examiner],
        outside: Sequence[Examiner],
    ) -> None:
        self.inspectors = inspectors
        self.examiners = examiners
        self.outside = outside
        self.aside = Aside()

    async def sent(self, call: Call, gathered: Gathered) -> Looked:
        """What is found here in the arguments of a call."""
        if not call.arguments:
            return Looked()
        try:
            found = await self.inspect(call.arguments, gathered.agent.id)
            # What may not be sent is shown to nobody else either.
            if self.examiners and unfit(gathered.tool, found) is None:
                matter = _matter("argument", call, gathered)
                found += await _at_length(self.examiners, call.arguments, matter)
        except Unexamined as error:
            return Looked((Finding(error.kind, (), 0, 0),), failed=True)
        except Exception:  # noqa: BLE001  whatever an inspector raises must refuse, not pass
            return Looked(failed=True)
        return Looked(found)

    async def shown(self, call: Call, gathered: Gathered) -> Looked:
        """What those outside find in the arguments of a call."""
        matter = _matter("argument", call, gathered)
        try:
            return Looked(await _at_length(self.outside, call.arguments, matter))
        except Exception:  # noqa: BLE001  whatever they raise must refuse, not pass
            return Looked(failed=True)

    async def came(self, result: object, call: Call, gathered: Gathered) -> tuple[Finding, ...]:
        """What all of them find in a result; what they raise withholds it."""
        found = await self.inspect(result, gathered.agent.id)
        if examiners := (*self.examiners, *self.outside):
            found += await _at_length(examiners, result, _matter("result", call, gathered))
        return found

    async def inspect(self, value: object, agent: str) -> tuple[Finding, ...]:
        """What the inspectors find in a JSON value. What is long, or takes long, is looked at
        aside, where each agent has its turn.

        Raises: whatever they do; TooMuch, TooMany.
        """
        data = _written(value)  # once for all of them
        look = partial(self._looked, value, data)
        if data is None or len(data) <= AT_ONCE_BYTES:
            with suppress(TooMuch):
                return look(AT_ONCE)
        return await self.aside.run(agent, partial(look, MOST))

    async def apart(self, value: object, agent: str, work: Callable[[], T]) -> T:
        """What is worked out of a JSON value: of a long one aside, where each agent has its turn.

        Raises: what the work does; TooMany.
        """
        data = _written(value)
        if data is not None and len(data) <= AT_ONCE_BYTES:
            return work()
        return await self.aside.run(agent, work)

    def _looked(self, value: object, data: bytes | None, units: int) -> tuple[Finding, ...]:
        with bounded_by(Work(units)):
            return tuple(
                [one for inspector in self.inspectors for one in inspector.inspect(value, data)]
            )


def _written(value: object) -> bytes | None:
    try:
        return orjson.dumps(value)
    except orjson.JSONEncodeError:
        return None


async def _at_length(
    examiners: Iterable[Examiner], value: object, matter: Matter
) -> tuple[Finding, ...]:
    """What the examiners find; each ends in time by itself, and all of them here.

    Raises: whatever they do; TimeoutError.
    """
    found: tuple[Finding, ...] = ()
    async with asyncio.timeout(PATIENCE_S):
        for examiner in examiners:
            found += await examiner.examine(value, matter)
    return found


def _matter(direction: Literal["argument", "result"], call: Call, gathered: Gathered) -> Matter:
    return Matter(
        direction=direction,
        target=call.target,
        effect=gathered.tool.effect,
        tenant=gathered.tenant,
        user=gathered.user.id,
        agent=gathered.agent.id,
        task=gathered.task.id,
    )
