"""The SPIFFE Workload API: a process asks who it is, and gets what proves it.

Every answer is for the agent that the process is at that moment: each call and each renewal looks
at it again. A refused caller learns that nothing was issued; the operator's log says why.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing, suppress
from typing import Final, Protocol

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from safeconduct.identity.attestors.attested import NotAttested
from safeconduct.identity.issuer import grpc, messages
from safeconduct.identity.issuer.authority import Authority, AuthorityFault, Bundle, domain_of
from safeconduct.identity.issuer.grpc import Call, Method, Status
from safeconduct.identity.issuer.unix import Peer
from safeconduct.kit import jose, strictjson
from safeconduct.kit.jwk import JoseError, decode

_log = logging.getLogger(__name__)

BEAT_S: Final = 0.25
"""How often keys are looked after, and open streams told, in seconds."""

MAX_AUDIENCES: Final = 8

_METADATA: Final = b"workload.spiffe.io"
_MAX_TEXT: Final = 2048
_SILENCE_S: Final = 60.0
_MAX_SAID: Final = 1000
_TYPES: Final[frozenset[str | None]] = frozenset({"JWT", "JOSE", None})


class Unknown(Exception):
    """Whether an agent is revoked is not known now; the message is for the operator."""


class Attestor(Protocol):
    """Tells which agent a process is."""

    async def attest(self, peer: Peer) -> str:
        """The SPIFFE ID. Raises NotAttested."""
        ...


class _SvidClaims(jose.Claims, frozen=True, kw_only=True):
    sub: jose.Text


class WorkloadApi:
    """Answers the five methods."""

    def __init__(
        self,
        attestor: Attestor,
        authorities: Mapping[str, Authority],
        *,
        revoked: Callable[[str], bool],
        clock_ms: Callable[[], int],
    ) -> None:
        """`authorities` are by trust domain. `revoked` says whether an agent is, as of a second
        ago; it raises Unknown.
        """
        self._attestor = attestor
        self._authorities = authorities
        self._revoked = revoked
        self._clock_ms = clock_ms
        self._beat = asyncio.Event()
        self._said: dict[str, float] = {}

    def methods(self) -> dict[bytes, Method]:
        """What is served, by path."""
        served: dict[str, Method] = {
            "FetchX509SVID": self._fetch_x509_svid,
            "FetchX509Bundles": self._fetch_x509_bundles,
            "FetchJWTSVID": self._fetch_jwt_svid,
            "FetchJWTBundles": self._fetch_jwt_bundles,
            "ValidateJWTSVID": self._validate_jwt_svid,
        }
        return {
            f"/SpiffeWorkloadAPI/{name}".encode(): self._guarded(method)
            for name, method in served.items()
        }

    def beat(self) -> None:
        """Renews keys whose time it is, and lets every open stream look what is new."""
        for authority in self._authorities.values():
            try:
                authority.bundle(self._clock_ms())
            except AuthorityFault as fault:
                self._say(f"nothing is issued: {fault}")
        before, self._beat = self._beat, asyncio.Event()
        before.set()

    def _guarded(self, method: Method) -> Method:
        """Ends a call with the status that a fault means to a caller, and tells the operator."""

        async def guarded(call: Call) -> AsyncGenerator[bytes, None]:
            # Demanded by the standard: what a page in a browser sends cannot have it.
            if call.metadata.get(_METADATA) != b"true":
                raise Status(grpc.INVALID_ARGUMENT, "security header missing from request")
            try:
                async with aclosing(method(call)) as answers:
                    async for answer in answers:
                        yield answer
            except messages.Malformed:
                raise Status(grpc.INVALID_ARGUMENT, "not a message of this method") from None
            except NotAttested as fault:
                self._say(f"nothing is issued to {call.peer}: {fault}")
                raise Status(grpc.PERMISSION_DENIED, "no identity issued") from None
            except (AuthorityFault, Unknown) as fault:
                self._say(f"nothing is issued: {fault}")
                raise Status(grpc.UNAVAILABLE, "nothing is issued now") from None

        return guarded

    async def _fetch_x509_svid(self, call: Call) -> AsyncGenerator[bytes, None]:
        while True:
            agent, authority = await self._caller(call)
            now_ms = self._clock_ms()
            bundle = authority.bundle(now_ms)
            key = ec.generate_private_key(ec.SECP256R1())
            chain = authority.x509_svid(agent, key.public_key(), now_ms)
            yield messages.x509_svid_response(
                agent,
                b"".join(chain),
                key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption()),
                b"".join(bundle.certificates),
            )
            await self._news(agent, authority, bundle, now_ms + authority.times.x509_ms // 2)

    async def _fetch_x509_bundles(self, call: Call) -> AsyncGenerator[bytes, None]:
        while True:
            agent, authority = await self._caller(call)
            bundle = authority.bundle(self._clock_ms())
            document = b"".join(bundle.certificates)
            yield messages.x509_bundles_response({f"spiffe://{authority.domain}": document})
            await self._news(agent, authority, bundle)

    async def _fetch_jwt_bundles(self, call: Call) -> AsyncGenerator[bytes, None]:
        while True:
            agent, authority = await self._caller(call)
            bundle = authority.bundle(self._clock_ms())
            yield messages.jwt_bundles_response({f"spiffe://{authority.domain}": bundle.jwks})
            await self._news(agent, authority, bundle)

    async def _fetch_jwt_svid(self, call: Call) -> AsyncGenerator[bytes, None]:
        audiences, wanted = messages.jwt_svid_request(call.message)
        if not 0 < len(audiences) <= MAX_AUDIENCES or not all(
            0 < len(audience) <= _MAX_TEXT for audience in audiences
        ):
            raise Status(grpc.INVALID_ARGUMENT, "an audience must be specified, and at most 8")
        agent, authority = await self._caller(call)
        if wanted not in {"", agent}:
            raise NotAttested(f"it is {agent}, and asks to be another")
        svid = authority.jwt_svid(agent, audiences, self._clock_ms())
        yield messages.jwt_svid_response(agent, svid)

    async def _validate_jwt_svid(self, call: Call) -> AsyncGenerator[bytes, None]:
        audience, svid = messages.validate_jwt_svid_request(call.message)
        _, authority = await self._caller(call)
        now_ms = self._clock_ms()
        keys = authority.bundle(now_ms).keys
        try:
            claims = jose.verify(svid, lambda _: keys, types=_TYPES, shape=_SvidClaims).claims
            jose.check_times(claims, now_ms)
        except JoseError:
            claims = None
        if (
            claims is None
            or audience not in claims.audiences
            or domain_of(claims.sub) != authority.domain
        ):
            raise Status(grpc.INVALID_ARGUMENT, "the JWT-SVID is not valid for this audience")
        members = strictjson.loads(decode(svid.split(".")[1]))
        yield messages.validate_jwt_svid_response(claims.sub, members)

    async def _caller(self, call: Call) -> tuple[str, Authority]:
        """The agent that calls, and who signs for it. Raises NotAttested, Unknown."""
        agent = await self._attestor.attest(call.peer)
        if self._revoked(agent):
            raise NotAttested(f"{agent} is revoked")
        return agent, self._authorities[domain_of(agent)]

    async def _news(
        self, agent: str, authority: Authority, bundle: Bundle, until_ms: int | None = None
    ) -> None:
        """Waits until it is time, the bundle has changed, or the agent is revoked.

        Raises AuthorityFault.
        """
        while until_ms is None or self._clock_ms() < until_ms:
            await self._beat.wait()
            if authority.bundle(self._clock_ms()) is not bundle:
                return
            # Not to have heard for a second ends no stream; it keeps one from being renewed.
            with suppress(Unknown):
                if self._revoked(agent):
                    return

    def _say(self, sentence: str) -> None:
        """Tells the operator, once a minute the same: a caller must not fill the log."""
        now = time.monotonic()
        if now - self._said.get(sentence, -_SILENCE_S) < _SILENCE_S:
            return
        if len(self._said) >= _MAX_SAID:
            self._said.clear()
        self._said[sentence] = now
        _log.warning("%s", sentence)
