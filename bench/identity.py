"""What it costs to know whose call it is: a task token that is bound to a key, and a proof by it.

Verified in this process, as the gateway does it, and without anything around: a call pays for the
first of these once, and for the other every time.
"""

import asyncio
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from bench.figures import interval
from bench.subjects import configure
from safeconduct.config import load
from safeconduct.delegation.signing import SigningKeys
from safeconduct.delegation.tokens import TaskTokens
from safeconduct.identity import dev
from safeconduct.identity.client import proof
from safeconduct.identity.dpop import Proofs
from safeconduct.identity.evidence import ConfiguredEvidence
from safeconduct.kit.jwk import PrivateKey
from safeconduct.ports import Bearer, Caller

CALLS = 500
"""How many calls one slice has."""


class Verifier:
    """The verifying end of a gateway, and one agent's key."""

    def __init__(self, directory: Path) -> None:
        configure(directory, "full", 1, 2)
        config = load(directory)
        state = directory / config.root.gateway.state
        state.mkdir(exist_ok=True)
        dev.create(state, config)
        self.issuer = config.root.gateway.issuer
        evidence = ConfiguredEvidence(config, Proofs(since_ms=0))
        keys = SigningKeys(state, time.time_ns() // 1_000_000)
        self.tokens = TaskTokens(config.root.gateway, keys, evidence)
        self.key = PrivateKey.generate()
        self.gateway = config.root.gateway

    def calls(self, tokens: int) -> list[Caller]:
        """As many calls as a slice has, with so many tokens in turn."""
        shown = [self._token(number) for number in range(tokens)]
        url = f"{self.issuer}/mcp"
        return [
            Caller(
                http_method="POST",
                url=url,
                authorization=f"DPoP {token}",
                dpop=(proof(self.key, "POST", url, token),),
            )
            for token in (shown[number % tokens] for number in range(CALLS))
        ]

    def _token(self, number: int) -> str:
        now_ms = time.time_ns() // 1_000_000
        bearer = Bearer(
            task=f"t_{number}",
            tenant=self.gateway.tenant,
            agent="spiffe://crm.example/agents/sales-copilot",
            user="jane@crm.example",
            scopes=frozenset({"crm:case:read", "email:send:customer"}),
            expires_ms=(now_ms // 1000 + 600) * 1000,
            jti=f"j_{time.time_ns()}_{number}",
            key=self.key.public.thumbprint,
        )
        return self.tokens.mint(bearer, "app", now_ms)

    def cpu_us(self, callers: list[Caller]) -> float:
        """CPU per call, in microseconds."""
        now_ms = time.time_ns() // 1_000_000
        before = time.process_time()
        for caller in callers:
            self.tokens.verify(caller, now_ms)
        return (time.process_time() - before) / len(callers) * 1e6


def slices(rounds: int) -> dict[str, list[float]]:
    """Interleaved: a token that was seen before, and one that was not."""
    found: dict[str, list[float]] = {"cached_us": [], "uncached_us": []}
    with tempfile.TemporaryDirectory(prefix="safeconduct-bench-") as place:
        verifier = Verifier(Path(place) / "gateway")
        for _ in range(rounds):
            found["cached_us"].append(verifier.cpu_us(verifier.calls(1)))
            found["uncached_us"].append(verifier.cpu_us(verifier.calls(CALLS)))
    return found


async def measured(rounds: int) -> dict[str, Any]:
    """Medians over the rounds with their intervals."""
    answer: dict[str, Any] = {}
    for name, values in (await asyncio.to_thread(slices, rounds)).items():
        low, high = interval(values, statistics.median)
        answer[name] = round(statistics.median(values), 1)
        answer[f"{name}_interval"] = [round(low, 1), round(high, 1)]
    return answer
