"""The parties of a task, of whom agents have X.509-SVIDs."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import orjson

from safeconduct.config import schema
from safeconduct.kit.certificate import Certificate
from safeconduct.ports import JSON, Caller
from tests.support.certificates import Authority, Held
from tests.support.parties import MCP_URL, NOW_MS, TOKEN_URL, Parties
from tests.support.worlds import AGENT

NOW = datetime.fromtimestamp(NOW_MS / 1000, UTC)


class Certified(Parties):
    """The trust domain has an X.509 authority, too."""

    def __init__(self, directory: Path, config: schema.Config | None = None) -> None:
        super().__init__(directory, config)
        self.authority = Authority("crm.example", now=NOW)
        self.held = self.authority.svid(AGENT)
        self.trust(self.authority)

    def trust(self, *authorities: Authority) -> None:
        """Publishes these authorities, next to what is published for JWT-SVIDs."""
        path = self.state / "trust.json"
        document = orjson.loads(path.read_bytes())
        kept = [key for key in document["keys"] if key["use"] != "x509-svid"]
        made = [key for one in authorities for key in orjson.loads(one.bundle())["keys"]]
        path.write_bytes(orjson.dumps({**document, "keys": kept + made}))

    def bare(self, **changes: str | None) -> dict[str, str]:
        """A good token request of who has an X.509-SVID and nothing else."""
        nothing = {"actor_token": None, "actor_token_type": None}
        return self.form(**{**nothing, "client_id": AGENT, **changes})

    async def certified(
        self, form: Mapping[str, str], *proofs: str, held: Held | None = None
    ) -> JSON:
        """The token response to a request that comes with a certificate. Raises TokenRefused."""
        return await self.exchange.exchange(
            form,
            Caller(
                http_method="POST",
                url=TOKEN_URL,
                authorization=None,
                dpop=proofs,
                certificate=(held or self.held).shown,
            ),
        )

    def comes(
        self, token: object, *proofs: str, certificate: Certificate | None, scheme: str = "Bearer"
    ) -> Caller:
        """Who makes a call with a certificate, or with none."""
        return Caller(
            http_method="POST",
            url=MCP_URL,
            authorization=f"{scheme} {token}",
            dpop=proofs,
            certificate=certificate,
        )
