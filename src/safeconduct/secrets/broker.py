"""The broker: a credential for one call, of the kind that its upstream declares."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

from safeconduct.config.schema import Config, CredentialBlock
from safeconduct.ports import Credential, Errand
from safeconduct.secrets import references
from safeconduct.secrets.tool_tokens import Sign, ToolTokens, unsigned

Source = Callable[[Errand], Awaitable[Credential]]
"""Where the credentials for one upstream come from. Raises CredentialUnavailable."""


class Broker:
    """Credentials by upstream (`safeconduct.ports.Broker`).

    Args:
        config: the upstreams, and the directory that `file:` references are relative to.
        clock_ms: the time.
        sign: the gateway's signature, where one is needed.
    """

    def __init__(
        self, config: Config, *, clock_ms: Callable[[], int], sign: Sign = unsigned
    ) -> None:
        self._sources: dict[str, Source | None] = {}
        for where, block in config.root.upstreams.items():
            match block.credential.kind:
                case "none":
                    self._sources[where] = None
                case "brokered":
                    self._sources[where] = _Brokered(Path(config.directory), block.credential)
                case "tool-token":
                    self._sources[where] = ToolTokens(config, where, sign, clock_ms)
                case "upstream-oauth":
                    raise NotImplementedError

    async def credential(self, errand: Errand) -> Credential | None:
        """The credential of one call, or None for an upstream that needs none.

        Raises CredentialUnavailable.
        """
        source = self._sources[errand.upstream]
        return None if source is None else await source(errand)


class _Brokered:
    """A secret that stands somewhere else, and that the upstream always gets."""

    def __init__(self, directory: Path, block: CredentialBlock) -> None:
        self._directory = directory
        self._block = block

    async def __call__(self, errand: Errand) -> Credential:
        del errand
        block = self._block
        secret = references.read(self._directory, block.value)
        return Credential(block.kind, {str(block.header): f"{block.scheme} {secret}".lstrip()})
