"""From a directory to one value, or to everything that is wrong."""

import subprocess
import sys
from pathlib import Path

import pytest

from safeconduct.config import ConfigError, examine, examine_files, load
from tests.support.configs import Gateway

SEED = Path(__file__).parents[2] / "data" / "seed"
AGENT = "spiffe://crm.example/agents/copilot"


def test_a_sound_directory_becomes_one_value(gateway: Gateway) -> None:
    config = load(gateway.directory)
    assert config.directory == str(gateway.directory.resolve())
    assert config.root.gateway.tenant == "crm.example"
    assert config.agents.keys() == {AGENT}
    assert config.agents[AGENT].delegation.users == {"jane@crm.example"}
    assert config.zones.keys() == {"office"}
    assert config.users.keys() == {"jane@crm.example"}
    assert config.manifests.keys() == {"crm", "mail"}
    assert config.manifests["mail"].tools["send"].scopes == ("mail:send",)


def test_a_relative_directory_becomes_absolute(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(gateway.directory)
    assert load(Path()).directory == str(gateway.directory.resolve())


def test_switches_that_weaken_safety_are_collected(gateway: Gateway) -> None:
    assert load(gateway.directory).unsafe == (
        "unsafe_dev_identity",
        "upstreams.mail.unsafe_no_sandbox",
    )
    gateway.change("safeconduct.yaml", "unsafe_dev_identity: true", "unsafe_dev_identity: false")
    assert load(gateway.directory).unsafe == ("upstreams.mail.unsafe_no_sandbox",)


def test_a_refusal_carries_every_problem(gateway: Gateway) -> None:
    gateway.change("safeconduct.yaml", "zone: office", "zone: ofice")
    gateway.change("zones.yaml", "tenant: crm.example", "tenant: crm.example\n    x: 1")
    gateway.change("agents/copilot.yaml", "scope: [case:read]", "scope: [case:raed]")
    with pytest.raises(ConfigError) as caught:
        load(gateway.directory)
    found = [(Path(problem.file).name, problem.line) for problem in caught.value.problems]
    assert found == [("copilot.yaml", 7), ("safeconduct.yaml", 10), ("zones.yaml", 7)]
    first = str(caught.value).split("\n")[0]
    path = gateway.directory / "agents" / "copilot.yaml"
    assert first == (
        f"{path}:7: the scope `case:raed` is not registered (fix: did you mean `case:read`?)"
    )


def test_warnings_do_not_refuse(gateway: Gateway) -> None:
    gateway.change("zones.yaml", "egress: [crm, ", "egress: [kb-api, crm, ")
    examined = examine(gateway.directory)
    assert [str(problem) for problem in examined.problems if not problem.warning] == []
    assert examined.config is not None
    assert not examined.refused
    assert "warning: " in str(examined.problems[0])


def test_no_configuration_at_all(tmp_path: Path) -> None:
    (problem,) = examine(tmp_path).problems
    assert problem.file == str(tmp_path / "safeconduct.yaml")
    assert problem.line == 1
    assert "safeconduct init" in problem.fix


def test_yaml_that_cannot_be_read_is_one_problem(gateway: Gateway) -> None:
    gateway.change("safeconduct.yaml", "tenant: crm.example", "issuer: twice # here")
    gateway.expect("`issuer` stands here twice")


def test_the_seed_loads_unchanged() -> None:
    files = sorted(SEED.glob("*.yaml"))
    assert [file.name for file in files] == ["agent_identity.yaml", "agent_segmentation.yaml"]
    examined = examine_files(files)
    assert examined.problems == ()
    assert not examined.refused
    assert examined.config is None


def test_files_on_their_own_are_held_against_each_other(tmp_path: Path) -> None:
    for name in ("a.yaml", "b.yaml"):
        (tmp_path / name).write_bytes((SEED / "agent_identity.yaml").read_bytes())
    (problem,) = examine_files([tmp_path / "a.yaml", tmp_path / "b.yaml"]).problems
    assert (problem.file, problem.line) == (str(tmp_path / "b.yaml"), 3)


def test_files_of_every_kind_can_stand_on_their_own(gateway: Gateway) -> None:
    files = [
        gateway.directory / name
        for name in ("zones.yaml", "users.yaml", "manifests/mail.yaml", "manifests/crm.yaml")
    ]
    assert examine_files(files).problems == ()


def test_a_file_of_no_kind_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_text("something: else\n", encoding="utf-8")
    (problem,) = examine_files([path, tmp_path / "missing.yaml"]).problems[1:]
    assert "neither an agent" in problem.sentence


def test_importing_the_room_does_not_load_the_parser() -> None:
    probe = "import safeconduct.config, sys; sys.exit('ruamel.yaml' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", probe], check=False).returncode == 0
