"""What verbs print, for people and for programs."""

import argparse
import json
import stat
from pathlib import Path

import pytest

from safeconduct.cli import output
from tests.support.configs import SOUND


def test_an_answer_is_text_or_one_line_of_json(capsys: pytest.CaptureFixture[str]) -> None:
    output.emit(argparse.Namespace(format="text"), {"a": 1}, "two\nlines")
    output.emit(argparse.Namespace(format="json"), {"a": ("é", None)}, "two\nlines")
    assert capsys.readouterr().out == 'two\nlines\n{"a":["é",null]}\n'


def test_json_steers_no_terminal_either(capsys: pytest.CaptureFixture[str]) -> None:
    hostile = {"claims": "a\x1b[31m\x9b2J\u202eb\U000e0041"}
    output.emit(argparse.Namespace(format="json"), hostile, "")
    line = capsys.readouterr().out.removesuffix("\n")
    assert line.isprintable()
    assert json.loads(line) == hostile


def test_refusals_and_misuse_are_one_line_and_an_exit_code(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert output.refused("no\nsuch  task") == output.FOUND == 1
    assert output.usage("which \x1b[31mtask?") == output.USAGE == 2
    assert capsys.readouterr().err == (
        "safeconduct: no such task\nsafeconduct: which \\u001b[31mtask?\n"
    )


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("plain é 漢", "plain é 漢"),
        ("a\x1b[2Jb", "a\\u001b[2Jb"),
        ("a\u202eb", "a\\u202eb"),
        ("a\nb\x7f", "a\\u000ab\\u007f"),
        ({"a": "\u202e\n", "b": [1]}, '{"a": "\\u202e\\n", "b": [1]}'),
        (7, "7"),
    ],
)
def test_text_from_elsewhere_does_not_steer_the_terminal(value: object, shown: str) -> None:
    assert output.printable(value) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, "none"),
        ([], "none"),
        ({}, "none"),
        (True, "yes"),
        (False, "no"),
        (0, "0"),
        (["a", "b\n"], "a, b\\u000a"),
        ({"a": 1, "b": {"c": [2, 3], "d": []}}, "a 1, b (c (2, 3), d none)"),
        ([{"id": "x"}, None], "(id x), none"),
    ],
)
def test_values_as_words(value: object, shown: str) -> None:
    assert output.plain(value) == shown


def test_where_the_gateway_of_a_configuration_is() -> None:
    args = argparse.Namespace(config=str(SOUND))
    assert output.operator_socket(args) == SOUND / "state" / "operator.sock"
    assert output.audit_directory(args) == SOUND / "state" / "audit"


def test_a_private_file_is_private_from_the_start(tmp_path: Path) -> None:
    path = tmp_path / "task.jwk"
    path.write_text("old", encoding="utf-8")
    path.chmod(0o644)
    output.write_private(path, {"kty": "OKP"})
    assert json.loads(path.read_text(encoding="utf-8")) == {"kty": "OKP"}
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [path]
