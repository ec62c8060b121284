"""`safeconduct task start`: it loses no key, and says what is missing."""

from pathlib import Path

import pytest

from safeconduct.cli import main, output
from safeconduct.config import load
from safeconduct.demo.serving import free_port
from safeconduct.identity import dev

FOLLOW = (
    '{"source": "crm.get_case", "object": "C-1", "tools": ["email.send"], "count": 1, "minutes": 5}'
)


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """A configuration whose gateway has run, and stopped."""
    made = tmp_path / "gateway"
    assert main.main(["init", str(made)]) == 0
    root = made / "safeconduct.yaml"
    text = root.read_text(encoding="utf-8").replace(":8700", f":{free_port()}")
    root.write_text(text, encoding="utf-8")
    dev.create(made / "state", load(made))
    return made


def _start(directory: Path, key: Path) -> int:
    return main.main(
        ["task", "start", "--config", str(directory), "--purpose", "x", "--key-file", str(key)]
    )


def test_a_key_that_is_there_is_not_overwritten(
    directory: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    key = tmp_path / "task.jwk"
    key.write_text("the key of another task")
    assert _start(directory, key) == output.USAGE
    assert key.read_text() == "the key of another task"
    assert f"{key} exists" in capsys.readouterr().err


def test_without_a_gateway_it_says_how_to_start_one(
    directory: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _start(directory, tmp_path / "task.jwk") == output.FAULT
    said = capsys.readouterr().err
    assert f"no gateway answers at {load(directory).root.gateway.issuer} (" in said
    assert said.endswith("; start it with `safeconduct serve`\n")
    assert not (tmp_path / "task.jwk").exists()


@pytest.mark.parametrize(
    ("more", "why"),
    [
        (["--follow", "{}"], "--follow: "),
        (["--follow", FOLLOW, "--source", "agent"], "an agent cannot say itself what it follows"),
    ],
)
def test_what_cannot_be_followed_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], more: list[str], why: str
) -> None:
    key = tmp_path / "task.jwk"
    words = ["task", "start", "--config", str(tmp_path), "--purpose", "x", "--key-file", str(key)]
    assert main.main([*words, *more]) == output.USAGE
    assert why in capsys.readouterr().err
    assert not key.exists()
