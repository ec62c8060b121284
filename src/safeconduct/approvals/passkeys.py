"""Passkeys: how a person registers one, signs in with it, and signs what they say yes to.

Web Authentication Level 3, by Yubico's `fido2`. Every ceremony wants user verification, and every
passkey is discoverable. The keys themselves stand in the log, so that what was signed can be
verified later without this gateway.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Final, Protocol, cast
from urllib.parse import urlsplit

import msgspec
from cryptography.exceptions import InvalidSignature
from fido2 import cbor
from fido2.cose import CoseKey
from fido2.server import Fido2Server
from fido2.utils import websafe_decode, websafe_encode
from fido2.webauthn import (
    Aaguid,
    AttestedCredentialData,
    AuthenticationResponse,
    AuthenticatorData,
    CollectedClientData,
    CredentialCreationOptions,
    CredentialRequestOptions,
    PublicKeyCredentialRpEntity,
    PublicKeyCredentialUserEntity,
    RegistrationResponse,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from safeconduct.approvals.answers import Approver, NotProven, Proof
from safeconduct.ports import JSON, Ledger, LedgerConflict

CEREMONY_MS: Final = 300_000
"""How long a registration or a sign-in may take."""

MAX_CEREMONIES: Final = 1_000
MAX_LABEL: Final = 60
"""How long the name may be that somebody gives a passkey, in characters."""

_REFUSED: Final = (ValueError, KeyError, TypeError, AttributeError, InvalidSignature)
"""What the library raises for what is malformed, forged or not asked for."""


class Passkey(Protocol):
    """A passkey as it was registered; id and COSE key in base64url. A `synced` one may be on other
    devices than the one it was made on.
    """

    @property
    def credential(self) -> str: ...

    @property
    def user(self) -> str: ...

    @property
    def public_key(self) -> str: ...

    @property
    def aaguid(self) -> str: ...

    @property
    def synced(self) -> bool: ...

    @property
    def sign_count(self) -> int: ...


class Keyring(Protocol):
    """The passkeys that are registered."""

    def passkey(self, credential: str) -> Passkey | None: ...

    def passkeys(self, user: str) -> Collection[Passkey]: ...


class _Server(Protocol):
    """What of the library is used, with types."""

    def register_begin(
        self,
        user: PublicKeyCredentialUserEntity,
        credentials: Sequence[AttestedCredentialData],
        *,
        resident_key_requirement: ResidentKeyRequirement,
        user_verification: UserVerificationRequirement,
    ) -> tuple[CredentialCreationOptions, dict[str, Any]]: ...

    def register_complete(
        self, state: Mapping[str, Any], response: Mapping[str, Any]
    ) -> AuthenticatorData: ...

    def authenticate_begin(
        self,
        credentials: Sequence[AttestedCredentialData] | None,
        *,
        user_verification: UserVerificationRequirement,
        challenge: bytes | None = None,
    ) -> tuple[CredentialRequestOptions, dict[str, Any]]: ...

    def authenticate_complete(
        self,
        state: Mapping[str, Any],
        credentials: Sequence[AttestedCredentialData],
        response: AuthenticationResponse,
    ) -> object: ...


class _Ceremony(msgspec.Struct, frozen=True):
    """What a browser was asked; `user` registers."""

    state: dict[str, Any]
    until_ms: int
    user: str = ""


class Passkeys:
    """The passkeys of one gateway's approvers (`safeconduct.approvals.answers.Verifier`)."""

    def __init__(
        self, keyring: Keyring, ledger: Ledger, url: str, tenant: str, clock_ms: Callable[[], int]
    ) -> None:
        """`url` is what browsers call the console: its host is the relying party, and no other
        origin is believed.
        """
        parts = urlsplit(url)
        self._origin = f"{parts.scheme}://{parts.netloc}"
        self._keyring = keyring
        self._ledger = ledger
        self._tenant = tenant
        self._clock_ms = clock_ms
        rp = PublicKeyCredentialRpEntity(name="Safeconduct", id=parts.hostname or "")
        server = Fido2Server(rp, verify_origin=lambda origin: origin == self._origin)
        self._server = cast("_Server", server)
        self._ceremonies: dict[str, _Ceremony] = {}

    # --- registration -----------------------------------------------------------------------------

    def register(self, user: str) -> tuple[str, JSON]:
        """A new ceremony, and what the browser is asked (`PublicKeyCredentialCreationOptions`)."""
        handle = hashlib.sha256(f"{self._tenant} {user}".encode()).digest()
        known = [_credential(one) for one in self._keyring.passkeys(user)]
        options, state = self._server.register_begin(
            PublicKeyCredentialUserEntity(id=handle, name=user, display_name=user),
            known,
            resident_key_requirement=ResidentKeyRequirement.REQUIRED,
            user_verification=UserVerificationRequirement.REQUIRED,
        )
        return self._begun(_Ceremony(state, self._until_ms(), user)), _asked(options)

    async def registered(
        self, ceremony: str, user: str, response: JSON, *, label: str, by: str
    ) -> str:
        """Records the passkey that a browser made, and returns its id. `by` says what let the user
        register it.

        Raises: NotProven; LedgerFault.
        """
        begun = self._ended(ceremony)
        if begun.user != user:
            raise NotProven("This passkey was asked of somebody else.")
        try:
            data = self._server.register_complete(begun.state, response)
            _same_origin(RegistrationResponse.from_dict(response).response.client_data)
            made = data.credential_data
        except _REFUSED as error:
            raise NotProven("This passkey cannot be registered here.") from error
        if made is None:
            raise NotProven("This passkey cannot be registered here.")
        credential = websafe_encode(made.credential_id)
        try:
            await self._ledger.append(
                {
                    "kind": "passkey",
                    "phase": "registered",
                    "tenant": self._tenant,
                    "user": user,
                    "credential": credential,
                    "public_key": websafe_encode(cbor.encode(made.public_key)),
                    "aaguid": str(made.aaguid),
                    "synced": _synced(data),
                    "sign_count": data.counter,
                    "label": label[:MAX_LABEL],
                    "by": by,
                    "at_ms": self._clock_ms(),
                }
            )
        except LedgerConflict:
            raise NotProven("You have as many passkeys as one may have: remove one.") from None
        return credential

    async def remove(self, user: str, credential: str, *, by: str) -> None:
        """A passkey is lost, or not used any more. Raises: NotProven; LedgerFault."""
        try:
            await self._ledger.append(
                {
                    "kind": "passkey",
                    "phase": "removed",
                    "tenant": self._tenant,
                    "user": user,
                    "credential": credential,
                    "by": by,
                    "at_ms": self._clock_ms(),
                }
            )
        except LedgerConflict:
            raise NotProven("You have no such passkey.") from None

    # --- signing in -------------------------------------------------------------------------------

    def sign_in(self) -> tuple[str, JSON]:
        """A new ceremony, and what the browser is asked (`PublicKeyCredentialRequestOptions`)."""
        options, state = self._server.authenticate_begin(
            None, user_verification=UserVerificationRequirement.REQUIRED
        )
        return self._begun(_Ceremony(state, self._until_ms())), _asked(options)

    def signed_in(self, ceremony: str, response: JSON) -> Passkey:
        """The passkey that answered. Raises NotProven."""
        begun = self._ended(ceremony)
        return self._asserted(begun.state, response, None)[0]

    # --- saying yes -------------------------------------------------------------------------------

    def options(self, approver: Approver, challenge: bytes) -> JSON:
        """What the browser is asked so that this person signs this challenge.

        Raises NotProven: they have no passkey.
        """
        known = [_credential(one) for one in self._keyring.passkeys(approver.user)]
        if not known:
            raise NotProven("You have no passkey here yet: register one first.")
        options, _ = self._server.authenticate_begin(
            known, user_verification=UserVerificationRequirement.REQUIRED, challenge=challenge
        )
        return _asked(options)

    async def verify(
        self, approver: Approver, challenge: bytes, evidence: JSON, now_ms: int
    ) -> Proof:
        """That one of this person's passkeys signed this challenge. Raises NotProven."""
        del now_ms
        state = {
            "challenge": websafe_encode(challenge),
            "user_verification": UserVerificationRequirement.REQUIRED,
        }
        key, given = self._asserted(state, evidence, approver.user)
        data = given.response.authenticator_data
        kept = {
            "credential": key.credential,
            "authenticator_data": websafe_encode(bytes(data)),
            "client_data": websafe_encode(bytes(given.response.client_data)),
            "signature": websafe_encode(given.response.signature),
            "sign_count": data.counter,
        }
        return Proof(kept=kept, device_bound=not (key.synced or _synced(data)))

    def _asserted(
        self, state: Mapping[str, Any], response: JSON, user: str | None
    ) -> tuple[Passkey, AuthenticationResponse]:
        try:
            given = AuthenticationResponse.from_dict(response)
            key = self._keyring.passkey(websafe_encode(given.raw_id))
            if key is None or user not in (None, key.user):
                raise NotProven("This passkey is not known here, or it is somebody else's.")
            self._server.authenticate_complete(dict(state), [_credential(key)], given)
            _same_origin(given.response.client_data)
            counter = given.response.authenticator_data.counter
        except _REFUSED as error:
            raise NotProven("The passkey's answer is not valid here.") from error
        if (counter or key.sign_count) and counter <= key.sign_count:
            # Section 6.1.1: another authenticator may have the same key.
            raise NotProven("This passkey seems to be a copy: it counted fewer signatures.")
        return key, given

    # --- ceremonies -------------------------------------------------------------------------------

    def _until_ms(self) -> int:
        return self._clock_ms() + CEREMONY_MS

    def _begun(self, ceremony: _Ceremony) -> str:
        now_ms = self._clock_ms()
        alive = {name: one for name, one in self._ceremonies.items() if now_ms < one.until_ms}
        while len(alive) >= MAX_CEREMONIES:
            del alive[next(iter(alive))]
        name = secrets.token_urlsafe(24)
        self._ceremonies = {**alive, name: ceremony}
        return name

    def _ended(self, ceremony: str) -> _Ceremony:
        """A ceremony ends with its first answer, whatever that is. Raises NotProven."""
        begun = self._ceremonies.pop(ceremony, None)
        if begun is None or self._clock_ms() >= begun.until_ms:
            raise NotProven("That took too long, or was done already. Start again.")
        return begun


def verified(key: Mapping[str, Any], proof: Mapping[str, Any], challenge: bytes, url: str) -> None:
    """Whether the proof in a record is this passkey's signature of this challenge, long after.

    `key` is the record of kind `passkey`, `url` that of the console at the time.

    Raises NotProven.
    """
    parts = urlsplit(url)
    try:
        data = AuthenticatorData(websafe_decode(proof["authenticator_data"]))
        client = CollectedClientData(websafe_decode(proof["client_data"]))
        right = (
            client.type == CollectedClientData.TYPE.GET
            and client.challenge == challenge
            and client.origin == f"{parts.scheme}://{parts.netloc}"
            and data.rp_id_hash == hashlib.sha256((parts.hostname or "").encode()).digest()
            and data.is_user_present()
            and data.is_user_verified()
            and proof["credential"] == key["credential"]
        )
        _same_origin(client)
        _public(key["public_key"]).verify(
            bytes(data) + client.hash, websafe_decode(proof["signature"])
        )
    except _REFUSED as error:
        raise NotProven("the signature does not verify") from error
    if not right:
        raise NotProven("the signature is of something else")


def _credential(key: Passkey) -> AttestedCredentialData:
    return AttestedCredentialData.create(
        Aaguid.parse(key.aaguid),
        websafe_decode(key.credential),
        _public(key.public_key),
    )


def _public(key: str) -> CoseKey:
    parsed, _ = cbor.decode_from(websafe_decode(key))
    return CoseKey.parse(cast("Mapping[int, Any]", parsed))


def _asked(options: CredentialCreationOptions | CredentialRequestOptions) -> JSON:
    """What a page hands to the browser: the JSON that it parses itself."""
    return cast("JSON", dict(options)["publicKey"])


def _synced(data: AuthenticatorData) -> bool:
    """Whether the key may leave, or has left, the device: backup eligibility and state."""
    return bool(data.flags & (AuthenticatorData.FLAG.BE | AuthenticatorData.FLAG.BS))


def _same_origin(client: CollectedClientData) -> None:
    """Raises ValueError: the page stood in a frame of another one (section 7.2 step 14)."""
    if client.cross_origin:
        raise ValueError("the ceremony was run in a frame of another origin")
