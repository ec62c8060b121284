import os
from pathlib import Path

import pytest

from safeconduct.core.masks import Mask
from safeconduct.policy.bundles import layout
from safeconduct.policy.bundles.reading import read
from safeconduct.policy.refusal import PolicyRefused
from tests.support.bundles import HEADER, write


def refused(directory: Path) -> PolicyRefused:
    with pytest.raises(PolicyRefused) as caught:
        read(directory)
    return caught.value


def test_a_bundle_is_rules_and_data_under_the_name_of_their_file(tmp_path: Path) -> None:
    files: dict[str, str | bytes] = {"rules/more/deep.rego": "package lib.deep\n"}
    found = read(write(tmp_path, files=files, data={"crm": {"tiers": [1, 2]}}))
    assert [rule.path for rule in found.rules] == ["rules/more/deep.rego", "rules/test.rego"]
    assert found.data == '{"crm":{"tiers":[1,2]}}'
    assert found.header.entrypoint == "agent.tools"


def test_what_rules_share_is_rules_and_masks_are_part_of_the_bundle(tmp_path: Path) -> None:
    shared: dict[str, str | bytes] = {"lib/money.rego": "package lib.money\n"}
    found = read(write(tmp_path / "a", files=shared))
    assert [rule.path for rule in found.rules] == ["lib/money.rego", "rules/test.rego"]
    assert found.masks == ()
    masked = read(write(tmp_path / "b", files={**shared, "masks.yaml": "hash: [/facts/owner]\n"}))
    assert masked.masks == masked.contract.masks == (Mask("facts", "owner", "hash"),)
    assert masked.digest != found.digest


def test_the_digest_names_exactly_what_decides(tmp_path: Path) -> None:
    first = read(write(tmp_path / "a", data={"crm": 1})).digest
    same = write(tmp_path / "b", data={"crm": 1}, files={"tests/x.rego": "", ".git/x": ""})
    assert read(same).digest == first
    assert read(write(tmp_path / "c", data={"crm": 2})).digest != first
    assert read(write(tmp_path / "d", "# a comment\n", data={"crm": 1})).digest != first
    assert read(write(tmp_path / "e", data={"other": 1})).digest != first
    assert len(first) == 64


def test_a_link_to_a_file_is_that_file(tmp_path: Path) -> None:
    directory = write(tmp_path / "bundle")
    (tmp_path / "more.rego").write_text("package lib.more\n", encoding="utf-8")
    (directory / "rules" / "more.rego").symlink_to(tmp_path / "more.rego")
    assert "package lib.more\n" in [rule.text for rule in read(directory).rules]


def test_a_pipe_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    directory = write(tmp_path / "policy")
    os.mkfifo(tmp_path / "pipe")
    (directory / "rules" / "more.rego").symlink_to(tmp_path / "pipe")
    found = refused(directory)
    assert (found.file, found.sentence) == ("rules/more.rego", "no plain file")


def test_a_link_to_a_folder_is_refused(tmp_path: Path) -> None:
    directory = write(tmp_path)
    (directory / "rules" / "again").symlink_to(directory / "rules")
    assert refused(directory).file == "rules/again"


@pytest.mark.parametrize(
    "name",
    [
        "rules/deny.reg0",
        "rules/notes.txt",
        "data/crm.yml",
        "data/deep/crm.json",
        "deny.rego",
        "policy.yml",
        "rules/schön.rego",
        "rules/a b.rego",
    ],
)
def test_a_file_that_would_count_for_nothing_is_refused(tmp_path: Path, name: str) -> None:
    found = refused(write(tmp_path, files={name: "{}"}))
    assert name.startswith(found.file)
    assert found.fix


@pytest.mark.parametrize("name", ["agent", "safeconduct", "Crm", "a-b", "a.b"])
def test_data_does_not_stand_where_rules_answer(tmp_path: Path, name: str) -> None:
    assert refused(write(tmp_path, data={name: {}})).file == f"data/{name}.json"


@pytest.mark.parametrize(
    "text", ["", "{", '{"a":1,"a":2}', '{"a":NaN}', "[" * 100_000, '"\\ud800"', b"\xff"]
)
def test_data_that_readers_disagree_about_is_refused(tmp_path: Path, text: str | bytes) -> None:
    assert refused(write(tmp_path, files={"data/crm.json": text})).file == "data/crm.json"


def test_a_missing_bundle_is_refused(tmp_path: Path) -> None:
    assert "cannot be read" in refused(tmp_path / "nowhere").sentence


def test_a_bundle_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "policy").write_text("", encoding="utf-8")
    assert "cannot be read" in refused(tmp_path / "policy").sentence


def test_a_bundle_without_header_is_refused(tmp_path: Path) -> None:
    write(tmp_path).joinpath("policy.yaml").unlink()
    assert refused(tmp_path).file == "policy.yaml"


def test_a_bundle_without_rules_is_refused(tmp_path: Path) -> None:
    (tmp_path / "policy.yaml").write_text(HEADER, encoding="utf-8")
    assert refused(tmp_path).file == "rules"


def test_bytes_that_are_no_text_are_refused_with_their_line(tmp_path: Path) -> None:
    found = refused(write(tmp_path, files={"rules/test.rego": b"package a\n\n\xff"}))
    assert (found.file, found.line) == ("rules/test.rego", 3)


def test_a_file_that_may_not_be_read_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def forbidden(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    directory = write(tmp_path)
    monkeypatch.setattr(os, "open", forbidden)
    assert "Permission denied" in refused(directory).sentence


def test_sizes_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layout, "MAX_FILE_BYTES", 200)
    assert "larger than 200" in refused(write(tmp_path / "a", "#" * 200)).sentence
    monkeypatch.setattr(layout, "MAX_BUNDLE_BYTES", 100)
    assert "or 100 bytes" in refused(write(tmp_path / "b")).sentence
    monkeypatch.setattr(layout, "MAX_FILES", 1)
    assert "more than 1 files" in refused(write(tmp_path / "c")).sentence


def test_nesting_is_refused_before_the_parser(tmp_path: Path) -> None:
    found = refused(write(tmp_path, "a := " + "[" * 5000))
    assert (found.file, "nested deeper" in found.sentence) == ("rules/test.rego", True)
