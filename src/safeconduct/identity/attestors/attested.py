"""What every attestor answers: which agent evidence stands for, or why it stands for none."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import msgspec

from safeconduct.config.schema import Config

Demands = Mapping[str, frozenset[str]]
"""What evidence must say, by name, and the values that will do."""


class NotAttested(Exception):
    """The evidence is refused. The message is for the operator: it says which check failed, and
    quotes nothing but what the configuration says too.
    """


class Unjudged(Exception):
    """Whoever had to be asked did not answer, so nothing is accepted; a message for the operator.

    Later the same evidence may be accepted.
    """


class Attested(msgspec.Struct, frozen=True, kw_only=True):
    """The agent that the evidence stands for. `evidence` is a digest that names this very piece of
    it, and that nobody can change without making it worthless.
    """

    agent: str
    evidence: str


class Attestor(Protocol):
    """Judges one kind of evidence."""

    async def attest(self, evidence: object, key: str, now_ms: int) -> Attested:
        """Whom the evidence stands for. `key` is the thumbprint of the key that the request proved
        possession of, and that an SVID would be for.

        Raises: NotAttested, Unjudged.
        """
        ...

    async def keep_up(self) -> None:
        """Until cancelled: follows what those publish who sign evidence."""
        ...


class Workloads:
    """The agents that one kind of evidence can stand for."""

    def __init__(self, config: Config, kind: str) -> None:
        self._demands = {
            agent: workload.demanded()
            for agent, workload in config.root.workloads.items()
            if kind in workload.given() and agent in config.agents
        }
        self._kind = kind

    def meeting(self, facts: Mapping[str, str], *, later: str = "") -> list[str]:
        """The agents whose demands these facts meet, but for demands under names that begin with
        `later`, as long as their facts are not known.
        """
        known = {"attestation": self._kind, **facts}
        return [
            agent
            for agent, demands in self._demands.items()
            if all(
                known.get(name) in values
                for name, values in demands.items()
                if not (later and name.startswith(later))
            )
        ]

    def only(self, facts: Mapping[str, str]) -> str:
        """The one agent whose demands these facts meet. Raises NotAttested."""
        match self.meeting(facts):
            case [agent]:
                return agent
            case []:
                raise NotAttested("the evidence holds, and stands for no workload")
            case agents:
                raise NotAttested(f"the evidence stands for {len(agents)} workloads")
