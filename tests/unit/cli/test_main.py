"""The command finds the verb, runs it, and ends with a code that means something."""

import argparse
import importlib
import subprocess
import sys
from types import ModuleType

import pytest

from safeconduct import __version__
from safeconduct.cli import check, main, output
from safeconduct.config import ConfigError, Problem
from safeconduct.identity.dev import DevIdentityRefused
from safeconduct.policy.refusal import PolicyRefused


def _run(monkeypatch: pytest.MonkeyPatch, error: BaseException, *options: str) -> int:
    def fail(args: argparse.Namespace) -> int:
        raise error

    monkeypatch.setattr(check, "run", fail)
    return main.main(["check", *options, "x"])


def _module(verb: str) -> ModuleType:
    return importlib.import_module(f"safeconduct.cli.{verb}")


@pytest.mark.parametrize("verb", main.VERBS)
def test_every_verb_says_what_it_does(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main.main([verb, "--help"])
    assert caught.value.code == 0
    shown = capsys.readouterr().out
    module = _module(verb)
    for example in module.EXAMPLE.splitlines():
        assert example.startswith(f"safeconduct {verb}")
        assert example in shown
    assert "--format" in shown
    assert "\n" not in module.HELP


def test_help_lists_the_verbs_in_their_order(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main.main(["--help"])
    assert caught.value.code == 0
    shown = capsys.readouterr().out
    places = [shown.index(f"\n    {verb} ") for verb in main.VERBS if verb != "approvals"]
    assert places == sorted(places)
    assert _module("check").HELP in " ".join(shown.split())


def test_the_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main.main(["--version"])
    assert caught.value.code == 0
    assert capsys.readouterr().out == f"safeconduct {__version__}\n"


@pytest.mark.parametrize("arguments", [[], ["chekc"], ["check"], ["check", "--form", "json", "x"]])
def test_misuse_is_exit_code_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main.main(arguments)
    assert caught.value.code == output.USAGE == 2
    assert capsys.readouterr().err.startswith("usage: safeconduct")


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (["serve", "gateway"], "named by --config DIR"),
        (["check", "--config", "gateway"], "name the directory alone: safeconduct check DIR"),
        (["check", "gateway", "--other"], "unrecognized arguments: --other\n"),
    ],
)
def test_the_two_ways_to_name_a_directory_are_told_apart(
    arguments: list[str], hint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        main.main(arguments)
    assert caught.value.code == output.USAGE
    assert hint in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments",
    [["audit", "--format", "json", "verify"], ["audit", "verify", "--format", "json"]],
)
def test_the_format_stands_before_or_after_a_sub_verb(
    arguments: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []

    def run(args: argparse.Namespace) -> int:
        seen.append(args.format)
        return 0

    monkeypatch.setattr(_module("audit"), "run", run)
    assert main.main(arguments) == 0
    assert main.main(["audit", "verify"]) == 0
    assert seen == ["json", "text"]


def test_a_fault_is_one_line_and_exit_code_3(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("SAFECONDUCT_DEBUG", raising=False)
    assert _run(monkeypatch, ValueError("no\nwonder")) == output.FAULT == 3
    assert capsys.readouterr().err == (
        "safeconduct: ValueError: no wonder (SAFECONDUCT_DEBUG=1 shows where)\n"
    )


def test_a_trace_for_those_who_ask(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SAFECONDUCT_DEBUG", "1")
    assert _run(monkeypatch, ValueError("no wonder")) == output.FAULT
    assert "Traceback" in capsys.readouterr().err


@pytest.mark.parametrize(
    "error",
    [
        PolicyRefused("it says nothing", file="tools.rego", fix="write a rule"),
        DevIdentityRefused("the switch is off"),
    ],
)
def test_a_refusal_is_its_own_sentence_and_exit_code_1(
    error: Exception, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _run(monkeypatch, error) == output.FOUND
    assert capsys.readouterr().err == f"safeconduct: {error}\n"


def test_a_refused_configuration_is_listed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    error = ConfigError((Problem(file="a.yaml", line=3, sentence="x is wrong", fix="write y"),))
    assert _run(monkeypatch, error) == output.FOUND
    assert capsys.readouterr().err == "a.yaml:3: x is wrong (fix: write y)\n"
    assert _run(monkeypatch, error, "--format", "json") == output.FOUND
    assert capsys.readouterr().out == (
        '{"ok":false,"problems":[{"file":"a.yaml","line":3,"sentence":"x is wrong",'
        '"fix":"write y","warning":false}]}\n'
    )


def test_ctrl_c_is_no_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    assert _run(monkeypatch, KeyboardInterrupt()) == main.INTERRUPTED


def test_a_reader_that_leaves_is_no_trace() -> None:
    shell = f"{sys.executable} -m safeconduct schema | true"
    done = subprocess.run(["sh", "-c", shell], check=False, capture_output=True, text=True)
    assert done.stderr == ""


def test_only_the_verb_that_is_asked_for_is_loaded() -> None:
    probe = (
        "import sys; from safeconduct.cli.main import main\n"
        "try: main(['check', '--help'])\n"
        "except SystemExit: pass\n"
        "loaded = {m for m in sys.modules if m.startswith('safeconduct')}\n"
        "sys.exit(str(sorted(loaded)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", probe], check=False, capture_output=True, text=True
    )
    assert done.stderr.strip() == str(
        ["safeconduct", "safeconduct.cli", "safeconduct.cli.check", "safeconduct.cli.main",
         "safeconduct.cli.output"]
    )  # fmt: skip
