"""`policy schema`: from manifests, from a gateway that runs, and into the bundle."""

import json
import socket
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from safeconduct.cli.main import main

OUTPUT = {"type": "object", "properties": {"analyst": {"type": "string"}}}
RESOLVERS = """\
    resolvers:
      analyst: { tool: get_case, arguments: { case_id: "$.arguments.case_id" }, take: $.analyst }
    reversible: true
"""


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    made = tmp_path / "gateway"
    assert main(["init", str(made)]) == 0
    return made


@pytest.fixture
def operator(directory: Path) -> Iterator[None]:
    """What a gateway would answer at its socket."""
    path = directory / "state" / "operator.sock"
    path.parent.mkdir(parents=True, exist_ok=True)
    tools: list[dict[str, Any]] = [
        {"upstream": "crm", "definition": {"name": "get_case", "outputSchema": OUTPUT}},
        {"upstream": "crm", "definition": {"name": "merge"}},
    ]
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))
        listening.listen()

        def answer() -> None:
            connection, _ = listening.accept()
            with connection:
                assert json.loads(connection.recv(65_536)) == {"verb": "tools"}
                connection.sendall(json.dumps({"tools": tools}).encode() + b"\n")

        thread = threading.Thread(target=answer)
        thread.start()
        yield
        thread.join()


def test_the_schema_that_init_writes_is_the_one_of_its_manifests(
    directory: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    assert main(["policy", "schema", "--config", str(directory)]) == 0
    shown = capsys.readouterr()
    file = directory / "policy" / "schema.cedarschema"
    assert shown.out == file.read_text(encoding="utf-8")
    assert "from the manifests alone" in shown.err


def test_what_a_running_gateway_was_offered_is_in_it(
    directory: Path, operator: None, capsys: pytest.CaptureFixture[str]
) -> None:
    manifest = directory / "manifests" / "crm.yaml"
    text = manifest.read_text(encoding="utf-8").replace("    reversible: true\n", RESOLVERS)
    manifest.write_text(text, encoding="utf-8")
    capsys.readouterr()
    assert main(["policy", "schema", "--config", str(directory), "--write"]) == 0
    shown = capsys.readouterr()
    file = directory / "policy" / "schema.cedarschema"
    assert (shown.out, shown.err) == (
        f"wrote {file}: review it, then `safeconduct policy check`\n",
        "",
    )
    written = file.read_text(encoding="utf-8")
    assert 'action "crm.merge" in [Action::"effect:execute", Action::"upstream:crm"]' in written
    assert "analyst?: String" in written
    assert main(["check", str(directory)]) == 0


def test_a_fact_without_a_type_is_told(directory: Path, capsys: pytest.CaptureFixture[str]) -> None:
    manifest = directory / "manifests" / "crm.yaml"
    text = manifest.read_text(encoding="utf-8").replace("    reversible: true\n", RESOLVERS)
    manifest.write_text(text, encoding="utf-8")
    capsys.readouterr()
    assert main(["policy", "schema", "--format", "json", "--config", str(directory)]) == 0
    shown = capsys.readouterr()
    assert json.loads(shown.out)["untyped"] == ["crm.comment: analyst"]
    assert "no type, so no rule sees it: crm.comment: analyst" in shown.err


def test_without_the_generator_it_says_what_to_install(
    directory: Path,
    operator: None,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    manifest = directory / "manifests" / "crm.yaml"
    text = manifest.read_text(encoding="utf-8").replace("    reversible: true\n", RESOLVERS)
    manifest.write_text(text, encoding="utf-8")
    monkeypatch.setitem(sys.modules, "cedar_mcp_schema_generator", None)
    assert main(["policy", "schema", "--config", str(directory)]) == 1
    assert "install safeconduct[cedar-schema]" in capsys.readouterr().err


def test_only_a_bundle_of_ones_own_is_written_into(
    directory: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = directory / "safeconduct.yaml"
    text = root.read_text(encoding="utf-8").replace(
        "policy: { bundle: policy/ }", "policy: { source: { git: ../rules } }"
    )
    root.write_text(text, encoding="utf-8")
    assert main(["policy", "schema", "--config", str(directory), "--write"]) == 2
    assert "names no directory" in capsys.readouterr().err
