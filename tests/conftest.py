"""What holds for every test: its folder marks it, and it speaks to nobody beyond this machine."""

import gc
import ipaddress
import os
import shutil
import sys
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

TESTS = Path(__file__).parent

# A slow machine is no finding: no test asserts on time.
settings.register_profile(
    "safeconduct", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("safeconduct")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark each test with the folder it lives in; `e2e` may use the Debian packages."""
    for item in items:
        folder = item.path.relative_to(TESTS).parts[0]
        item.add_marker(folder)
        if folder == "e2e":
            item.add_marker("debian")


def _is_local(host: object) -> bool:
    if isinstance(host, bytes):
        host = host.decode()
    if host in {None, "", "localhost"}:
        return True
    try:
        return ipaddress.ip_address(str(host)).is_loopback
    except ValueError:
        return False


def _refuse_remote(event: str, args: tuple[Any, ...]) -> None:
    """Audit hook: a name looked up or an address dialled beyond loopback ends the test.

    It sees Python's own sockets, and so every asyncio loop but uvloop.
    """
    match event, args:
        case "socket.connect" | "socket.sendto" | "socket.sendmsg", (_, (host, *_)):
            pass
        case "socket.getaddrinfo" | "socket.gethostbyname", (host, *_):
            pass
        case _:
            return
    if not _is_local(host):
        msg = f"a test tried to reach {host!r}; tests stay on this machine"
        raise PermissionError(msg)


sys.addaudithook(_refuse_remote)


@pytest.fixture(scope="module", autouse=True)
def _what_is_there_stays() -> None:
    """What lives before a module's first test is not looked at by the collections during it: there
    is ten times as much of it as a test makes.
    """
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def _engines_end_in_their_own_thread(request: pytest.FixtureRequest) -> Generator[None]:
    """Collect what the tracebacks of a policy test hold, before another thread happens to."""
    yield
    if "policy" in str(request.path):
        gc.collect()


@pytest.fixture(scope="session")
def require_program() -> Callable[[str], Path]:
    """Give the path of an installed program; without it, skip here and fail where `CI` is set."""

    def find(name: str) -> Path:
        found = shutil.which(name)
        if found is not None:
            return Path(found)
        missing = f"{name} is not installed"
        if os.environ.get("CI"):
            pytest.fail(missing)
        pytest.skip(missing)

    return find
