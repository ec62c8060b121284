"""`make bench-agentdojo`: an agent that obeys everybody, behind the gateway; the last line is JSON.

What the figures mean and how an attack is judged: `runs.py`. The rules are those of `operator/`.
"""

import gc
import json
import multiprocessing
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import Any

from bench.agentdojo import explaining, through_mcp
from bench.agentdojo.figures import HEAD, Figures, figures, line, listed
from bench.agentdojo.operators import operator
from bench.agentdojo.options import options, settings
from bench.agentdojo.results import CANONICAL, Found, Job
from bench.agentdojo.runs import run
from bench.agentdojo.suites import suite
from safeconduct.config import ConfigError
from safeconduct.policy.refusal import PolicyRefused


def ran(jobs: Sequence[Job], workers: int) -> Iterator[Found]:
    """In processes beside each other; tells on stderr how far it is."""
    # One process takes all runs of a user task: they are in the same environments.
    groups: dict[tuple[str, str, str], list[Job]] = {}
    for job in jobs:
        groups.setdefault((job.setting.version, job.suite, job.user), []).append(job)
    # What is loaded by now, each process begins with.
    context = multiprocessing.get_context("fork")
    gc.freeze()
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
    print(f"refused in peace: {listed(total.wrong)}")
    if total.pairs:
        print(f"refused under attack: {listed(total.refused)}")
        print(f"successes: {listed(total.kinds)}; seen by the suites' judges: {total.judged}")
        print(f"changed or sent anything: {listed(total.acted)}")
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
    print(json.dumps({"detector": given.detector} | answer))


if __name__ == "__main__":
    main()
