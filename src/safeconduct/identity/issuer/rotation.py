"""When keys are made, when they sign, and when they are forgotten.

A key is published for half of its time before it signs, so that whoever verifies has heard of it,
and stays published until everything that it signed has ended. There is never a moment at which a
valid SVID is by a key that is not published.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from safeconduct.config.workloads import Svids
from safeconduct.identity.issuer import certificates
from safeconduct.kit.jwk import PrivateKey

LEEWAY_MS: Final = 60_000
"""For how long an SVID may still be asked about after its end, by clocks that are behind."""


class Times(msgspec.Struct, frozen=True, kw_only=True):
    """How long SVIDs are good for and keys sign, in milliseconds."""

    x509_ms: int
    jwt_ms: int
    key_ms: int

    @classmethod
    def of(cls, svids: Svids) -> Times:
        """As they are configured."""
        return cls(
            x509_ms=svids.x509_ttl_s * 1000,
            jwt_ms=svids.jwt_ttl_s * 1000,
            key_ms=svids.key_ttl_s * 1000,
        )

    @property
    def lead_ms(self) -> int:
        """How long a key is published before it signs."""
        return self.key_ms // 2

    @property
    def tail_ms(self) -> int:
        """How long what a key signed may outlive its last signature."""
        return max(self.x509_ms, self.jwt_ms) + LEEWAY_MS


class Generation(msgspec.Struct, frozen=True, kw_only=True):
    """The keys of a trust domain for one time. They sign from `from_ms` to before `until_ms`, or
    to when the next ones do. `certificate` is the X.509 authority in DER; keys are private JWKs.
    """

    from_ms: int
    until_ms: int
    certificate: bytes
    x509_key: dict[str, Any]
    jwt_key: dict[str, Any]


def generation(domain: str, times: Times, now_ms: int, from_ms: int) -> Generation:
    """New keys. Their end leaves time to make and publish the next ones late."""
    until_ms = from_ms + times.key_ms + times.lead_ms
    key = PrivateKey.generate()
    certificate = certificates.authority(
        domain, certificates.signer(key), now_ms, until_ms + times.tail_ms
    )
    return Generation(
        from_ms=from_ms,
        until_ms=until_ms,
        certificate=certificate,
        x509_key=key.jwk(),
        jwt_key=PrivateKey.generate().jwk(),
    )


def current(generations: tuple[Generation, ...], now_ms: int) -> Generation | None:
    """Who signs now: the latest whose time has come, if it has not passed."""
    begun = [one for one in generations if one.from_ms <= now_ms]
    return begun[-1] if begun and now_ms < begun[-1].until_ms else None


def renewed(
    domain: str, generations: tuple[Generation, ...], times: Times, now_ms: int
) -> tuple[Generation, ...]:
    """The generations as they should be now: without those whose SVIDs have all ended, and with the
    next one as soon as it has to be published.
    """
    if not generations:
        return (generation(domain, times, now_ms, now_ms),)
    ended_ms = now_ms - times.tail_ms
    successors = (*generations[1:], None)
    kept = tuple(
        one
        for one, successor in zip(generations, successors, strict=True)
        if successor is None or successor.from_ms > ended_ms
    )
    last = kept[-1]
    if now_ms < last.from_ms + times.key_ms - times.lead_ms:
        return kept
    # Late, because nobody was here to do it: sooner than it should be, but never with a gap.
    from_ms = max(now_ms, min(now_ms + times.lead_ms, last.until_ms))
    return (*kept, generation(domain, times, now_ms, from_ms))


def due_ms(generations: tuple[Generation, ...], times: Times) -> int:
    """When to look again."""
    ends = [one.from_ms + times.tail_ms for one in generations[1:]]
    return min([*ends, generations[-1].from_ms + times.key_ms - times.lead_ms])
