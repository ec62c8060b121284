"""CloudEvents 1.0 to a webhook, in JSON: in batches, or one event in each request.

Where a signing key is given, requests are signed as Standard Webhooks has it: HMAC-SHA256 over the
id, the time and the exact body.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Sequence
from urllib.parse import quote

import orjson

from safeconduct.audit.exports import said
from safeconduct.audit.exports.elastic import instant
from safeconduct.audit.exports.sink import ALL, Sink, Taken, Where, bearer, post
from safeconduct.audit.following import Copy
from safeconduct.kit.webhooks import signed


class CloudEvents(Sink):
    """`sign` reads the signing key anew each time; `batched`: more than one event at once."""

    max_bytes = 1_000_000

    def __init__(
        self,
        where: Where,
        *,
        batched: bool = True,
        sign: Callable[[], str] | None = None,
        clock_s: Callable[[], float] = time.time,
    ) -> None:
        self.max_items = 500 if batched else 1
        self._where = where
        self._batched = batched
        self._sign = sign
        self._clock_s = clock_s

    def encode(self, copy: Copy) -> bytes:
        record = copy.record
        event = {
            "specversion": "1.0",
            "id": copy.id,
            "source": f"urn:safeconduct:log:{quote(copy.place.origin, safe='/')}",
            "type": f"dev.safeconduct.audit.{said.text(record, 'kind')}",
            "time": instant(said.at_ms(record)),
            "datacontenttype": "application/json",
            "data": {"record": record, **copy.evidence},
        }
        if trace := said.text(record, "trace"):
            event["traceparent"] = f"00-{trace}-{said.text(record, 'span')}-01"
        return orjson.dumps(event)

    def send(self, items: Sequence[bytes]) -> Taken:
        kind = (
            "application/cloudevents-batch+json"
            if self._batched
            else "application/cloudevents+json"
        )
        body = b"[%b]" % b",".join(items) if self._batched else items[0]
        headers = {"content-type": f"{kind}; charset=utf-8", **bearer(self._where)}
        if self._sign is not None:
            headers |= signature(self._sign(), int(self._clock_s()), body)
        post(self._where, "", headers, body)
        return ALL


def signature(key: str, at_s: int, body: bytes) -> dict[str, str]:
    """The header fields that prove who sent a body. The same body has the same id."""
    name = f"msg_{hashlib.sha256(body).hexdigest()[:32]}"
    return signed(key.encode(), name, at_s, body)
