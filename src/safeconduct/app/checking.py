"""What `safeconduct check` finds beyond the configuration itself: in files that it names."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from safeconduct.app.witnessed import Unusable, trusted
from safeconduct.config.files import read
from safeconduct.config.load import ROOT_FILE
from safeconduct.config.problem import Problem, Report
from safeconduct.inspectors import room
from safeconduct.ports import CredentialUnavailable
from safeconduct.secrets import references

if TYPE_CHECKING:
    from safeconduct.config.schema import Config
    from safeconduct.kit.yaml import Place


def evidence(config: Config) -> tuple[Problem, ...]:
    """A policy of witnesses that keeps the gateway from starting, and, as warnings, what exports
    and witnesses lack: these wait for it while calls go on.
    """
    report = Report()
    directory, block = Path(config.directory), config.root.audit.witnesses
    root = read(directory / ROOT_FILE, Report())
    if root is not None:
        for place, sentence, fix in _missing(config):
            report.warn(root, place, sentence, fix)
    if block is not None:
        try:
            trusted(directory, block)
        except Unusable as error:
            report.add(str(error.file), error.line, error.sentence, error.fix)
    return report.problems


def looking(config: Config) -> tuple[Problem, ...]:
    """Why what looks at calls and results cannot be built, as it has to be for a start."""
    block, directory = config.root.inspectors, Path(config.directory)
    try:
        quick = room.inspectors(block, directory)
        room.examiners(block, directory, quick)
        room.outside(block, directory, str)
        room.reviewer(config, str)
    except room.CannotLook as error:
        return cannot_look(config, error)
    return ()


def cannot_look(config: Config, error: room.CannotLook) -> tuple[Problem, ...]:
    """What keeps a gateway from looking, by file and line."""
    report = Report()
    root = read(Path(config.directory) / ROOT_FILE, report)
    if root is not None:
        fix = "correct it, or take it out of the configuration"
        report.error(root, error.place, f"what looks cannot be built: {error.sentence}", fix)
    return report.problems


def _missing(config: Config) -> Iterator[tuple[Place, str, str]]:
    directory, audit = Path(config.directory), config.root.audit
    roots: dict[Place, str | None] = {
        ("audit", "exports", name): one.ca for name, one in audit.exports.items()
    }
    if audit.witnesses is not None:
        roots["audit", "witnesses"] = audit.witnesses.ca
    for place, ca in roots.items():
        if ca is not None and not (directory / ca).is_file():
            yield (*place, "ca"), f"there is no file {directory / ca}", "put the certificates there"
    for name, one in audit.exports.items():
        for key in ("credential", "signing_key"):
            reference = getattr(one, key)
            if reference is None:
                continue
            try:
                references.read(directory, reference)
            except CredentialUnavailable as error:
                sentence = f"the export `{name}` has no `{key}` at {reference}: {error}"
                yield ("audit", "exports", name, key), sentence, "put it there"
