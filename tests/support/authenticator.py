"""A passkey without a browser: it makes what an authenticator makes, byte for byte."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from typing import Any, cast

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from fido2.cose import ES256, CoseKey
from fido2.utils import websafe_decode, websafe_encode
from fido2.webauthn import (
    Aaguid,
    AttestationObject,
    AttestedCredentialData,
    AuthenticatorData,
)

FLAG = AuthenticatorData.FLAG
NONE = FLAG(0)


class Authenticator:
    """One passkey (ES256). What it answers can be spoiled: who asks, whether the user was verified,
    what it counts, whether it can be backed up.
    """

    def __init__(self, origin: str, rp_id: str) -> None:
        self.origin = origin
        self.rp_id = rp_id
        self.cross_origin = False
        self.verified = True
        self.synced = False
        self.count = 0
        self.id = os.urandom(32)
        self.key = ec.generate_private_key(ec.SECP256R1())

    def register(self, options: dict[str, Any]) -> dict[str, Any]:
        """The answer to `PublicKeyCredentialCreationOptions`, as `toJSON` gives it."""
        cose = cast("Callable[[object], CoseKey]", ES256.from_cryptography_key)
        public = cose(self.key.public_key())
        made = AttestedCredentialData.create(Aaguid.NONE, self.id, public)
        data = self._data(FLAG.AT, made)
        attestation = AttestationObject.create("none", data, {})
        return self._answer(
            attestationObject=bytes(attestation),
            clientDataJSON=self._client("webauthn.create", options["challenge"]),
        )

    def sign(self, options: dict[str, Any]) -> dict[str, Any]:
        """The answer to `PublicKeyCredentialRequestOptions`."""
        data = self._data()
        client = self._client("webauthn.get", options["challenge"])
        signed = bytes(data) + hashlib.sha256(client).digest()
        signature = self.key.sign(signed, ec.ECDSA(hashes.SHA256()))
        return self._answer(
            authenticatorData=bytes(data), clientDataJSON=client, signature=signature
        )

    def _data(
        self, more: AuthenticatorData.FLAG = NONE, made: AttestedCredentialData | None = None
    ) -> AuthenticatorData:
        flags = FLAG.UP | more
        flags |= FLAG.UV if self.verified else NONE
        flags |= FLAG.BE | FLAG.BS if self.synced else NONE
        rp_id_hash = hashlib.sha256(self.rp_id.encode()).digest()
        credential = b"" if made is None else bytes(made)
        head = rp_id_hash + bytes([flags]) + self.count.to_bytes(4, "big")
        return AuthenticatorData(head + credential)

    def _client(self, kind: str, challenge: str) -> bytes:
        assert websafe_decode(challenge)
        said = {
            "type": kind,
            "challenge": challenge,
            "origin": self.origin,
            "crossOrigin": self.cross_origin,
        }
        return json.dumps(said).encode()

    def _answer(self, **parts: bytes) -> dict[str, Any]:
        name = websafe_encode(self.id)
        return {
            "id": name,
            "rawId": name,
            "type": "public-key",
            "clientExtensionResults": {},
            "response": {part: websafe_encode(value) for part, value in parts.items()},
        }
