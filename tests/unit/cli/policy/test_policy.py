"""The verbs of `safeconduct policy` are found, and each says what it does."""

import importlib

import pytest

from safeconduct.cli.main import main
from safeconduct.cli.policy import SUB_VERBS


@pytest.mark.parametrize("verb", SUB_VERBS)
def test_every_verb_says_what_it_does(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["policy", verb, "--help"])
    assert caught.value.code == 0
    shown = capsys.readouterr().out
    module = importlib.import_module(f"safeconduct.cli.policy.{verb}")
    for example in module.EXAMPLE.splitlines():
        assert example.startswith(f"safeconduct policy {verb}")
        assert example in shown
    assert "--format" in shown
    assert "\n" not in module.HELP


def test_a_verb_that_does_not_exist(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["policy", "push"])
    assert caught.value.code == 2
    assert "invalid choice: 'push'" in capsys.readouterr().err
