"""Newer rules while the gateway runs: looked for, judged beside the old ones, and then in force.

Until a policy is accepted and on record the one before decides, and goes on if the newer one is
refused. A call is judged by one policy: `enrich` asks for it once.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from typing import Final

from safeconduct.policy.bundles.release import SOON_MS
from safeconduct.policy.keeping import Keeper, Policy
from safeconduct.policy.refusal import PolicyRefused
from safeconduct.ports import JSON, Closing, PolicyEngine
from safeconduct.rooms import Rooms

_log = logging.getLogger(__name__)

MAX_SENTENCE: Final = 500
"""How much of a refusal is put on record, in characters."""

LINGER_S: Final = 10.0
"""How long the engine of before has to answer what it was asked, in seconds."""

WATCH_S: Final = 3600.0
"""How often to look whether a release ends soon, where nobody looks for newer rules."""


class Reloading:
    """The policy of a running gateway. `refused` says why the last one that was found is not it."""

    def __init__(self, rooms: Rooms, keeper: Keeper, policy: Policy) -> None:
        self._rooms = rooms
        self._keeper = keeper
        self._policy = policy
        self._every_s = rooms.config.root.policy.reload_s
        self._one_at_a_time = asyncio.Lock()
        self._warned: str | None = None
        self._leaving: dict[asyncio.Task[None], PolicyEngine] = {}
        self.refused = policy.instead
        # Since when it decides, and what brought it.
        self._since_ms, self._by = rooms.clock_ms(), "start"

    async def start(self) -> None:
        """Puts on record what decides from the start. Raises LedgerFault, OSError."""
        if self._policy.instead is None:
            await asyncio.to_thread(self._keeper.keep, self._policy)
            self._keeper.settle(self._policy)
        else:
            _log.error("the policy of before decides: %s", self._policy.instead)
        await self._record_loaded(self._policy, "start")
        self._watch()

    async def reload(self, by: str, *, again: bool = True) -> bool:
        """Looks for newer rules and uses them; whether there were any. `by` goes on record.

        With `again` also what was looked at and refused before is looked at.

        Raises:
            PolicyRefused: nothing acceptable is there, and the policy stays as it is.
            LedgerFault, OSError: it could not be put on record or kept, and stays as it is, too.
        """
        async with self._one_at_a_time:
            try:
                found = await asyncio.to_thread(self._keeper.look, again=again)
                if found is None or self._is_running(found):
                    self.refused = None
                    if found is not None:
                        self._keeper.settle(found)
                    return False
                engine = await asyncio.to_thread(self._keeper.engine, found)
            except PolicyRefused as refused:
                await self._refuse(str(refused), by)
                raise
            try:
                await asyncio.to_thread(self._keeper.keep, found)
                await self._record_loaded(found, by)
            except BaseException:
                await _close(engine)
                raise
            self._since_ms, self._by = self._rooms.clock_ms(), by
            before = self._rooms.policy
            self._rooms.use(engine)
            self._keeper.settle(found)
            self._policy, self.refused = found, None
            self._leave(before)
            _log.warning("the policy is now %s", found.bundle.digest)
            return True

    def _is_running(self, found: Policy) -> bool:
        return found.bundle == self._policy.bundle and self._policy.instead is None

    def _leave(self, engine: PolicyEngine) -> None:
        """Closes an engine once the calls that it was asked about have their answers."""

        async def later() -> None:
            await asyncio.sleep(LINGER_S)
            del self._leaving[task]
            await _close(engine)

        task = asyncio.create_task(later())
        self._leaving[task] = engine

    async def keep_up(self) -> None:
        """Until cancelled: looks for newer rules when it is time, and on SIGHUP; and whether the
        release ends.
        """
        hung_up = asyncio.Event()
        with _on_hang_up(hung_up.set):
            while True:
                by = "timer"
                with suppress(TimeoutError):
                    async with asyncio.timeout(self._every_s or WATCH_S):
                        await hung_up.wait()
                        by = "SIGHUP"
                        hung_up.clear()
                if self._every_s is not None or by == "SIGHUP":
                    await self._try(by)
                self._watch()

    async def _try(self, by: str) -> None:
        try:
            await self.reload(by, again=by != "timer")
        except PolicyRefused:
            pass  # it was said and put on record
        except Exception:  # noqa: BLE001 upkeep goes on, and so does the policy of before
            _log.exception("a newer policy could not be taken, and the one before stays")

    async def close(self) -> None:
        """Ends what is left of policies of before."""
        for task, engine in list(self._leaving.items()):
            task.cancel()
            await _close(engine)

    def shown(self) -> JSON:
        """What the operator gets to know."""
        release = self._policy.bundle.release
        return {
            "source": self._policy.source,
            "digest": self._policy.bundle.digest,
            "refused": self.refused,
            "release": None if release is None else release.version,
            "ends_ms": None if release is None else release.ends_ms,
            "since_ms": self._since_ms,
            "by": self._by,
        }

    async def _refuse(self, sentence: str, by: str) -> None:
        """Says it once, however often it is looked at."""
        if sentence == self.refused:
            return
        self.refused = sentence
        _log.error("a policy was refused, and the one before stays: %s", sentence)
        await self._rooms.log.append(
            {
                "kind": "policy",
                "phase": "refused",
                "at_ms": self._rooms.clock_ms(),
                "by": by,
                "source": self._keeper.where,
                "policy": self._policy.bundle.digest,
                "why": sentence[:MAX_SENTENCE],
            }
        )

    async def _record_loaded(self, policy: Policy, by: str) -> None:
        bundle = policy.bundle
        record: dict[str, object] = {
            "kind": "policy",
            "phase": "loaded",
            "at_ms": self._rooms.clock_ms(),
            "by": by,
            "source": policy.source,
            "name": bundle.header.name,
            "policy": bundle.digest,
            "before": self._rooms.policy.digest,
        }
        if bundle.release is not None:
            record["release"] = bundle.release.version
            record["signer"] = bundle.release.signer
            record["ends_ms"] = bundle.release.ends_ms
        if policy.instead is not None:
            record["why"] = policy.instead[:MAX_SENTENCE]
        await self._rooms.log.append(record)

    def _watch(self) -> None:
        """Complains once about a release that ends soon, and once about one that has ended."""
        release = self._policy.bundle.release
        now_ms = self._rooms.clock_ms()
        if release is None or now_ms < release.ends_ms - SOON_MS:
            return
        what = "has ended, and every call is refused" if now_ms >= release.ends_ms else "ends soon"
        warning = f"release {release.version} of the policy {what}"
        if warning != self._warned:
            self._warned = warning
            _log.error("%s (%s)", warning, release.not_after.isoformat())


async def _close(engine: PolicyEngine) -> None:
    if isinstance(engine, Closing):
        await engine.close()


@contextmanager
def _on_hang_up(call: Callable[[], None]) -> Generator[None, None, None]:
    """While it lasts SIGHUP does not end the process; only the main thread hears of signals."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGHUP, call)
    try:
        yield
    finally:
        loop.remove_signal_handler(signal.SIGHUP)
