"""Two upstreams, and a catalogue over them."""

from pathlib import Path

import pytest

from tests.support.offers import Company


@pytest.fixture
def company(tmp_path: Path) -> Company:
    return Company(tmp_path)
