"""The broker: a credential for one call, of the kind that its upstream declares."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

from safeconduct.config.schema import Config, CredentialBlock
from safeconduct.ports import JSON, Credential, CredentialUnavailable, Errand
from safeconduct.secrets import consents, references
from safeconduct.secrets.access_tokens import AccessTokens
from safeconduct.secrets.client import Client
from safeconduct.secrets.consents import Consents, Record, Tickets, unrecorded
from safeconduct.secrets.tool_tokens import Sign, ToolTokens, unsigned

CALLBACK_PATH: Final = "/oauth/callback"
"""Where browsers come back to with a user's consent."""

Source = Callable[[Errand], Awaitable[Credential]]
"""Where the credentials for one upstream come from. Raises CredentialUnavailable."""


def unnoted(_secret: str) -> None:
    """Tells nobody."""


_log = logging.getLogger(__name__)


class Broker:
    """Credentials by upstream (`safeconduct.ports.Broker`).

    `clients` are the gateway's registrations at authorization servers, `tickets` how users come to
    consent there.

    Args:
        config: the upstreams, and the directory that `file:` references are relative to.
        clock_ms: the time.
        sign: the gateway's signature, where one is needed.
        record: the log, where a user's consent is recorded.
        note: what is told of every secret that is used, and of those that stand elsewhere now.
    """

    def __init__(
        self,
        config: Config,
        *,
        clock_ms: Callable[[], int],
        sign: Sign = unsigned,
        record: Record = unrecorded,
        note: Callable[[str], None] = unnoted,
    ) -> None:
        self.clients: dict[str, Client] = {}
        self._config = config
        self._clock_ms = clock_ms
        self._sign = sign
        self._note = note
        self._asked: dict[str, Consents] = {}
        self._sources = {where: self._source(where) for where in config.root.upstreams}
        self.tickets = Tickets(self._asked, clock_ms, record)
        self._note_all()

    async def credential(self, errand: Errand) -> Credential | None:
        """The credential of one call, or None for an upstream that needs none.

        Raises CredentialUnavailable, and the log says why.
        """
        source = self._sources[errand.upstream]
        if source is None:
            return None
        try:
            credential = await source(errand)
        except CredentialUnavailable as error:
            _log.warning("no credential for %s: %s", errand.upstream, error)
            raise
        for field in credential.headers.values():
            self._note(field)
        return credential

    def _note_all(self) -> None:
        """Tells of the secrets that stand elsewhere, before the first one is used."""
        directory = Path(self._config.directory)
        for upstream in self._config.root.upstreams.values():
            block = upstream.credential
            for reference in (block.value, None if block.oauth is None else block.oauth.secret):
                if reference is not None:
                    with suppress(CredentialUnavailable):
                        self._note(references.read(directory, reference))

    def _source(self, where: str) -> Source | None:
        config, sign, clock_ms = self._config, self._sign, self._clock_ms
        block = config.root.upstreams[where].credential
        match block.kind:
            case "none":
                return None
            case "brokered":
                return _Brokered(Path(config.directory), block)
            case "tool-token":
                return ToolTokens(config, where, sign, clock_ms)
            case "upstream-oauth":
                client = self.clients[where] = Client(config, where, sign, clock_ms)
                if client.oauth.grant != "authorization-code":
                    return AccessTokens(client, clock_ms)
                gateway = config.root.gateway
                asked = self._asked[where] = Consents(
                    client,
                    where,
                    Path(config.directory) / gateway.state / consents.DIRECTORY,
                    gateway.issuer + CALLBACK_PATH,
                    clock_ms,
                )
                return AccessTokens(client, clock_ms, asked)

    def documents(self) -> Mapping[str, JSON]:
        """The client-id metadata documents, by upstream
        (draft-ietf-oauth-client-id-metadata-document).
        """
        gateway = self._config.root.gateway
        return {
            where: client.document(
                f"Safeconduct of {gateway.tenant}: {where}",
                gateway.issuer + CALLBACK_PATH if where in self._asked else None,
            )
            for where, client in self.clients.items()
            if client.oauth.client_id is None
        }


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
