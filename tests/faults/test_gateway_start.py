"""What a gateway must not start with; it says where to look, and nothing listens."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from safeconduct.audit import segments
from safeconduct.entrypoints.server import listener
from tests.support.installation import SERVE, Office, change, done, install, opened_office, running


def refuses_to_start(directory: Path, *expected: str) -> None:
    """The gateway does not start, and says where to look."""
    ended = subprocess.run(
        [sys.executable, "-m", *SERVE, str(directory)],
        check=False,
        capture_output=True,
        text=True,
        timeout=50,
    )
    assert ended.returncode not in {0, None}
    assert "ready" not in ended.stdout
    assert "Traceback" not in ended.stderr
    for text in expected:
        assert text in ended.stderr


RULE = "package agent.tools\n\nimport rego.v1\n\npermit contains "

BROKEN = {
    "half a rule": (RULE + "{\n", "office.rego:"),
    "a rule without an id": (RULE + "{}\n", "office.rego:5: "),
    "a rule without a condition": (RULE + '{"id": "all"}\n', "office.rego:5: "),
    "another package": ("package agent.other\n", "policy.yaml:"),
    "garbage": ("\x00\x01\x02", "office.rego:1: "),
    "nothing": ("", "office.rego:"),
}


@pytest.mark.parametrize(("rules", "where"), BROKEN.values(), ids=BROKEN)
def test_a_broken_bundle_does_not_start(tmp_path: Path, rules: str, where: str) -> None:
    install(tmp_path, Office())
    (tmp_path / "policy/rules/office.rego").write_text(rules)
    refuses_to_start(tmp_path, where)


@pytest.mark.parametrize("kind", ["dictionaries", "matches"])
@pytest.mark.parametrize("data", [b"\xff\x00", None])
def test_what_cannot_look_does_not_start(tmp_path: Path, kind: str, data: bytes | None) -> None:
    install(tmp_path, Office())
    change(tmp_path / "safeconduct.yaml", {"inspectors": {kind: {"a": LISTED}}})
    file = tmp_path / LISTED["file"]
    file.mkdir() if data is None else file.write_bytes(data)
    refuses_to_start(tmp_path, "safeconduct.yaml:1: what looks cannot be built: `words`: ")


LISTED = {"family": "crm", "file": "words"}


def test_a_gateway_whose_log_was_cut_short_does_not_start(tmp_path: Path) -> None:
    with opened_office() as office:
        made = install(tmp_path, office)
        with running(made) as gateway:
            gateway.task()
        segment = segments.path(gateway.audit, 0)
        segment.write_bytes(segment.read_bytes()[:-200])
        refuses_to_start(tmp_path, str(gateway.audit))


def test_a_second_process_over_the_same_log_does_not_start(tmp_path: Path) -> None:
    """Each would take the proofs that the other has already taken."""
    with opened_office() as office, running(install(tmp_path, office)) as gateway:
        refuses_to_start(
            tmp_path,
            "another gateway runs with this configuration; stop it first",
            str(gateway.audit),
        )
        assert done(gateway.task().call("office__get_case", {"case_id": "C-1"}))


def test_a_gateway_whose_address_is_taken_says_so(tmp_path: Path) -> None:
    with opened_office() as office:
        address = install(tmp_path, office).root.gateway.listen
        with listener(address):
            refuses_to_start(
                tmp_path,
                f"safeconduct: {address} is taken "
                "(fix: stop what listens there, or change gateway.listen)",
            )
