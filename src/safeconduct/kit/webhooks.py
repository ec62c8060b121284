"""Who sent a request: the header fields of Standard Webhooks, HMAC-SHA256 over the id, the time and
the exact body (https://www.standardwebhooks.com).
"""

from __future__ import annotations

import base64
import binascii
import hmac
from typing import Final

SECRET: Final = "whsec_"
"""How a secret begins; base64 of the key follows."""

MIN_BYTES: Final = 24
"""How long a key is at least (Standard Webhooks 1.0.0)."""


def key(secret: str) -> bytes:
    """The key that a secret stands for. Raises ValueError."""
    try:
        found = base64.b64decode(secret.removeprefix(SECRET), validate=True)
    except binascii.Error:
        found = b""
    if len(found) < MIN_BYTES or not secret.startswith(SECRET):
        raise ValueError("the secret of a webhook is `whsec_` and at least 24 bytes in base64")
    return found


def signed(key: bytes, name: str, at_s: int, body: bytes) -> dict[str, str]:
    """The header fields of a request. Who repeats it sends the same name again."""
    covered = b"%b.%d.%b" % (name.encode(), at_s, body)
    mac = base64.b64encode(hmac.digest(key, covered, "sha256")).decode()
    return {"webhook-id": name, "webhook-timestamp": str(at_s), "webhook-signature": f"v1,{mac}"}
