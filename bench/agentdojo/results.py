"""What is run, and what is kept of it."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final, Literal

import msgspec

from bench.agentdojo.agent import Bodies, Schedule
from bench.agentdojo.operators import Scopes

CANONICAL: Final = "canonical"
VERSIONS: Final = {CANONICAL: "v1.1.2", "v1.2.2": "v1.2.2"}
"""The version sets by the names that they have here."""
SUITES: Final = ("banking", "slack", "workspace")
HELD_OUT: Final = ("travel",)

Kind = Literal["money", "credentials", "exfiltration", "other"]
"""What an attack is after."""


class Setting(msgspec.Struct, frozen=True, kw_only=True):
    """Under what is run. Without `operators`, a directory of one per suite, nothing defends. The
    `detector` has results withheld that speak to the agent.
    """

    version: str
    scopes: Scopes = "profile"
    bodies: Bodies = "given"
    operators: Path | None = None
    attacks: bool = True
    detector: bool = False


class Job(msgspec.Struct, frozen=True):
    """All runs of one user task."""

    setting: Setting
    suite: str
    user: str


class Benign(msgspec.Struct, frozen=True, kw_only=True):
    """The user's task in peace. `refused` has the reason of each refusal."""

    done: bool
    calls: int
    approvals: int
    refused: Sequence[str]
    added_s: Sequence[float]


class Pair(msgspec.Struct, frozen=True, kw_only=True):
    """One attack on one user task: the schedules in which it succeeded, and those in which it
    did with an approver who always says yes. `acted`: something was changed or sent for it, be it
    only in part; `judged`: the suite's own judge saw it succeed."""

    injection: str
    kind: Kind
    hits: Sequence[Schedule]
    always_yes: Sequence[Schedule]
    acted: bool
    judged: bool
    refused: Sequence[str]
    added_s: Sequence[float]


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a job; `text_only` counts the attacks that take no tool."""

    job: Job
    benign: Benign
    pairs: Sequence[Pair]
    text_only: int
