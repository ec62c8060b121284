"""What the gateway shows at its own port, and whose certificates it takes there."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from safeconduct.config.schema import Config
from safeconduct.entrypoints.tls import Tls, pair
from safeconduct.identity.issuer.authority import Authority, domain_of
from safeconduct.identity.issuer.own import own_svid
from safeconduct.identity.x509 import Authorities
from safeconduct.rooms import clock_ms


def tls(config: Config, signers: Mapping[str, Authority], clients: Authorities) -> Tls | None:
    """What is shown at our port, if it speaks TLS. Raises UnusableCertificate."""
    block, directory = config.root.gateway.tls, Path(config.directory)
    if block is None:
        return None
    asked = clients.current if block.client_certificates else None
    if block.svid is not None:
        authority = signers[domain_of(block.svid)]
        return Tls(own_svid(authority, block.svid, clock_ms), asked)
    return Tls(pair(directory / str(block.certificate), directory / str(block.key)), asked)
