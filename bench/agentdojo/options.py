"""What can be asked of the benchmark, and which settings it comes to."""

import argparse
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final, get_args

from bench.agentdojo.agent import Bodies
from bench.agentdojo.operators import HERE, Scopes
from bench.agentdojo.results import HELD_OUT, SUITES, VERSIONS, Setting

DESCRIPTION: Final = """An agent that obeys everybody, behind the gateway; the last line is JSON."""


def parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="bench.agentdojo", description=DESCRIPTION)
    parser.add_argument("--suites", nargs="+", choices=SUITES, default=SUITES)
    parser.add_argument("--holdout", choices=HELD_OUT, help="a suite kept apart, alone")
    parser.add_argument("--versions", nargs="+", choices=VERSIONS, default=list(VERSIONS))
    parser.add_argument("--defence", choices=("gateway", "none"), default="gateway")
    parser.add_argument("--scopes", choices=get_args(Scopes), help="one of the two alone")
    parser.add_argument("--bodies", choices=get_args(Bodies), help="one of the two alone")
    parser.add_argument(
        "--detector",
        choices=("off", "on"),
        default=os.environ.get("DETECTOR", "off"),
        help="withhold what speaks to the agent, as the detector of instructions sees it",
    )
    parser.add_argument("--benign", action="store_true", help="the users' tasks without attacks")
    parser.add_argument("--operator", type=Path, default=HERE, help="one directory per suite")
    parser.add_argument("--workers", type=int, default=os.cpu_count())
    parser.add_argument(
        "--explain", metavar="USERTASK[,INJECTION]", help="each call of a task, or of an attack"
    )
    parser.add_argument(
        "--through-mcp", type=int, metavar="N", help="sampled pairs through a gateway that runs"
    )
    return parser


def options(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    given = parser().parse_args(arguments)
    if given.holdout:
        given.suites = (given.holdout,)
    return given


def settings(given: argparse.Namespace) -> dict[str, list[Setting]]:
    """What is run, by its name in the result: with the profiles, with all scopes, real bodies."""
    wanted: dict[str, tuple[Scopes, Bodies]] = {
        "profile": ("profile", "given"),
        "registration": ("registration", "given"),
        "real_bodies": ("profile", "real"),
    }
    if given.scopes or given.bodies or given.defence == "none":
        wanted = {"profile": (given.scopes or "profile", given.bodies or "given")}
    return {
        name: [
            Setting(
                version=version,
                scopes=scopes,
                bodies=bodies,
                operators=None if given.defence == "none" else given.operator,
                attacks=not given.benign,
                detector=given.detector == "on",
            )
            for version in given.versions
        ]
        for name, (scopes, bodies) in wanted.items()
    }
