"""The gateway's own X.509-SVID, by which agents of its trust domain know it."""

from __future__ import annotations

from collections.abc import Callable
from ssl import DER_cert_to_PEM_cert

from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from safeconduct.identity.issuer.authority import Authority, AuthorityFault
from safeconduct.kit.certificate import UnusableCertificate


def own_svid(
    authority: Authority, spiffe_id: str, clock_ms: Callable[[], int]
) -> Callable[[], bytes]:
    """Gives an SVID and its key as PEM: a new one, for a new key, when half of its time is over.

    It raises UnusableCertificate when none can be made, until one can.
    """
    held = b""
    begun_ms = due_ms = 0

    def svid() -> bytes:
        nonlocal held, begun_ms, due_ms
        now_ms = clock_ms()
        if not begun_ms <= now_ms < due_ms:
            key = generate_private_key(SECP256R1())
            try:
                chain = authority.x509_svid(spiffe_id, key.public_key(), now_ms)
            except AuthorityFault as fault:
                raise UnusableCertificate(f"gateway.tls.svid: {fault}") from None
            certificates = "".join(DER_cert_to_PEM_cert(one) for one in chain)
            secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
            held = certificates.encode() + secret
            begun_ms, due_ms = now_ms, now_ms + authority.times.x509_ms // 2
        return held

    return svid
