"""The target that reads what a load balancer says of a certificate, and the certificate itself."""

from __future__ import annotations

import base64
import re
import ssl
from pathlib import Path
from typing import Final, cast
from urllib.parse import unquote

from cryptography import x509

from safeconduct.config.tls import Forwarded
from safeconduct.entrypoints.forwarded import forwarded
from safeconduct.entrypoints.http import Peer, Problem, Request, Wire
from safeconduct.identity.bundles import Bundle
from safeconduct.identity.x509 import Certificates
from safeconduct.kit.certificate import Certificate
from safeconduct.ports import Unauthenticated, Workload

AGENT: Final = "spiffe://crm.example/agents/copilot"
NOW_MS: Final = 1_790_000_000_000
BALANCER: Final = "10.1.2.3"
ENVOY: Final = forwarded(Forwarded(sources=(BALANCER,), header="x-forwarded-client-cert"))
STANDARD: Final = forwarded(Forwarded(sources=(BALANCER,), header="client-cert"))
AUTHORITY: Final = x509.load_pem_x509_certificate(
    Path(__file__).with_name("certificates.pem").read_bytes()
)


class _Line:
    peer = Peer(BALANCER)


class _Bundle:
    async def current(self, kid: str | None) -> Bundle:
        assert kid is None
        return Bundle({}, x509=(AUTHORITY,))

    async def keep_up(self) -> None:
        raise AssertionError


_CERTIFICATES: Final = Certificates({"crm.example": _Bundle()})


def certificates(data: bytes) -> None:
    """A header has a certificate that another reader finds in it as well, or is refused; and one
    that is believed is the agent's, as it was signed.
    """
    value = data.replace(b"\r", b"").replace(b"\n", b"")
    for clients, name in ((ENVOY, "x-forwarded-client-cert"), (STANDARD, "client-cert")):
        request = Request("POST", "/mcp", [(name.encode(), value)], cast("Wire", _Line()))
        try:
            found = clients(request)
        except Problem:
            continue
        assert found is not None
        assert found.chain[0] == _as_another_has_it(name, value.decode("latin-1"))
        _believed(found)


def _as_another_has_it(name: str, value: str) -> bytes:
    if name == "client-cert":
        return base64.b64decode(value.strip(":"))
    (encoded,) = re.findall(r'(?i)(?:^|;)cert="?([^";]*)', value)
    return ssl.PEM_cert_to_DER_cert(unquote(encoded).strip())


def _believed(found: Certificate) -> None:
    asking = _CERTIFICATES.verify(found, NOW_MS)
    try:
        asking.send(None)
    except Unauthenticated:
        return
    except StopIteration as ended:
        workload: Workload = ended.value
        assert workload.id == AGENT
        one, *above = [x509.load_der_x509_certificate(one) for one in found.chain]
        for signer in (*above, AUTHORITY):
            if one.issuer == signer.subject and one != signer:
                one.verify_directly_issued_by(signer)
                one = signer
        assert one == AUTHORITY
        return
    raise AssertionError("nothing is waited for")
