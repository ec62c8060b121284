"""The rooms, wired: the page with everything that stands behind it, and nothing that listens."""

from __future__ import annotations

import asyncio
import faulthandler
import logging
import secrets
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import ExitStack, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from safeconduct.approvals.bypassing import Bypasses
from safeconduct.approvals.desk import Desk
from safeconduct.approvals.links import Links
from safeconduct.approvals.members import groups
from safeconduct.approvals.obeying import CONFIGURATION, Backing
from safeconduct.audit.log import Log
from safeconduct.audit.payloads import keystore
from safeconduct.audit.payloads.boundary import Boundary
from safeconduct.audit.payloads.keystore import Keystore
from safeconduct.audit.payloads.opening import PayloadUnsealer
from safeconduct.audit.payloads.sealing import PayloadSealer
from safeconduct.audit.retention.erasing import forget_again
from safeconduct.audit.signer import Signing
from safeconduct.audit.signer.notary import Notary
from safeconduct.config.approvals import templates
from safeconduct.config.policy import Process
from safeconduct.config.schema import Config
from safeconduct.copies import Copies
from safeconduct.core.calls import LIST_CHANGED
from safeconduct.core.record import outcome_record
from safeconduct.delegation import feed
from safeconduct.facts import FactFinder
from safeconduct.gateway import Gateway
from safeconduct.handover import Handover
from safeconduct.inspecting import Inspecting
from safeconduct.inspectors import room
from safeconduct.inspectors.held import HeldSecrets
from safeconduct.inspectors.instructions.inspector import InstructionInspector
from safeconduct.inspectors.secrets import SecretInspector
from safeconduct.kit import files
from safeconduct.ports import (
    JSON,
    Closing,
    CredentialUnavailable,
    Errand,
    Identity,
    LedgerFault,
    PolicyEngine,
    Upstream,
    UpstreamFault,
    Wanted,
)
from safeconduct.recorder import Recorder
from safeconduct.reviewing import Reviewing
from safeconduct.secrets import references
from safeconduct.secrets.broker import Broker
from safeconduct.secrets.tool_tokens import Sign, unsigned
from safeconduct.subscriptions import Subscriptions
from safeconduct.tasks.prints import Prints
from safeconduct.tasks.state import TaskState
from safeconduct.tokens import Tokens
from safeconduct.tools.accepting import Accepting
from safeconduct.tools.catalogue import Catalogue
from safeconduct.tools.offers import Offers

if TYPE_CHECKING:
    from safeconduct.approvals.passkeys import Passkeys
    from safeconduct.policy.keeping import Keeper

_log = logging.getLogger(__name__)

STATE_FILE: Final = "state.sqlite3"
MASK_KEY: Final = "mask.key"
PRINTS_FILE: Final = "fingerprints.sqlite3"
PRINTS_KEY: Final = "fingerprints.key"
TOKENS_KEY: Final = "tokens.key"
BEAT_S: Final = 1.0
BEATS_PER_REFRESH: Final = 30
STALL_S: Final = 15.0
"""How long the event loop may stand still before the process is ended, in seconds."""


def clock_ms() -> int:
    """The time, in milliseconds since the epoch."""
    return time.time_ns() // 1_000_000


def new_id(kind: str) -> str:
    """A random identifier: `d_` decision, `t_` task, `a_` approval, `e_` elevation, `i_`
    incident.
    """
    return f"{kind}_{next(_RANDOM)}"


def _randoms() -> Iterator[str]:
    """Random 96-bit numbers in hexadecimal; one system call serves many."""
    while True:
        pool = secrets.token_hex(12 * 256)
        yield from (pool[start : start + 24] for start in range(0, len(pool), 24))


_RANDOM: Final = _randoms()


def secret(path: Path) -> bytes:
    """What is hashed with: made once, so that equal values stay equal.

    Raises OSError.
    """
    try:
        return path.read_bytes()
    except FileNotFoundError:
        key = secrets.token_bytes(32)
        files.replace(path, key, mode=0o600)
        return key


def keeper(config: Config, *, process: Process | None = None) -> Keeper:
    """What has the configured policy; `process` instead of the one that is configured.

    Raises PolicyRefused.
    """
    from safeconduct.policy.keeping import Keeper
    from safeconduct.secrets.references import read

    block = config.root.policy
    directory, reference = Path(config.directory), block.authorization
    return Keeper(
        block if process is None else msgspec.structs.replace(block, process=process),
        directory,
        directory / config.root.gateway.state,
        clock_ms=clock_ms,
        authorization=None if reference is None else partial(read, directory, reference),
    )


def engine(config: Config) -> PolicyEngine:
    """What evaluates the configured policy here, in this process. Raises PolicyRefused."""
    kept = keeper(config, process="shared")
    return kept.engine(kept.start())


class Rooms:
    """A gateway and everything behind it, wired together."""

    def __init__(
        self,
        config: Config,
        *,
        identity: Identity,
        upstreams: Mapping[str, Upstream],
        policy: PolicyEngine,
        sign: Sign = unsigned,
        signer: Callable[[Path, Path, str], Signing] = Notary,
        clock: Callable[[], int] = clock_ms,
        step: Callable[[int], None] = lambda _: None,
    ) -> None:
        """Opens the log and the state, and wires the page. `signer` makes what signs the log of a
        name in a directory, with the key in a state directory: in this process or another.

        Raises:
            CannotLook: as `inspectors.room`.
            LedgerFault: the log cannot be opened, or contradicts itself.
            OSError: a directory cannot be made or opened.
        """
        root, directory = config.root, Path(config.directory)
        state = directory / root.gateway.state
        state.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.config = config
        self.clock_ms = clock
        self.upstreams = upstreams
        self.policy = policy
        # What reads files of others comes first: what is wrong with them leaves nothing open.
        quick = room.inspectors(root.inspectors, directory)
        read = partial(references.read, directory)
        self.examiners = room.examiners(root.inspectors, directory, quick)
        self.outside = room.outside(root.inspectors, directory, read)
        self.reviewer = room.reviewer(config, read)
        self.state = TaskState(state / STATE_FILE)
        self.prints = Prints(state / PRINTS_FILE, secret(state / PRINTS_KEY))
        origin = root.audit.origin or f"{root.gateway.tenant}/audit"
        self.keys = Keystore(state / keystore.DIRECTORY)
        inspectors = (SecretInspector(), held := HeldSecrets())
        self.log = Log.open(
            directory / root.audit.directory,
            self.state,
            origin=origin,
            boundary=Boundary(self.keys, root.gateway.tenant, inspectors),
            signer=lambda log, name: signer(log, state, name),
        )
        self.feed = feed.Feed(state, self.state.revocations())
        self.broker = broker = Broker(
            config, clock_ms=clock, sign=sign, record=self.log.append, note=held.note
        )
        self.offers = Offers(config, upstreams, broker, InstructionInspector.of_definitions())
        broker.tickets.given = self._consented
        self.catalogue = Catalogue(config, self.offers, self.state.accepted)
        self.accepting = Accepting(config, state, self.log, self.offers, self.catalogue, clock)
        self._watching = ExitStack()
        approvals = root.approvals
        members = groups({name: (one.users, one.groups) for name, one in approvals.groups.items()})
        self.desk = Desk(
            self.log,
            clock,
            new_id,
            members=members,
            terminal=approvals.unsafe_terminal,
        )
        self.bypasses = Bypasses(
            self.log,
            verifiers=lambda: self.desk.verifiers,
            members=members,
            templates=templates(approvals),
            most_minutes=approvals.bypass_minutes,
            tenant=root.gateway.tenant,
            clock_ms=clock,
            new_id=new_id,
        )
        self._backing = Backing(config, members)
        self.enrolments, self.visits = Links(clock), Links(clock)
        self.passkeys = self._passkeys()
        copies = Copies(self.state, self.prints)
        self.facts = FactFinder(
            config,
            identity=identity,
            state=self.state,
            copies=copies,
            catalogue=self.catalogue,
            policy=policy,
            inspecting=Inspecting(quick, self.examiners, self.outside),
            reviewing=Reviewing(root.reviewer, self.reviewer),
            tokens=Tokens(secret(state / TOKENS_KEY)),
            unsealer=PayloadUnsealer(directory / root.audit.directory, self.keys),
            upstreams=upstreams,
            broker=broker,
            clock_ms=clock,
        )
        sealer = PayloadSealer(self.keys, inspectors)
        mask = secret(state / MASK_KEY)
        self.recorder = recorder = Recorder(
            self.log, sealer, self.desk, clock, new_id, mask, copies
        )
        self.gateway = Gateway(
            self.facts,
            recorder=recorder,
            broker=broker,
            upstreams=upstreams,
            timeouts_s={where: float(block.timeout_s) for where, block in root.upstreams.items()},
            step=step,
        )
        self.handover = Handover(self.gateway, recorder)
        self.subscriptions = Subscriptions(
            self.gateway, recorder, broker, upstreams, self.offers.watch
        )

    def _passkeys(self) -> Passkeys | None:
        """The passkeys of approvers, who say yes with them at the console; without one, none."""
        console = self.config.root.console
        if console is None:
            return None
        from safeconduct.approvals.passkeys import Passkeys

        tenant = self.config.root.gateway.tenant
        passkeys = Passkeys(self.state, self.log, console.url, tenant, self.clock_ms)
        self.desk.verifiers = {**self.desk.verifiers, "passkey": passkeys}
        return passkeys

    async def start(self) -> None:
        """Records the start and what a crash left open, and asks the upstreams what they offer."""
        now_ms = self.clock_ms()
        for name in forget_again(self.keys, self.state.erased()):
            _log.critical("%s was erased and was known again: the keystore is an old copy", name)
        self.prints.forget(self.state.forgotten)
        await self.log.append(
            {
                "kind": "config",
                "phase": "loaded",
                "at_ms": now_ms,
                "tenant": self.config.root.gateway.tenant,
                "policy": self.policy.digest,
                "unsafe": [*self.config.unsafe, *self.policy.unsafe],
            }
        )
        await self._obey()
        for decision, left in self.state.open_calls():
            # The digest of a state-changing call stays locked for good.
            await self.log.append(
                outcome_record(
                    decision,
                    left.task,
                    now_ms,
                    "unknown",
                    reason="outcome-unknown",
                    may_have_happened=True,
                )
            )
        self._watching.enter_context(self.offers.watch(self.accepting.look))
        await self.offers.refresh(self.pin)

    async def _obey(self) -> None:
        """Ends what stands because of somebody who could not say yes to it any more."""
        tenant, stands = self.config.root.gateway.tenant, self._backing.stands
        for task, one in self.state.elevated(self.clock_ms()):
            if not stands(one.by, one.facts.parties):
                await self.desk.end(one.facts.id, task, tenant, CONFIGURATION)
        for bypass in self.state.bypasses():
            if bypass.party is None or not stands((bypass.by,), (bypass.party,)):
                await self.bypasses.end(bypass.id, CONFIGURATION)

    async def pin(self, target: str, seen: str) -> str:
        """The digest pinned to a definition: the one first seen."""
        pinned = self.state.pin(target)
        if pinned is None:
            await self.log.append(
                {"kind": "pin", "target": target, "pin": seen, "at_ms": self.clock_ms()}
            )
            return seen
        return pinned

    async def keep_up(self) -> None:
        """Until cancelled: looks again at what the upstreams offer, and shows that the loop lives.

        A definition that changed is refused from then on. A loop that stands still, because a rule
        or an inspector never ends, ends the process: a gateway that hangs decides nothing.
        """
        beats = 0
        upkeep = [asyncio.create_task(self._listen(where)) for where in self.upstreams]
        upkeep.append(asyncio.create_task(self._beat()))
        try:
            while True:
                faulthandler.dump_traceback_later(STALL_S, exit=True)
                await asyncio.sleep(BEAT_S)
                beats += 1
                if beats % BEATS_PER_REFRESH == 0:
                    await self._refresh(self.offers.refresh(self.pin))
        finally:
            faulthandler.cancel_dump_traceback_later()
            for task in upkeep:
                task.cancel()
            await asyncio.gather(*upkeep, return_exceptions=True)

    async def _beat(self) -> None:
        """Tells the other processes that nothing more was revoked until now."""
        while True:
            try:
                self.feed.beat(self.clock_ms())
            except OSError:
                _log.exception("other processes cannot hear of revocations, and refuse")
            await asyncio.sleep(feed.BEAT_S)

    async def _listen(self, where: str) -> None:
        """Looks at once when an upstream says that its offers changed, at most once a second."""

        async def look(method: str, _params: JSON) -> None:
            await self._refresh(self.offers.refresh_one(where, self.pin))
            self.offers.noticed(where, kinds[method])
            await asyncio.sleep(BEAT_S)

        kinds = {method: kind for kind, method in LIST_CHANGED.items()}

        while True:
            with suppress(UpstreamFault, CredentialUnavailable):
                await self.upstreams[where].listen(
                    Wanted(tools=True, prompts=True, resources=True),
                    owner=f"{where}||",
                    credential=await self.broker.credential(Errand(upstream=where)),
                    heard=look,
                )
            await asyncio.sleep(BEATS_PER_REFRESH * BEAT_S)

    async def _consented(self, where: str) -> None:
        """Looks what an upstream offers: with the consent it may be what had none to ask with."""
        await self._refresh(self.offers.refresh_one(where, self.pin))

    async def _refresh(self, refresh: Awaitable[None]) -> None:
        try:
            await refresh
        except LedgerFault:
            pass  # every call says so, too
        except Exception:  # noqa: BLE001  upkeep goes on; what is known stays as it is
            _log.exception("the upstreams' offers could not be refreshed")

    async def revoke(self, what: str, identifier: str, by: str, why: str = "") -> None:
        """Revokes a task, agent, user, key or token; it bites on the next step of every call.

        Raises LedgerFault.
        """
        record = {
            "kind": "revocation",
            "what": what,
            "id": identifier,
            "by": by,
            "at_ms": self.clock_ms(),
        }
        await self.log.append(record | ({"why": why} if why else {}))
        try:
            self.feed.revoke(what, identifier)
        except OSError:
            _log.exception("other processes cannot hear of revocations, and refuse")

    async def sign_out(self, user: str, before_ms: int, by: str, **told: str) -> None:
        """Ends the tasks that rest on a sign-in of a user until then; `told` goes on record too.

        Raises LedgerFault.
        """
        await self.log.append(
            {
                "kind": "revocation",
                "what": "sign-in",
                "id": user,
                "before_ms": before_ms,
                "by": by,
                "at_ms": self.clock_ms(),
                **told,
            }
        )

    def use(self, policy: PolicyEngine) -> None:
        """Judge by this policy from the next call on."""
        self.policy = policy
        self.facts.use(policy)
        self.recorder.forget_masks()

    async def close(self) -> None:
        """Closes everything, in the reverse order."""
        await asyncio.gather(*(upstream.close() for upstream in self.upstreams.values()))
        parts: list[object] = [self.policy, *self.examiners, *self.outside, self.reviewer]
        for part in parts:
            if isinstance(part, Closing):
                await part.close()
        self._watching.close()
        self.feed.close()
        self.log.close()
        self.keys.close()
        self.prints.close()
        self.state.close()
