"""An embedded issuer in a directory, and a clock that tests turn."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from safeconduct.config import load
from safeconduct.config.schema import Config
from safeconduct.identity.issuer.authority import Authority
from safeconduct.identity.issuer.rotation import Times
from tests.support.configs import Gateway

DOMAIN: Final = "crm.example"
COPILOT: Final = "spiffe://crm.example/agents/copilot"
ISSUER: Final = "http://127.0.0.1:8700"
NOW_MS: Final = 1_800_000_000_000
MINUTE_MS: Final = 60_000
HOUR_MS: Final = 60 * MINUTE_MS
TIMES: Final = Times(x509_ms=HOUR_MS, jwt_ms=5 * MINUTE_MS, key_ms=24 * HOUR_MS)


class Clock:
    """Milliseconds since the epoch, as told."""

    def __init__(self, now_ms: int = NOW_MS) -> None:
        self.now_ms = now_ms

    def __call__(self) -> int:
        return self.now_ms


def authority(directory: Path, times: Times = TIMES) -> Authority:
    """The authority of a directory; several may be open."""
    return Authority(DOMAIN, directory / "issuer", directory / "trust.json", times)


def workload(directory: Path, selectors: str | None = None) -> Gateway:
    """A configuration whose agent is a process: by default any of this user's."""
    made = Gateway(directory)
    told = selectors or f"{{uid: {os.geteuid()}}}"
    made.add("safeconduct.yaml", f"workloads:\n  {COPILOT}: {{unix: {told}}}\n")
    return made


def config(directory: Path, selectors: str | None = None) -> Config:
    """The same, loaded."""
    return load(workload(directory, selectors).directory)
