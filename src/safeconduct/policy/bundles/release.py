"""`release.json`: which release of a policy this is, how long it is good, and what it follows.

OPA's signatures say that a bundle was signed, and not that it is the latest: whoever can put an old
one in its place has the old rules back. A release has a number that only rises, a day on which it
ends, and the digest of the release before it.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Final

import msgspec

from safeconduct.kit import strictjson
from safeconduct.policy.bundles.layout import MAX_FILE_BYTES, RELEASE
from safeconduct.policy.refusal import PolicyRefused

Digest = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}$")]

SOON_MS: Final = 3 * 24 * 3600 * 1000
"""How long before its end a release is complained about, in milliseconds."""

_RENEW: Final = "sign the rules as a new release: `safeconduct policy sign`"


class Release(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a signer says of the content of a bundle.

    `digest` is that of the content, `previous` that of the release before, None for the first.
    `signer` is the id of the key that signed. The release ends at `not_after`.
    """

    version: Annotated[int, msgspec.Meta(ge=1, lt=2**53)]
    not_after: Annotated[datetime, msgspec.Meta(tz=True)]
    digest: Digest
    signer: Annotated[str, msgspec.Meta(min_length=1, max_length=256)]
    previous: Digest | None = None

    def __post_init__(self) -> None:
        """Raises ValueError for an end that no calendar has in UTC."""
        try:
            self.not_after.astimezone(UTC)
        except OverflowError:
            raise ValueError("`not_after` is out of range") from None

    @property
    def ends_ms(self) -> int:
        """The end, in milliseconds since the epoch."""
        return int(self.not_after.timestamp() * 1000)

    def written(self) -> bytes:
        """The file."""
        return msgspec.json.format(msgspec.json.encode(self), indent=2) + b"\n"


class Accepted(msgspec.Struct, frozen=True):
    """The release that a gateway took last."""

    version: int
    digest: str


def read_release(content: bytes) -> Release:
    """Read `release.json`, whatever it was said of. Raises PolicyRefused."""
    try:
        return msgspec.convert(strictjson.loads(content, max_bytes=MAX_FILE_BYTES), Release)
    except (strictjson.StrictJSONError, msgspec.ValidationError) as error:
        raise PolicyRefused(str(error), file=RELEASE, fix=_RENEW) from None


def check_content(release: Release, digest: str) -> None:
    """Refuse a release of other content than that with this digest. Raises PolicyRefused."""
    if release.digest != digest:
        raise PolicyRefused("the files are not those that were released", file=RELEASE, fix=_RENEW)


def check_current(release: Release, now_ms: int) -> None:
    """Refuse a release that has ended. Raises PolicyRefused."""
    if now_ms >= release.ends_ms:
        raise PolicyRefused(
            f"the release ended at {_shown(release.not_after)}", file=RELEASE, fix=_RENEW
        )


def check_follows(release: Release | None, last: Accepted | None) -> None:
    """Refuse to go back: `last` is what was accepted before, None if nothing ever was.

    The number must rise, or stay while the content does. The release right after `last` must name
    it as the one before; where some were left out, nobody here can say what was between.

    Raises:
        PolicyRefused: an older release, another one of the same number or line, or none at all.
    """
    if last is None:
        return
    if release is None:
        raise PolicyRefused(
            f"there is no release, and release {last.version} was accepted before",
            file=RELEASE,
            fix=_RENEW,
        )
    if release.version < last.version:
        raise PolicyRefused(
            f"release {release.version} is older than {last.version}, which was accepted before",
            file=RELEASE,
            fix=f"to go back, sign the older rules as release {last.version + 1}",
        )
    if release.version == last.version and release.digest != last.digest:
        raise PolicyRefused(
            f"another release {release.version} was accepted before", file=RELEASE, fix=_RENEW
        )
    if release.version == last.version + 1 and release.previous != last.digest:
        raise PolicyRefused(
            f"release {release.version} does not follow the release {last.version} that was "
            "accepted before",
            file=RELEASE,
            fix="sign it with `--previous`, or find out who signs besides you",
        )


def _shown(when: datetime) -> str:
    return when.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
