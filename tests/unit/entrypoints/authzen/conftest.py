from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.enforcing import Deciding


@pytest.fixture
async def deciding(tmp_path: Path) -> AsyncIterator[Deciding]:
    """Messages of MCP alone."""
    async with Deciding(tmp_path, bundle=None) as made:
        yield made


@pytest.fixture
async def fixture(tmp_path: Path) -> AsyncIterator[Deciding]:
    """With rules for other things, too."""
    async with Deciding(tmp_path) as made:
        yield made
