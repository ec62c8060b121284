"""A rival that is not there is never passed over in silence."""

from pathlib import Path

import pytest

from bench import rivals

NAMES = ["nginx", "envoy", "fastmcp_default", "fastmcp_shared"]


@pytest.fixture(autouse=True)
def _nothing_is_installed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(rivals, "ENVIRONMENT", tmp_path)
    monkeypatch.setattr(rivals, "SYSTEM", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))


def test_what_is_not_installed_is_said(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("CI", raising=False)
    assert rivals.missing() == NAMES
    said = capsys.readouterr().err.splitlines()
    assert [line.split()[0] for line in said] == NAMES
    assert said[2] == "fastmcp_default is left out: fastmcp is not installed"


def test_in_ci_it_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "true")
    with pytest.raises(SystemExit) as ended:
        rivals.missing()
    assert ended.value.code == 1


def test_a_program_on_the_path_is_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("CI", raising=False)
    for name in ("envoy", "fastmcp"):
        (tmp_path / name).touch(mode=0o755)
    assert rivals.missing() == ["nginx"]
    assert rivals.program("envoy") == tmp_path / "envoy"
