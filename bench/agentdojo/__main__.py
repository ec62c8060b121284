"""`make bench-agentdojo`: an agent that obeys everybody, behind the gateway; the last line is JSON.

What the figures mean and how an attack is judged: `runs.py`. The rules are those of `operator/`.
"""

import argparse
import json
import multiprocessing
import os
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import Any, get_args

from bench.agentdojo import explaining, through_mcp
from bench.agentdojo.agent import Bodies
from bench.agentdojo.figures import HEAD, Figures, figures, line, reasons
from bench.agentdojo.operators import HERE, Scopes, operator
from bench.agentdojo.results import Found, Job, Setting
from bench.agentdojo.runs import run
from bench.agentdojo.suites import CANONICAL, HELD_OUT, SUITES, VERSIONS, suite
from safeconduct.config import ConfigError
from safeconduct.policy.refusal import PolicyRefused


def options(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench.agentdojo", description=__doc__)
    parser.add_argument("--suites", nargs="+", choices=SUITES, default=SUITES)
    parser.add_argument("--holdout", choices=HELD_OUT, help="a suite kept apart, alone")
    parser.add_argument("--versions", nargs="+", choices=VERSIONS, default=list(VERSIONS))
    parser.add_argument("--defence", choices=("gateway", "none"), default="gateway")
    parser.add_argument("--scopes", choices=get_args(Scopes), help="one of the two alone")
    parser.add_argument("--bodies", choices=get_args(Bodies), help="one of the two alone")
    parser.add_argument("--benign", action="store_true", help="the users' tasks without attacks")
    parser.add_argument("--operator", type=Path, default=HERE, help="one directory per suite")
    parser.add_argument("--workers", type=int, default=os.cpu_count())
    parser.add_argument(
        "--explain", metavar="USERTASK[,INJECTION]", help="each call of a task, or of an attack"
    )
    parser.add_argument(
        "--through-mcp", type=int, metavar="N", help="sampled pairs through a gateway that runs"
    )
    given = parser.parse_args(arguments)
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
            )
            for version in given.versions
        ]
        for name, (scopes, bodies) in wanted.items()
    }


def ran(jobs: Sequence[Job], workers: int) -> Iterator[Found]:
    """In processes beside each other; tells on stderr how far it is."""
    # One process takes all runs of a user task: they are in the same environments.
    groups: dict[tuple[str, str, str], list[Job]] = {}
    for job in jobs:
        groups.setdefault((job.setting.version, job.suite, job.user), []).append(job)
    # What is loaded by now, each process begins with.
    context = multiprocessing.get_context("fork")
    with ProcessPoolExecutor(workers, mp_context=context) as pool:
        futures = [pool.submit(run_each, group) for group in groups.values()]
        for number, future in enumerate(as_completed(futures), 1):
            yield from future.result()
            print(f"\r{number} of {len(groups)} tasks", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)


def run_each(jobs: Sequence[Job]) -> list[Found]:
    return [run(job) for job in jobs]


def told(name: str, version: str, found: dict[str, list[Found]]) -> dict[str, Figures]:
    """The figures by suite, printed."""
    by_suite = {one: figures(each) for one, each in found.items()}
    print(f"\n{name}, {version}\n{HEAD}")
    for one, each in by_suite.items():
        print(line(one, each))
    total = figures([one for each in found.values() for one in each])
    print(line("total", total))
    print(f"refused in peace: {reasons(total.wrong)}")
    if total.pairs:
        print(f"refused under attack: {reasons(total.refused)}")
        kinds = ", ".join(f"{kind} {count}" for kind, count in sorted(total.kinds.items()))
        print(f"successes: {kinds or 'none'}; seen by the suites' judges: {total.judged}")
    if total.text_only:
        print(f"apart, because they take no tool: {total.text_only} pairs")
    return by_suite


def checked(directory: Path) -> None:
    """Raises SystemExit: there is no operator, or what it wrote is refused."""
    try:
        operator(directory)
    except (ConfigError, PolicyRefused, OSError, ValueError) as error:
        raise SystemExit(f"{directory}: {error}") from None


def main() -> None:
    given = options()
    if given.defence == "gateway":
        for name in given.suites:
            checked(given.operator / name)
    wanted = settings(given)
    if given.explain:
        for name in given.suites:
            explaining.explain(wanted["profile"][0], name, given.explain)
        return
    if given.through_mcp:
        compared = through_mcp.sampled(wanted["profile"][0], given.suites, given.through_mcp)
        print(json.dumps(compared))
        sys.exit(compared["equal"] != compared["pairs"])
    jobs = [
        Job(setting, name, user)
        for each in wanted.values()
        for setting in each
        for name in given.suites
        for user in suite(name, setting.version).user_tasks
    ]
    found = list(ran(jobs, given.workers))
    answer: dict[str, Any] = {}
    for name, each in wanted.items():
        one: dict[str, Any] = {}
        everything: list[Found] = []
        for setting in each:
            mine = [one for one in found if one.job.setting == setting]
            everything += mine
            split = {
                suite: [one for one in mine if one.job.suite == suite] for suite in given.suites
            }
            key = "suites" if setting.version == CANONICAL else setting.version
            shown = told(name, setting.version, split)
            one[key] = {suite: figure.json() for suite, figure in shown.items()}
        one["total"] = figures(everything).json()
        answer |= one if name == "profile" else {name: one}
    print(json.dumps({"detector": "off"} | answer))


if __name__ == "__main__":
    main()
