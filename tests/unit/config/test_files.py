"""Files are found inside the configuration directory, and read whole or not at all."""

import os
from pathlib import Path

import pytest

from safeconduct.config.files import read
from safeconduct.config.problem import Problem, Report
from safeconduct.kit.yaml import MAX_BYTES
from tests.support.configs import Gateway


def _unread(path: Path) -> Problem:
    report = Report()
    assert read(path, report) is None
    (problem,) = report.problems
    assert problem.file == str(path)
    return problem


@pytest.mark.parametrize(
    "pattern",
    ["../agents/*.yaml", "agents/../../x.yaml", "/etc/agents.yaml", "~/x.yaml", '"a\\0b"'],
)
def test_patterns_stay_inside(gateway: Gateway, pattern: str) -> None:
    gateway.change("safeconduct.yaml", "agents: agents/*.yaml", f"agents: {pattern} # here")
    gateway.expect("does not stay inside")


def test_an_empty_pattern_is_refused(gateway: Gateway) -> None:
    gateway.change("safeconduct.yaml", "agents: agents/*.yaml", 'agents: "" # here')
    gateway.expect("does not stay inside")


def test_a_pattern_that_matches_nothing_is_refused(gateway: Gateway) -> None:
    gateway.change("safeconduct.yaml", "zones: zones.yaml", "zones: zone-*.yaml # here")
    gateway.expect("matches no file")


def test_what_is_no_pattern_is_refused(gateway: Gateway) -> None:
    gateway.change("safeconduct.yaml", "zones: zones.yaml", 'zones: "a/**b/["  # here')
    assert gateway.problems[0].line == 7


def test_a_link_inside_is_followed_and_one_out_is_refused(gateway: Gateway, tmp_path: Path) -> None:
    zones = gateway.directory / "zones.yaml"
    inside = gateway.directory / "real.yaml"
    zones.rename(inside)
    zones.symlink_to(inside)
    assert gateway.problems == []
    outside = tmp_path / "outside.yaml"
    inside.rename(outside)
    zones.unlink()
    zones.symlink_to(outside)
    gateway.change("safeconduct.yaml", "zones: zones.yaml", "zones: zones.yaml # here")
    gateway.expect("a link out")


def test_one_file_is_one_file(gateway: Gateway) -> None:
    gateway.change("safeconduct.yaml", "entitlements: users.yaml", "entitlements: '*s.yaml' # here")
    gateway.expect("matches 2 files")


def test_a_missing_file(tmp_path: Path) -> None:
    assert _unread(tmp_path / "x.yaml").sentence == "there is no such file"
    assert _unread(tmp_path).sentence == "there is no such file"


def test_what_is_no_regular_file_is_not_waited_for(tmp_path: Path) -> None:
    pipe = tmp_path / "x.yaml"
    os.mkfifo(pipe)
    assert _unread(pipe).sentence == "there is no such file"


def test_a_file_that_cannot_be_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "x.yaml"
    path.write_text("a: 1", encoding="utf-8")

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    assert _unread(path).sentence == "cannot be read: Permission denied"


def test_bytes_that_are_not_utf_8(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_bytes(b"a: 1\nb: \xff\n")
    assert _unread(path).line == 2


def test_a_file_that_is_too_large(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_bytes(b"#" * (MAX_BYTES + 100))
    assert "larger" in _unread(path).sentence


def test_a_secret_in_a_file_that_is_no_yaml_is_found_too(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_text("a: [\nb: AKIA" + "A" * 16, encoding="utf-8")
    report = Report()
    assert read(path, report) is None
    assert [problem.line for problem in report.problems if "AWS" in problem.sentence] == [2]
