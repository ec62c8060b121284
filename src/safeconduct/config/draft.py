"""What was read from the files and has the right shape, before the rules look at it."""

from __future__ import annotations

from pathlib import Path
from typing import Generic, TypeVar

import msgspec

from safeconduct.config.problem import YamlFile
from safeconduct.config.schema import AgentFile, Root, UserFile, ZoneFile
from safeconduct.core.manifest import Manifest

T = TypeVar("T")


class Part(msgspec.Struct, Generic[T], frozen=True):
    """A value and the file that says it."""

    file: YamlFile
    value: T


class Draft(msgspec.Struct, frozen=True, kw_only=True):
    """The parts of a configuration.

    `root` is None for files that are checked on their own, or when it has not the right shape.
    `whole` says that every file the root names is here, so that what one file says can be held
    against all others. `manifests` are keyed by the upstream that names them.
    """

    directory: Path
    root: Part[Root] | None
    agents: tuple[Part[AgentFile], ...]
    zones: tuple[Part[ZoneFile], ...]
    users: tuple[Part[UserFile], ...]
    manifests: dict[str, Part[Manifest]]
    whole: bool
