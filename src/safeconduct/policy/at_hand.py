"""Where the rules of a decision stand, if their bundle is still to be had."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from safeconduct.config.schema import Config
from safeconduct.policy.bundles import archive
from safeconduct.policy.bundles.reading import Bundle, assemble, read
from safeconduct.policy.contract import RuleAt
from safeconduct.policy.keeping import KEPT
from safeconduct.policy.loading import engine
from safeconduct.policy.refusal import PolicyRefused


def rules(digest: str, bundles: Iterator[Bundle]) -> tuple[RuleAt, ...]:
    """Where the rules of the bundle with this digest stand; empty where it is not among them.

    It is not judged again: a gateway has decided by it.
    """
    for bundle in bundles:
        if bundle.digest == digest:
            with suppress(PolicyRefused):  # those of a decision point elsewhere
                return engine(bundle).rules
    return ()


def configured(config: Config) -> Iterator[Bundle]:
    """The bundle that a gateway accepted last, and the one in its configuration, as they are."""
    where, block = Path(config.directory), config.root.policy
    kept = where / config.root.gateway.state / KEPT
    with suppress(PolicyRefused, OSError):
        yield assemble(archive.unpack(kept.read_bytes(), str(kept)))
    if block.bundle is not None:
        with suppress(PolicyRefused):
            yield read(where / block.bundle)
