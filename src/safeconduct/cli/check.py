"""`safeconduct check`: every mistake in a configuration, with file, line and fix."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from safeconduct.cli.output import FOUND, OK, counted, emit

if TYPE_CHECKING:
    from safeconduct.config import Problem
    from safeconduct.config.schema import Config
    from safeconduct.policy.refusal import PolicyRefused

HELP: Final = "look for mistakes in a configuration, without starting anything"
EXAMPLE: Final = """\
safeconduct check gateway/
safeconduct check --format json gateway/
safeconduct check agents/*.yaml zones.yaml"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Files or directories."""
    parser.description = (
        "Look for mistakes and print each as `file:line: sentence (fix: ...)`.\n\n"
        "A directory is checked as a whole, with its policy. Files of agents, zones, users and\n"
        "manifests can be checked on their own. Exit code 1 means that the gateway would refuse\n"
        "to start, or that its rules demand what no manifest has; warnings alone do not."
    )
    parser.add_argument("paths", metavar="FILE", type=Path, nargs="+", help="directory or file")


def run(args: argparse.Namespace) -> int:
    """Check everything, then answer once."""
    from safeconduct.app.checking import evidence, lacking, looking
    from safeconduct.config import examine, examine_files

    directories, files = _sorted(args.paths)
    problems: list[Problem] = []
    summary: list[str] = []
    unsafe: list[str] = []
    for directory in directories:
        examined = examine(directory)
        problems += examined.problems
        if examined.config is not None:
            problems += _policy(examined.config)
            problems += looking(examined.config)
            problems += evidence(examined.config)
            problems += lacking(examined.config)
            summary.append(f"ok: {directory} ({_counted(examined.config)})")
            unsafe += examined.config.unsafe
    if files:
        problems += examine_files(files).problems
        summary.append(f"ok: {', '.join(str(file) for file in files)} (on their own)")
    wrong = [problem for problem in problems if not problem.warning]
    lines = [str(problem) for problem in problems]
    if not wrong:
        lines += summary + ([f"unsafe: {', '.join(unsafe)}"] if unsafe else [])
    emit(args, {"ok": not wrong, "problems": problems, "unsafe": unsafe}, "\n".join(lines))
    return FOUND if wrong else OK


def _sorted(paths: Sequence[Path]) -> tuple[list[Path], list[Path]]:
    """Configuration directories, and files that stand on their own."""
    from safeconduct.config.load import ROOT_FILE

    roots = [path.parent if path.name == ROOT_FILE else path for path in paths]
    directories = dict.fromkeys(root for root in roots if root.is_dir())
    return list(directories), [root for root in roots if root not in directories]


def _policy(config: Config) -> list[Problem]:
    """What is wrong with the bundles; one that is to be fetched is left alone."""
    from safeconduct.policy.refusal import PolicyRefused

    problems: list[Problem] = []
    if config.root.policy.source is None:
        try:
            problems += _rules(config)
        except PolicyRefused as refused:
            problems.append(_problem(refused))
    authzen = config.root.authzen
    if authzen is not None and authzen.bundle is not None:
        from safeconduct.app.deciding import checked

        try:
            checked(Path(config.directory) / authzen.bundle)
        except PolicyRefused as refused:
            problems.append(_problem(refused))
    return problems


def _rules(config: Config) -> list[Problem]:
    """Where the rules do not fit the manifests, and templates neither. Raises PolicyRefused where
    rules are not usable.
    """
    from safeconduct.app.checking import unasked
    from safeconduct.inspectors.secrets import KINDS
    from safeconduct.policy.bundles.header import FILE
    from safeconduct.policy.fitting import known, undemandable, unheard
    from safeconduct.rooms import keeper

    kept = keeper(config, process="shared")
    policy = kept.start()
    kept.engine(policy)
    there = known(config.manifests, config.root.upstreams, KINDS)
    header = policy.files[FILE].decode()
    where = Path(kept.where)
    return [
        *(_problem(one.under(where)) for one in undemandable(policy.bundle, header, there)),
        *(_problem(one.under(where), warning=True) for one in unheard(policy.bundle, there)),
        *unasked(config, policy.bundle),
    ]


def _problem(refused: PolicyRefused, *, warning: bool = False) -> Problem:
    from safeconduct.config import Problem

    return Problem(
        file=refused.file,
        line=refused.line,
        sentence=refused.sentence,
        fix=refused.fix,
        warning=warning,
    )


def _counted(config: Config) -> str:
    counts = {
        "agent": len(config.agents),
        "zone": len(config.zones),
        "user": len(config.users),
        "scope": len(config.root.scopes),
        "upstream": len(config.root.upstreams),
    }
    return ", ".join(counted(n, noun) for noun, n in counts.items())
