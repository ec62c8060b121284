"""`init` writes a configuration that works, and overwrites nothing."""

import json
import re
from pathlib import Path

import pytest

from safeconduct.cli.main import main
from safeconduct.config import load


def test_the_result_passes_check(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    directory = tmp_path / "new" / "gateway"
    assert main(["init", str(directory)]) == 0
    assert str(directory) in capsys.readouterr().out
    assert main(["check", str(directory)]) == 0
    assert "warning" not in capsys.readouterr().out
    assert load(directory).unsafe == ("approvals.unsafe_terminal", "unsafe_dev_identity")


def test_an_empty_directory_will_do(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["init", "--format", "json", str(tmp_path)]) == 0
    assert json.loads(capsys.readouterr().out) == {"directory": str(tmp_path)}


@pytest.mark.parametrize("name", [".hidden", "safeconduct.yaml"])
def test_what_is_there_is_left_alone(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / name).write_text("mine", encoding="utf-8")
    assert main(["init", str(tmp_path)]) == 1
    assert "nothing was written" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_a_file_is_no_directory(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "file"
    path.write_text("mine", encoding="utf-8")
    assert main(["init", str(path)]) == 1
    assert "nothing was written" in capsys.readouterr().err


def test_every_yaml_file_tells_editors_its_schema(tmp_path: Path) -> None:
    main(["init", str(tmp_path)])
    files = [path for path in tmp_path.rglob("*.yaml") if "policy" not in path.parts]
    assert len(files) == 5
    for path in files:
        first = path.read_text(encoding="utf-8").split("\n")[0]
        hint = re.fullmatch(r"# yaml-language-server: \$schema=(\S+)", first)
        assert hint is not None, path
        assert (path.parent / hint[1]).is_file(), path


def test_state_stays_out_of_repositories(tmp_path: Path) -> None:
    main(["init", str(tmp_path)])
    assert "state/" in (tmp_path / ".gitignore").read_text(encoding="utf-8").split("\n")
    assert not (tmp_path / "gitignore").exists()


def test_the_policy_has_tests_that_reach_all_of_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["init", str(tmp_path)])
    policy = str(tmp_path / "policy")
    assert main(["policy", "check", policy]) == 0
    assert main(["policy", "test", "--threshold", "100", policy]) == 0
    assert "no case makes" not in capsys.readouterr().out
