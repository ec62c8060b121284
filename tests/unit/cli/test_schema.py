"""`schema` prints and writes what the structs say."""

import json
from pathlib import Path

import pytest

from safeconduct.cli import schema
from safeconduct.cli.main import main
from safeconduct.config.json_schema import KINDS, json_schema


def test_the_names_are_those_of_the_kinds() -> None:
    assert tuple(KINDS) == schema.NAMES


@pytest.mark.parametrize("name", KINDS)
def test_one_schema(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema", name]) == 0
    text = capsys.readouterr().out
    assert main(["schema", name, "--format", "json"]) == 0
    line = capsys.readouterr().out
    assert json.loads(text) == json.loads(line) == json.loads(json.dumps(json_schema(name)))
    assert text.count("\n") > line.count("\n") == 1


def test_the_main_file_is_the_default(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema"]) == 0
    assert json.loads(capsys.readouterr().out)["$ref"] == "#/$defs/Root"


def test_all_are_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema", "--write", str(tmp_path / "a" / "b"), "--format", "json"]) == 0
    written = json.loads(capsys.readouterr().out)["written"]
    assert [Path(path).name for path in written] == [f"{name}.json" for name in KINDS]
    for path in written:
        assert "$schema" in json.loads(Path(path).read_text(encoding="utf-8"))
