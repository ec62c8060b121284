"""`safeconduct connect`: a client's file keeps what is its own."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from safeconduct.cli import doctor, main, output
from safeconduct.shim import clients

LOCAL = ["-P", "-m", "safeconduct", "wrap", "--unsafe-local", "--", "crm-server"]
PURPOSE = "Answer case C-1, 'quoted'"


@pytest.fixture
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    made = tmp_path / "gateway"
    assert main.main(["init", str(made)]) == 0
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    monkeypatch.chdir(tmp_path)
    return made


@pytest.fixture
def connect(directory: Path, capsys: pytest.CaptureFixture[str]) -> Any:
    def connected(client: str, *more: str) -> tuple[int, Any]:
        capsys.readouterr()
        words = ["connect", client, "--config", str(directory), "--purpose", PURPOSE]
        code = main.main([*words, "--format", "json", *more])
        said = capsys.readouterr()
        return code, json.loads(said.out) if said.out else said.err

    return connected


FILES = {
    "claude": ("mcpServers", ".config/Claude/claude_desktop_config.json"),
    "claude-code": ("mcpServers", ".mcp.json"),
    "vscode": ("servers", ".vscode/mcp.json"),
    "cursor": ("mcpServers", ".cursor/mcp.json"),
    "inspector": ("mcpServers", "inspector.json"),
}


@pytest.mark.skipif(sys.platform != "linux", reason="Claude Desktop keeps its file elsewhere there")
@pytest.mark.parametrize("client", FILES)
def test_the_entry_starts_a_shim_with_whole_paths(
    client: str, connect: Any, directory: Path, tmp_path: Path
) -> None:
    member, file = FILES[client]
    code, told = connect(client)
    assert code == output.OK
    assert told["written"] is False
    ((name, server),) = told["snippet"][member].items()
    assert name == "safeconduct"
    assert server.get("type") == (None if client == "claude" else "stdio")
    assert {key: server[key] for key in ("command", "args")} == {
        "command": sys.executable,
        "args": [
            *("-P", "-m", "safeconduct", "wrap", "--config", str(directory)),
            *("--agent", "spiffe://example/agents/assistant", "--user", "jane@example"),
            *("--profile", "answer-case", "--source", "app", "--purpose", PURPOSE),
        ],
    }
    assert not (tmp_path / file).exists()
    assert connect(client, "--write")[0] == output.OK
    assert json.loads((tmp_path / file).read_text()) == told["snippet"]


def test_every_client_of_the_command_line_is_one_that_is_known() -> None:
    assert set(clients.clients()) == set(FILES)


def test_what_else_stands_in_the_file_stays_and_a_copy_is_kept(
    connect: Any, tmp_path: Path
) -> None:
    file = tmp_path / "real.json"
    before = '{"theme": "dunkel-ü", "mcpServers": {"other": {"command": "x"}}, "n": 1.5}'
    file.write_text(before)
    file.chmod(0o640)
    link = tmp_path / "link.json"
    link.symlink_to(file)
    code, told = connect("cursor", "--write", "--file", str(link), "--upstream", "crm")
    assert code == output.OK
    assert link.is_symlink()
    assert Path(told["before"]).read_text() == before
    written = json.loads(file.read_text())
    assert list(written) == ["theme", "mcpServers", "n"]
    assert (written["theme"], written["n"]) == ("dunkel-ü", 1.5)
    assert written["mcpServers"] == {"other": {"command": "x"}} | told["snippet"]["mcpServers"]
    assert written["mcpServers"]["crm"]["args"][-2:] == ["--upstream", "crm"]
    assert file.stat().st_mode & 0o777 == 0o640
    # Once more, for another purpose: the entry is replaced, and each copy is kept.
    code, again = connect("cursor", "--write", "--file", str(link), "--upstream", "crm")
    assert code == output.OK
    assert again["before"] != told["before"]
    assert json.loads(file.read_text()) == written
    assert {path.name for path in tmp_path.glob("*real*")} == {
        *("real.json", "real.json.before-0", "real.json.before-1")
    }


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"mcpServers": {} // mine\n}', "is not plain JSON"),
        ('{"mcpServers": {}, "mcpServers": {}}', "is not plain JSON"),
        ("[]", "holds no object"),
        ('{"mcpServers": []}', "`mcpServers` is no object"),
        ('{"mcpServers": {"safeconduct": {"command": "x"}}}', "has a server `safeconduct` already"),
        ('{"mcpServers": {"safeconduct": 3}}', "has a server `safeconduct` already"),
        (
            json.dumps({"mcpServers": {"safeconduct": {"command": "x", "args": LOCAL}}}),
            "has a server `safeconduct` already",
        ),
    ],
)
def test_a_file_that_could_lose_something_is_left_as_it_is(
    connect: Any, tmp_path: Path, text: str, expected: str
) -> None:
    file = tmp_path / "mcp.json"
    file.write_text(text)
    code, said = connect("cursor", "--write", "--file", str(file))
    assert code == output.FOUND
    assert expected in said
    assert file.read_text() == text
    assert [path.name for path in tmp_path.glob("*mcp.json*")] == ["mcp.json"]


def test_an_empty_file_is_one_without_servers(connect: Any, tmp_path: Path) -> None:
    file = tmp_path / "mcp.json"
    file.write_text("\n")
    assert connect("cursor", "--write", "--file", str(file), "--name", "desk")[0] == output.OK
    assert list(json.loads(file.read_text())["mcpServers"]) == ["desk"]


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        (("--upstream", "nowhere"), "no upstream is called nowhere (there are crm)"),
        (("--agent", "spiffe://example/nobody"), "spiffe://example/nobody is not a registered"),
    ],
)
def test_what_the_configuration_lacks_is_not_written(
    connect: Any, more: tuple[str, str], expected: str
) -> None:
    code, said = connect("claude", *more)
    assert code == output.USAGE
    assert expected in said


def test_people_can_paste_what_is_printed(
    directory: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    capsys.readouterr()
    words = ["connect", "inspector", "--config", str(directory), "--purpose", PURPOSE]
    assert main.main(words) == output.OK
    said = capsys.readouterr()
    assert json.loads(said.out)["mcpServers"].keys() == {"safeconduct"}
    assert "--config inspector.json --server safeconduct" in said.err
    assert main.main([*words, "--write"]) == output.OK
    assert capsys.readouterr().out.startswith("wrote inspector.json: server `safeconduct`\nthen: ")
    assert main.main([*words, "--write"]) == output.OK
    assert "\nbefore: " in capsys.readouterr().out


def test_the_doctor_knows_an_entry_of_ours_from_a_way_past_the_gateway(
    connect: Any, directory: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert connect("cursor", "--write")[0] == output.OK
    file = tmp_path / ".cursor" / "mcp.json"
    document = json.loads(file.read_text())
    document["mcpServers"]["past"] = {"command": "crm-server"}
    document["mcpServers"]["local"] = {"command": sys.executable, "args": LOCAL}
    file.write_text(json.dumps(document))
    assert main.main(["doctor", "--config", str(directory)]) == output.FOUND
    said = capsys.readouterr().out
    assert doctor.CLIENT_FILES[1] == ".cursor/mcp.json"
    assert "sets up `past` past the gateway" in said
    assert "sets up `local` past the gateway" in said
    assert "`safeconduct`" not in said


def test_a_project_cannot_put_its_own_code_in_the_way(connect: Any, tmp_path: Path) -> None:
    project = tmp_path / "project"
    project.mkdir()
    for name in ("safeconduct", "msgspec", "argparse"):
        (project / f"{name}.py").write_text("raise SystemExit('the code of the project ran')")
    _, told = connect("cursor")
    server = told["snippet"]["mcpServers"]["safeconduct"]
    command = [server["command"], *server["args"]]
    nothing = subprocess.DEVNULL
    done = subprocess.run(command, cwd=project, stdin=nothing, capture_output=True, check=True)
    assert (done.stdout, done.stderr) == (b"", b"")
