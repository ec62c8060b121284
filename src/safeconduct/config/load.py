"""From files to one frozen `Config`, or to every problem that stands in its way."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final, TypeVar

import msgspec

from safeconduct.config.draft import Draft, Part
from safeconduct.config.files import find, read
from safeconduct.config.problem import ConfigError, Problem, Report, YamlFile
from safeconduct.config.rules import Rule, judge
from safeconduct.config.schema import AgentFile, Config, Root, UserFile, ZoneFile
from safeconduct.config.shape import convert
from safeconduct.core.manifest import Manifest
from safeconduct.kit.yaml import Place, Value

ROOT_FILE: Final = "safeconduct.yaml"

T = TypeVar("T", bound=msgspec.Struct)


class Examined(msgspec.Struct, frozen=True):
    """What came of looking at files. `config` is None when they are refused, or not all there."""

    config: Config | None
    problems: tuple[Problem, ...]

    @property
    def refused(self) -> bool:
        """Whether something other than a warning was found."""
        return any(not problem.warning for problem in self.problems)


def load(directory: Path) -> Config:
    """The configuration in a directory.

    Raises:
        ConfigError: with every problem that was found.
    """
    examined = examine(directory)
    if examined.config is None:
        raise ConfigError(examined.problems)
    return examined.config


def examine(directory: Path, besides: Rule | None = None) -> Examined:
    """Look at the configuration in a directory: all files, all problems, warnings too.

    `besides` is one more rule to ask than a gateway asks when it starts.
    """
    report = Report()
    path = directory / ROOT_FILE
    if not path.exists():
        fix = f"name another directory, or make one: safeconduct init {directory}"
        report.add(str(path), 1, "there is no configuration here", fix)
        return Examined(None, report.problems)
    file = read(path, report)
    if file is None:
        return Examined(None, report.problems)
    draft = _Directory(directory, file, report).draft()
    judge(draft, report)
    if besides is not None:
        besides(draft, report)
    config = None if draft.root is None or report.refused else _config(draft, draft.root)
    return Examined(config, report.problems)


def examine_files(paths: Iterable[Path], besides: Rule | None = None) -> Examined:
    """Look at agents, zones, users and manifest files on their own.

    What one file says is held against the others that are given; scopes and destinations are only
    known to a whole configuration.
    """
    report = Report()
    draft = _loose(paths, report)
    judge(draft, report)
    if besides is not None:
        besides(draft, report)
    return Examined(None, report.problems)


class _Directory:
    """Reads `safeconduct.yaml` and the files it names."""

    def __init__(self, directory: Path, file: YamlFile, report: Report) -> None:
        self._directory = directory
        self._file = file
        self._report = report
        self._whole = True

    def draft(self) -> Draft:
        upstreams = _pick(self._file.document.value, ("upstreams",))
        root = next(_part(self._file, Root, self._report), None)
        agents = self._named(("agents",), AgentFile)
        zones = self._named(("zones",), ZoneFile)
        users = self._named(("users", "entitlements"), UserFile, single=True)
        manifests = {
            name: part
            for name in (upstreams if isinstance(upstreams, dict) else ())
            for part in self._named(("upstreams", name, "manifests"), Manifest, single=True)
        }
        return Draft(
            directory=self._directory,
            root=root,
            agents=agents,
            zones=zones,
            users=users,
            manifests=manifests,
            whole=self._whole and root is not None,
        )

    def _named(self, place: Place, kind: type[T], *, single: bool = False) -> tuple[Part[T], ...]:
        """The files that the root names at a place, whether or not the root itself has its shape.

        Where it names none, the shape says so.
        """
        pattern = _pick(self._file.document.value, place)
        if not isinstance(pattern, str):
            return ()
        paths = find(self._directory, pattern, self._report, file=self._file, place=place)
        if single and len(paths) > 1:
            sentence = f"`{pattern}` matches {len(paths)} files"
            self._report.error(self._file, place, sentence, "name one file")
            paths = ()
        parts = tuple(
            part for path in paths for part in _part(read(path, self._report), kind, self._report)
        )
        self._whole = self._whole and bool(paths) and len(parts) == len(paths)
        return parts


def _loose(paths: Iterable[Path], report: Report) -> Draft:
    agents: list[Part[AgentFile]] = []
    zones: list[Part[ZoneFile]] = []
    users: list[Part[UserFile]] = []
    manifests: list[Part[Manifest]] = []
    for path in paths:
        file = read(path, report)
        if file is None:
            continue
        match file.document.value:
            case {"agent": _}:
                agents += _part(file, AgentFile, report)
            case {"zones": _}:
                zones += _part(file, ZoneFile, report)
            case {"users": _}:
                users += _part(file, UserFile, report)
            case {"upstream": _} | {"tools": _}:
                manifests += _part(file, Manifest, report)
            case _:
                report.error(
                    file,
                    (),
                    "this is neither an agent, nor zones, nor users, nor a manifest",
                    "begin with `agent:`, `zones:`, `users:` or `upstream:`, "
                    f"or name the directory of a {ROOT_FILE}",
                )
    return Draft(
        directory=Path(),
        root=None,
        agents=tuple(agents),
        zones=tuple(zones),
        users=tuple(users),
        manifests={part.value.upstream: part for part in manifests},
        whole=False,
    )


def _config(draft: Draft, root: Part[Root]) -> Config:
    return Config(
        directory=str(draft.directory.resolve()),
        root=root.value,
        agents={part.value.agent.spiffe_id: part.value.agent for part in draft.agents},
        zones={zone.id: zone for part in draft.zones for zone in part.value.zones},
        users={user: entry for part in draft.users for user, entry in part.value.users.items()},
        manifests={name: part.value for name, part in draft.manifests.items()},
        unsafe=tuple(sorted(_unsafe(root.file.document.value, ()))),
    )


def _part(file: YamlFile | None, kind: type[T], report: Report) -> Iterator[Part[T]]:
    value = None if file is None else convert(file, kind, report)
    if file is not None and value is not None:
        yield Part(file, value)


def _pick(value: Value, place: Place) -> Value:
    for step in place:
        value = value.get(str(step)) if isinstance(value, dict) else None
    return value


def _unsafe(value: Value, place: tuple[str, ...]) -> Iterator[str]:
    """The switches that weaken safety and are on: `unsafe_x`, `upstreams.mail.unsafe_y`."""
    if not isinstance(value, dict):
        return
    for key, item in value.items():
        if key.startswith("unsafe_") and item is True:
            yield ".".join((*place, key))
        else:
            yield from _unsafe(item, () if key == "gateway" and not place else (*place, key))
