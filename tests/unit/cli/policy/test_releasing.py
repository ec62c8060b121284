"""From a policy in a directory to a release that a gateway takes: sign, build, verify."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from safeconduct.cli.main import main
from tests.support.bundles import write
from tests.support.releases import FILES, published, released, unfolded


class Signer:
    """A person at a terminal with a policy."""

    def __init__(self, directory: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.policy = write(directory / "policy", data={"crm": {"tiers": [1]}})
        write(directory / "policy", files={"tests/x_test.rego": "package x\n"})
        self.archive = directory / "policy.tar.gz"
        self.keys = directory / "signers.json"
        self.key = directory / "signer.jwk"
        self._capsys = capsys

    def __call__(self, *arguments: object) -> tuple[int, str]:
        code = main(["policy", *map(str, arguments)])
        said = self._capsys.readouterr()
        return code, said.out or said.err

    def sign(self, *more: object) -> dict[str, Any]:
        asked = (self.policy, "--key", self.key, "--days", 30, "--format", "json", *more)
        code, said = self("sign", *asked)
        assert code == 0, said
        told: dict[str, Any] = json.loads(said)
        self.keys.write_text(json.dumps(told["jwks"]))
        return told

    def verify(self, *more: object) -> tuple[int, str]:
        return self("verify", self.archive, "--keys", self.keys, *more)


@pytest.fixture
def signer(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Signer:
    return Signer(tmp_path, capsys)


def test_a_release_is_signed_built_and_holds(signer: Signer) -> None:
    first = signer.sign()
    assert (first["release"]["version"], first["created"]) == (1, True)
    assert "d" not in first["jwks"]["keys"][0]
    assert signer.key.stat().st_mode & 0o077 == 0
    code, said = signer("build", signer.policy, "--output", signer.archive)
    assert (code, said.endswith("release 1\n")) == (0, True)
    code, said = signer.verify()
    assert code == 0
    assert said.startswith("release 1 of test holds: signed by ")
    code, said = signer("verify", signer.policy, "--keys", signer.keys, "--format", "json")
    assert json.loads(said)["release"] == first["release"]


def test_rules_that_no_gateway_takes_do_not_hold_whoever_signed_them(
    signer: Signer, tmp_path: Path
) -> None:
    rules = FILES["rules/test.rego"] + b"a := http.send({})\n"
    end = datetime.now(UTC) + timedelta(days=1)
    unfolded(released({**FILES, "rules/test.rego": rules}, not_after=end), tmp_path / "loose")
    keys = published(tmp_path / "keys.json")
    code, said = signer("verify", tmp_path / "loose", "--keys", keys)
    assert (code, "`http.send` is not among the functions" in said) == (1, True)


def test_releases_follow_each_other(signer: Signer) -> None:
    first = signer.sign()["release"]
    signer("build", signer.policy, "--output", signer.archive)
    write(signer.policy, data={"crm": {"tiers": [1, 2]}})
    second = signer.sign()["release"]
    assert (second["version"], second["previous"]) == (2, first["digest"])
    third = signer.sign("--after", signer.archive, "--release", 9)["release"]
    assert (third["version"], third["previous"]) == (9, first["digest"])
    code, said = signer.verify("--after", signer.policy)
    assert (code, "release 1 is older than 9" in said) == (1, True)
    asked = (signer.policy, "--key", signer.key, "--days", 30, "--release", 9)
    code, said = signer("sign", *asked)
    assert (code, "numbers only rise" in said) == (1, True)


def test_what_was_changed_after_it_was_signed_does_not_hold(signer: Signer) -> None:
    signer.sign()
    (signer.policy / "data" / "crm.json").write_text('{"tiers": []}')
    code, said = signer("verify", signer.policy, "--keys", signer.keys)
    assert (code, "was changed after it was signed" in said) == (1, True)
    code, said = signer("build", signer.policy, "--output", signer.archive)
    assert (code, signer.archive.exists()) == (1, False)
    assert f"{signer.policy}/release.json:1: the files are not those that were released" in said


def test_a_check_tells_of_a_release_of_other_files(
    signer: Signer, capsys: pytest.CaptureFixture[str]
) -> None:
    signer.sign()
    checked = ["policy", "check", str(signer.policy), "--format", "json"]
    assert main(checked) == 0
    assert json.loads(capsys.readouterr().out)["changed_since_signed"] == []
    (signer.policy / "README.md").write_text("what decides is still the same")
    assert main(checked) == 0
    assert json.loads(capsys.readouterr().out)["changed_since_signed"] == []
    (signer.policy / "data" / "crm.json").write_text('{"tiers": []}')
    assert main(checked) == 0
    told = capsys.readouterr()
    assert json.loads(told.out)["changed_since_signed"] == [str(signer.policy)]
    assert "was changed after its release was signed (fix: sign it again" in told.err
    (signer.policy / "release.json").write_text("{}")
    assert main(checked) == 1
    assert json.loads(capsys.readouterr().out)["changed_since_signed"] == []


def test_what_is_not_there_is_a_mistake_of_the_command_line(signer: Signer) -> None:
    nowhere = signer.policy / "nowhere"
    signer.keys.write_text('{"keys": []}')
    for asked in (
        ("verify", nowhere, "--keys", signer.keys),
        ("verify", signer.policy, "--keys", nowhere),
        ("verify", signer.policy, "--keys", signer.keys, "--after", nowhere),
        ("sign", nowhere, "--key", signer.key, "--days", 30),
        ("sign", signer.policy, "--key", signer.key, "--days", 30, "--after", nowhere),
        ("build", nowhere, "--output", signer.archive),
    ):
        code, said = signer(*asked)
        assert (code, said.startswith(f"safeconduct: there is no {nowhere} (fix: ")) == (2, True)
    assert not signer.key.exists()


def test_a_bundle_that_cannot_be_read_is_refused(
    signer: Signer, monkeypatch: pytest.MonkeyPatch
) -> None:
    signer.archive.write_bytes(b"no archive")
    (signer.policy / "rules" / "test.rego").write_bytes(bytes(1_048_577))
    signer.keys.write_text('{"keys": []}')
    code, said = signer.verify()
    assert (code, f"{signer.archive}:1: not a gzipped archive" in said) == (1, True), said
    code, said = signer("verify", signer.policy, "--keys", signer.keys)
    assert (code, f"{signer.policy}/rules/test.rego:1: " in said) == (1, True), said

    def denied(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", denied)
    code, said = signer.verify()
    assert (code, f"{signer.archive}:1: the file cannot be read" in said) == (1, True), said


def test_rules_that_a_gateway_would_refuse_are_not_signed(signer: Signer) -> None:
    (signer.policy / "rules" / "test.rego").write_text("package agent.tools\nx := {\n")
    code, said = signer("sign", signer.policy, "--key", signer.key, "--days", 30)
    assert (code, f"{signer.policy}/rules/test.rego:" in said) == (1, True)
    assert not signer.key.exists()
    code, _ = signer("build", signer.policy, "--output", signer.archive)
    assert (code, signer.archive.exists()) == (1, False)


@pytest.mark.parametrize("days", [0, -1, 401])
def test_a_release_ends_within_a_year_or_so(signer: Signer, days: int) -> None:
    assert signer("sign", signer.policy, "--key", signer.key, "--days", days)[0] == 2


def test_a_new_key_is_shown_for_the_configuration(signer: Signer) -> None:
    _, said = signer("sign", signer.policy, "--key", signer.key, "--days", 30)
    *_, jwks = said.splitlines()
    assert json.loads(jwks)["keys"][0]["kty"] == "EC"
    _, said = signer("sign", signer.policy, "--key", signer.key, "--days", 30)
    assert said.startswith("release 2 of test\n")
    assert "keys" not in said


def test_unsigned_policy_is_built_and_does_not_hold(signer: Signer) -> None:
    _, said = signer("build", signer.policy, "--output", signer.archive)
    assert said.endswith("not released\n")
    signer.keys.write_text('{"keys": []}')
    code, said = signer.verify()
    assert (code, "keys of the signers cannot be read" in said) == (1, True)
