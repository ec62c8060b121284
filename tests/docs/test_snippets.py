"""Snippets that are marked: complete ones load, runnable ones run."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast, get_type_hints

import msgspec
import pytest

from safeconduct.config.schema import Root
from safeconduct.core.manifest import Manifest
from safeconduct.kit import yaml
from safeconduct.policy.bundles.header import read_header
from safeconduct.policy.bundles.masks import read_masks
from safeconduct.policy.cedar.contracted import CONTRACT
from safeconduct.policy.loading import load
from safeconduct.policy.trial.base import BASE
from safeconduct.policy.trial.running import run as run_tests
from tests.support.pages import FENCE, PAGES, ROOT, Snippet, marked

FACTS = "facts: { delta_bps?: Long, task_delta_bps?: Long }"
TOOLS = {
    "read": ("crm.get_case", "crm.get_opportunity"),
    "write": ("crm.update_opportunity",),
    "send": ("mail.send",),
}
HEADER = "name: snippet\nengine: rego\nentrypoint: agent.tools\n"


def _manifest(text: str, _: Path) -> None:
    msgspec.convert(yaml.load(text, "snippet").value, Manifest)


def _keys(text: str, _: Path) -> None:
    shapes = get_type_hints(Root, include_extras=True)
    for key, value in cast("dict[str, Any]", yaml.load(text, "snippet").value).items():
        msgspec.convert(value, shapes[key])


def _policy(text: str, _: Path) -> None:
    read_header(text)


def _masks(text: str, _: Path) -> None:
    read_masks(text)


def _rego(text: str, directory: Path) -> None:
    (directory / "rules").mkdir()
    (directory / "rules" / "snippet.rego").write_text(text, encoding="utf-8")
    (directory / "policy.yaml").write_text(HEADER, encoding="utf-8")
    load(directory)


def _cedar(text: str, directory: Path) -> None:
    entities, _, request = CONTRACT.partition('action "any"')
    schema = [entities]
    for effect, tools in TOOLS.items():
        schema.append(f'action "effect:{effect}";')
        schema += [f'action "{tool}" in ["effect:{effect}"]{request}' for tool in tools]
    (directory / "rules").mkdir()
    (directory / "rules" / "snippet.cedar").write_text(text, encoding="utf-8")
    (directory / "policy.yaml").write_text("name: snippet\nengine: cedar\n", encoding="utf-8")
    whole = "".join(schema).replace("facts: {}", FACTS)
    (directory / "schema.cedarschema").write_text(whole, encoding="utf-8")
    load(directory)


def _tests(name: str, *languages: str) -> Callable[[str, Path], None]:
    """Tests of the rules in the guide, all of which hold, in each of the languages."""

    def run_them(text: str, directory: Path) -> None:
        guide = ROOT / "docs" / "guides" / "policy.md"
        for language in languages:
            rules = [one.text for one in marked() if (one.page, one.language) == (guide, language)]
            bundle = directory / language
            (bundle / "tests").mkdir(parents=True)
            (bundle / "tests" / name).write_text(text, encoding="utf-8")
            {"cedar": _cedar, "rego": _rego}[language]("\n".join(rules), bundle)
            (outcome,) = run_tests(bundle)
            assert outcome.failed == ()
            assert outcome.passed > 0

    return run_them


def _base(text: str, _: Path) -> None:
    assert yaml.load(text, "snippet").value == BASE


def _python(text: str, _: Path) -> None:
    subprocess.run([sys.executable, "-c", text], cwd=ROOT, check=True, timeout=50)


LOADERS: dict[str, Callable[[str, Path], None]] = {
    "complete: cedar": _cedar,
    "complete: keys of safeconduct.yaml": _keys,
    "complete: manifest": _manifest,
    "complete: masks": _masks,
    "complete: policy": _policy,
    "complete: rego": _rego,
    "complete: policy base": _base,
    "complete: policy matrix": _tests("all.yaml", "cedar", "rego"),
    "complete: policy tests": _tests("all_test.rego", "rego"),
    "run": _python,
}


def _name(snippet: Snippet) -> str:
    return f"{snippet.page.name}-{snippet.mark}"


@pytest.mark.parametrize("snippet", marked(), ids=_name)
def test_a_marked_snippet_is_what_it_says(snippet: Snippet, tmp_path: Path) -> None:
    if not snippet.mark.startswith("fragment of "):
        LOADERS[snippet.mark](snippet.text, tmp_path)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_no_snippet_of_a_language_that_could_be_wrong_is_unmarked(page: Path) -> None:
    checked = {"cedar", "python", "rego", "yaml"}
    all_of_them = [one for one in FENCE.findall(page.read_text("utf-8")) if one[1] in checked]
    assert len(all_of_them) == len([one for one in marked() if one.page == page])
