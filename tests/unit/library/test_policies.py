"""The library of policies: tested, whole, alike in both engines, and as its pages say."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, cast, get_type_hints
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec
import orjson
import pytest

from safeconduct.config.schema import Root
from safeconduct.core.manifest import Manifest
from safeconduct.kit import yaml
from safeconduct.policy.loading import load
from safeconduct.policy.trial.matrix import read_matrix
from tests.support.library import ENGINES, LIBRARY, NAMES, bundle_of, text_of, without_denies
from tests.support.pages import FENCE, ROOT, codes, tables

SHAPES: Final = get_type_hints(Root, include_extras=True)
"""What keys of safeconduct.yaml hold."""


def readme(name: str) -> str:
    return (LIBRARY / name / "README.md").read_text(encoding="utf-8")


def documents(name: str) -> list[dict[str, Any]]:
    """The YAML of a policy's page."""
    return [
        cast("dict[str, Any]", yaml.load(text, "README.md").value)
        for _, language, text in FENCE.findall(readme(name))
        if language == "yaml"
    ]


def rules(name: str, engine: str) -> dict[str, str]:
    """The rules of a bundle, and the set that each adds to."""
    return {rule.id: rule.set for rule in load(bundle_of(name, engine), preflight=False).rules}


@pytest.mark.timeout(300)
def test_all_tests_hold_and_reach_every_line() -> None:
    command = [sys.executable, "-m", "safeconduct", "policy", "test", "--threshold", "100"]
    tested = subprocess.run(
        [*command, "policies/"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert tested.returncode == 0, tested.stdout + tested.stderr
    lines = tested.stdout.splitlines()
    assert [line.split()[:2] for line in lines] == [
        ["ok", f"policies/{name}/{engine}"] for name in NAMES for engine in sorted(ENGINES)
    ]
    assert not [line for line in lines if " 0 passed" in line]


@pytest.mark.parametrize("name", NAMES)
def test_both_engines_have_the_same_rules_and_the_same_matrix(name: str) -> None:
    assert rules(name, "rego") == rules(name, "cedar")
    file = f"tests/{name.replace('-', '_')}.yaml"
    first, second = (bundle_of(name, engine) / file for engine in ENGINES)
    assert second.is_symlink()
    assert first.read_bytes() == second.read_bytes()


@pytest.mark.parametrize("name", [name for name in NAMES if name != "business-hours"])
@pytest.mark.parametrize("kind", ENGINES)
def test_what_is_denied_is_not_permitted_without_the_denies_either(name: str, kind: str) -> None:
    # So a permit is closed by itself, whatever becomes of the denies beside it. When it is business
    # hours stands in one place only.
    whole, permits = load(bundle_of(name, kind), preflight=False), without_denies(name, kind)
    for case in read_matrix(text_of(name), name):
        answer = permits.evaluate(case.input, case.now_ms)
        # Nor does one permit what another puts to a person.
        assert not (answer.permit and answer.elevate), case.name
        assert answer.said == whole.evaluate(case.input, case.now_ms).said, case.name


@pytest.mark.parametrize("name", NAMES)
def test_the_page_of_a_policy_lists_its_rules(name: str) -> None:
    table = tables(readme(name))[0][1:]
    assert {codes(row[0])[0]: row[1] for row in table} == rules(name, "rego")


@pytest.mark.parametrize("name", NAMES)
def test_the_page_of_a_policy_says_what_it_needs(name: str) -> None:
    manifests: list[Manifest] = []
    for document in documents(name):
        if "upstream" in document:
            manifests.append(msgspec.convert(document, Manifest))
        else:
            for key, value in document.items():
                msgspec.convert(value, SHAPES[key])
    offered = {
        fact
        for manifest in manifests
        for tool in manifest.tools.values()
        for fact in tool.resolvers
    }
    if any(arg.role == "amount" for m in manifests for t in m.tools.values()
           for arg in t.arguments.values()):  # fmt: skip
        offered |= {"delta_bps", "task_delta_bps"}
    text = (bundle_of(name, "rego") / "rules" / f"{name.replace('-', '_')}.rego").read_text("utf-8")
    assert set(re.findall(r"input\.facts\.(\w+)", text)) <= offered
    for manifest in manifests:
        for tool in manifest.tools.values():
            for resolver in tool.resolvers.values():
                assert manifest.tools[resolver.tool].effect.value == "read"


def test_all_of_it_fits_in_one_bundle(tmp_path: Path) -> None:
    shutil.copytree(bundle_of("tenant-isolation", "rego"), tmp_path / "all")
    for name in NAMES:
        for folder in ("rules", "data"):
            source = bundle_of(name, "rego") / folder
            if source.is_dir():
                shutil.copytree(source, tmp_path / "all" / folder, dirs_exist_ok=True)
    found = {rule.id for rule in load(tmp_path / "all").rules}
    assert found == {identity for name in NAMES for identity in rules(name, "rego")}
    assert len(found) == sum(len(rules(name, "rego")) for name in NAMES)


@pytest.mark.parametrize("engine", ENGINES)
def test_nothing_of_it_is_unsafe_or_unreviewed(engine: str) -> None:
    assert all(load(bundle_of(name, engine)).unsafe == () for name in NAMES)


def test_the_offsets_of_business_hours_are_those_of_berlin() -> None:
    try:
        berlin = ZoneInfo("Europe/Berlin")
    except ZoneInfoNotFoundError:
        pytest.skip("this machine has no time zones to compare with")
    path = bundle_of("business-hours", "rego") / "data" / "hours.json"
    hours = orjson.loads(path.read_bytes())
    before = hours["offsets"][0]["from_ms"]
    for row in hours["offsets"]:
        assert row["from_ms"] == before
        before = row["until_ms"]
        for at_ms in (row["from_ms"], row["until_ms"] - 1):
            offset = datetime.fromtimestamp(at_ms / 1000, UTC).astimezone(berlin).utcoffset()
            assert offset is not None
            assert offset.total_seconds() == row["minutes"] * 60
    for day in hours["holidays"]:
        start = datetime.fromtimestamp(day["from_ms"] / 1000, berlin)
        end = datetime.fromtimestamp(day["until_ms"] / 1000, berlin)
        assert (start.hour, start.minute) == (end.hour, end.minute) == (0, 0)
        assert (end.date() - start.date()).days == 1
