"""The library of policies: what is in it, and what its matrices say of it."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, Final, cast

import msgspec

import safeconduct
from safeconduct.kit import yaml
from safeconduct.policy.bundles.reading import read
from safeconduct.policy.loading import LocalEngine, engine

LIBRARY: Final = Path(safeconduct.__file__).parent / "library" / "policies"
NAMES: Final = tuple(sorted(path.name for path in LIBRARY.iterdir() if path.is_dir()))
ENGINES: Final = ("rego", "cedar")

Changes = dict[str, Any]


def bundle_of(name: str, kind: str) -> Path:
    """The directory of a policy's bundle."""
    return LIBRARY / name / kind


def text_of(name: str) -> str:
    """The text of a policy's matrix."""
    path = bundle_of(name, "rego") / "tests" / f"{name.replace('-', '_')}.yaml"
    return path.read_text(encoding="utf-8")


@cache
def matrix(name: str) -> dict[str, Any]:
    """The matrix of a policy, as it is written."""
    return cast("dict[str, Any]", yaml.load(text_of(name), "matrix").value)


def changes(matrix: dict[str, Any]) -> Iterator[Changes]:
    """What the base and each name of a matrix changes, without those that are mistyped."""
    yield matrix["base"]
    yield from matrix["given"].values()


def without_denies(name: str, kind: str) -> LocalEngine:
    """The engine of a policy whose denies have no effect."""
    bundle = read(bundle_of(name, kind))
    denies = {rule.id: "log_only" for rule in engine(bundle).rules if rule.set == "deny"}
    header = msgspec.structs.replace(bundle.header, modes=denies)
    return engine(msgspec.structs.replace(bundle, header=header))
