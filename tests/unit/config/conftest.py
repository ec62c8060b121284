"""A configuration to spoil."""

from pathlib import Path

import pytest

from tests.support.configs import Gateway


@pytest.fixture
def gateway(tmp_path: Path) -> Gateway:
    return Gateway(tmp_path / "gateway")
