"""docs/reference/policy-bundles.md and its guide against what they speak of."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import msgspec
import pytest

from safeconduct.cli.main import main
from safeconduct.policy.bundles import archive, layout, signing, sources
from safeconduct.policy.bundles.release import SOON_MS, Release
from safeconduct.policy.keeping import KEPT
from tests.support.bundles import write
from tests.support.pages import DOCS, codes, sections, tables

PAGE = DOCS / "reference" / "policy-bundles.md"
GUIDE = DOCS / "guides" / "release-policy.md"


def test_every_member_of_a_release_is_explained() -> None:
    rows = tables(sections(PAGE)["Releases"])[0][1:]
    assert [codes(row[0])[0] for row in rows] == list(Release.__struct_fields__)
    assert all(
        field.required or field.name == "previous" for field in msgspec.structs.fields(Release)
    )


def test_every_file_of_the_content_is_named() -> None:
    text = sections(PAGE)["Content and digest"]
    named = set(codes(text))
    assert {f"{folder}/" for folder in layout.FOLDERS} - {"data/"} <= named
    assert {"policy.yaml", layout.SCHEMA, layout.MASKS, layout.DATA} <= named
    assert {f"data/NAME{ending}" for ending in layout.FOLDERS["data"]} <= named


def test_numbers_and_names_are_those_of_the_code() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert f"at most {archive.MAX_BYTES // 1024**2} MiB" in text
    assert f"at most {sources.TIMEOUT_S:.0f} s" in text
    assert f"for {SOON_MS // (24 * 3600 * 1000)} days before" in text
    for name in (KEPT, signing.TYPE, layout.RELEASE, layout.MANIFEST, layout.SIGNATURES):
        assert f"`{name}`" in text


def test_the_commands_of_the_guide_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path / "policy")
    monkeypatch.chdir(tmp_path)
    text = GUIDE.read_text(encoding="utf-8")
    lines = re.findall(r"^safeconduct policy (?:sign|build|verify) .*$", text, re.MULTILINE)
    assert len(lines) == 4
    said: list[str] = []
    for line in lines:
        assert main(shlex.split(line)[1:]) == 0, line
        said.append(capsys.readouterr().out)
        if line == lines[0]:
            Path("signers.json").write_text(json.dumps(json.loads(said[0])["jwks"]))
    assert said[2].startswith("release 1 of test holds")
    assert said[3].startswith("release 2 of test\n")
