"""What verifiers of foreign tokens share: whose keys, which claims, what is said on failure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, TypeVar

from safeconduct.config.schema import Config
from safeconduct.kit import jose
from safeconduct.kit.jwk import JoseError, KeySet
from safeconduct.ports import Unauthenticated

SIGNING: Final[frozenset[str | None]] = frozenset({"sig", None})


class ForeignClaims(jose.Claims, frozen=True, kw_only=True):
    """Claims of a token from outside. The embedded development issuer marks what it makes."""

    unsafe_dev_identity: bool = False


Shape = TypeVar("Shape", bound=ForeignClaims)


class UnusableKeys(ValueError):
    """A file of public keys that the configuration names cannot be used; the message says why."""


def load_keys(config: Config, jwks: str, uses: frozenset[str | None] = SIGNING) -> KeySet:
    """Read the public keys of a file that the configuration names. Raises UnusableKeys."""
    path = Path(config.directory) / jwks
    try:
        return KeySet.parse(path.read_bytes(), uses=uses)
    except OSError as error:
        raise UnusableKeys(f"{path}: {error.strerror}") from None
    except JoseError as error:
        raise UnusableKeys(f"{path}: {error}") from None


class Acceptance:
    """Verifies tokens of one kind; `what` names the kind in sentences, such as "actor token"."""

    def __init__(
        self,
        what: str,
        select: Callable[[Mapping[str, Any]], KeySet | None],
        *,
        types: frozenset[str | None],
        dev: bool,
    ) -> None:
        self._what = what
        self._select = select
        self._types = types
        self._dev = dev

    def verify(self, token: str, shape: type[Shape], now_ms: int) -> jose.Signed[Shape]:
        """Check everything but audience and subject. Raises Unauthenticated."""
        try:
            signed = jose.verify(token, self._select, types=self._types, shape=shape)
            jose.check_times(signed.claims, now_ms)
        except jose.Expired:
            raise Unauthenticated("invalid_token", f"The {self._what} has expired.") from None
        except JoseError:
            raise self.invalid() from None
        if signed.claims.unsafe_dev_identity and not self._dev:
            raise self.invalid()
        return signed

    def invalid(self) -> Unauthenticated:
        """The one answer to every other fault: which check failed is nobody's business."""
        return Unauthenticated("invalid_token", f"The {self._what} is not valid here.")
