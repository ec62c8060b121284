"""What a browser keeps for us: that the one that comes back is the one that was sent away."""

from __future__ import annotations

from safeconduct.entrypoints.http import Request


class Cookies:
    """Cookies of one kind. `of` tells those apart that one browser has at once, such as for several
    tabs; it is text of ours.
    """

    def __init__(self, name: str, *, secure: bool, lifetime_s: int | None = None) -> None:
        """`secure`: the gateway is spoken to over TLS, and its cookies are too. Without a lifetime
        they end with the browser.
        """
        self._name = f"__Host-{name}" if secure else name
        self._flags = "; Path=/; HttpOnly; SameSite=Lax" + ("; Secure" if secure else "")
        self._lifetime = "" if lifetime_s is None else f"; Max-Age={lifetime_s}"

    def keep(self, value: str, of: str = "") -> tuple[bytes, bytes]:
        """The header that lets the browser keep this."""
        return b"set-cookie", f"{self._called(of)}={value}{self._flags}{self._lifetime}".encode()

    def drop(self, of: str = "") -> tuple[bytes, bytes]:
        """The header that lets the browser forget it."""
        return b"set-cookie", f"{self._called(of)}={self._flags}; Max-Age=0".encode()

    def brought(self, request: Request, of: str = "") -> str:
        """What the browser kept; empty if that is nothing, or more than one thing."""
        whole = b"; ".join(request.every(b"cookie")).decode("latin-1")
        pairs = [pair.strip().partition("=") for pair in whole.split(";")]
        values = [value for name, _, value in pairs if name == self._called(of)]
        return values[0] if len(values) == 1 else ""

    def _called(self, of: str) -> str:
        return f"{self._name}-{of}" if of else self._name
