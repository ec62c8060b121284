"""A running gateway to attack, one a module, and the tool server behind it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.installation import Gateway, Office, install, opened_office, running


@pytest.fixture(scope="module")
def office() -> Iterator[Office]:
    with opened_office() as made:
        yield made


@pytest.fixture(scope="module")
def gateway(office: Office, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with running(install(tmp_path_factory.mktemp("gateway"), office)) as started:
        yield started
