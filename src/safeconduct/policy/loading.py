"""From a bundle to the engine that its header names."""

from __future__ import annotations

from pathlib import Path

from safeconduct.policy import preflight as child
from safeconduct.policy.bundles.reading import Bundle, read
from safeconduct.policy.refusal import PolicyRefused
from safeconduct.policy.rego.engine import RegoEngine

LocalEngine = RegoEngine
"""An engine that answers in the process that asks."""


def engine(bundle: Bundle) -> LocalEngine:
    """The engine of a bundle that passed. Raises PolicyRefused."""
    return RegoEngine(bundle)


def load(directory: Path, *, preflight: bool = True) -> LocalEngine:
    """Read, check and load the bundle in a directory.

    Without `preflight` only the form of the files is checked: for a bundle that has passed.

    Raises:
        PolicyRefused: the bundle is not usable, with file, line and a fix.
    """
    try:
        bundle = read(directory)
        if preflight:
            child.run(bundle)
        return engine(bundle)
    except PolicyRefused as error:
        raise error.under(directory) from None
