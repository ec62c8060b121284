"""What `safeconduct check` finds beyond the configuration itself: in files that it names."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from safeconduct.app.witnessed import Unusable, trusted
from safeconduct.config.files import read
from safeconduct.config.load import ROOT_FILE
from safeconduct.config.problem import Problem, Report
from safeconduct.config.shape import did_you_mean
from safeconduct.core.asking import CONTROL_ARGUMENT
from safeconduct.core.checks.elevation import ANY_SCOPE
from safeconduct.core.checks.review import REVIEW_SOURCE
from safeconduct.inspectors import room
from safeconduct.ports import CredentialUnavailable
from safeconduct.secrets import references

if TYPE_CHECKING:
    from safeconduct.config.schema import Config
    from safeconduct.kit.yaml import Place
    from safeconduct.policy.bundles.reading import Bundle


def evidence(config: Config) -> tuple[Problem, ...]:
    """A policy of witnesses that keeps the gateway from starting."""
    report = Report()
    directory, block = Path(config.directory), config.root.audit.witnesses
    if block is not None:
        try:
            trusted(directory, block)
        except Unusable as error:
            report.add(str(error.file), error.line, error.sentence, error.fix)
    return report.problems


def lacking(config: Config) -> tuple[Problem, ...]:
    """The secrets and certificates that exports, witnesses, notifiers and pushes lack. These are
    read when they are used, so calls go on without them, and a warning is all there would be.
    """
    return _warned(config, _lacking(config))


def unasked(config: Config, bundle: Bundle) -> tuple[Problem, ...]:
    """The templates by which nothing asks, as far as that can be known: where rules are a text that
    does not have the name, and nothing else has it.
    """
    if bundle.header.is_remote:
        return ()
    return _warned(config, _unasked(config, bundle))


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


def _warned(config: Config, found: Iterable[tuple[Place, str, str]]) -> tuple[Problem, ...]:
    report = Report()
    root = read(Path(config.directory) / ROOT_FILE, Report())
    if root is not None:
        for place, sentence, fix in found:
            report.warn(root, place, sentence, fix)
    return report.problems


def _lacking(config: Config) -> Iterator[tuple[Place, str, str]]:
    directory, audit, approvals = Path(config.directory), config.root.audit, config.root.approvals
    exports: Place = ("audit", "exports")
    notify: Place = ("approvals", "notify")
    roots: dict[Place, str | None] = {
        (*exports, name): one.ca for name, one in audit.exports.items()
    }
    roots |= {(*notify, name): one.ca for name, one in approvals.notify.items()}
    if audit.witnesses is not None:
        roots["audit", "witnesses"] = audit.witnesses.ca
    for place, ca in roots.items():
        if ca is not None and not (directory / ca).is_file():
            yield (*place, "ca"), f"there is no file {directory / ca}", "put the certificates there"
    secrets: dict[Place, tuple[str, str | None]] = {}
    for name, export in audit.exports.items():
        whose = f"the export `{name}`"
        secrets[*exports, name, "credential"] = whose, export.credential
        secrets[*exports, name, "signing_key"] = whose, export.signing_key
    for name, notifier in approvals.notify.items():
        whose = f"the notifier `{name}`"
        secrets[*notify, name, "credential"] = whose, notifier.credential
        secrets[*notify, name, "signing"] = whose, notifier.signing
    if approvals.ciba is not None:
        secrets["approvals", "ciba", "secret"] = "who pushes to devices", approvals.ciba.secret
    for place, (whose, reference) in secrets.items():
        if reference is None:
            continue
        try:
            references.read(directory, reference)
        except CredentialUnavailable as error:
            yield place, f"{whose} has no `{place[-1]}` at {reference}: {error}", "put it there"


def _unasked(config: Config, bundle: Bundle) -> Iterator[tuple[Place, str, str]]:
    templates, reviewer = config.root.approvals.templates, config.root.reviewer
    tools = [tool for one in config.manifests.values() for tool in one.tools.values()]
    scopes = {scope for agent in config.agents.values() for scope in agent.jit_approval_required}
    asked = scopes | {one.template for tool in tools for one in tool.asks} | {CONTROL_ARGUMENT}
    if not scopes <= templates.keys():
        asked.add(ANY_SCOPE)
    if reviewer is not None and reviewer.otherwise == "elevate":
        asked.add(REVIEW_SOURCE)
    texts = [bundle.data, *(rule.text for rule in bundle.rules)]
    for name in templates:
        if name not in asked and not any(name in text for text in texts):
            yield (
                ("approvals", "templates", name),
                f"nothing asks by `{name}`: no scope, threshold or rule names it",
                did_you_mean(name, asked - templates.keys(), "name it where to ask, or remove it"),
            )
