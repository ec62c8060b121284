"""Asks Open Policy Agent, in a process of its own: its Go runtime must not be in one that forks."""

from __future__ import annotations

import importlib.util
from typing import Final

import msgspec
import pytest

from safeconduct.core.policy import PolicyAnswer
from safeconduct.policy import confined
from safeconduct.policy.bundles.reading import Bundle
from safeconduct.policy.rego.evaluator import Evaluator, defined

needs_oracle = pytest.mark.skipif(
    importlib.util.find_spec("opa_bindings") is None,
    reason="opa-golib-python-bindings is not installed: `make .venv/.oracle` does it",
)

CPU_S: Final = 40


class Trial(msgspec.Struct, frozen=True):
    """A bundle, and inputs as JSON text, each with a time in ms."""

    bundle: Bundle
    inputs: tuple[tuple[str, int], ...]


def asked(trials: list[Trial]) -> list[list[PolicyAnswer]]:
    """What OPA says to each input of each bundle."""
    return confined.ask(__name__, trials, list[list[PolicyAnswer]], cpu_s=CPU_S)


def _main() -> None:
    from safeconduct.policy.trial.opa import Opa

    # The runtime reserves more address space than it uses.
    trials = confined.question(list[Trial], memory_bytes=None)
    answers: list[list[PolicyAnswer]] = []
    for trial in trials:
        modules = Evaluator(trial.bundle).modules
        engine = Opa(trial.bundle, (), defined(trial.bundle.header.entrypoint, modules))
        answers.append([engine.evaluate(text.encode(), at_ms) for text, at_ms in trial.inputs])
    confined.answer(answers)


if __name__ == "__main__":
    _main()
