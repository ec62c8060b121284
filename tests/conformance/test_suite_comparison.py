"""What `make conformance` counts as a difference, and when it has nothing to say."""

import json
import re
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from conformance.__main__ import REQUIRED, Compared, chosen, report
from conformance.compare import (
    ENDS_WELL,
    NO_CHECK,
    Check,
    Role,
    differences,
    failing,
    flawless,
    table,
)
from conformance.legs import PROFILE, configure
from conformance.sources import HERE, Fixture, Suite
from conformance.suite import read
from safeconduct.config import load

ROOT = HERE.parent
REVISION = "2026-07-28"
NAMES = {
    "issuer": "http://127.0.0.1:8443",
    "listen": "127.0.0.1:8444",
    "socket": "/tmp/socket",
    "url": "http://localhost:1/",
}


def checks(*said: str) -> list[Check]:
    """Checks as `id STATUS`."""
    return [Check(id=one.split()[0], status=one.split()[1], description="why") for one in said]


def told(direct: list[Check], gateway: list[Check], role: Role = "server") -> list[str]:
    found = differences(REVISION, role, ["s"], {"s": direct}, {"s": gateway})
    return [one.check for one in found]


@pytest.mark.parametrize(
    "gateway",
    [
        checks("a FAILURE", "b SUCCESS"),
        checks("a WARNING", "b SUCCESS"),
        checks("a SKIPPED", "b SUCCESS"),
        checks("a INFO", "b SUCCESS"),
        checks("b SUCCESS"),
        checks("a SUCCESS", "a FAILURE", "b SUCCESS"),
        checks("a SUCCESS", "a SUCCESS", "b SUCCESS"),
    ],
)
def test_another_status_is_a_difference(gateway: list[Check]) -> None:
    direct = checks("a SUCCESS", "b SUCCESS")
    assert told(direct, gateway) == ["a"]
    assert told(gateway, direct) == ["a"]


def test_the_same_statuses_are_none() -> None:
    direct = checks("a SUCCESS", "b FAILURE", "a FAILURE", "c SKIPPED")
    assert told(direct, direct[::-1]) == []


@pytest.mark.parametrize("role", ["server", "client"])
def test_a_failure_that_is_the_same_on_both_legs_is_none(role: Role) -> None:
    assert told(checks("a FAILURE"), checks("a FAILURE"), role) == []


def test_of_messages_that_are_only_logged_it_counts_that_there_are_any() -> None:
    assert told(checks("a INFO"), checks("a INFO", "a INFO")) == []
    assert told(checks("a INFO"), []) == ["a"]


def test_more_right_messages_of_a_client_are_none_but_fewer_or_wrong_ones_are() -> None:
    once, twice = checks("a SUCCESS"), checks("a SUCCESS", "a SUCCESS")
    assert told(once, twice, "client") == []
    assert told(twice, once, "client") == ["a"]
    assert told(once, [*twice, *checks("a FAILURE")], "client") == ["a"]
    assert told(checks("a FAILURE"), [*once, *checks("a FAILURE")], "client") == ["a"]


def test_a_client_counts_that_ends_well_without_the_gateway() -> None:
    well, badly = checks(f"{ENDS_WELL} SUCCESS"), checks(f"{ENDS_WELL} WARNING")
    assert told(well, badly, "client") == [ENDS_WELL]
    assert told(badly, well, "client") == []
    assert told(badly, badly, "client") == []


def test_a_scenario_without_checks_is_a_difference_even_from_itself() -> None:
    assert told([], []) == [NO_CHECK]
    assert [one.check for one in differences(REVISION, "server", ["s"], {}, {})] == [NO_CHECK]
    assert told(checks("a SUCCESS"), []) == ["a"]


def test_the_table_says_where_and_why() -> None:
    failed = Check(id="a", status="FAILURE", errorMessage="It\nfailed.", description="A works")
    found = differences(
        REVISION,
        "server",
        ["s"],
        {"s": checks("a SUCCESS", "a SUCCESS", "b SUCCESS")},
        {"s": [failed, *checks("a SUCCESS")]},
    )
    assert table(found) == (
        "2026-07-28  server  s  a\n"
        "    direct 2 x SUCCESS | gateway FAILURE, SUCCESS\n"
        "    > It\n    > failed.\n"
        "2026-07-28  server  s  b\n"
        "    direct SUCCESS | gateway absent\n"
        "    > why"
    )


def test_a_direct_leg_that_fails_what_is_required_proves_nothing() -> None:
    ran = {
        "s": checks("a SUCCESS", "b FAILURE"),
        "t": checks("a WARNING"),
        "u": checks("a FAILURE"),
    }
    assert failing({"s", "t"}, ran) == ["s"]


@pytest.mark.parametrize("as_json", [False, True])
def test_the_last_line_is_the_answer(capsys: pytest.CaptureFixture[str], as_json: bool) -> None:
    found = differences(REVISION, "server", ["s"], {"s": checks("a SUCCESS")}, {})
    good, bad, tokens = Compared(30, ()), Compared(37, tuple(found)), Compared(2, ())
    assert not report({REVISION: bad, "2025-11-25": good}, tokens, as_json=as_json)
    *before, other, last = capsys.readouterr().out.splitlines()
    assert other == '{"authorization-server":{"scenarios":2,"differences":0}}'
    assert last == (
        '{"2026-07-28":{"scenarios":37,"differences":1},'
        '"2025-11-25":{"scenarios":30,"differences":0}}'
    )
    if as_json:
        assert [json.loads(line)["check"] for line in before] == ["a"]
    assert report({"2025-11-25": good}, tokens, as_json=as_json)
    assert capsys.readouterr().out.endswith('\n{"2025-11-25":{"scenarios":30,"differences":0}}\n')


@pytest.mark.parametrize("status", ["FAILURE", "WARNING"])
def test_a_check_of_the_authorization_server_that_does_not_succeed_fails_the_run(
    capsys: pytest.CaptureFixture[str], status: str
) -> None:
    ran = {"s": checks("a SUCCESS", f"b {status}")}
    role: Role = "authorization-server"
    found = differences("every revision", role, ["s", "t"], flawless(ran), ran)
    assert [(one.scenario, one.check) for one in found] == [("s", "b"), ("t", NO_CHECK)]
    assert not report({REVISION: Compared(37, ())}, Compared(2, tuple(found)), as_json=False)
    *rows, other, _ = capsys.readouterr().out.splitlines()
    assert rows[0] == "every revision  authorization-server  s  b"
    assert other == '{"authorization-server":{"scenarios":2,"differences":2}}'


def test_a_scenario_that_nobody_knows_proves_nothing() -> None:
    nothing = Compared(0, ())
    assert not report({REVISION: nothing}, nothing, as_json=False)
    assert report({REVISION: nothing}, Compared(2, ()), as_json=False)


def suite_of(place: Path, servers: int) -> Suite:
    (place / "requirements").mkdir()
    (place / "requirements" / f"{REVISION}.yaml").write_text(
        "server:\n"
        + "".join(f"  - s{number}\n" for number in range(servers))
        + "client:\n  - tools_call\n  - auth/scope\n"
        "not_scored:\n"
        "  - {scenario: tasks, leg: server, reason: extension}\n"
        "  - {scenario: schema, leg: client, reason: pending, note: x}\n"
    )
    return Suite(place)


def test_all_scenarios_are_compared_but_those_that_cannot_pass_a_gateway(tmp_path: Path) -> None:
    found = chosen(suite_of(tmp_path, 37), REVISION, None)
    assert found.server[-2:] == ("s36", "tasks")
    assert found.client == ("tools_call", "schema")
    assert "tasks" not in found.required
    assert found.options(REVISION) == ("--requirements", REVISION)


def test_one_scenario_can_be_chosen(tmp_path: Path) -> None:
    suite = suite_of(tmp_path, 37)
    one = chosen(suite, REVISION, "s3")
    assert (one.server, one.client) == (("s3",), ())
    assert one.options(REVISION) == ("--scenario", "s3", "--spec-version", REVISION)
    assert chosen(suite, REVISION, "schema").client == ("schema",)


def test_a_suite_that_requires_less_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="only 36"):
        chosen(suite_of(tmp_path, 36), REVISION, None)
    assert REQUIRED == {"2026-07-28": 37, "2025-11-25": 30}


def test_results_are_read_by_scenario(tmp_path: Path) -> None:
    for name in (
        "server-server-stateless-2026-11-21T07-55-27-901Z",
        "server-ping-2026-11-21T07-55-28-1Z",
    ):
        (tmp_path / name).mkdir()
        (tmp_path / name / "checks.json").write_text('[{"id": "a", "status": "INFO", "x": 1}]')
    found = read(tmp_path, "server-")
    assert {name: [one.id for one in said] for name, said in found.items()} == {
        "server-stateless": ["a"],
        "ping": ["a"],
    }
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "checks.json").write_text("[]")
    with pytest.raises(ValueError, match="other"):
        read(tmp_path, "server-")


@pytest.mark.parametrize(
    "manifest",
    sorted(
        str(path.relative_to(PROFILE / "manifests").with_suffix(""))
        for path in (PROFILE / "manifests").rglob("*.yaml")
    ),
)
def test_the_profile_is_a_configuration_with_every_manifest(tmp_path: Path, manifest: str) -> None:
    configure(tmp_path / "gateway", manifest=manifest, **NAMES)
    config = load(tmp_path / "gateway")
    tools = config.manifests["server"].tools.values()
    assert all(tool.spotlight is None for tool in tools)
    assert config.root.upstreams["server"].asks.sampling


def test_everything_of_the_fixture_is_reviewed(tmp_path: Path) -> None:
    configure(tmp_path / "gateway", manifest="everything", **NAMES)
    manifest = load(tmp_path / "gateway").manifests["server"]
    assert len(manifest.tools) > 25
    assert all(tool.pin for tool in manifest.tools.values())
    assert manifest.resources["test://template/*"].scopes == ("conformance:use",)
    assert "test_simple_prompt" in manifest.prompts


def test_the_suite_is_pinned_by_content_and_names_no_registry() -> None:
    wanted = json.loads((HERE / "package.json").read_text())["dependencies"]
    packages = json.loads((HERE / "package-lock.json").read_text())["packages"]
    packages.pop("")
    assert packages
    assert all(re.fullmatch("sha512-.+", package["integrity"]) for package in packages.values())
    assert not any("resolved" in package for package in packages.values())
    for name, version in wanted.items():
        assert packages[f"node_modules/{name}"]["version"] == version


def test_the_fixture_is_the_source_of_the_sdk_that_is_installed() -> None:
    line = (HERE / "sdist.txt").read_text().splitlines()[-1]
    pinned, _, digest = line.partition(" --hash=")
    locked = (ROOT / "requirements" / "dev.txt").read_text()
    assert f"{Requirement(pinned)} \\\n" in locked.replace("  \\", " \\")
    assert digest in locked


def test_the_fixture_knows_where_its_parts_are() -> None:
    fixture = Fixture(Path("mcp"))
    assert fixture.server == Path("mcp/examples/servers/everything-server")
    assert fixture.client == Path("mcp/.github/actions/conformance/client.py")
