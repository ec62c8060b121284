"""An authorization server on this machine, and a clock that stands."""

from collections.abc import Generator

import pytest

from tests.support.credentials import Clock, authorization_server
from tests.support.web import Web, serving


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def web() -> Generator[Web]:
    with serving() as web:
        authorization_server(web)
        yield web
