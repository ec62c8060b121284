"""The policy that a gateway decides by: where it comes from, and what was accepted last.

What was accepted is kept in the state directory. So a gateway starts while its source is away, with
rules that were checked then and are checked anew; and it knows which release it must not go behind.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec

from safeconduct.config.policy import PolicyBlock
from safeconduct.kit import files as durable
from safeconduct.policy.bundles import archive
from safeconduct.policy.bundles.accepting import accept, accepted_in
from safeconduct.policy.bundles.git import Git
from safeconduct.policy.bundles.header import FILE
from safeconduct.policy.bundles.reading import Bundle
from safeconduct.policy.bundles.release import Accepted
from safeconduct.policy.bundles.signing import signers
from safeconduct.policy.bundles.sources import Directory, Found, Https, Source
from safeconduct.policy.lasting import Lasting
from safeconduct.policy.loading import deciding, judge
from safeconduct.policy.refusal import PolicyRefused
from safeconduct.policy.remote.asking import Authorization
from safeconduct.ports import PolicyEngine

KEPT: Final = "policy.tar.gz"
CACHE: Final = "policy.git"


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """A bundle that was accepted.

    `source` is where it came from, and `mark` what it is known by there. `instead` says why it is
    the one that was kept, where it is.
    """

    bundle: Bundle
    files: dict[str, bytes]
    source: str
    mark: str | None = None
    instead: str | None = None


class Keeper:
    """Looks for the policy where the configuration says, and keeps what is accepted.

    All of it blocks: for a judgement in a process of its own, for a server, for a disk.
    """

    def __init__(
        self,
        block: PolicyBlock,
        directory: Path,
        state: Path,
        *,
        clock_ms: Callable[[], int],
        authorization: Authorization | None = None,
    ) -> None:
        """`directory` is that of the configuration. Raises PolicyRefused."""
        self._block = block
        self._directory = directory
        self._kept = state / KEPT
        self._clock_ms = clock_ms
        self._authorization = authorization
        self._source = _source(block, directory, state)
        self._mark: str | None = None
        self._refusal: PolicyRefused | None = None
        self._signers: bytes | None = None

    @property
    def where(self) -> str:
        """The place that the policy comes from."""
        return self._source.where

    def start(self) -> Policy:
        """The policy to begin with: that of the source, or what was kept if that cannot be had.

        A directory is always there: what is wrong in it is for who starts the gateway to see.

        Raises:
            PolicyRefused: neither is usable.
        """
        try:
            return self._judged(self._source.look())
        except PolicyRefused as refused:
            why = self._located(refused)
            if self._block.source is None or not self._kept.exists():
                raise why from None
        try:
            policy = self._accepted(Found(self._kept_files(), None))
        except PolicyRefused:
            raise why from None
        return msgspec.structs.replace(policy, source=str(self._kept), instead=str(why))

    def look(self, *, again: bool = False) -> Policy | None:
        """What is there now, if it is acceptable; None if it is what was settled on.

        What was refused is not judged anew while it and the keys of its signers stay the same,
        except with `again`.

        Raises:
            PolicyRefused: nothing could be had, or nothing acceptable.
        """
        try:
            anew = again or self._signers != self._signers_file()
            found = self._source.look() if anew else self._source.changed(self._mark)
            if found is not None:
                return self._judged(found)
        except PolicyRefused as refused:
            raise self._located(refused) from None
        if self._refusal is not None:
            raise self._refusal
        return None

    def engine(self, policy: Policy) -> PolicyEngine:
        """What evaluates it, for whoever closes it. Raises PolicyRefused."""
        bundle = policy.bundle
        try:
            engine = deciding(bundle, self._authorization, process=self._block.process)
        except PolicyRefused as refused:
            raise self._located(refused) from None
        if bundle.release is None:
            return engine
        return Lasting(engine, bundle.contract, bundle.release.ends_ms)

    def keep(self, policy: Policy) -> None:
        """From now on this is what was accepted last. Raises OSError."""
        durable.replace(self._kept, archive.pack(policy.files), mode=0o600)

    def settle(self, policy: Policy) -> None:
        """This is what decides: it need not be looked at again until there is something else."""
        self._mark = policy.mark

    def _judged(self, found: Found) -> Policy:
        self._mark, self._refusal, self._signers = None, None, self._signers_file()
        try:
            return self._accepted(found)
        except PolicyRefused as refused:
            self._mark, self._refusal = found.mark, self._located(refused)
            raise

    def _signers_file(self) -> bytes | None:
        """What the keys of the signers look like now; None if that cannot be known."""
        verify = self._block.verify
        try:
            return None if verify is None else (self._directory / verify.jwks).read_bytes()
        except OSError:
            return None

    def _accepted(self, found: Found) -> Policy:
        files, verify = found.files, self._block.verify
        keys = None if verify is None else signers(self._directory / verify.jwks)
        bundle = accept(files, keys=keys, last=self._last(), now_ms=self._clock_ms())
        judge(bundle)
        return Policy(bundle=bundle, files=files, source=self.where, mark=found.mark)

    def _last(self) -> Accepted | None:
        """The release that was accepted last. Raises PolicyRefused."""
        return accepted_in(self._kept_files()) if self._kept.exists() else None

    def _kept_files(self) -> dict[str, bytes]:
        try:
            return archive.unpack(self._kept.read_bytes(), str(self._kept))
        except OSError as error:
            raise PolicyRefused(
                f"what was accepted last cannot be read: {error.strerror}",
                file=str(self._kept),
                fix="make it readable; without it an older release would be taken for a newer one",
            ) from None

    def _located(self, refused: PolicyRefused) -> PolicyRefused:
        """The same refusal with the whole place of what is wrong."""
        if refused.file.startswith((self.where, str(self._directory), str(self._kept))):
            return refused
        return PolicyRefused(
            refused.sentence,
            file=f"{self.where}/{refused.file}",
            line=refused.line,
            fix=refused.fix,
        )


def _source(block: PolicyBlock, directory: Path, state: Path) -> Source:
    """Raises PolicyRefused."""
    source = block.source
    if source is not None and source.https is not None:
        return Https(source.https, None if source.ca is None else directory / source.ca)
    if source is not None and source.git is not None:
        where = source.git if source.remote else str(directory / source.git)
        return Git(where, source.ref, source.path, state / CACHE)
    if block.bundle is not None:
        return Directory(directory / block.bundle)
    raise PolicyRefused("no policy", file=FILE, fix="name a `bundle` or a `source`")
