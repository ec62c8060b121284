"""What evaluates rules, by name and version: an answer can be repeated by the same one."""

from __future__ import annotations

from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import Final

_PACKAGES: Final = {"rego": ("regorus", "gordon-to-regorus"), "cedar": ("cedarpy", "cedarpy")}
"""By engine: what it is called, and the package that it comes in."""


@cache
def engine_name(engine: str) -> str:
    """As it stands in records: `cedarpy 4.12.2`; of a decision point elsewhere only its kind."""
    if engine not in _PACKAGES:
        return engine
    name, package = _PACKAGES[engine]
    try:
        return f"{name} {version(package)}"
    except PackageNotFoundError:  # not installed: loading says so
        return name
