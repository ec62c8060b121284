"""How clients reach the gateway over TLS, and who tells it which certificates they showed."""

from __future__ import annotations

from typing import Literal

import msgspec

from safeconduct.config.names import SpiffeId


class Tls(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the gateway shows at its own port: the PEM files `certificate` and `key`, or an
    X.509-SVID with the name `svid` that it makes for itself.

    With `client_certificates` agents may show X.509-SVIDs, by the X.509 authorities of `trust`.
    """

    certificate: str | None = None
    key: str | None = None
    svid: SpiffeId | None = None
    client_certificates: bool = False


class Forwarded(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whose word is taken for the certificates that clients showed: addresses or networks of load
    balancers that end TLS before the gateway, and the header that they write it into.
    """

    sources: tuple[str, ...] = msgspec.field(name="from")
    header: Literal["x-forwarded-client-cert", "client-cert"]
