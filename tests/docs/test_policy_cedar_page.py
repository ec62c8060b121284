"""docs/reference/policy-cedar.md against the engine."""

from __future__ import annotations

import re

import pytest

from safeconduct.policy.cedar import contracted, rules, text
from safeconduct.policy.cedar.engine import CedarEngine
from safeconduct.policy.cedar.judging import findings
from safeconduct.policy.cedar.schema import SCALARS, Field, Record, Scalar
from safeconduct.policy.loading import load
from safeconduct.policy.refusal import PolicyRefused
from tests.support.bundles import READS, SCHEMA, cedar
from tests.support.pages import DOCS, ROOT, codes, sections, tables

FILE = DOCS / "reference" / "policy-cedar.md"
PAGE = sections(FILE)
REFUSED = " ".join(PAGE["What is refused at the start"].split())


def test_the_contract_on_the_page_is_the_one_of_the_engine() -> None:
    (shown,) = re.findall(r"```cedarschema\n(.*?)```", FILE.read_text("utf-8"), re.DOTALL)
    assert shown.strip() == contracted.CONTRACT.strip()


def test_the_annotations_are_those_of_rules() -> None:
    shown = {
        re.sub(r"\(.*", "", codes(row[0])[0]).removeprefix("@")
        for row in tables(PAGE["The answer"])[0][1:]
    }
    assert shown == set().union(*rules.ANNOTATIONS.values())


def test_the_starter_of_init_is_in_cedar() -> None:
    engine = load(ROOT / "src" / "safeconduct" / "library" / "init" / "policy", preflight=False)
    assert isinstance(engine, CedarEngine)


def test_the_types_of_facts_are_those_of_schemas() -> None:
    for name in SCALARS - {"Long", "String", "Bool"}:
        assert f"`{name}`" in PAGE["The request"]


def test_limits_are_those_of_the_code() -> None:
    assert f"deeper than {text.MAX_NESTING}" in REFUSED
    assert f"more than {text.MAX_OPERATORS} operators" in REFUSED


@pytest.mark.parametrize(
    ("words", "rule", "schema"),
    [
        ("brackets nested", "permit (" + "(" * 40, SCHEMA),
        ("more than 100 levels", "permit (principal, action, resource) when { "
         + "||".join(["principal.tier == 1"] * 101) + " };", SCHEMA),
        ("invisible characters", "permit (principal, action, resource);\u200b", SCHEMA),
        ("a namespace", READS, f"namespace N {{ {SCHEMA} }}"),
        ("other entities", READS, SCHEMA + "entity User;"),
        ("what no request has", READS, SCHEMA.replace("tier", "level")),
        ("strict validation", "forbid (principal, action, resource) when { 1 };", SCHEMA),
        ("templates", "permit (principal == ?principal, action, resource);", SCHEMA),
        ("to no action", 'forbid (principal, action, resource == Tool::"x");', SCHEMA),
        ("always false", "forbid (principal, action, resource) when { false };", SCHEMA),
        ("does not have", "forbid (principal, action, resource) when { context has x };", SCHEMA),
        ("an entity that is named",
         'forbid (principal, action, resource) when { Agent::"a".tier == 1 };', SCHEMA),
        ("does not exist", "permit (principal, action, resource);", SCHEMA),
    ],
)  # fmt: skip
def test_what_the_page_says_is_refused_is(words: str, rule: str, schema: str) -> None:
    assert words in REFUSED
    with pytest.raises(PolicyRefused):
        raise next(
            findings(cedar(READS.replace("read", "first"), '@id("x") ' + rule, schema=schema))
        )


def test_members_that_differ_are_as_the_page_says() -> None:
    context = contracted.contract().actions["any"].context.fields
    assert context["utc"] == Field(
        Record({name: Field(Scalar("Long"), required=True) for name in ("minute", "weekday")}),
        required=True,
    )
    for name in ("task.counts", "provenance", "facts"):
        assert f"`{name}`" in PAGE["The request"]
