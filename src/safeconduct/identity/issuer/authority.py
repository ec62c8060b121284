"""The authority of one trust domain: it keeps the keys, publishes them, and signs.

Several processes may have it open; the file of keys is the truth and a lock beside it says who may
change it. Where a bundle is published, `trust` in the configuration says.
"""

from __future__ import annotations

import base64
import fcntl
import logging
import os
import secrets
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import msgspec
import orjson
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes

from safeconduct.config.keys import is_url
from safeconduct.config.schema import Config
from safeconduct.identity.issuer import certificates, rotation
from safeconduct.identity.issuer.rotation import Generation, Times
from safeconduct.kit import files, jose
from safeconduct.kit.jwk import JoseError, KeySet, PrivateKey, PublicKey

_log = logging.getLogger(__name__)

REFRESH_S: Final = 300
"""How often whoever uses the bundle should look for a new one, in seconds."""

_BACK_MS: Final = 5_000
_AGAIN_MS: Final = 1_000
_MAX_BYTES: Final = 1024 * 1024
_USE: Final[frozenset[str | None]] = frozenset({"jwt-svid"})


class AuthorityFault(Exception):
    """Nothing can be signed now; the message is for the operator and says why."""


class Bundle(msgspec.Struct, frozen=True):
    """What others need to verify SVIDs: certificates in DER, keys, the same as a JWK Set, and the
    whole as a document (SPIFFE Trust Domain and Bundle section 4).
    """

    certificates: tuple[bytes, ...]
    keys: KeySet
    jwks: bytes
    document: bytes


class _Keys(msgspec.Struct, frozen=True, kw_only=True):
    """The file of keys. `sequence` counts its changes."""

    sequence: int
    generations: tuple[Generation, ...]


class _Signer(msgspec.Struct, frozen=True, kw_only=True):
    """A generation, ready to be used."""

    generation: Generation
    certificate: x509.Certificate
    x509_key: EllipticCurvePrivateKey
    jwt_key: PrivateKey


_Stamp = tuple[int, int, int] | None


def domain_of(spiffe_id: str) -> str:
    """The trust domain of a SPIFFE ID."""
    return spiffe_id.removeprefix("spiffe://").partition("/")[0]


class Authority:
    """Signs SVIDs of one trust domain. Not for several threads."""

    def __init__(self, domain: str, directory: Path, published: Path, times: Times) -> None:
        """`directory` is where keys are kept, `published` the file of the bundle. Opens nothing."""
        self.domain = domain
        self.times = times
        self._file = directory / f"{domain}.json"
        self._lock = directory / f"{domain}.lock"
        self._published = published
        self._signers: tuple[_Signer, ...] = ()
        self._bundle = Bundle((), KeySet({}), b"", b"")
        self._known = frozenset[str]()
        self._stamps: tuple[_Stamp, _Stamp] | None = None
        self._due_ms = 0
        self._latest_ms = 0

    def x509_svid(
        self, spiffe_id: str, key: CertificatePublicKeyTypes, now_ms: int
    ) -> tuple[bytes, ...]:
        """An X.509-SVID for this public key: the chain in DER, leaf first, without the authority.

        Raises AuthorityFault.
        """
        self._own(spiffe_id)
        signer = self._signer(now_ms)
        leaf = certificates.svid(
            spiffe_id,
            key,
            authority=signer.certificate,
            key=signer.x509_key,
            now_ms=now_ms,
            end_ms=now_ms + self.times.x509_ms,
        )
        return (leaf,)

    def jwt_svid(
        self, spiffe_id: str, audiences: Sequence[str], now_ms: int, *, key: str | None = None
    ) -> str:
        """A JWT-SVID for these audiences, at least one; with the thumbprint of a key, it is bound
        to that (RFC 7800 `cnf`, RFC 9449 `jkt`). Raises AuthorityFault.
        """
        self._own(spiffe_id)
        if not audiences:
            raise ValueError("a JWT-SVID is for somebody")
        now_s = now_ms // 1000
        claims: dict[str, Any] = {
            "sub": spiffe_id,
            "aud": list(audiences),
            "iat": now_s,
            "exp": now_s + self.times.jwt_ms // 1000,
            # None is asked for; but two of one second would otherwise be one.
            "jti": secrets.token_urlsafe(16),
        }
        if key is not None:
            claims["cnf"] = {"jkt": key}
        return jose.sign(claims, self._signer(now_ms).jwt_key, "JWT")

    def bundle(self, now_ms: int) -> Bundle:
        """What to verify with, the same object while nothing changed. Raises AuthorityFault."""
        self._signer(now_ms)
        return self._bundle

    def described(self, now_ms: int) -> list[dict[str, object]]:
        """The keys that are published, in the order in which they sign; none before the first use.

        Raises AuthorityFault.
        """
        if not self._file.exists():
            return []
        now = self._signer(now_ms)
        return [
            {
                "kid": signer.jwt_key.public.kid,
                "state": "signs" if signer is now else "verifies",
                "from_ms": signer.generation.from_ms,
                "until_ms": signer.generation.until_ms,
            }
            for signer in self._signers
        ]

    def _own(self, spiffe_id: str) -> None:
        if domain_of(spiffe_id) != self.domain:
            raise ValueError("a SPIFFE ID of another trust domain")

    def _signer(self, now_ms: int) -> _Signer:
        # A clock that went back would have us sign for a time that is over.
        if now_ms < self._latest_ms - _BACK_MS:
            raise AuthorityFault("the clock went back; nothing is signed until it has caught up")
        self._latest_ms = max(self._latest_ms, now_ms)
        try:
            stamps = (_stamp(self._file), _stamp(self._published))
            if stamps != self._stamps or now_ms >= self._due_ms:
                self._renew(now_ms)
        except (OSError, ValueError) as error:
            self._stamps = None
            raise AuthorityFault(f"{self._file}: {_why(error)}") from None
        held = tuple(signer.generation for signer in self._signers)
        now = rotation.current(held, now_ms)
        if now is None:
            raise AuthorityFault(f"no key of {self.domain} signs at this time: see the clock")
        signer = self._signers[held.index(now)]
        if signer.jwt_key.public.kid not in self._known:
            raise AuthorityFault(f"{self._published}: the key that signs is not published")
        return signer

    def _renew(self, now_ms: int) -> None:
        """Reads the keys, makes those that are missing, and publishes them.

        Raises:
            OSError, ValueError: the keys cannot be read; nothing may be signed.
        """
        self._file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with _locked(self._lock):
            keys = self._read()
            wanted = rotation.renewed(self.domain, keys.generations, self.times, now_ms)
            self._due_ms = rotation.due_ms(wanted, self.times)
            try:
                if wanted != keys.generations:
                    wanted_keys = _Keys(sequence=keys.sequence + 1, generations=wanted)
                    files.replace(self._file, msgspec.json.encode(wanted_keys), mode=0o600)
                    keys = wanted_keys
                self._load(keys)
                if _content(self._published) != self._bundle.document:
                    files.replace(self._published, self._bundle.document)
            except OSError as error:
                if not keys.generations:
                    raise
                # What is published goes on signing for as long as it may.
                self._due_ms = now_ms + _AGAIN_MS
                self._load(keys)
                _log.error("the keys of %s cannot be renewed: %s", self.domain, _why(error))
            self._known = _kids(_content(self._published))
            self._stamps = (_stamp(self._file), _stamp(self._published))

    def _read(self) -> _Keys:
        try:
            descriptor = os.open(self._file, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        except FileNotFoundError:
            if self._signers:
                raise ValueError("the keys are gone") from None
            if _content(self._published) is not None:
                raise ValueError(
                    f"there are no keys, but {self._published} has some that are not ours; "
                    "restore the one, or remove the other to begin anew"
                ) from None
            return _Keys(sequence=0, generations=())
        with os.fdopen(descriptor, "rb") as file:
            if os.fstat(file.fileno()).st_mode & 0o077:
                raise ValueError("others can read these private keys; chmod 600 it")
            data = file.read(_MAX_BYTES)
        try:
            return msgspec.json.decode(data, type=_Keys)
        except msgspec.DecodeError:
            raise ValueError("these are no keys; restore them from a copy") from None

    def _load(self, keys: _Keys) -> None:
        if tuple(signer.generation for signer in self._signers) != keys.generations:
            self._signers = tuple(_ready(one) for one in keys.generations)
        bundle = _bundle(self._signers, keys.sequence)
        if bundle.document != self._bundle.document:
            self._bundle = bundle


def own_authorities(config: Config) -> dict[str, Authority]:
    """The authorities of the trust domains that have `workloads`, by domain.

    Raises AuthorityFault: there is no file to publish the keys of one to.
    """
    directory = Path(config.directory)
    times = Times.of(config.root.svids)
    made: dict[str, Authority] = {}
    for domain in sorted({domain_of(agent) for agent in config.root.workloads}):
        trust = config.root.trust[domain]
        where = trust.jwks or trust.bundle
        if where is None or is_url(where):
            raise AuthorityFault(
                f"trust.{domain} is fetched from elsewhere, so its SVIDs are not made here; "
                "name a file to publish the keys to"
            )
        keys = directory / config.root.gateway.state / "issuer"
        made[domain] = Authority(domain, keys, directory / where, times)
    return made


def _ready(generation: Generation) -> _Signer:
    return _Signer(
        generation=generation,
        certificate=x509.load_der_x509_certificate(generation.certificate),
        x509_key=certificates.signer(PrivateKey.parse(generation.x509_key)),
        jwt_key=PrivateKey.parse(generation.jwt_key),
    )


def _bundle(signers: Sequence[_Signer], sequence: int) -> Bundle:
    public = [signer.jwt_key.public for signer in signers]
    jwks = [key.jwk(use="jwt-svid") for key in public]
    document = {
        "keys": [*(_authority_jwk(signer) for signer in signers), *jwks],
        "spiffe_refresh_hint": REFRESH_S,
        "spiffe_sequence": sequence,
    }
    return Bundle(
        tuple(signer.generation.certificate for signer in signers),
        KeySet({key.kid: key for key in public}),
        orjson.dumps({"keys": jwks}),
        orjson.dumps(document),
    )


def _authority_jwk(signer: _Signer) -> dict[str, Any]:
    certificate = base64.b64encode(signer.generation.certificate).decode()
    public = PublicKey.parse(
        {name: signer.generation.x509_key[name] for name in ("kty", "crv", "x", "y")}
    )
    return {**public.members, "use": "x509-svid", "x5c": [certificate]}


def _kids(document: bytes | None) -> frozenset[str]:
    """The names of the keys that this document publishes."""
    try:
        return frozenset(KeySet.parse(document or b"", uses=_USE).keys)
    except JoseError:
        return frozenset()


def _content(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None


def _stamp(path: Path) -> _Stamp:
    """Changes whenever the file does, and who may read it."""
    try:
        seen = path.stat()
    except FileNotFoundError:
        return None
    return seen.st_ino, seen.st_ctime_ns, seen.st_size


@contextmanager
def _locked(path: Path) -> Generator[None]:
    """Alone among the processes of this machine; the kernel lets go when the holder dies."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _why(error: Exception) -> str:
    return error.strerror or type(error).__name__ if isinstance(error, OSError) else str(error)
