"""The composition root: a gateway as a process, from its configuration to its sockets."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from socket import socket
from typing import Final

import msgspec
import orjson

from safeconduct.approvals.desk import NoSuchQuestion
from safeconduct.config.schema import Config
from safeconduct.config.signals import SignalIssuer
from safeconduct.core.record import label_value
from safeconduct.delegation.clients import Clients
from safeconduct.delegation.exchange import Exchange
from safeconduct.delegation.introspection import Introspection
from safeconduct.delegation.issuing import Issuing
from safeconduct.delegation.logins import Logins
from safeconduct.delegation.polling import Polling
from safeconduct.delegation.signals import Signal, Signals, Transmitter, known
from safeconduct.delegation.signing import SigningKeys
from safeconduct.delegation.steps import Steps
from safeconduct.delegation.tokens import TaskTokens
from safeconduct.entrypoints import oauth, signals, svids
from safeconduct.entrypoints.arrival import Limits
from safeconduct.entrypoints.consent import TICKET_PATH, ConsentPages
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
from safeconduct.entrypoints.metadata import JWKS_PATH, SIGNED_IN_PATH
from safeconduct.entrypoints.operator import OperatorError, OperatorSocket
from safeconduct.entrypoints.refusals import Refusals
from safeconduct.entrypoints.server import Server, listener
from safeconduct.entrypoints.signals import Pushes
from safeconduct.entrypoints.tls import Tls, pair
from safeconduct.identity import dev
from safeconduct.identity.attestors.attested import Attestor
from safeconduct.identity.attestors.issuance import Issuance, Signer
from safeconduct.identity.attestors.kubernetes import Pods
from safeconduct.identity.attestors.pools import PoolTokens
from safeconduct.identity.dpop import NONCE_MS, Proofs
from safeconduct.identity.evidence import ConfiguredEvidence
from safeconduct.identity.issuer.authority import Authority, domain_of, own_authorities
from safeconduct.identity.issuer.own import own_svid
from safeconduct.identity.keys import Source, authorities, signing_keys
from safeconduct.identity.login import Login
from safeconduct.identity.nonces import Nonces
from safeconduct.identity.x509 import Authorities
from safeconduct.kit.jwk import KeySet
from safeconduct.ports import (
    JSON,
    NoConsent,
)
from safeconduct.rooms import Rooms, clock_ms, engine, new_id
from safeconduct.secrets import references
from safeconduct.secrets.authorization import AuthorizationServer, basic
from safeconduct.secrets.broker import CALLBACK_PATH
from safeconduct.secrets.client import CLIENTS_PATH
from safeconduct.secrets.consents import TICKET_MS

_log = logging.getLogger(__name__)

WIRE_OVERHEAD: Final = 1_048_576

ROTATION_S: Final = 60.0
"""How often to look whether a key has signed long enough, in seconds."""

REVOCABLE: Final = ("task", "agent", "user", "key", "jti")
"""What can be revoked."""


EARLY: Final = (JWKS_PATH, CLIENTS_PATH)
"""What is served before the upstreams were asked what they offer: they may ask in turn who asks."""


class _Transmitter(msgspec.Struct, frozen=True):
    """One of those who send signals; one that is polled does not push."""

    name: str
    keys: Source[KeySet]
    pushes: Pushes
    polling: Polling | None


class Served:
    """A gateway that answers: over HTTP to agents, over the operator socket to its operator."""

    def __init__(self, config: Config, *, step: Callable[[int], None] = lambda _: None) -> None:
        """Reads keys and policy, opens log and state, and wires all of it. Nothing listens yet.

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
        signers = own_authorities(config)
        for one in signers.values():
            one.bundle(clock_ms())
        self.evidence = evidence = ConfiguredEvidence(config, proofs)
        self._clients = Authorities(evidence.bundles)
        self._tls = self._shown(config, signers)
        self.tokens = TaskTokens(root.gateway, keys, evidence)
        self.rooms = Rooms(
            config,
            identity=self.tokens,
            upstreams={
                where: open_upstream(
                    where, url=block.mcp, command=block.command, env=block.env, cwd=None
                )
                for where, block in root.upstreams.items()
            },
            policy=engine(config),
            sign=keys.sign,
            step=step,
        )
        self._refusals = Refusals(clock_ms)
        proofs.not_before(self.rooms.state.latest_ms())
        steps = Steps(
            config,
            evidence=evidence,
            tokens=self.tokens,
            tasks=self.rooms.state,
            clock_ms=clock_ms,
        )
        logins = self._logins(steps.names)
        service = Exchange(
            steps,
            Issuing(root.gateway, tokens=self.tokens, ledger=self.rooms.log, new_id=new_id),
            None if logins is None else logins.redeem,
        )
        status = Introspection(
            config,
            evidence=evidence,
            tokens=self.tokens,
            tasks=self.rooms.state,
            ledger=self.rooms.log,
            revoke=self.rooms.revoke,
            clock_ms=clock_ms,
            new_id=new_id,
        )
        self._oauth = oauth.TokenEndpoints(
            root.gateway,
            service,
            status,
            keys.jwks,
            self._refusals,
            id_jag=any(issuer.id_jag for issuer in root.users.issuers),
            login=logins is not None,
        )
        self._issuance = self._attesting(signers, proofs)
        self._endpoint = McpEndpoint(
            self.rooms.gateway,
            self.rooms.subscriptions,
            issuer=root.gateway.issuer,
            max_body_bytes=root.gateway.max_body_bytes,
            clock_ms=clock_ms,
            refusals=self._refusals,
        )
        self._transmitters = [
            self._transmitter(name, block) for name, block in root.signals.items()
        ]
        self._login = None if logins is None else LoginPages(logins, root.gateway.issuer)
        self._consent = ConsentPages(
            self.rooms.broker.tickets,
            CALLBACK_PATH,
            secure=root.gateway.issuer.startswith("https:"),
        )
        self.operator = OperatorSocket(
            directory / root.gateway.operator_socket,
            {
                "approvals": self._approvals,
                "answer": self._answer,
                "revoke": self._revoke,
                "consent": self._consented,
                "task": self._task,
                "status": self._status,
                "refused": self._refused,
            },
        )

    def _logins(self, names: frozenset[str]) -> Logins | None:
        """The people who sign in with their programs, where they can."""
        config, directory = self.rooms.config, Path(self.rooms.config.directory)
        root, users = config.root, config.root.users
        block = users.login
        if block is None:
            return None

        async def authenticate() -> tuple[Mapping[str, str], Mapping[str, str]]:
            if block.secret is None:
                return {"client_id": users.audience}, {}
            return {}, basic(users.audience, references.read(directory, block.secret))

        login = Login(
            AuthorizationServer(users.issuer, ca=authorities(directory, users)),
            client_id=users.audience,
            authenticate=authenticate,
            callback=root.gateway.issuer + SIGNED_IN_PATH,
            scope=block.scope,
            person=self.evidence.person,
        )
        return Logins(config, Clients(root.clients), login, names=names, clock_ms=clock_ms)

    def _transmitter(self, name: str, block: SignalIssuer) -> _Transmitter:
        config, directory = self.rooms.config, Path(self.rooms.config.directory)
        users = config.root.users

        async def end(signal: Signal, user: str) -> None:
            await self.rooms.sign_out(
                user,
                signal.before_ms or 0,
                f"signal:{signal.transmitter}",
                event=signal.event,
                jti=signal.jti,
            )

        def authorization() -> str | None:
            said = block.authorization
            return None if said is None else references.read(directory, said)

        keys = signing_keys(directory, block)
        shared = Signals(
            Transmitter(
                name=name,
                issuer=block.issuer,
                audience=block.audience or config.root.gateway.issuer,
                users=block.users or block.issuer,
                keys=keys.current,
            ),
            known(config.users, users.issuer),
            end,
            clock_ms,
        )
        polling = None
        if block.poll is not None:
            polling = Polling(
                block.poll.url,
                shared.take,
                authorization=authorization,
                every_s=block.poll.every_s,
                ca=authorities(directory, block),
            )
        return _Transmitter(name, keys, Pushes(shared.take, authorization), polling)

    def routes(self) -> Routes:
        """Everything that is served over HTTP."""
        return {
            **self._endpoint.routes(),
            **signals.routes(
                {one.name: one.pushes for one in self._transmitters if one.polling is None}
            ),
            **self._oauth.routes(),
            **self._consent.routes(),
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

    def _shown(self, config: Config, signers: Mapping[str, Authority]) -> Tls | None:
        """What is shown at our port, if it speaks TLS. Raises UnusableCertificate."""
        block, directory = config.root.gateway.tls, Path(config.directory)
        if block is None:
            return None
        asked = self._clients.current if block.client_certificates else None
        if block.svid is not None:
            authority = signers[domain_of(block.svid)]
            return Tls(own_svid(authority, block.svid, clock_ms), asked)
        return Tls(pair(directory / str(block.certificate), directory / str(block.key)), asked)

    def _attesting(self, signers: Mapping[str, Signer], proofs: Proofs) -> Issuance:
        """Who issues SVIDs for evidence, with an attestor for each kind that is configured."""
        config, directory = self.rooms.config, Path(self.rooms.config.directory)
        configured, nonces = config.root.attestors, Nonces()
        attestors: dict[str, Attestor] = {}
        if configured.kubernetes_sa:
            attestors["kubernetes-sa"] = Pods(config, partial(references.read, directory))
        if configured.workload_identity_pool:
            attestors["workload-identity-pool"] = PoolTokens(config)
        if configured.hardware:
            from safeconduct.identity.attestors.hardware import HardwareKeys

            attestors["hardware"] = HardwareKeys(config, nonces)
        return Issuance(
            config,
            attestors=attestors,
            nonces=nonces,
            signers=signers,
            proofs=proofs,
            ledger=self.rooms.log,
            clock_ms=clock_ms,
        )

    async def serve(self, ready: Callable[[str], None]) -> None:
        """Serves until the process is told to stop. `ready` gets the address once it listens."""
        try:
            with listener(self.rooms.config.root.gateway.listen) as listening:
                upkeep = asyncio.gather(
                    self.rooms.keep_up(),
                    self.evidence.keep_up(),
                    self._rotate(),
                    self._clients.keep_up(),
                    self._issuance.keep_up(),
                    *(one.keys.keep_up() for one in self._transmitters),
                    *(one.polling.run() for one in self._transmitters if one.polling is not None),
                )
                try:
                    await self._serve(listening, ready)
                finally:
                    upkeep.cancel()
                    await asyncio.gather(upkeep, return_exceptions=True)
        finally:
            await self._endpoint.close()
            await self.operator.close()
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
                await self.operator.start()
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
        """Until cancelled: lets the next key sign when the current one has done so long enough."""
        while True:
            if self.keys.due(clock_ms()):
                try:
                    self.keys.rotate(clock_ms())
                except OSError:
                    _log.exception("the gateway's keys could not be rotated")
            await asyncio.sleep(ROTATION_S)

    async def _approvals(self, request: Mapping[str, object], who: str) -> JSON:
        del request, who
        return {"pending": [msgspec.to_builtins(one) for one in self.rooms.desk.pending()]}

    async def _answer(self, request: Mapping[str, object], who: str) -> JSON:
        approval, granted = request.get("approval"), request.get("granted")
        if not isinstance(approval, str) or type(granted) is not bool:
            raise OperatorError("answer one approval with yes or no")
        try:
            await self.rooms.desk.answer(approval, granted=granted, by=who)
        except NoSuchQuestion:
            raise OperatorError(
                "no such question stands: it was answered, its time has passed, or it was "
                "never asked"
            ) from None
        return {"approval": approval, "granted": granted}

    async def _revoke(self, request: Mapping[str, object], who: str) -> JSON:
        what, identifier = request.get("what"), request.get("id")
        if what not in REVOCABLE or not isinstance(identifier, str) or not identifier:
            raise OperatorError(f"revoke one of {', '.join(REVOCABLE)} by its id")
        await self.rooms.revoke(str(what), identifier, who)
        return {"revoked": {"what": what, "id": identifier}}

    async def _consented(self, request: Mapping[str, object], who: str) -> JSON:
        upstream, user = str(request.get("upstream")), str(request.get("user"))
        tickets = self.rooms.broker.tickets
        if user not in self.rooms.config.users:
            raise OperatorError("no such user is entitled to anything")
        try:
            if request.get("withdraw") is True:
                there = await tickets.withdraw(upstream, user, who)
                return {"withdrawn": there}
            name = tickets.make(upstream, user)
        except NoConsent as refused:
            raise OperatorError(str(refused)) from None
        url = self.rooms.config.root.gateway.issuer + TICKET_PATH + name
        return {"url": url, "ends_in_s": TICKET_MS // 1000}

    async def _client(self, request: Request) -> Response:
        """The metadata of the gateway as a client of an upstream's authorization server."""
        found = self.rooms.broker.documents().get(request.tail)
        if found is None:
            raise Problem(404, "There is nothing here.")
        return Response(200, orjson.dumps(found), (JSON_TYPE,))

    async def _task(self, request: Mapping[str, object], who: str) -> JSON:
        del who
        facts = self.rooms.state.task(str(request.get("task")))
        if facts is None:
            raise OperatorError("no such task")
        agent, user = self.rooms.state.parties(facts.id)
        return {
            "task": facts.id,
            "state": facts.state,
            "agent": agent.id,
            "user": user.id,
            "profile": facts.profile,
            "purpose": facts.purpose,
            "purpose_source": facts.purpose_source,
            "scopes": sorted(facts.scopes),
            "labels": label_value(facts.labels),
            "counts": facts.counts,
            "budgets": facts.budgets,
            "refusals": facts.refusals,
            "started_ms": facts.started_ms,
            "expires_ms": facts.expires_ms,
        }

    async def _refused(self, request: Mapping[str, object], who: str) -> JSON:
        del request, who
        return {"refused": [msgspec.to_builtins(one) for one in self._refusals.last()]}

    async def _status(self, request: Mapping[str, object], who: str) -> JSON:
        del request, who
        rooms = self.rooms
        return {
            "issuer": rooms.config.root.gateway.issuer,
            "records": rooms.log.size,
            "root": rooms.log.root.hex(),
            "policy": rooms.policy.digest,
            "unsafe": [*rooms.config.unsafe, *rooms.policy.unsafe],
            "unreachable": rooms.offers.unreachable,
            "open_calls": [decision for decision, _ in rooms.state.open_calls()],
            "pins": [
                {"upstream": where, "tool": name, "state": state, "pin": pin}
                for where, name, state, pin in rooms.catalogue.pins()
            ],
        }
