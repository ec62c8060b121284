"""What every request has to be like, and every answer: before and after any page.

The host that was asked for is ours, so that no other name leads here (DNS rebinding). What changes
something was sent from a page of ours: `Origin` says so (RFC 6454), or `Sec-Fetch-Site` where there
is none. Pages say `Referrer-Policy: same-origin`, for under `no-referrer` browsers send no origin.
"""

from __future__ import annotations

import asyncio
from typing import Final
from urllib.parse import urlsplit

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from safeconduct.console.wrong import refuse

MAX_BODY: Final = 65_536
"""How long what a page sends may be, in bytes."""

BODY_S: Final = 20.0
"""How long it may take to come, in seconds."""

POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src data:; connect-src 'self'; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'"
)

HEADERS: Final = {
    "content-security-policy": POLICY,
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": (
        "publickey-credentials-get=(self), publickey-credentials-create=(self), "
        "camera=(), geolocation=(), microphone=(), payment=(), usb=()"
    ),
    "referrer-policy": "same-origin",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
}

_FORM: Final = "application/x-www-form-urlencoded"


class Shield:
    """Stands around the pages."""

    def __init__(self, pages: ASGIApp, url: str, programs: frozenset[str] = frozenset()) -> None:
        """`url` is what browsers call the console; `programs` are paths whose forms come from other
        programs, which sign them.
        """
        parts = urlsplit(url)
        self.pages = pages
        self._programs = programs
        self._host = parts.netloc
        self._origin = f"{parts.scheme}://{parts.netloc}"
        own = HEADERS
        if parts.scheme == "https":
            own = own | {"strict-transport-security": "max-age=31536000"}
        self._headers = [(name.encode(), value.encode()) for name, value in own.items()]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request (ASGI)."""
        if scope["type"] != "http":
            return

        async def answered(message: Message) -> None:
            if message["type"] == "http.response.start":
                given: list[tuple[bytes, bytes]] = list(message["headers"])
                if all(name != b"cache-control" for name, _ in given):
                    given.append((b"cache-control", b"no-store"))
                message = {**message, "headers": [*given, *self._headers]}
            await send(message)

        status = self._wrong(scope)
        if status is not None:
            await refuse(status)(scope, receive, answered)
            return
        body = await _body(receive) if scope["method"] == "POST" else b""
        if body is None:
            await refuse(413)(scope, receive, answered)
            return

        first: Message | None = {"type": "http.request", "body": body, "more_body": False}

        async def whole() -> Message:
            # After what was sent comes only that the browser has gone, for an answer that lasts.
            nonlocal first
            message, first = first, None
            return await receive() if message is None else message

        await self.pages(scope, whole, answered)

    def _wrong(self, scope: Scope) -> int | None:
        """The status of what is not even looked at."""
        given: list[tuple[bytes, bytes]] = scope["headers"]
        if [value.decode("latin-1") for name, value in given if name == b"host"] != [self._host]:
            return 421
        if scope["method"] in {"GET", "HEAD"}:
            return None
        if scope["method"] != "POST":
            return 405
        fields = {name: value.decode("latin-1") for name, value in given}
        origin, site = fields.get(b"origin"), fields.get(b"sec-fetch-site")
        ours = site == "same-origin" if origin is None else origin == self._origin
        foreign = not ours or site not in {None, "same-origin"}
        if foreign and scope["path"] not in self._programs:
            return 403
        kind = fields.get(b"content-type", "").partition(";")[0].strip().lower()
        return None if kind == _FORM else 415


async def _body(receive: Receive) -> bytes | None:
    """What was sent; None if it is too long, or does not come."""
    parts: list[bytes] = []
    try:
        async with asyncio.timeout(BODY_S):
            while True:
                message = await receive()
                if message["type"] != "http.request":
                    return None
                parts.append(message.get("body", b""))
                if sum(map(len, parts)) > MAX_BODY:
                    return None
                if not message.get("more_body", False):
                    return b"".join(parts)
    except TimeoutError:
        return None
