"""Who tells of users after they have signed in: transmitters of shared signals."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from safeconduct.config.keys import JwksRef


class Poll(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where signals are fetched from (RFC 8936), and how long to wait when there were none."""

    url: str
    every_s: Annotated[int, Meta(ge=1, le=300)] = 1


class SignalIssuer(JwksRef, frozen=True):
    """One transmitter (OpenID Shared Signals Framework 1.0) and the keys it signs with.

    `users` is the issuer whose users it speaks of, itself when left out; `audience` is what it
    calls us, the gateway's issuer when left out. `authorization` is a reference to the value of the
    header `Authorization` that its pushes must carry, or that is sent when it is polled.
    """

    issuer: str
    users: str | None = None
    audience: str | None = None
    authorization: str | None = None
    poll: Poll | None = None
