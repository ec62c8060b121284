"""An operator puts evidence away while the gateway runs, from its first minute on."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from pathlib import Path

import pytest

from safeconduct.audit.preserving import NotPreserved
from safeconduct.audit.preserving.directory import immutable
from safeconduct.cli import main, output
from tests.support.installation import Office, done, install, opened_office, running


@pytest.fixture(scope="module")
def office() -> Generator[Office]:
    with opened_office() as office:
        yield office


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Path]:
    place = tmp_path / "store"
    place.mkdir()
    probe = place / "probe"
    probe.touch()
    try:
        immutable(probe)
        immutable(probe, on=False)
    except NotPreserved as error:
        pytest.skip(str(error))
    probe.unlink()
    yield place
    for file in place.rglob("*"):
        if file.is_file():
            immutable(file, on=False)


def test_each_run_makes_the_store_a_log_that_verifies_with_its_payloads(
    tmp_path: Path, office: Office, store: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "gateway").mkdir()
    with running(install(tmp_path / "gateway", office)) as gateway:
        preserve = ["audit", "preserve", "--config", gateway.config.directory, "--to", str(store)]
        for _ in range(3):
            assert done(gateway.task().call("office__get_case", {"case_id": "C-1"}))
            assert main.main(preserve) == output.OK
            assert "covered by the checkpoint that is there" in capsys.readouterr().out
            assert main.main(["audit", "verify", str(store)]) == output.OK
            assert "verified" in capsys.readouterr().out
        inside = [*preserve[:-1], str(gateway.audit / "copy")]
        assert main.main(inside) == output.FAULT
        assert "is where the log itself is" in capsys.readouterr().err
