"""Weights that are not those that were trained: nothing starts with them."""

from __future__ import annotations

from pathlib import Path

import pytest

from safeconduct.inspectors.instructions import model
from safeconduct.inspectors.instructions.model import Broken
from safeconduct.simulation import SimulatedTask
from tests.support.worlds import Rules, config


@pytest.mark.parametrize(
    ("file", "fault"), [("rules.py", Broken), ("no-such-file", FileNotFoundError)]
)
def test_no_rooms_without_the_weights(
    file: str, fault: type[Exception], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model, "FILE", file)
    with pytest.raises(fault):
        SimulatedTask(config(tmp_path), "Answer case C-1.", directory=tmp_path, policy=Rules())
