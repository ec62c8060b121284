"""A gateway that answers, wired from its configuration."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from socket import socket
from typing import Final, Protocol

import orjson

from safeconduct.app.attesting import issuance
from safeconduct.app.deciding import decisions
from safeconduct.app.following import keep_following
from safeconduct.app.logins import logins
from safeconduct.app.notifying import clicks, notifiers
from safeconduct.app.operating import Operating
from safeconduct.app.pushing import pushes
from safeconduct.app.reloading import Reloading
from safeconduct.app.showing import tls
from safeconduct.app.transmitters import transmitters
from safeconduct.app.witnessed import not_behind
from safeconduct.approvals.stepping import SigningIn
from safeconduct.audit.signer import Signing
from safeconduct.audit.signer.notary import Notary
from safeconduct.config.schema import Config
from safeconduct.delegation.asking import Asking
from safeconduct.delegation.exchange import Exchange
from safeconduct.delegation.introspection import Introspection
from safeconduct.delegation.issuing import Issuing
from safeconduct.delegation.signing import SigningKeys
from safeconduct.delegation.steps import Steps
from safeconduct.delegation.tokens import TaskTokens
from safeconduct.entrypoints import oauth, signals, svids
from safeconduct.entrypoints.arrival import Limits
from safeconduct.entrypoints.consent import ConsentPages
from safeconduct.entrypoints.forwarded import forwarded
from safeconduct.entrypoints.http import (
    JSON_TYPE,
    Problem,
    Request,
    Response,
    Route,
    Routes,
    Site,
    doors,
    own,
)
from safeconduct.entrypoints.login import LoginPages
from safeconduct.entrypoints.mcp import McpEndpoint
from safeconduct.entrypoints.metadata import JWKS_PATH
from safeconduct.entrypoints.operator import OperatorSocket
from safeconduct.entrypoints.refusals import Refusals
from safeconduct.entrypoints.server import Server, listener
from safeconduct.identity import dev
from safeconduct.identity.dpop import NONCE_MS, Proofs
from safeconduct.identity.evidence import ConfiguredEvidence
from safeconduct.identity.issuer.authority import AuthorityFault, own_authorities
from safeconduct.identity.nonces import Nonces
from safeconduct.identity.x509 import Authorities
from safeconduct.rooms import Rooms, clock_ms, keeper, new_id
from safeconduct.secrets.broker import CALLBACK_PATH
from safeconduct.secrets.client import CLIENTS_PATH

_log = logging.getLogger(__name__)

WIRE_OVERHEAD: Final = 1_048_576

ROTATION_S: Final = 60.0
"""How often to look whether a key has signed long enough, in seconds."""


class Beside(Protocol):
    """What is served beside the gateway, on a listener of its own."""

    def start(self) -> Awaitable[None]:
        """Listens. Raises OSError."""
        ...

    def close(self) -> Awaitable[None]: ...


EARLY: Final = (JWKS_PATH, CLIENTS_PATH)
"""What is served before the upstreams were asked what they offer: they may ask in turn who asks."""


class Served:
    """A gateway that answers: over HTTP to agents, over the operator socket to its operator."""

    def __init__(
        self,
        config: Config,
        *,
        signer: Callable[[Path, Path, str], Signing] = Notary,
        step: Callable[[int], None] = lambda _: None,
    ) -> None:
        """Reads keys and policy, opens log and state, and wires all of it. Nothing listens yet.

        `signer` is as for `Rooms`.

        Raises:
            PolicyRefused, UnusableKeys, UnusableCertificate, KeyFileError, DevIdentityRefused:
                refuse to start.
            LedgerFault, OSError: as for `Rooms`.
        """
        from safeconduct.upstreams.factory import open_upstream

        root, directory = config.root, Path(config.directory)
        state = directory / root.gateway.state
        state.mkdir(mode=0o700, parents=True, exist_ok=True)
        if root.gateway.unsafe_dev_identity:
            dev.create(state, config)
        self.keys = keys = SigningKeys(state, clock_ms())
        # What was proven to the process before us may be replayed to us; a new key has no past.
        nonces = Nonces(lifetime_ms=NONCE_MS) if root.gateway.dpop_nonce else None
        proofs = Proofs(since_ms=0 if keys.created else clock_ms(), nonces=nonces)
        self._signers = signers = own_authorities(config)
        for one in signers.values():
            one.bundle(clock_ms())
        self.evidence = evidence = ConfiguredEvidence(config, proofs)
        self._clients = Authorities(evidence.bundles)
        self._tls = tls(config, signers, self._clients)
        self.tokens = TaskTokens(root.gateway, keys, evidence)
        kept = keeper(config)
        policy = kept.start()
        self.rooms = Rooms(
            config,
            identity=self.tokens,
            upstreams={
                where: open_upstream(
                    where, url=block.mcp, command=block.command, env=block.env, cwd=None
                )
                for where, block in root.upstreams.items()
            },
            policy=kept.engine(policy),
            sign=keys.sign,
            signer=signer,
            step=step,
        )
        self.policy = Reloading(self.rooms, kept, policy)
        self._refusals = Refusals(clock_ms)
        latest_ms = self.rooms.state.latest_ms()
        proofs.not_before(latest_ms)
        self.tokens.not_before(latest_ms)
        steps = Steps(
            config,
            evidence=evidence,
            tokens=self.tokens,
            tasks=self.rooms.state,
            clock_ms=clock_ms,
        )
        people = logins(config, steps.names, evidence.person)
        service = Exchange(
            steps,
            Issuing(root.gateway, tokens=self.tokens, ledger=self.rooms.log, new_id=new_id),
            None if people is None else people.redeem,
        )
        asking = Asking(
            evidence=evidence,
            tasks=self.rooms.state,
            ledger=self.rooms.log,
            clock_ms=clock_ms,
            new_id=new_id,
        )
        status = Introspection(
            config,
            asking=asking,
            tokens=self.tokens,
            tasks=self.rooms.state,
            revoke=self.rooms.revoke,
            clock_ms=clock_ms,
        )
        self._oauth = oauth.TokenEndpoints(
            root.gateway,
            service,
            status,
            keys.jwks,
            self._refusals,
            id_jag=any(issuer.id_jag for issuer in root.users.issuers),
            login=people is not None,
        )
        self._decisions = decisions(self.rooms, asking, self._refusals)
        self._issuance = issuance(config, signers, proofs, self.rooms.log)
        self._endpoint = McpEndpoint(
            self.rooms.gateway,
            self.rooms.subscriptions,
            issuer=root.gateway.issuer,
            max_body_bytes=root.gateway.max_body_bytes,
            clock_ms=clock_ms,
            refusals=self._refusals,
            page=self._page,
        )
        self.rooms.desk.settled.append(
            lambda question, _phase, _by: self._endpoint.visited(question.id)
        )
        self._transmitters = transmitters(self.rooms)
        self._login = None if people is None else LoginPages(people, root.gateway.issuer)
        self._consent = ConsentPages(
            self.rooms.broker.tickets,
            CALLBACK_PATH,
            secure=root.gateway.issuer.startswith("https:"),
        )
        self.beside: list[Beside] = []
        step_up = root.approvals.step_up
        if step_up is not None and root.console is not None:
            verifier = SigningIn(evidence.person, acr=step_up.acr, max_age_s=step_up.max_age_s)
            desk = self.rooms.desk
            desk.verifiers = {**desk.verifiers, "sign-in": verifier}
        self.clicks = clicks(self.rooms)
        self._notifiers = notifiers(self.rooms, self.clicks)
        self.pushes = pushes(self.rooms)
        self.operator = OperatorSocket(
            directory / root.gateway.operator_socket,
            Operating(self.rooms, self._refusals, self.policy, self._notifiers).handlers(),
        )

    def _page(self, approval: str) -> str | None:
        """Where the user who delegated a task answers a question about it; None where it is others
        who have to.
        """
        console = self.rooms.config.root.console
        if console is None or not self.rooms.desk.asks_user(approval):
            return None
        return console.page(approval)

    def routes(self) -> Routes:
        """Everything that is served over HTTP."""
        return {
            **self._endpoint.routes(),
            **signals.routes(
                {one.name: one.pushes for one in self._transmitters if one.polling is None}
            ),
            **self._oauth.routes(),
            **self._consent.routes(),
            **self._decisions.routes,
            **({} if self._login is None else self._login.routes()),
            CLIENTS_PATH: {"GET": Route(self._client)},
            **self._svids(),
            "/healthz": {"GET": oauth.document({"status": "ok"})},
        }

    def _svids(self) -> Routes:
        """Nothing where no evidence is taken."""
        if not self._issuance.attestors:
            return {}
        issuer = self.rooms.config.root.gateway.issuer
        return svids.routes(self._issuance, issuer, self._refusals)

    async def serve(self, ready: Callable[[str], None]) -> None:
        """Serves until the process is told to stop. `ready` gets the address once it listens."""
        try:
            await not_behind(self.rooms.config, self.rooms.log.size)
            with listener(self.rooms.config.root.gateway.listen) as listening:
                upkeep = asyncio.gather(
                    self.rooms.keep_up(),
                    self.policy.keep_up(),
                    self.evidence.keep_up(),
                    self._rotate(),
                    self._clients.keep_up(),
                    self._issuance.keep_up(),
                    keep_following(self.rooms.config),
                    *(one.run() for one in self._notifiers.values()),
                    *(one.keys.keep_up() for one in self._transmitters),
                    *(one.polling.run() for one in self._transmitters if one.polling is not None),
                )
                try:
                    await self._serve(listening, ready)
                finally:
                    upkeep.cancel()
                    await asyncio.gather(upkeep, return_exceptions=True)
        finally:
            await asyncio.gather(*(one.close() for one in self.beside))
            if self.pushes is not None:
                await self.pushes.close()
            await self._endpoint.close()
            await self.operator.close()
            await self._decisions.close()
            await self.policy.close()
            await self.rooms.close()

    async def _serve(self, listening: socket, ready: Callable[[str], None]) -> None:
        gateway, routes = self.rooms.config.root.gateway, self.routes()
        told = gateway.forwarded_certificate
        clients = own if told is None else forwarded(told)
        entry = doors(gateway.issuer, gateway.listen, gateway.allowed_origins, clients)
        known = {path: routes[path] for path in EARLY if path in routes}
        site = Site(known, entry, opening=True)
        # The whole request on the wire: the largest body, its framing and its head.
        limits = Limits(message_bytes=gateway.max_body_bytes + WIRE_OVERHEAD)
        server = Server(site, limits, None if self._tls is None else self._tls.entry)

        async def opened() -> None:
            try:
                await self.rooms.start()
                await self.policy.start()
                await self.operator.start()
                for one in self.beside:
                    await one.start()
                site.open(routes)
                ready(gateway.issuer)
            except BaseException:
                server.stop()
                raise

        opening = asyncio.create_task(opened())
        await server.serve(listening)
        opening.cancel()
        with suppress(asyncio.CancelledError):
            await opening

    async def _rotate(self) -> None:
        """Until cancelled: lets the next keys sign when those of now have done so long enough."""
        while True:
            try:
                if self.keys.due(clock_ms()):
                    self.keys.rotate(clock_ms())
                for one in self._signers.values():
                    one.bundle(clock_ms())
            except (OSError, AuthorityFault):
                _log.exception("keys could not be rotated")
            await asyncio.sleep(ROTATION_S)

    async def _client(self, request: Request) -> Response:
        """The metadata of the gateway as a client of an upstream's authorization server."""
        found = self.rooms.broker.documents().get(request.tail)
        if found is None:
            raise Problem(404, "There is nothing here.")
        return Response(200, orjson.dumps(found), (JSON_TYPE,))
